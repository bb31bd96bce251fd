# The product as an image, in three flavours from one file:
#
#   docker build -t image-classifier .                            cpu: LiteRT, TensorFlow and ONNX Runtime
#   docker build -t image-classifier --build-arg FLAVOR=edge .    edge: LiteRT alone, small
#   docker build -t image-classifier --build-arg FLAVOR=cuda .    cuda: TensorFlow with CUDA, for NVIDIA GPUs
#
# Docker 25 and newer build it as it is, older ones since 20.10 as docs/containers.md says; no syntax line, so that no
# frontend has to be fetched. Where a proxy intercepts TLS, pass its authority's certificate:
# --secret id=ca,src=/etc/ssl/certs/ca-certificates.crt
#
# Where a mirror is nearer, it is named by --build-arg, and nothing in the image tells of it: APT_MIRROR, a scheme and a
# host, which has Debian's folders as its archive has them; PIP_INDEX_URL, with or without TLS, since each file is held
# to its hash; BASE, the image to begin with.
#
# hadolint global ignore=DL3008
# (No versions of Debian's packages: its archive keeps only the newest, so a pin breaks with the next security update.)
# checkov:skip=CKV_DOCKER_7: BASE and runtime-... are a tag and a stage, named by an ARG that the rule does not look up
# checkov:skip=CKV2_DOCKER_16: only of an index that is named without TLS, and what it sends is held to hashes
ARG BASE=debian:trixie-slim
ARG FLAVOR=cpu

# ---- Where Debian's packages come from while the image is built; the image itself keeps its own list ----
FROM ${BASE} AS sources
ARG APT_MIRROR=
RUN if [ -n "$APT_MIRROR" ]; then \
      find /etc/apt '(' -name '*.list' -o -name '*.sources' ')' -exec sed -Ei "s#https?://[^/ ]+#${APT_MIRROR%/}#" {} +; \
    fi

# ---- What building and running share: Debian and its Python; no program in it has more rights than who runs it ----
FROM ${BASE} AS base
RUN --mount=type=bind,from=sources,source=/etc/apt,target=/etc/apt \
    apt-get update -q \
 && apt-get install -q -y --no-install-recommends python3 \
 && find / -xdev -type f -perm /6000 -exec chmod a-s {} + \
 && rm -rf /var/lib/apt/lists/* /var/cache/apt/* /var/cache/debconf/*-old /var/cache/ldconfig/* /var/log/apt /var/log/dpkg.log

# ---- What only building needs ----
FROM base AS tools
ARG PIP_INDEX_URL=
RUN --mount=type=bind,from=sources,source=/etc/apt,target=/etc/apt \
    apt-get update -q \
 && apt-get install -q -y --no-install-recommends binutils brotli ca-certificates python3-venv \
 && rm -rf /var/lib/apt/lists/*
COPY requirements/uv.txt /build/
RUN --mount=type=secret,id=ca \
    if [ -s /run/secrets/ca ]; then export PIP_CERT=/run/secrets/ca; fi; \
    case "$PIP_INDEX_URL" in http://*) host=${PIP_INDEX_URL#http://} && export PIP_TRUSTED_HOST="${host%%/*}" ;; esac; \
    python3 -m venv /build/uv \
 && /build/uv/bin/pip install -q --no-cache-dir --require-hashes -r /build/uv.txt

# ---- The environment: the locked packages, without files that nothing here reads, compiled ----
FROM tools AS venv
ARG FLAVOR
ARG PIP_INDEX_URL=
COPY requirements/runtime.txt requirements/cpu.txt requirements/cuda.txt deploy/image/unused.txt /build/
RUN --mount=type=secret,id=ca --mount=type=cache,target=/root/.cache/uv \
    case "$FLAVOR" in \
      edge) file=runtime ;; cpu | cuda) file=$FLAVOR ;; \
      *) echo "FLAVOR must be edge, cpu or cuda, not '$FLAVOR'" >&2; exit 1 ;; \
    esac; \
    if [ -s /run/secrets/ca ]; then export SSL_CERT_FILE=/run/secrets/ca; fi; \
    if [ -n "$PIP_INDEX_URL" ]; then export UV_DEFAULT_INDEX="$PIP_INDEX_URL"; fi; \
    /build/uv/bin/uv venv -q --python /usr/bin/python3 /opt/venv \
 && UV_LINK_MODE=copy /build/uv/bin/uv pip install -q --python /opt/venv --require-hashes -r "/build/$file.txt" \
 && /build/uv/bin/uv pip uninstall -q --python /opt/venv -r /build/unused.txt
COPY deploy/image/trim deploy/image/compress deploy/image/licences /build/
# A read-only root could never keep compiled modules; without them TensorFlow takes 17 s to load instead of 4. What is
# compiled from a module depends on what the same process compiled before it, so each process gets a fixed part of them:
# then the image is the same, to the byte, whenever it is built.
# A WORKDIR takes no pattern, and the folder has Python's version in its name:
# hadolint ignore=DL3003
RUN cd /opt/venv/lib/python3*/site-packages \
 && /build/trim \
 && /build/licences \
 && /build/compress streamlit/static/static \
 && find . -name '*.py' -fprint0 /build/modules \
 && LC_ALL=C sort -z -o /build/modules /build/modules \
 && xargs -0 -a /build/modules -n 500 -P "$(nproc)" python3 -m compileall -q --invalidation-mode unchecked-hash \
 && echo /app > image-classifier.pth
COPY --chmod=755 deploy/image/classifier /opt/venv/bin/

# ---- The models; for edge without their Keras files, which are also removed from model.toml ----
FROM base AS models
ARG FLAVOR
COPY model/cifar10 /app/model/cifar10
COPY model/efficientnet-lite0 /app/model/efficientnet-lite0
COPY model/efficientnet-lite2 /app/model/efficientnet-lite2
RUN if [ "$FLAVOR" = edge ]; then \
      rm /app/model/*/model.keras \
   && sed -i '/^\[weights.tensorflow\]$/,/^$/d' /app/model/*/model.toml; \
    fi

# ---- Our own code, compiled; last, since it changes most: first the package ----
FROM base AS package
COPY classifier /app/classifier
RUN python3 -m compileall -q --invalidation-mode unchecked-hash /app

# ---- Then the page and what else is served ----
FROM base AS code
COPY .streamlit /app/.streamlit
COPY deploy/image/healthcheck.py /app/deploy/image/
COPY LICENSE pyproject.toml streamlit_app.py /app/
COPY web /app/web
# What `classifier doctor` compares with what is installed, so without what the image leaves out.
RUN --mount=type=bind,source=requirements/runtime.txt,target=/build/runtime.txt \
    --mount=type=bind,source=deploy/image/unused.txt,target=/build/unused.txt \
    mkdir /app/requirements \
 && awk 'NR == FNR { unused[$0]; next } /^[^ ]/ { split($0, pin, "=="); left_out = pin[1] in unused } !left_out' \
      /build/unused.txt /build/runtime.txt > /app/requirements/runtime.txt
RUN rm -r /app/web/page/samples \
 && python3 -m compileall -q --invalidation-mode unchecked-hash /app

# ---- The image ----
FROM base AS runtime-edge
ARG FLAVOR
LABEL org.opencontainers.image.title="image-classifier" \
      org.opencontainers.image.description="A trained image-classification model as a web demo, a JSON API and a command line" \
      org.opencontainers.image.licenses="Apache-2.0"
RUN groupadd -g 1000 app && useradd -u 1000 -g 1000 -d /tmp -M -s /usr/sbin/nologin app
COPY --from=venv /opt/venv /opt/venv
COPY --from=models /app /app
COPY web/page/samples /app/web/page/samples
COPY --from=package /app /app
COPY --from=code /app /app
WORKDIR /app
# HOME must exist and be writable for any user that the image is run as. IMAGE_FLAVOR tells the application its image.
ENV PATH=/opt/venv/bin:$PATH \
    PYTHONUNBUFFERED=1 PYTHONDONTWRITEBYTECODE=1 \
    HOME=/tmp \
    CLASSIFIER_HOST=0.0.0.0 \
    STREAMLIT_SERVER_HEADLESS=true \
    IMAGE_FLAVOR=${FLAVOR}
USER 1000:1000
EXPOSE 8501
HEALTHCHECK --interval=10s --timeout=5s --start-period=120s --start-interval=1s --retries=3 \
    CMD ["python", "-I", "-S", "/app/deploy/image/healthcheck.py"]
ENTRYPOINT ["classifier"]
CMD ["serve"]

FROM runtime-edge AS runtime-cpu

FROM runtime-edge AS runtime-cuda
# NVIDIA's runtime adds the driver's libraries for the capabilities listed here: without `compute` there is no CUDA, and
# TensorFlow also needs `utility`, the library that manages devices.
ENV NVIDIA_VISIBLE_DEVICES=all NVIDIA_DRIVER_CAPABILITIES=compute,utility

# A stage from above, which has no tag:
# hadolint ignore=DL3006
FROM runtime-${FLAVOR}
# Last, so that a new version rebuilds nothing else; deploy/version.py checks that it is the package's version.
LABEL org.opencontainers.image.version="0.1.0"
