"""Of an animation the first frame that shows something is taken."""

from __future__ import annotations

import io
import struct
import time
from typing import Any

import numpy as np
import pytest
from PIL import Image

from classifier.picture.decode import read
from classifier.picture.formats import TABLE
from classifier.picture.limits import Limits
from tests.support.hostile import encode
from tests.support.photos import photo

KINDS: dict[str, dict[str, Any]] = {
    "GIF": {"disposal": 2},
    "PNG": {},
    "WEBP": {"quality": 90},
    "AVIF": {"quality": 80, "speed": 9},
}


def koala() -> Image.Image:
    with Image.open(photo("koala.webp")) as image:
        picture = image.convert("RGB")
    picture.thumbnail((300, 300))
    return picture


def blank(colour: str) -> Image.Image:
    """A frame of one colour, or a transparent one for `clear`."""
    clear = colour == "clear"
    return Image.new("RGBA" if clear else "RGB", koala().size, (0, 0, 0, 0) if clear else colour)


def animation(kind: str, frames: list[Image.Image], **options: Any) -> bytes:
    modes = "RGBA" if any(frame.mode == "RGBA" for frame in frames) else "RGB"
    first, *others = (frame.convert(modes) for frame in frames)
    more = {"save_all": True, "append_images": others, "duration": 100}
    return encode(first, kind, **KINDS[kind], **more, **options)


def shows(data: bytes, image: Image.Image, **limits: Any) -> bool:
    """Whether the picture that is read is this one."""
    picture = read(data, Limits(**limits)).image
    return float(np.abs(np.asarray(picture, np.int16) - np.asarray(image.convert("RGB"))).mean()) < 6


@pytest.mark.parametrize("kind", KINDS)
@pytest.mark.parametrize("before", [["clear"], ["white"], ["black"], ["black", "white", "navy"], ["clear", "red"]])
def test_frames_of_nothing_are_passed_over(kind: str, before: list[str]) -> None:
    frames = [*(blank(colour) for colour in before), koala(), koala().rotate(180)]
    assert shows(animation(kind, frames), koala())


@pytest.mark.parametrize("kind", KINDS)
def test_a_first_frame_that_shows_something_is_taken(kind: str) -> None:
    assert shows(animation(kind, [koala(), koala().rotate(180), blank("white")]), koala())


@pytest.mark.parametrize("kind", KINDS)
def test_an_animation_of_nothing_is_its_first_frame(kind: str) -> None:
    assert shows(animation(kind, [blank("navy"), blank("white")]), blank("navy"))


def test_the_picture_for_programs_without_animations_is_passed_over() -> None:
    """Browsers never show it."""
    frames = [koala().rotate(180), koala(), blank("white")]
    assert shows(animation("PNG", frames, default_image=True), koala())


@pytest.mark.parametrize("kind", KINDS)
def test_a_broken_further_frame_leaves_the_first(kind: str) -> None:
    data = animation(kind, [blank("white"), koala()])
    whole = len(data)
    assert shows(data[: whole * 2 // 3] if kind in ("GIF", "PNG") else data, blank("white")) or kind in ("WEBP", "AVIF")


@pytest.mark.parametrize("kind", KINDS)
def test_too_little_memory_leaves_the_first(kind: str) -> None:
    data = animation(kind, [blank("white"), koala()])
    pixels = koala().width * koala().height
    memory = 12_000_000 + len(data) + int(30 * pixels)
    assert shows(data, blank("white"), memory=memory)
    assert shows(data, koala(), memory=memory + 2 * pixels)


def gif(frames: bytes) -> bytes:
    """A GIF of 8 x 8 black pixels, and what comes after its first frame."""
    return encode(Image.new("P", (8, 8)), "GIF").removesuffix(b";") + frames


def test_frames_without_end_take_no_longer_than_a_large_picture() -> None:
    comment = b"!\xfe" + b"\1a" * 9_000_000 + b"\0"
    blank_frames = b"".join(b"," + struct.pack("<HHHH", 0, 0, 1, 1) + b"\0\2\2\x44\1\0" for _ in range(100_000))
    small = animation("PNG", [Image.new("L", (9, 9), number % 2) for number in range(2_000)])
    for data in (gif(blank_frames), gif(comment + blank_frames[:1000] + b";"), small):
        start = time.process_time()
        assert read(data).width in (8, 9)
        assert time.process_time() - start < 3


def test_only_animations_are_looked_at_for_further_frames() -> None:
    files = {kind: encode(koala(), kind) for kind in ("JPEG", "PNG", "GIF", "WEBP", "AVIF", "BMP", "TIFF")}
    for kind, data in files.items():
        is_animated = TABLE[kind].is_animated
        with Image.open(io.BytesIO(data)) as image:
            assert not (is_animated and is_animated(image, data))
