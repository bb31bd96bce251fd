"""From a picture to a model's scores, and to what explains them: how a loaded model is run."""

from __future__ import annotations

import time
from collections.abc import Callable
from functools import cached_property, partial
from typing import Any

import numpy as np
from numpy.typing import NDArray
from PIL import Image

from classifier.asked import Asked
from classifier.backends.choice import load_backend
from classifier.backends.loaded import LoadedModel, check_answer
from classifier.backends.protocol import Backend, Outputs
from classifier.explanation import explain as explaining
from classifier.explanation import reading
from classifier.explanation.explain import Progress
from classifier.explanation.head import Head
from classifier.machine.cancellation import Cancellation
from classifier.machine.cpus import cpu_count
from classifier.machine.slots import Turn
from classifier.package import ModelPackage
from classifier.picture.geometry import Geometry
from classifier.picture.prepare import Decoder, Prepared, prepare
from classifier.preprocessing import normalise
from classifier.result import Explanation
from classifier.settings import Settings


class Runner:
    """Runs a loaded model; safe to use from many threads."""

    def __init__(
        self,
        package: ModelPackage,
        settings: Settings,
        decoder: Decoder,
        *,
        guarded: bool = False,
        room: Callable[[], bool] | None = None,
    ) -> None:
        """Loads the model.

        Args:
            package: the model.
            settings: which backend runs it, on how many threads, and the limits for pictures.
            decoder: decodes files.
            guarded: as for `Classifier.load`.
            room: as for `Classifier.load`.

        Raises:
            PackageError, BackendError: as `Classifier.load` does.
        """
        threads = settings.threads or cpu_count()
        load = partial(load_backend, package, settings.backend, threads, trust=settings.trust, engine=settings.engine)
        # A model that was tried once need not be tried again after a fork.
        self.backend = LoadedModel(partial(load, guarded=guarded), load, room)
        self.package = package
        self._decoder = decoder
        self._limits = settings.limits

    def prepare(
        self, data: bytes | Image.Image, geometry: Geometry, cancellation: Cancellation | None = None
    ) -> Prepared:
        """The pixels of the model's input. Raises what `prepare.Decoder` does."""
        if isinstance(data, Image.Image):
            return prepare(data, geometry, self._limits)
        return self._decoder.prepare(data, geometry, cancellation)

    def form(self, crowded: bool) -> Backend:
        """The form of the model that suits the pictures there are at the moment: one that is alone, or several."""
        return self.backend.soon_for_many() if crowded else self.backend

    def infer(self, data: NDArray[Any], form: Backend, *, features: bool = False) -> tuple[Outputs, float]:
        """The model's output for pixels as `fit` gives them, or values of one view, scaled already; and the time in ms.

        The features may be left out unless they are asked for: they are large, and an engine elsewhere would send them.
        """
        start = time.perf_counter()
        if self.backend.is_remote:
            output = self.backend.run_one(data, features=features)
        else:
            output = form.run(normalise(data, self.package.manifest.input) if data.dtype == np.uint8 else data[None])
        check_answer(self.package, output, features=features)
        return output, (time.perf_counter() - start) * 1000

    def explain(
        self,
        prepared: Prepared,
        output: Outputs,
        wanted: Asked,
        turn: Turn,
        progress: Progress | None,
        seconds: float,
    ) -> Explanation | None:
        """Heat maps of the classes that are asked for; None if there are none.

        Args:
            prepared: the picture.
            output: the model's.
            wanted: what is asked.
            turn: the caller's; its slot with the model is held only while the model runs.
            progress: as for `Classifier.classify`.
            seconds: that the output took.

        Raises:
            AbandonedError: the turn's cancellation was cancelled.
        """
        if wanted.explain is None:
            return None

        def step(done: float) -> None:
            turn.cancellation.check()
            if progress:
                progress(done)

        def scores(pixels: NDArray[np.uint8]) -> NDArray[np.float32]:
            with turn.decoded():  # each time anew, so that others' pictures need not wait for all of them
                return self.infer(pixels, self.backend)[0].scores

        model = explaining.Model(self.package, self._head, scores)
        return explaining.explanation(model, prepared, output, wanted, step, seconds / len(output.scores))

    @cached_property
    def _head(self) -> Head | None:
        return None if self.backend.is_remote else reading.head_of(self.package, self.backend.one)
