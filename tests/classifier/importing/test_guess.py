"""What is shown and decided where nothing in a file says how values are scaled."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import numpy as np
import pytest
from numpy.typing import NDArray
from PIL import Image

from classifier.errors import ParameterError
from classifier.importing import tries, verify
from classifier.importing.core import import_model
from classifier.importing.options import SCALES, Options
from classifier.importing.values import first_layer
from classifier.importing.values.first_layer import FirstLayer
from classifier.package import InputSpec, OutputSpec
from tests.support.command import run
from tests.support.imported import LABELS, picture, pixels, place
from tests.support.photos import photo
from tests.support.tiny_tflite import Tiny, weights

_SAMPLES = ("panda.webp", "dog.webp", "coffee.png")


def tried(source: Path, options: Options | None = None) -> list[str]:
    """The lines that an import says of what it tried."""
    said: list[tuple[str, str]] = []
    import_model(source, source.parent / "package", options, lambda word, line: said.append((word, line)))
    return [line for word, line in said if word == "tried"]


@pytest.fixture
def own(tmp_path: Path) -> Path:
    """A picture of one's own."""
    picture().save(tmp_path / "mine.png")
    return tmp_path / "mine.png"


@pytest.fixture
def _no_samples(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[None]:
    monkeypatch.setattr(verify, "_PHOTOS", tmp_path / "none")
    verify.photos.cache_clear()
    yield
    verify.photos.cache_clear()


def by_hand(scale: str) -> NDArray[np.float64]:
    """What the tiny model says of `picture()` in the values of a scaling."""
    values = (pixels((8, 6)) - np.asarray(SCALES[scale].mean)) / np.asarray(SCALES[scale].std)
    values = values[..., ::-1] if scale == "caffe" else values
    logits = weights(len(LABELS)) @ values.mean(axis=(0, 1))
    powers = np.exp(logits - logits.max())
    found: NDArray[np.float64] = powers / powers.sum()
    return found


def test_a_guess_is_shown_beside_the_other_scalings(tmp_path: Path, own: Path) -> None:
    source = place(tmp_path, Tiny().build())
    lines = tried(source, Options(photos=(own,)))
    header, *rows, conclusion = lines
    assert header.split() == ["picture", "--scale", "best", "label", "score", "entropy"]
    assert [row.split()[:2] for row in rows] == [[name, scale] for name in (*_SAMPLES, "mine.png") for scale in SCALES]
    for row in rows[-len(SCALES) :]:
        _, scale, label, score, entropy, _ = row.split()
        found = by_hand(scale)
        assert label == LABELS[found.argmax()]
        assert float(score.rstrip("%")) / 100 == pytest.approx(found.max(), abs=0.002)
        assert float(entropy) == pytest.approx(-(found * np.log2(np.maximum(found, 1e-12))).sum(), abs=0.06)
    assert conclusion.startswith("taken: unit")
    assert "bits)" in conclusion
    assert max(map(len, lines[:-1])) < 80


def test_the_hint_is_only_as_strong_as_what_was_seen(tmp_path: Path) -> None:
    same = tried(place(tmp_path / "same", Tiny(before=[("*", 0.0)]).build()))[-1]
    assert "With no scaling do the answers tell the sample photos apart" in same

    spec, output = InputSpec(size=(8, 6), mean=0.0, std=255.0), OutputSpec(classes=3, logits=True)
    for gain, hint in ((0.1, "import it again with --scale raw"), (30, "import it again with --scale imagenet")):

        def colours(values: NDArray[np.float32], gain: float = gain) -> NDArray[np.float32]:
            return np.asarray(np.clip(values, 0, 255).mean(axis=(1, 2)) * gain, np.float32)

        *_, told = tries.lines(tries.Tried(colours, spec, output, LABELS), SCALES["unit"].because("", guessed=True), {})
        assert told.startswith("taken: unit")
        assert hint in told


@pytest.mark.parametrize(("steepness", "entropy"), [(0.0, "11.0 bits"), (1e6, "0.0 bits")])
def test_entropy_is_shown_whole(steepness: float, entropy: str) -> None:
    def logits(values: NDArray[np.float32]) -> NDArray[np.float32]:
        return np.tile(np.linspace(0, steepness, 2048, dtype=np.float32), (len(values), 1))

    spec = InputSpec(size=(8, 6), mean=0.0, std=255.0)
    model = tries.Tried(logits, spec, OutputSpec(classes=2048, logits=True), tuple(map(str, range(2048))))
    _, *rows, conclusion = tries.lines(model, SCALES["unit"].because("", guessed=True), {})
    assert {row.split("%")[1].strip() for row in rows} == {entropy}
    assert "-0" not in conclusion


def test_what_is_told_is_tried_with_the_pictures_given(tmp_path: Path, own: Path) -> None:
    source = place(tmp_path, Tiny(before=[("*", 1 / 255)]).build())
    _, row = tried(source, Options(photos=(own,)))
    assert row.split()[:4] == ["mine.png", "as", "above", LABELS[by_hand("unit").argmax()]]
    again = place(tmp_path / "again", Tiny(before=[("*", 1 / 255)]).build())
    assert tried(again) == []


def test_grey_is_tried_without_the_colours_of_imagenet(tmp_path: Path) -> None:
    _, *rows, _ = tried(place(tmp_path, Tiny(channels=1).build()))
    assert [row.split()[1] for row in rows] == ["unit", "signed", "raw"] * len(_SAMPLES)


@pytest.mark.usefixtures("_no_samples")
def test_without_sample_photos_only_the_given_pictures_are_shown(tmp_path: Path, own: Path) -> None:
    assert tried(place(tmp_path / "a", Tiny().build())) == []
    _, *rows = tried(place(tmp_path / "b", Tiny().build()), Options(photos=(own,)))
    assert [row.split()[:2] for row in rows] == [["mine.png", scale] for scale in SCALES]


@pytest.mark.parametrize(("name", "content"), [("no.jpg", None), ("text.jpg", b"not a picture"), ("empty.png", b"")])
def test_a_picture_that_cannot_be_tried_is_named(tmp_path: Path, name: str, content: bytes | None) -> None:
    source = place(tmp_path, Tiny().build())
    if content is not None:
        (tmp_path / name).write_bytes(content)
    with pytest.raises(ParameterError, match=name):
        import_model(source, tmp_path / "package", Options(photos=(tmp_path / name,)))
    assert not (tmp_path / "package").exists()


def test_the_command_tries_pictures(tmp_path: Path, own: Path) -> None:
    source = place(tmp_path, Tiny().build())
    ended = run("import", source, tmp_path / "package", "--try", own, "--try", photo("panda.webp"))
    assert ended.returncode == 0, ended.stderr
    lines = [line for line in ended.stdout.decode().splitlines() if line.startswith("tried ")]
    assert len([line for line in lines if "mine.png" in line]) == len(SCALES)


def training(scale: str, channels: int = 3, kernel_size: int = 3, seed: int = 6) -> FirstLayer:
    """The statistics that a first layer of random filters keeps of photos that are not the samples."""
    kernel = np.random.default_rng(seed).normal(size=(kernel_size, kernel_size, channels, 8))
    results = []
    for values in photos("tests", channels):
        scaled = (values - np.asarray(SCALES[scale].mean)) / np.asarray(SCALES[scale].std)
        scaled = scaled[..., ::-1] if scale == "caffe" else scaled
        for top in range(0, 64 - kernel_size, 2):
            rows = [
                scaled[top : top + kernel_size, left : left + kernel_size] for left in range(0, 64 - kernel_size, 2)
            ]
            results.append(np.tensordot(np.stack(rows), kernel, 3))
    found = np.concatenate(results)
    return FirstLayer(kernel, np.zeros(8), found.mean(axis=0), found.var(axis=0))


def photos(kind: str, channels: int = 3) -> list[NDArray[np.float32]]:
    """Pixels `(64, 64, channels)` of the samples, or of some photos of the tests."""
    names = (
        "cat",
        "horse",
        "crab",
        "cathedral",
        "dam3",
        "pan",
        "plate",
        "sheep",
        "solar8",
        "volleyball",
        "cup",
        "bison",
    )
    opened = (
        [Image.open(photo(f"{name}.webp")) for name in names] if kind == "tests" else list(verify.photos().values())
    )
    mode = "RGB" if channels == 3 else "L"
    found = [np.asarray(one.convert(mode).resize((64, 64)), np.float32) for one in opened]
    return [one.reshape(64, 64, channels) for one in found]


@pytest.mark.parametrize(
    ("scale", "channels"), [*((scale, 3) for scale in SCALES), ("unit", 1), ("signed", 1), ("raw", 1)]
)
def test_the_statistics_of_the_first_layer_tell_the_scaling(scale: str, channels: int) -> None:
    for kernel_size in (3, 1):
        found = first_layer.scaling(training(scale, channels, kernel_size), photos("samples", channels))
        assert found is not None
        assert str(found) == str(SCALES[scale])
        assert found.guessed == (scale == "caffe"), "the order of the colours is not told"
        assert found.why.startswith("a guess: ") == found.guessed


def test_statistics_of_no_training_or_of_no_photos_tell_nothing() -> None:
    samples = photos("samples")
    new = FirstLayer(training("unit").kernel, np.zeros(8), np.zeros(8), np.ones(8))
    assert first_layer.scaling(new, samples) is None
    seen = training("unit")
    assert first_layer.scaling(seen, []) is None
    random = np.random.default_rng(6)
    for size in (0.01, 1.0, 100.0):
        other = FirstLayer(seen.kernel, np.zeros(8), random.normal(size=8) * size, random.uniform(0.1, 2, 8) * size**2)
        assert first_layer.scaling(other, samples) is None
