"""A model that was loaded before the process forked, as `multiprocessing` does on Linux and gunicorn with --preload.

Each runs in a process of its own: pytest's has threads of other tests.
"""

from __future__ import annotations

import os
import subprocess
import sys
import textwrap

import pytest

from tests.support.photos import ROOT, golden_photos

pytestmark = pytest.mark.skipif(not hasattr(os, "fork"), reason="needs a system that forks")

PHOTOS = [str(one.path) for one in golden_photos()]
BEGIN = """
import ctypes, multiprocessing, os, sys, threading
from classifier import Classifier, Limits, Workers
from classifier.machine.cancellation import Cancellation
from classifier.settings import Settings

def load(decoder, backend="litert"):
    return Classifier.load("model/efficientnet-lite0", settings=Settings(backend=backend, threads=2), decoder=decoder)

def said(photo):
    best = model.classify(photo).predictions[0]
    return best.label, best.score

def in_child(work, fork=os.fork):
    process = fork()
    if not process:
        try:
            work()
        except BaseException as error:
            print(repr(error), flush=True)
            sys.exit(1)
        sys.exit(0)
    return os.waitstatus_to_exitcode(os.waitpid(process, 0)[1])
"""


def script(code: str, *arguments: str) -> str:
    """What a script prints; it has a minute, so that a hang is a failure."""
    command = [sys.executable, "-c", BEGIN + textwrap.dedent(code), *arguments]
    ended = subprocess.run(command, cwd=ROOT, capture_output=True, text=True, timeout=60)
    assert ended.returncode == 0, ended.stdout + ended.stderr
    return ended.stdout


def test_each_picture_keeps_its_own_answer_in_a_pool_of_forked_processes() -> None:
    """With the parent's workers and sockets, some pictures would get the answers to others."""
    out = script(
        """
        model = load(None)
        expected = {photo: said(photo) for photo in sys.argv[1:]}
        model = load(Workers(Limits()))
        assert said(sys.argv[1]) == expected[sys.argv[1]]
        with multiprocessing.get_context("fork").Pool(2) as pool:
            found = dict(zip(expected, pool.map(said, expected, chunksize=1)))
        print({photo: answer for photo, answer in found.items() if answer != expected[photo]})
        print(all(said(photo) == expected[photo] for photo in sys.argv[1:6]))
        """,
        *PHOTOS,
    )
    assert out == "{}\nTrue\n"


def test_what_the_parents_threads_hold_does_not_stop_the_child() -> None:
    out = script(
        """
        model = load(Workers(Limits(), 1))
        expected, held, done = said(sys.argv[1]), threading.Barrier(model.settings.turns + 2), threading.Event()

        def hold():
            with model.queue.take():
                held.wait()
                done.wait()

        def decode():
            with model.decoder._lock, model.decoder._free.hold(Cancellation()):
                held.wait()
                done.wait()

        for work in (*[hold] * model.settings.turns, decode):
            threading.Thread(target=work).start()
        held.wait()
        print(in_child(lambda: print(said(sys.argv[1]) == expected, flush=True)))
        done.set()
        print(said(sys.argv[1]) == expected)
        """,
        PHOTOS[0],
    )
    assert out == "True\n0\nTrue\n"


def test_results_that_were_begun_before_are_refused_in_the_child_and_come_in_the_parent() -> None:
    out = script(
        """
        model = load(None)
        begun = model.classify_many(sys.argv[1:])
        first = next(begun)

        def go_on():
            try:
                next(begun)
            except RuntimeError as error:
                print(str(error).endswith("Begin again in this process."), flush=True)

        print(in_child(go_on), in_child(begun.close))
        found = [first, *begun]
        print([one.predictions[0].label for one in found] == [said(one)[0] for one in sys.argv[1:]])
        """,
        *PHOTOS[:8],
    )
    assert out == "True\n0 0\nTrue\n"


def test_the_child_may_end_first_and_close_what_it_inherited() -> None:
    out = script(
        """
        workers = Workers(Limits())
        model = load(workers)
        expected = said(sys.argv[1])
        print(in_child(lambda: (said(sys.argv[1]), workers.close())), in_child(workers.close))
        print(said(sys.argv[1]) == expected)
        """,
        PHOTOS[0],
    )
    assert out == "0 0\nTrue\n"


def test_decoders_notice_a_fork_that_python_does_not_know_of() -> None:
    out = script(
        """
        from classifier.picture.geometry import Geometry
        workers, geometry = Workers(Limits()), Geometry((64, 64), 1.0, "bicubic")
        photos = [open(photo, "rb").read() for photo in sys.argv[1:]]
        expected = [workers.prepare(data, geometry).pixels.tobytes() for data in photos]

        def check():
            assert [workers.prepare(data, geometry).pixels.tobytes() for data in photos] == expected

        print(in_child(check, ctypes.PyDLL(None).fork))
        check()
        """,
        *PHOTOS[:3],
    )
    assert out == "0\n"


@pytest.mark.slow
def test_tensorflow_says_that_it_cannot_be_used_after_a_fork() -> None:
    out = script(
        """
        model = load(None, "tensorflow")
        said(sys.argv[1])
        print(in_child(lambda: said(sys.argv[1])))
        """,
        PHOTOS[0],
    )
    assert "BackendError('TensorFlow cannot be used in a process that was forked" in out
    assert 'get_context("spawn")' in out
    assert out.endswith("\n1\n")
