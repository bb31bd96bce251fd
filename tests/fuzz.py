"""Mutated pictures without end: half of `make fuzz`, or `python -m tests.fuzz --minutes 1`.

What fails, and the file at hand when the process dies, stays in `test-results/fuzz`. The test run tries a few of the
same mutations, always the same ones.
"""

from __future__ import annotations

import argparse
import hashlib
import random
import sys
import time
from pathlib import Path

from hypothesis import HealthCheck, Phase, given, seed, settings
from hypothesis import strategies as st

from classifier.errors import ImageError
from classifier.picture import decode
from classifier.picture.limits import Limits
from tests.support.hostile import SECONDS, seeds
from tests.support.photos import ROOT

LIMITS = Limits(max_bytes=2_000_000, max_pixels=4_000_000)
FOLDER = ROOT / "test-results/fuzz"

# A place as a fraction, so that an edit means about the same in files of any length; most headers lie at the start.
_places = st.one_of(st.floats(0, 1, exclude_max=True), st.floats(0, 0.1))
_edits = st.one_of(
    st.tuples(st.just("flip"), _places, st.integers(0, 7)),
    st.tuples(st.just("overwrite"), _places, st.binary(min_size=1, max_size=8)),
    st.tuples(st.just("insert"), _places, st.binary(min_size=1, max_size=64)),
    st.tuples(st.just("delete"), _places, st.integers(1, 64)),
    st.tuples(st.just("repeat"), _places, st.integers(1, 64)),
    st.tuples(st.just("splice"), _places, st.sampled_from(sorted(seeds()))),
    st.tuples(st.just("cut"), _places, st.none()),
)


@st.composite
def mutants(draw: st.DrawFn) -> bytes:
    """A seed file after one to eight edits."""
    data = bytearray(seeds()[draw(st.sampled_from(sorted(seeds())))])
    for kind, place, value in draw(st.lists(_edits, min_size=1, max_size=8)):
        at = int(place * len(data))
        if not data:
            break
        if kind == "flip":
            data[at] ^= 1 << value
        elif kind == "overwrite":
            data[at : at + len(value)] = value
        elif kind == "insert":
            data[at:at] = value
        elif kind == "delete":
            del data[at : at + value]
        elif kind == "repeat":
            data[at:at] = data[at : at + 64] * value
        elif kind == "splice":
            other = seeds()[value]
            data[at:] = other[int(place * len(other)) :]
        else:
            del data[at:]
    return bytes(data)


def check(data: bytes) -> None:
    """The promise: a picture within the limits, upright and RGB, or an `ImageError`; and soon."""
    start = time.process_time()
    try:
        picture = decode.read(data, LIMITS, at_least=(32, 32))
    except ImageError:
        pass
    else:
        assert picture.image.mode == "RGB"
        assert 0 < picture.width * picture.height <= LIMITS.max_pixels
        assert picture.image.width <= picture.width
        assert picture.image.height <= picture.height
    assert time.process_time() - start < SECONDS


def main() -> int:
    """Tries mutants until the time is over; the exit status says whether all kept the promise."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--minutes", type=float, default=60)
    parser.add_argument("--share", type=float, default=1, help="of these minutes")
    args = parser.parse_args()
    end = time.monotonic() + args.minutes * args.share * 60
    FOLDER.mkdir(parents=True, exist_ok=True)
    current = FOLDER / "current"  # on the disk before it is read: a crash of the process leaves it there
    tried, failed = 0, set[Path]()

    def attempt(data: bytes) -> None:
        nonlocal tried
        tried += 1
        current.write_bytes(data)
        check(data)

    while time.monotonic() < end:
        # Rounds, because hypothesis remembers what it tried. Failures are shrunk: the last one tried is the smallest.
        options = settings(
            max_examples=2_000,
            deadline=None,
            database=None,
            phases=(Phase.generate, Phase.shrink),
            suppress_health_check=list(HealthCheck),
        )
        try:
            seed(random.getrandbits(64))(options(given(mutants())(attempt)))()
        except Exception as error:
            data = current.read_bytes()
            kept = FOLDER / hashlib.sha256(data).hexdigest()[:16]
            kept.write_bytes(data)
            failed.add(kept)
            print(f"{kept}: {type(error).__name__}: {error}", flush=True)
    current.unlink(missing_ok=True)
    print(f"{tried} files, {len(failed)} broke the promise")
    return 1 if failed else 0


if __name__ == "__main__":
    sys.exit(main())
