"""Checks of what the machine, or the container, offers: CPU, memory, the port, TensorFlow, ONNX Runtime, a GPU."""

from __future__ import annotations

import os
import platform
from collections.abc import Iterator
from importlib import metadata
from pathlib import Path

from classifier.backends import gpu
from classifier.backends.names import ONNX, TENSORFLOW, BackendInfo
from classifier.cli.doctor.check import Check
from classifier.cli.launcher import port_problem
from classifier.machine.cpus import cpu_count
from classifier.machine.memory import available_memory
from classifier.settings import Settings

# Bytes left free by this process with which the server still starts and answers, as in a container limited to 192 MB.
# With so little, it accepts only pictures smaller than usual.
_LITTLE_MEMORY = 120_000_000


def cpu() -> Iterator[Check]:
    """How many CPUs, and of what kind."""
    flags = _cpu_flags()
    widest = next((flag for flag in ("avx512f", "avx2", "avx", "asimd") if flag in flags), "")
    detail = f"{cpu_count()} of the machine's {os.cpu_count()}, {platform.machine()} {widest}"
    yield Check("CPU", "ok", detail.strip())


def memory() -> Iterator[Check]:
    """Whether there is enough for the server."""
    room = available_memory()
    if room is None:
        yield Check("memory", "ok", "unknown on this system")
    elif room < _LITTLE_MEMORY:
        detail = f"{room / 1e6:.0f} MB available, the server needs {_LITTLE_MEMORY / 1e6:.0f} MB"
        yield Check("memory", "warn", detail, "Raise the container's limit, or end other programs.")
    else:
        yield Check("memory", "ok", f"{room / 1e9:.1f} GB available")


def port(settings: Settings) -> Iterator[Check]:
    """Whether the server can listen where the settings say."""
    if problem := port_problem(settings.host, settings.port):
        remedy = "Nothing to mend if this application is what uses it."
        yield Check("port", "warn", problem, remedy if "in use" in problem else "")
    else:
        yield Check("port", "ok", f"{settings.host}:{settings.port} is free")


def tensorflow(settings: Settings) -> Iterator[Check]:
    """Whether TensorFlow is installed if the settings ask for it, and can run on this CPU.

    It is not imported: that takes seconds, and ends the process on a CPU that it was not built for.
    """
    if not TENSORFLOW.installed:
        yield _lacking(TENSORFLOW, settings, "not needed: models run with LiteRT")
        return
    detail = ", ".join(
        f"{name} {metadata.version(name)}"
        for name in ("tensorflow", "tensorflow-cpu")
        if any(metadata.distributions(name=name))
    )
    flags = _cpu_flags()
    if platform.machine() in ("x86_64", "AMD64") and flags and "avx" not in flags:
        detail += ": this CPU lacks AVX, so that importing it would end the process"
        yield Check("TensorFlow", "fail", detail, "Set CLASSIFIER_BACKEND=litert.")
    else:
        yield Check("TensorFlow", "ok", detail or "installed")


def onnx(settings: Settings) -> Iterator[Check]:
    """Whether ONNX Runtime is installed if the settings ask for it, and can be loaded."""
    if not ONNX.installed:
        yield _lacking(ONNX, settings, "needed only for .onnx models")
        return
    try:
        import onnxruntime
    except ImportError as error:  # a build for another machine or an older system
        yield Check(ONNX.title, "fail", f"cannot be imported: {error}", ONNX.hint)
    else:
        yield Check(ONNX.title, "ok", f"onnxruntime {onnxruntime.__version__}")


def graphics() -> Iterator[Check]:
    """Whether there is a GPU and, if it is not used, why."""
    if reason := gpu.unused_by_image():
        yield Check("GPU", "warn", reason)
        return
    count = gpu.device_count()
    devices = f"{count} NVIDIA device{'s' if count > 1 else ''}"
    if not count:
        yield Check("GPU", "ok", "the NVIDIA driver offers no device here: models run on the CPU")
    elif not TENSORFLOW.installed:
        detail = f"{devices}, not used: TensorFlow is not installed"
        yield Check("GPU", "warn", detail, TENSORFLOW.hint)
    elif reason := gpu.why_not():
        yield Check("GPU", "warn", f"{devices}, not used: {reason}", TENSORFLOW.hint)
    else:
        yield Check("GPU", "ok", f"{devices}, and TensorFlow can use it")


def _lacking(backend: BackendInfo, settings: Settings, otherwise: str) -> Check:
    if settings.backend == backend.name:
        return Check(backend.title, "fail", "not installed, but CLASSIFIER_BACKEND asks for it", backend.remedy)
    return Check(backend.title, "ok", f"not installed, and {otherwise}")


def _cpu_flags() -> set[str]:
    """The kernel's names of the CPU's features; an empty set if it has no file that lists them."""
    try:
        lines = Path("/proc/cpuinfo").read_text().splitlines()
    except OSError:
        return set()
    for line in lines:
        name, _, value = line.partition(":")
        if name.strip() in ("flags", "Features"):
            return set(value.split())
    return set()
