"""The backends, one record for each: settings, command line, loader, doctor, page and report take the names from here.

Neither a backend nor anything else that is slow to import is imported here: `classifier --help` lists the names.
"""

from __future__ import annotations

import importlib.util
import os
from typing import TYPE_CHECKING, NamedTuple, NewType

from classifier.errors import BackendError
from classifier.formatting import listed

if TYPE_CHECKING:
    from classifier.package import Form

BackendName = NewType("BackendName", str)
"""The name of a backend, a key of `BACKENDS`. Not to be confused with `Form`, the format of a package's weights."""

AUTO = "auto"
"""The setting with which the application chooses the backend itself."""


class BackendInfo(NamedTuple):
    """What is known about a backend without importing it.

    Not a dataclass: importing `dataclasses` takes half as long as all of `classifier --help`.

    Attributes:
        name: as operators write it.
        title: as people read it.
        form: the form of weights that it runs; None if it needs no weights, since the model runs elsewhere.
        module: the module of its class.
        kind: the name of its class, which is called with a package, a number of threads and `trust`; that of the remote
            backend with a package and an engine.
        needs: the module that must be installed for it; "" if it is always installed.
        hint: how to install that module, for people.
        gpu: whether it computes on an NVIDIA GPU if there is one.
        memory: the most bytes that a loaded model takes for each byte of its weights.
    """

    name: BackendName
    title: str
    form: Form | None
    module: str
    kind: str
    needs: str = ""
    hint: str = ""
    gpu: bool = False
    memory: int = 6

    @property
    def installed(self) -> bool:
        """Whether the module that it needs is there. It is not imported for that: TensorFlow would take seconds."""
        return not self.needs or importlib.util.find_spec(self.needs) is not None

    @property
    def remedy(self) -> str:
        """What to do where it is not installed."""
        return remedy(self.hint) if self.needs else self.hint


def remedy(hint: str) -> str:
    """What to do where a package is not installed: the hint, but nothing can be installed in our images."""
    flavor = os.environ.get("IMAGE_FLAVOR", "")
    if not flavor:
        return hint
    return f"This is the {flavor} image; the cpu image has it (`docker build -t image-classifier .`)."


def grpc_problem() -> str | None:
    """Why gRPC cannot be spoken here and what to do, in sentences, or None."""
    if importlib.util.find_spec("grpc") is not None:
        return None
    hint = "It is the extra `remote`: `make remote` adds it, or install requirements/remote.txt."
    return f"gRPC is not installed. {remedy(hint)}"


# Memory: when Lite0 and Lite2 were loaded twice each, the process grew by 3 to 4 times their size on LiteRT, and by up
# to 6 times on TensorFlow and on ONNX Runtime.
LITERT = BackendInfo(BackendName("litert"), "LiteRT", "litert", "classifier.backends.litert", "LiteRTBackend", memory=4)
TENSORFLOW = BackendInfo(
    BackendName("tensorflow"),
    "TensorFlow",
    "tensorflow",
    "classifier.backends.tensorflow",
    "TensorFlowBackend",
    needs="tensorflow",
    hint="It is the extra `tensorflow` (for an NVIDIA GPU the extra `cuda`): `make demo-tensorflow` sets it up, "
    "or install requirements/tensorflow.txt (requirements/cuda.txt).",
    gpu=True,
)
ONNX = BackendInfo(
    BackendName("onnx"),
    "ONNX Runtime",
    "onnx",
    "classifier.backends.onnx",
    "OnnxBackend",
    needs="onnxruntime",
    hint="It is the extra `onnx`: `make demo-onnx` sets it up, or install requirements/onnx.txt.",
)
REMOTE = BackendInfo(
    BackendName("remote"),
    "a remote engine",
    None,
    "classifier.backends.remote.backend",
    "RemoteBackend",
    hint="For gRPC it is the extra `remote`: install requirements/remote.txt.",
    memory=0,
)

BACKENDS: dict[BackendName, BackendInfo] = {backend.name: backend for backend in (LITERT, ONNX, TENSORFLOW, REMOTE)}
"""All backends by name, the fastest on a CPU first: `auto` takes the first that can run a package's weights."""


def choices() -> tuple[str, ...]:
    """What an operator can set: `auto`, or a backend's name."""
    return AUTO, *BACKENDS


def info(name: str) -> BackendInfo:
    """The record of a backend.

    Raises:
        BackendError: there is no backend of that name.
    """
    try:
        return BACKENDS[BackendName(name)]
    except KeyError:
        raise BackendError(f"There is no backend {name!r}. Choose {listed(choices())}.") from None


def runners(form: Form) -> list[BackendInfo]:
    """The backends that can run weights of a form, the fastest on a CPU first."""
    return [backend for backend in BACKENDS.values() if backend.form == form]


def title(name: str) -> str:
    """A backend's title; the name itself if the backend is unknown here, as in a result from another server."""
    found = BACKENDS.get(BackendName(name))
    return found.title if found else name
