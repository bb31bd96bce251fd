"""Sound files cut off, with a bit flipped, or with another length anywhere: a picture or one clear error."""

from __future__ import annotations

import random
import re

import pytest

from classifier.picture.decode import read
from classifier.picture.formats import FORMATS
from tests.support.hostile import (
    seeds,
    sound,
)

# Pillow's own words about odd metadata, which `decode` keeps out of the log.
pytestmark = pytest.mark.filterwarnings("ignore::UserWarning:PIL")


def test_there_is_a_seed_of_each_format() -> None:
    assert {read(data).format for data in seeds().values()} == set(FORMATS)


@pytest.mark.parametrize("name", seeds())
def test_a_file_cut_off_anywhere_is_a_picture_or_an_error(name: str) -> None:
    data = seeds()[name]
    lengths = sorted({*range(0, min(len(data), 64), 4), *(len(data) * part // 40 for part in range(40))})
    read_anyway = [sound(data[:length]) for length in lengths]
    assert not all(read_anyway)


@pytest.mark.parametrize("name", seeds())
def test_a_flipped_bit_leaves_a_picture_or_an_error(name: str) -> None:
    chance = random.Random(name)
    data = seeds()[name]
    for place in [*range(40), *(chance.randrange(len(data)) for _ in range(40))]:
        flipped = bytearray(data)
        flipped[place] ^= 1 << chance.randrange(8)
        sound(bytes(flipped))


LENGTHS = (b"\0\0\0\0", b"\0\0\0\1", b"\x7f\xff\xff\xff", b"\x80\0\0\0", b"\xff\xff\xff\xff", b"\xff\0\0\0")


@pytest.mark.parametrize("name", seeds())
def test_whatever_length_stands_anywhere_leaves_a_picture_or_an_error(name: str) -> None:
    data = seeds()[name]
    # Everywhere in the headers, where the lengths and counts of chunks, boxes, segments, strips and tags are, and
    # around every name of a box or chunk behind them.
    places = {*range(0, min(len(data) - 4, 200), 2)}
    for found in re.finditer(rb"[A-Za-z]{4}", data[: 1 << 16]):
        places |= {found.start() - 4, found.end()}
    for place in sorted(one for one in places if 0 <= one <= len(data) - 4)[:250]:
        for length in LENGTHS:
            sound(data[:place] + length + data[place + 4 :])
