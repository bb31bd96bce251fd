"""The public API: a picture in, labels with scores out."""

from __future__ import annotations

import time
from collections.abc import Callable, Iterable, Iterator
from contextlib import nullcontext
from functools import partial
from pathlib import Path
from types import TracebackType
from typing import Any

from numpy.typing import NDArray

from classifier import asked, findings
from classifier.asked import TOP, Explain
from classifier.backends.protocol import Outputs
from classifier.errors import ClassifierError
from classifier.explanation.explain import Progress
from classifier.machine.parallel import in_order
from classifier.machine.queue import WorkQueue
from classifier.machine.slots import Turn
from classifier.package import ModelPackage
from classifier.picture.prepare import Decoder, InProcess, Prepared
from classifier.result import Classification, Explanation, Inference, Scores, Timings
from classifier.running import Runner
from classifier.settings import Settings, read_settings
from classifier.sources import Source as Source
from classifier.sources import content, several
from classifier.views import View


class Classifier:
    """A model, loaded and warmed up; safe to use from many threads.

    It can be used in a `with` block, which closes it. In a process that was forked it loads the model anew when it is
    first used; pickled, as for a process that was spawned, it loads the package there, with a queue of its own.
    """

    def __init__(
        self,
        package: ModelPackage,
        settings: Settings | None = None,
        queue: WorkQueue | None = None,
        decoder: Decoder | None = None,
        *,
        guarded: bool = False,
        room: Callable[[], bool] | None = None,
    ) -> None:
        """See `load`, which also takes a folder."""
        self.settings = settings or read_settings()
        self.decoder = decoder or InProcess(self.settings.limits)
        self.package = package
        self.queue = queue or WorkQueue(self.settings.turns, self.settings.queue, ahead=self.settings.ahead)
        self._guarded = guarded
        self._runner = Runner(package, self.settings, self.decoder, guarded=guarded, room=room)
        self._backend = self._runner.backend
        self.reason = self._backend.reason

    @classmethod
    def load(
        cls,
        package: str | Path | ModelPackage,
        *,
        settings: Settings | None = None,
        queue: WorkQueue | None = None,
        decoder: Decoder | None = None,
        guarded: bool = False,
        room: Callable[[], bool] | None = None,
    ) -> Classifier:
        """Loads a model package.

        Args:
            package: the package, or its folder.
            settings: backend, threads, limits; from the environment if None.
            queue: a queue that is shared with other models; a new one if None.
            decoder: decodes files; if None they are decoded in this process. For untrusted files pass
                `picture.sandbox.Workers`.
            guarded: whether a model that others made is first loaded and run in a child process, which its file may
                crash, hang or fill with memory; the server and the command line do that. It takes half a second with
                LiteRT and about five with TensorFlow, once for each model: what was tried is remembered.
            room: asked when several callers first meet, whether there is memory for a form of the model that serves
                them faster, as `classify_many` always uses it; there is if None.

        Raises:
            PackageError: the package is incomplete or wrong; or, if guarded, its file crashes, hangs or takes all
                memory.
            BackendError: no installed backend can run the package.
        """
        settings = settings or read_settings()
        if not isinstance(package, ModelPackage):
            package = ModelPackage.load(package, weights=settings.engine is None)
        return cls(package, settings, queue, decoder, guarded=guarded, room=room)

    def close(self) -> None:
        """Gives up the model's memory and connections; what is running still ends, and a decoder that was passed stays.

        From then on every call raises `BackendError`; closing again does nothing.
        """
        self._backend.close()

    def __enter__(self) -> Classifier:
        self._backend.check_open()
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self.close()

    def __reduce__(self) -> tuple[Any, ...]:
        self._backend.check_open()
        decoder = None if isinstance(self.decoder, InProcess) else self.decoder
        return partial(Classifier, guarded=self._guarded), (self.package, self.settings, None, decoder)

    @property
    def backend(self) -> str:
        """Name of the backend that runs the model, such as `litert`."""
        return self._backend.name

    @property
    def device(self) -> str:
        """Where the last inference ran."""
        return self._backend.device

    @property
    def copies(self) -> bool:
        """Whether it holds its weights a second time, for many callers at once."""
        return self._backend.copies

    @property
    def problem(self) -> ClassifierError | None:
        """Why the model cannot be used at the moment; None if it can be, as always where it runs in this process."""
        return self._backend.problem

    def classify(
        self,
        source: Source,
        top_k: int | None = None,
        lang: str | None = None,
        *,
        view: View | None = None,
        turn: Turn | None = None,
        explain: Explain | None = None,
        progress: Progress | None = None,
    ) -> Classification:
        """Classifies one picture.

        Args:
            source: path, bytes, binary file object, PIL image, or NumPy array: uint8, `(H, W)` for grey, `(H, W, 3)`
                for red, green and blue, or `(H, W, 4)` with alpha.
            top_k: number of predictions, at least 1; the package's default if None. There are never more than classes.
            lang: language of the labels, one of the package's; if None English, or the package's first one if it has
                no English labels.
            view: what the model sees: "crop", the centre of the picture, as `model.toml` says; "whole", all of it, on
                grey; "both", one after the other, and the mean of the scores. If None that of the settings, "crop".
            turn: the turn in a queue that the caller holds already; if None, waits for a turn in `queue`.
            explain: the index of a class, or several, for which the result is to hold a heat map; "top" for its
                predictions, of which no more than the best ten.
            progress: is told from time to time which share of the explaining is done, 0 to 1, where that takes long.

        Raises:
            ImageError: not a picture, broken, or over a limit.
            ParameterError: `top_k`, `lang`, `view` or `explain` is out of range, or `source` is none of these.
            BackendError: the classifier is closed.
            BusyError: too many pictures are waiting already.
            AbandonedError: the turn's cancellation was cancelled.
            EngineUnavailableError, EngineAnswerError: the engine that runs the model, if it runs elsewhere, fails.
            OSError: a path that cannot be read.
        """
        wanted = self._asked(top_k, lang, view, explain)
        start = turn.asked if turn else time.perf_counter()
        data = content(source, self.settings.max_bytes)
        with nullcontext(turn) if turn else self.queue.take() as turn:
            prepared = self._runner.prepare(data, wanted.geometry, turn.cancellation)
            turn.cancellation.check()
            with turn.decoded() as waited:
                output, inference = self._runner.infer(prepared.pixels, self._runner.form(self.queue.crowded))
            why = self._runner.explain(prepared, output, wanted, turn, progress, inference / 1000)
        took = findings.timings(start, turn.waited + waited, prepared, inference)
        return self._result(prepared, output, wanted, took, why)

    def explain(
        self,
        source: Source,
        index: int | Iterable[int] | None = None,
        lang: str | None = None,
        *,
        view: View | None = None,
        progress: Progress | None = None,
    ) -> Explanation:
        """Shows which parts of a picture speak for a class.

        Args:
            source: as for `classify`.
            index: of the class, or of several; the predictions that `classify` gives if None.
            lang: as for `classify`.
            view: as for `classify`.
            progress: as for `classify`.

        Raises:
            ClassifierError: as `classify` does.
        """
        result = self.classify(source, lang=lang, view=view, explain=TOP if index is None else index, progress=progress)
        assert result.explanation is not None  # noqa: S101
        return result.explanation

    def infer(
        self, data: bytes | NDArray[Any], turn: Turn, *, features: bool = True, view: View | None = None
    ) -> Inference:
        """Runs the model on one picture, or on an input that was made of one, and gives all of its output.

        Args:
            data: a picture's file; uint8 pixels `(H, W, 3)` of the size of the model's input; or float32 values,
                scaled already, of the shape of one input (`manifest.input.shape`).
            turn: the turn in a queue that the caller holds.
            features: whether the features are needed, if the model gives some.
            view: of a file, as for `classify`; everything else has been fitted to the input already.

        Raises:
            ClassifierError: as `classify` does.
        """
        prepared = None
        if isinstance(data, bytes):
            prepared = self._runner.prepare(data, self._asked(None, None, view).geometry, turn.cancellation)
            data = prepared.pixels
        turn.cancellation.check()
        with turn.decoded() as waited:
            output, inference = self._runner.infer(data, self._runner.form(self.queue.crowded), features=features)
        took = findings.timings(turn.asked, turn.waited + waited, prepared, inference)
        return findings.inference(self.package, prepared, output, (self.backend, self.device), took)

    def classify_many(
        self,
        sources: Iterable[Source],
        top_k: int | None = None,
        lang: str | None = None,
        *,
        view: View | None = None,
    ) -> Iterator[Classification | ClassifierError | OSError]:
        """Classifies pictures in order; decoding the next ones overlaps the inference of the present one.

        Args:
            sources: as for `classify`; read lazily, a few ahead. A single one, such as a string, is one picture.
            top_k: as for `classify`.
            lang: as for `classify`.
            view: as for `classify`.

        Yields:
            For each source a `Classification`, or the error that `classify` would have raised.

        Raises:
            ParameterError: `top_k`, `lang` or `view` is out of range.
        """
        wanted = self._asked(top_k, lang, view)

        def work(source: Source) -> Classification:
            start = time.perf_counter()
            prepared = self._runner.prepare(content(source, self.settings.max_bytes), wanted.geometry)
            output, inference = self._runner.infer(prepared.pixels, self._backend.for_many())
            return self._result(prepared, output, wanted, findings.timings(start, 0, prepared, inference))

        return in_order(work, several(sources), self.settings.turns)

    def scores_many(
        self, sources: Iterable[Source], *, features: bool = False, view: View | None = None
    ) -> Iterator[Scores | ClassifierError | OSError]:
        """The scores of all classes for pictures in order: what measuring and calibrating a model needs.

        Args:
            sources: as for `classify_many`.
            features: whether the pooled features are needed, if the model gives some.
            view: as for `classify`.

        Yields:
            For each source its `Scores`, or the error that `classify` would have raised.

        Raises:
            ParameterError: `view` is out of range.
        """
        geometry = self._asked(None, None, view).geometry

        def work(source: Source) -> Scores:
            prepared = self._runner.prepare(content(source, self.settings.max_bytes), geometry)
            output, _ = self._runner.infer(prepared.pixels, self._backend.for_many(), features=features)
            return findings.scores(self.package, prepared, output, geometry.view, features=features)

        return in_order(work, several(sources), self.settings.turns)

    def _asked(
        self, top_k: int | None, lang: str | None, view: View | None, explain: Explain | None = None
    ) -> asked.Asked:
        self._backend.check_open()
        return asked.check(self.package, top_k, lang, self.settings.view if view is None else view, explain)

    def _result(
        self, prepared: Prepared, output: Outputs, wanted: asked.Asked, took: Timings, why: Explanation | None = None
    ) -> Classification:
        return findings.classification(self.package, prepared, output, wanted, (self.backend, self.device), took, why)
