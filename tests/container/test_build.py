"""What is in the images: the product and nothing else, in layers of which a change makes few anew."""

from __future__ import annotations

import json
import os
import re
import subprocess
import tarfile
import time
from collections.abc import Callable
from pathlib import Path
from uuid import uuid4

import pytest

from benchmarks.docker import build
from classifier import __version__
from deploy.sbom import REQUIREMENTS, unused
from tests.container.checkout import copy_to, tracked
from tests.support.docker import docker
from tests.support.pages import DOCS, sizes
from tests.support.photos import ROOT
from tests.test_requirements import locked

MEGABYTES = {"edge": 500, "cpu": 1450}
"""The most that an image may have."""


def files(tag: str) -> set[str]:
    """All files below /app, without the modules compiled from them."""
    listed = docker("run", "--rm", "--entrypoint", "find", tag, "/app", "-type", "f").splitlines()
    return {name.removeprefix("/app/") for name in listed if not name.endswith(".pyc")}


@pytest.mark.parametrize("flavor", MEGABYTES)
def test_an_image_stays_small_and_has_the_size_that_the_docs_say(image: Callable[[str], str], flavor: str) -> None:
    size = json.loads(docker("image", "inspect", image(flavor)))[0]["Size"] / 1e6
    print(f"\n{flavor}: {size:.0f} MB")
    assert size <= MEGABYTES[flavor]
    for page in (DOCS / "containers.md", DOCS / "zh/containers.md"):
        assert sizes(page)[flavor] == pytest.approx(size, rel=0.01)  # updates of Debian's packages change it a little


DEBIAN = {"python_version": "3.13", "python_full_version": "3.13.5"}
"""Where the image's Python differs from that of the tests, for the markers of requirements."""

LOOK = """
import importlib.util, json, os, re, sys
from importlib.metadata import distributions
from pathlib import Path

commands = {}
for path in Path("/opt/venv/bin").iterdir():
    text = path.read_bytes()[:2000].decode("latin-1") if path.is_file() else ""
    if text.startswith("#!") and (module := re.search(r"^from ([\\w.]+) import", text, re.M)):
        commands[path.name] = module[1]
def runs(module):
    try:
        return importlib.util.find_spec(module) is not None
    except ModuleNotFoundError:
        return False
text = re.compile(r"(licen[cs]e|copying|notice)", re.I)
packages, bare, gone = {}, [], []
for package in distributions(path=[path for path in sys.path if path.startswith("/opt/venv")]):
    name = re.sub(r"[-_.]+", "-", package.name).lower()
    packages[name] = package.version
    inside = Path(str(package.locate_file("")))
    known = [Path(str(package.locate_file(file))) for file in package.files or ()]
    about = inside / f"{package._path.name}/licenses"
    known += list(about.iterdir()) if about.is_dir() else []
    texts = [file for file in known if text.match(file.name) and file.suffix not in (".py", ".pyc")]
    if not any(file.is_file() and file.stat().st_size > 500 for file in texts):
        bare.append(name)
    modules = [file for file in known if file.suffix == ".py"]
    if modules and not any(file.is_file() for file in modules):
        gone.append(name)
debian = [line.split()[1] for line in Path("/var/lib/dpkg/status").read_text().splitlines() if line[:8] == "Package:"]
raised = [
    os.path.join(place, name)
    for place, _, names in os.walk("/")
    if not place.startswith(("/proc", "/sys", "/dev"))
    for name in names
    if os.lstat(os.path.join(place, name)).st_mode & 0o6000
]
print(json.dumps({
    "broken": [name for name, module in commands.items() if not runs(module)],
    "packages": packages,
    "without text": bare + [name for name in debian if not Path(f"/usr/share/doc/{name}/copyright").is_file()],
    "without module": gone,
    "setuid": raised,
    "data": [str(path) for path in (Path("/opt/venv/share"), Path("/opt/venv/etc")) if path.exists()],
}))
"""


@pytest.mark.parametrize("flavor", MEGABYTES)
def test_what_is_left_out_is_left_out_whole_and_all_else_has_its_licence(
    image: Callable[[str], str], flavor: str
) -> None:
    options = (
        "--rm",
        "--interactive",
        "--user",
        "0",
        "--network",
        "none",
        "--entrypoint",
        "python",
        image(flavor),
        "-",
    )
    found = json.loads(docker("run", *options, data=LOOK.encode()))
    wanted = {pin.name for pin in locked(REQUIREMENTS[flavor]) if not pin.marker or pin.marker.evaluate(DEBIAN)}
    assert set(found.pop("packages")) == wanted - unused()  # as in the bill of materials
    assert found == {"broken": [], "without text": [], "without module": [], "setuid": [], "data": []}


@pytest.mark.parametrize("flavor", MEGABYTES)
def test_nothing_gets_in_but_the_product(image: Callable[[str], str], flavor: str) -> None:
    models = ("model/cifar10/", "model/efficientnet-lite0/", "model/efficientnet-lite2/")
    folders = (".streamlit/", "classifier/", "web/", *models)
    single = (
        "LICENSE",
        "deploy/image/healthcheck.py",
        "pyproject.toml",
        "requirements/runtime.txt",
        "streamlit_app.py",
    )
    wanted = {name for name in tracked() if name in single or name.startswith(folders)}
    wanted.remove("model/cifar10/model.h5")
    if flavor == "edge":
        wanted -= {name for name in wanted if name.endswith(".keras")}
    assert files(image(flavor)) == wanted


def test_all_modules_are_compiled(edge: str) -> None:
    find = "find /app /opt/venv -name '*.py' -path '*/site-packages/streamlit/*' -o -name '*.py' -path '/app/*'"
    sources = docker("run", "--rm", "--entrypoint", "sh", edge, "-c", find).splitlines()
    compiled = docker("run", "--rm", "--entrypoint", "find", edge, "/app", "/opt/venv", "-name", "*.pyc").splitlines()
    modules = {name.replace("__pycache__/", "").replace(".cpython-313.pyc", ".py") for name in compiled}
    assert len(sources) > 100
    assert not set(sources) - modules


def made_anew(printed: str) -> list[tuple[str, str]]:
    """The stage and the instruction of each step that a build did not take from its cache."""
    steps = re.findall(r"^#(\d+) \[([\w-]+) \d+/\d+\] (.+)$", printed, re.MULTILINE)
    done = set(re.findall(r"^#(\d+) DONE", printed, re.MULTILINE))
    return [(stage, what) for number, stage, what in steps if number in done and not what.startswith("FROM ")]


@pytest.mark.usefixtures("edge")  # built, so that the cache has all its layers
def test_a_change_of_the_page_makes_one_small_layer_anew(tmp_path: Path) -> None:
    copy_to(tmp_path)
    with (tmp_path / "streamlit_app.py").open("a") as file:
        file.write(f"# changed {uuid4()}\n")
    begin = time.monotonic()
    # By its steps, not by comparing two images: where the cache has a layer twice, as after a build with --no-cache,
    # the engine takes the one or the other.
    steps = made_anew(build("image-classifier:changed", "edge", tmp_path))
    seconds = time.monotonic() - begin
    sizes = docker("history", "--human=false", "--format", "{{.Size}}", "image-classifier:changed").split()
    newest = next(int(size) for size in sizes if size != "0")
    docker("image", "rm", "image-classifier:changed")
    print(f"\nbuilt again in {seconds:.1f} s, {newest / 1e3:.0f} kB are new")
    assert {stage for stage, _ in steps} == {"code", "runtime-edge"}
    of_the_image = sorted(what for stage, what in steps if stage == "runtime-edge")
    assert of_the_image == ["COPY --from=code /app /app", "WORKDIR /app"]  # of which the second adds nothing
    assert newest < 1_500_000  # docs/containers-tutorial.md says about 1.3 MB


def test_no_certificate_of_the_build_is_left_in_any_layer(edge: str, tmp_path: Path) -> None:
    authority = os.environ.get("SSL_CERT_FILE")
    if not authority:
        pytest.skip("this build needed no certificate: SSL_CERT_FILE is not set")
    import certifi  # has the world's; what is searched for is what this build alone was given

    public = set(Path(certifi.where()).read_text().split())
    own = [line for line in Path(authority).read_text().split() if len(line) == 64 and line not in public]
    assert own
    marks = [line.encode() for line in own[-40:]]
    archive = tmp_path / "image.tar"
    docker("save", "--output", str(archive), edge)
    searched = 0
    with tarfile.open(archive) as image:
        for member in image:
            if not member.isfile():
                continue
            stream = image.extractfile(member)
            assert stream
            tail = b""
            while block := stream.read(1 << 22):
                searched += len(block)
                assert not any(mark in tail + block for mark in marks), member.name
                tail = block[-64:]
    assert searched > 200_000_000
    assert "BEGIN" not in docker("history", "--no-trunc", edge)


def test_an_unknown_flavour_is_refused_with_the_known_ones() -> None:
    with pytest.raises(AssertionError, match=r"runtime-huge|FLAVOR must be edge, cpu or cuda"):
        build("image-classifier:huge", "huge")


def test_the_image_says_what_it_is(edge: str) -> None:
    config = json.loads(docker("image", "inspect", edge))[0]["Config"]
    assert config["User"] == "1000:1000"
    assert config["Labels"]["org.opencontainers.image.title"] == "image-classifier"
    assert config["Labels"]["org.opencontainers.image.version"] == __version__
    assert config["Labels"]["org.opencontainers.image.licenses"] == "Apache-2.0"
    assert list(config["ExposedPorts"]) == ["8501/tcp"]
    assert config["Entrypoint"] == ["classifier"]
    assert "curl" not in json.dumps(config["Healthcheck"])
    assert config["Healthcheck"]["StartInterval"] == 1e9  # ns: it is said to be healthy within a second of being so


def test_the_wheels_of_every_flavour_exist_for_its_platforms(tmp_path: Path) -> None:
    uv = ROOT / ".venv/bin/uv"
    for file, platforms in {
        "runtime": ("x86_64", "aarch64"),
        "cpu": ("x86_64", "aarch64"),
        "cuda": ("x86_64",),
    }.items():
        for platform in platforms:
            command = [str(uv), "pip", "install", "--quiet", "--dry-run", "--no-deps", "--only-binary", ":all:"]
            command += ["--python-platform", f"{platform}-manylinux_2_28", "--python-version", "3.13"]
            command += ["--target", str(tmp_path), "--require-hashes", "-r", str(ROOT / f"requirements/{file}.txt")]
            ended = subprocess.run(command, capture_output=True, text=True, timeout=300)
            assert ended.returncode == 0, (file, platform, ended.stderr)
