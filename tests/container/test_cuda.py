"""The image for NVIDIA GPUs on a machine that has none, or one that TensorFlow cannot use.

`make test-container ARGS="--cuda tests/container/test_cuda.py"`; without `--cuda` these are skipped, as building the
image downloads 3.5 GB and takes some 25 GB of disk for a while. What it does on a GPU that works is not tested here.
"""

from __future__ import annotations

import json
import shutil
import subprocess
from collections.abc import Callable
from pathlib import Path

import pytest

from tests.support.docker import HARDENED, docker, get, ready
from tests.support.photos import photo

PANDA = photo("panda.webp").read_bytes()
MEGABYTES = 5200

LIBRARIES = {
    *("libcudart.so.12", "libcublas.so.12", "libcublasLt.so.12", "libcufft.so.11"),
    *("libcusolver.so.11", "libcusparse.so.12", "libcudnn.so.9", "libcupti.so.12"),
}
"""What TensorFlow 2.21 opens by name: without any of them but the last it gives up all GPUs."""

DRIVER = """
#include <stdlib.h>
#include <string.h>
int nvmlInit_v2(void) { return 0; }
int cuInit(unsigned flags) {
    const char *visible = getenv("CUDA_VISIBLE_DEVICES");
    return visible && !strcmp(visible, "-1") ? 100 : 0;
}
int cuDeviceGetCount(int *count) { *count = 1; return 0; }
int cuDeviceGet(int *device, int number) { abort(); }
"""
"""A driver and its management library; its device ends whoever computes on it, as a Blackwell does TensorFlow 2.21."""


@pytest.fixture(scope="module")
def cuda(request: pytest.FixtureRequest, image: Callable[[str], str]) -> str:
    if not request.config.getoption("--cuda"):
        pytest.skip("the cuda image is built and tested with --cuda only: 3.5 GB of downloads, 25 GB of disk")
    return image("cuda")


@pytest.fixture(scope="module")
def driver(tmp_path_factory: pytest.TempPathFactory) -> tuple[str, ...]:
    """Options that put the stand-in where NVIDIA's container toolkit puts the real one."""
    compiler = shutil.which("cc")
    if not compiler:
        pytest.skip("the stand-in for a driver needs a C compiler")
    folder = tmp_path_factory.mktemp("driver")
    folder.chmod(0o755)
    library = folder / "libcuda.so.1"
    command = [compiler, "-shared", "-fPIC", "-o", str(library), "-x", "c", "-"]
    subprocess.run(command, input=DRIVER, text=True, check=True)
    places = (f"/usr/lib/x86_64-linux-gnu/{name}" for name in ("libcuda.so.1", "libnvidia-ml.so.1"))
    return tuple(part for place in places for part in ("--volume", f"{library}:{place}:ro"))


def test_it_stays_as_small_as_it_is(cuda: str) -> None:
    size = json.loads(docker("image", "inspect", cuda))[0]["Size"] / 1e6
    print(f"\ncuda: {size:.0f} MB")
    assert size <= MEGABYTES


def test_it_asks_for_what_computing_needs(cuda: str) -> None:
    environment = json.loads(docker("image", "inspect", cuda))[0]["Config"]["Env"]
    assert {"NVIDIA_VISIBLE_DEVICES=all", "NVIDIA_DRIVER_CAPABILITIES=compute,utility"} <= set(environment)


def test_all_libraries_are_there_but_the_driver_s(cuda: str) -> None:
    look = "cd /opt/venv/lib/python3*/site-packages; ls nvidia/*/lib/*.so*; ldd nvidia/*/lib/*.so*"
    lines = docker("run", "--rm", "--entrypoint", "sh", cuda, "-c", look).splitlines()
    files = {Path(line).name for line in lines if line.startswith("nvidia/")}
    assert files >= LIBRARIES
    # Those of one package find those of another by what TensorFlow opened before.
    missing = {line.split()[0] for line in lines if "not found" in line}
    assert missing - files <= {"libcuda.so.1"}
    tools = "cd /opt/venv/lib/python3*/site-packages/nvidia/cuda_nvcc; bin/ptxas --version; ls nvvm/libdevice"
    said = docker("run", "--rm", "--entrypoint", "sh", cuda, "-c", tools)
    assert "release 12" in said
    assert "libdevice.10.bc" in said


def test_without_a_gpu_it_answers_on_the_cpu_and_says_why(cuda: str) -> None:
    with ready(cuda, *HARDENED, "--memory", "1g") as container:
        assert container.classify(PANDA).json["results"][0]["predictions"][0]["label"] == "giant panda"
        assert "no GPU: the NVIDIA driver offers no device here" in container.logs()
    found = json.loads(docker("run", "--rm", *HARDENED, cuda, "doctor", "--json"))
    assert found["ok"]
    (check,) = (check for check in found["checks"] if check["name"] == "GPU")
    assert "models run on the CPU" in check["detail"]


@pytest.mark.parametrize("backend", ["auto", "tensorflow"])
def test_with_a_gpu_that_ends_whoever_computes_on_it_it_answers_on_the_cpu(
    cuda: str, driver: tuple[str, ...], backend: str
) -> None:
    with ready(cuda, *HARDENED, *driver, "--memory", "2g", "--env", f"CLASSIFIER_BACKEND={backend}") as container:
        assert container.classify(PANDA).json["results"][0]["predictions"][0]["label"] == "giant panda"
        info = get(container.address, "/api/v1/info").json
        assert info["device"].startswith("CPU")
        assert info["backend"] == ("tensorflow" if backend == "tensorflow" else "litert")
        assert "TensorFlow cannot use the device (trial ended with -6" in container.logs()
