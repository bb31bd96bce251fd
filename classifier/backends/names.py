"""The backends: a record for each, from which settings, command line, loader, doctor, page and report take its name.

Nothing heavy is imported here, and no backend: `classifier --help` lists the names.
"""

from __future__ import annotations

import importlib.util
from typing import TYPE_CHECKING, NamedTuple, NewType

from classifier.errors import BackendError
from classifier.formatting import listed

if TYPE_CHECKING:
    from classifier.package import Form

BackendName = NewType("BackendName", str)
"""What runs a model: a key of `BACKENDS`. Not to be mixed up with `Form`, what a package's weights are written in."""

AUTO = "auto"
"""What an operator sets to have the backend chosen."""


class BackendInfo(NamedTuple):
    """What is known of a backend without importing it.

    No dataclass: importing `dataclasses` takes half as long as all of `classifier --help`.

    Attributes:
        name: as operators write it.
        title: as people read it.
        form: of the weights that it runs.
        module: where its class is.
        kind: its class, which is called with a package, a number of threads and `trust`.
        needs: the module that must be installed for it; "" where the application always has it.
        hint: how to install that, for people.
        gpu: whether it computes on an NVIDIA GPU where there is one.
        memory: bytes that a loaded model takes for each byte of its weights, at most.
    """

    name: BackendName
    title: str
    form: Form
    module: str
    kind: str
    needs: str = ""
    hint: str = ""
    gpu: bool = False
    memory: int = 6

    @property
    def installed(self) -> bool:
        """Whether what it needs is there; nothing is imported to find out, which takes TensorFlow seconds."""
        return not self.needs or importlib.util.find_spec(self.needs) is not None


# Memory: when Lite0 and Lite2 were loaded twice each, the process grew by 3 to 4 times their size on LiteRT, and by up
# to 6 times on TensorFlow.
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

BACKENDS: dict[BackendName, BackendInfo] = {one.name: one for one in (LITERT, TENSORFLOW)}
"""All of them by name, the fastest on a CPU first: `auto` takes the first that can run a package."""


def choices() -> tuple[str, ...]:
    """What an operator can set: `auto`, or a backend's name."""
    return AUTO, *BACKENDS


def info(name: str) -> BackendInfo:
    """The record of a backend.

    Raises:
        BackendError: there is none of that name.
    """
    try:
        return BACKENDS[BackendName(name)]
    except KeyError:
        raise BackendError(f"There is no backend {name!r}. Choose {listed(choices())}.") from None


def runners(form: Form) -> list[BackendInfo]:
    """What can run weights of a form, the fastest on a CPU first."""
    return [one for one in BACKENDS.values() if one.form == form]


def title(name: str) -> str:
    """A backend's name for people; the name itself for one that is not here, as in a result from another server."""
    found = BACKENDS.get(BackendName(name))
    return found.title if found else name
