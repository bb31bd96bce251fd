"""Features of photos: decoded and cut as for an answer, then run through a model on all CPUs."""

from __future__ import annotations

import hashlib
import threading
from collections.abc import Collection, Iterable, Iterator
from dataclasses import dataclass, replace

import numpy as np
from numpy.typing import NDArray

from classifier.backends.litert import LiteRTBackend
from classifier.backends.loaded import check_answer
from classifier.backends.names import LITERT
from classifier.backends.trial import try_out
from classifier.errors import ClassifierError, ParameterError
from classifier.machine.cpus import cpu_count
from classifier.machine.parallel import in_order
from classifier.package import MANIFEST, ModelPackage
from classifier.package.unknown import pooled
from classifier.picture.prepare import Decoder
from classifier.postprocessing import softmax as probabilities
from classifier.preprocessing import normalise
from classifier.settings import Settings
from classifier.sources import Source, content
from classifier.training.head import Head, HeadError
from classifier.views import View

CROP = 1.0
"""The share of a photo's short side that a trained model sees.

ImageNet's models see the middle, as in their training, but more of a photo is more to go by: of CIFAR-10's pictures,
with 20 of each class to train on, 4.6 points more are right.
"""

_CLOSE = 1e-2  # how far the layer's own arithmetic may be from the model's, as a share of the largest logit


@dataclass(frozen=True, slots=True, eq=False)
class Seen:
    """A photo that was read.

    Attributes:
        hash: the SHA-256 of its file.
        features: float16 `(channels,)`; None if a photo of this hash was seen before.
    """

    hash: str
    features: NDArray[np.float16] | None


class Extractor:
    """A model that gives features, loaded once for each CPU."""

    def __init__(self, package: ModelPackage, decoder: Decoder, settings: Settings, view: View) -> None:
        """Loads the model, and checks that its last layer can be replaced.

        Args:
            package: the model.
            decoder: decodes the photos.
            settings: limits for the photos.
            view: what the model sees of a photo; not "both".

        Raises:
            ParameterError: it has no LiteRT form, gives no features, or its scores are not made of these alone.
            PackageError: its weights are missing, damaged, or do not fit it.
        """
        if LITERT.form not in package.manifest.weights:
            raise _unfit(package, f"{MANIFEST} names no .tflite file")
        if package.manifest.output.features is None:
            raise _unfit(package, f"it gives no features: {MANIFEST} names no output for them, output.features")
        self.package = package
        self.head = _head(package)
        self._decoder = decoder
        self._most = settings.max_bytes
        self.view: View = view
        self.input = package.manifest.input.model_copy(update=self._crop)
        self._geometry = replace(self.input.geometry, view=view)
        try_out(package, LITERT, 1, trust=False)
        self._backend = LiteRTBackend(package, 1, count=cpu_count())
        self.check(package)

    @property
    def _crop(self) -> dict[str, float]:
        """How much is seen: what was trained here goes on with what it has seen so far."""
        return {} if self.package.manifest.training else {"crop": CROP}

    @property
    def name(self) -> str:
        """The name of the network: of a model that was trained itself, that of the one it was trained from."""
        trained = self.package.manifest.training
        return trained.base if trained else self.package.name

    @property
    def device(self) -> str:
        """Where it runs."""
        return self._backend.device

    def many(
        self, sources: Iterable[Source], known: Collection[str] = ()
    ) -> Iterator[Seen | ClassifierError | OSError]:
        """The features of photos, in order.

        Args:
            sources: the photos' files.
            known: hashes of photos whose features are known.

        Yields:
            For each the features, or what went wrong.
        """
        lock, seen = threading.Lock(), set(known)

        def work(source: Source) -> Seen:
            data = content(source, self._most)
            assert isinstance(data, bytes)  # noqa: S101  (sources are files)
            found = hashlib.sha256(data).hexdigest()
            with lock:
                again = found in seen
                seen.add(found)
            return Seen(found, None if again else self._features(data))

        return in_order(work, sources)

    def _features(self, data: bytes) -> NDArray[np.float16]:
        pixels = self._decoder.prepare(data, self._geometry).pixels
        output = self._backend.run(normalise(pixels, self.package.manifest.input))
        check_answer(self.package, output, features=True)
        assert output.features is not None  # noqa: S101  (checked when it was loaded)
        return pooled(output.features[0]).astype(np.float16)

    def check(self, package: ModelPackage) -> None:
        """Refuses a model whose last layer sees something other than the mean of its features.

        Args:
            package: this model, or one that was made of it.

        Raises:
            ParameterError: it is such a model.
        """
        head, backend = (self.head, self._backend)
        if package is not self.package:
            head, backend = _head(package), LiteRTBackend(package, 1)
        output = backend.run(normalise(_gradient(package.manifest.input.size), package.manifest.input))
        if output.features is None or output.features.shape[-1] != head.weights.shape[1]:
            raise _unfit(package, "its features are not what its last layer sees")
        ours = head.weights @ pooled(output.features[0]) + head.bias
        theirs = output.scores[0]
        if head.squashed:
            ours = probabilities(ours)
        if not np.allclose(ours, theirs, atol=_CLOSE * max(1.0, float(np.abs(theirs).max()))):
            raise _unfit(package, "its last layer sees something other than the mean of its features")


def _gradient(size: tuple[int, int]) -> NDArray[np.uint8]:
    """A picture `(H, W, 3)` in which all three colours go from dark to light, each in another direction."""
    height, width = size
    down, across = np.mgrid[0 : 255 : height * 1j, 0 : 255 : width * 1j].astype(np.uint8)
    return np.stack([down, across, 255 - down], axis=-1)


def _head(package: ModelPackage) -> Head:
    output = package.manifest.output
    try:
        return Head(package.weights_file("litert").read_bytes(), output.name, output.features)
    except HeadError as error:
        raise _unfit(package, str(error)) from error


def _unfit(package: ModelPackage, reason: str) -> ParameterError:
    return ParameterError(
        f"{package.name} cannot be trained further: {reason}. Name another model: --base efficientnet-lite2."
    )
