"""A backend of no use: what adding one takes is this module and the record."""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

from classifier.backends.names import BackendInfo, BackendName
from classifier.backends.protocol import Outputs
from classifier.package import ModelPackage

DUMMY = BackendInfo(BackendName("dummy"), "Dummy Runtime", "litert", __name__, "DummyBackend")


class DummyBackend:
    """Is sure of the first class, whatever it is shown."""

    name = DUMMY.name
    device = "Abacus"

    def __init__(self, package: ModelPackage, threads: int, *, trust: bool) -> None:
        self._scores = np.zeros((1, package.manifest.output.classes), np.float32)
        self._scores[0, 0] = 20

    def run(self, batch: NDArray[np.float32]) -> Outputs:
        """The same for each picture."""
        return Outputs(np.repeat(self._scores, len(batch), axis=0), None)

    def for_many(self) -> DummyBackend:
        """This one."""
        return self
