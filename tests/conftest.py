"""What all tests share: the browser, and the machine."""

from __future__ import annotations

import gc
import os
import shutil
import signal
import zlib
from collections.abc import Generator, Iterator
from contextlib import ExitStack, contextmanager
from functools import cache
from pathlib import Path
from typing import Any

import pytest

from benchmarks.browser import browser_arguments
from benchmarks.server import serving
from classifier.machine.cpus import cpu_count

# Beside other processes of tests, the second thread of a matrix product costs more than it saves. NumPy reads this when
# it is first imported.
if "PYTEST_XDIST_WORKER" in os.environ:
    os.environ.setdefault("OPENBLAS_NUM_THREADS", "1")

# A shell's background job ignores Ctrl-C, and so would every command that a test starts and interrupts.
if signal.getsignal(signal.SIGINT) is signal.SIG_IGN:
    signal.signal(signal.SIGINT, signal.default_int_handler)

# What helpers assert is explained as what tests assert.
pytest.register_assert_rewrite("tests.support")


# What tries every language, format, version or kind of model where other tests try the main ones; by folder or file.
THOROUGH = (
    "classifier/cli/test_evaluate_files.py",
    "classifier/cli/test_kinds.py",
    "classifier/cli/test_report.py",
    "classifier/cli/test_sets.py",
    "classifier/cli/test_streams.py",
    "classifier/evaluation/test_html.py",
    "classifier/explanation/test_heads.py",
    "classifier/explanation/test_proof.py",
    "classifier/importing",
    "classifier/package/test_unreadable.py",
    "classifier/picture/formats",
    "classifier/picture/sandbox/test_bounds.py",
    "classifier/picture/sandbox/test_trouble.py",
    "classifier/picture/test_animation.py",
    "classifier/picture/test_blank.py",
    "classifier/picture/test_cicp.py",
    "classifier/picture/test_cut_off.py",
    "classifier/picture/test_damaged.py",
    "classifier/picture/test_fuzz.py",
    "classifier/picture/test_pillow_images.py",
    "classifier/picture/test_small_inputs.py",
    "classifier/protocols/test_protobuf.py",
    "classifier/test_forks.py",
    "classifier/test_golden.py",
    "container/test_devcontainer.py",
    "container/test_kinds.py",
    "container/test_mirrors.py",
    "container/test_reproducible.py",
    "docs/test_examples.py",
    "e2e/test_accessibility.py",
    "e2e/test_base_path.py",
    "e2e/test_code.py",
    "e2e/test_colours.py",
    "e2e/test_contrast.py",
    "e2e/test_crowded.py",
    "e2e/test_firefox.py",
    "e2e/test_full.py",
    "e2e/test_install.py",
    "e2e/test_keyboard.py",
    "e2e/test_looks.py",
    "e2e/test_lost_server.py",
    "e2e/test_modelscope.py",
    "e2e/test_other_sites.py",
    "e2e/test_parts_off.py",
    "e2e/test_report.py",
    "e2e/test_words.py",
    "e2e/test_zoom.py",
    "load/test_hostile.py",
    "load/test_load.py",
    "model",
    "test_same_scores.py",
    "test_sbom.py",
    "web/api/test_hostile.py",
    "web/grpc_server/test_hostile.py",
    "web/oip/test_conformance.py",
    "web/server/test_access_log.py",
    "web/server/test_slow_connections.py",
    "web/streamlit_internals/test_page_messages.py",
    "web/test_bare.py",
    "web/test_reload_server.py",
    "web/test_reloading_forms.py",
)


@cache
def _is_thorough(file: Path) -> bool:
    places = [Path(__file__).parent / place for place in THOROUGH]
    assert all(place.exists() for place in places), "THOROUGH names what is not there"
    return any(file.is_relative_to(place) for place in places)


def _part(text: str) -> tuple[int, int]:
    number, _, parts = text.partition("/")
    return int(number), int(parts)


def pytest_addoption(parser: pytest.Parser) -> None:
    """Options of ours, shown by `pytest --help`."""
    parser.addoption("--part", metavar="K/N", type=_part, default=(0, 1), help="one file in N alone, K of 0 to N - 1")
    parser.addoption("--server", metavar="ADDRESS", help="drive the page of this server instead of one started here")
    parser.addoption("--cuda", action="store_true", help="build and test the cuda image, too: 3.5 GB of downloads")
    parser.addoption("--pictures", type=int, default=20, help="for each limit of a container (default: 20)")


def pytest_xdist_auto_num_workers() -> int:
    """One more than there are CPUs: tests wait for servers and browsers, too."""
    return cpu_count() + 1


def pytest_make_parametrize_id(val: object, argname: str) -> str | None:
    """Bytes stay out of names: those of a gzip file tell the second they were made in, and xdist compares names."""
    return argname if isinstance(val, bytes) else None


def pytest_itemcollected(item: pytest.Item) -> None:
    """Marks what is thorough, before any are chosen by their marks."""
    if _is_thorough(item.path):
        item.add_marker(pytest.mark.thorough)


def pytest_collection_finish() -> None:
    """Keeps what was imported out of garbage collections, one of which Streamlit makes after each run of a page."""
    gc.collect()
    gc.freeze()


@contextmanager
def _held(file: Path, alone: bool) -> Iterator[None]:
    """Holds a lock that any number may share, or one alone."""
    import fcntl

    with file.open("a") as stream:
        fcntl.flock(stream, fcntl.LOCK_EX if alone else fcntl.LOCK_SH)
        yield


def _is_alone(item: pytest.Item | None) -> bool:
    return item is not None and item.get_closest_marker("alone") is not None


@pytest.hookimpl(trylast=True)
def pytest_collection_modifyitems(config: pytest.Config, items: list[pytest.Item]) -> None:
    """With `pytest -n`, tests marked `alone` come first and so one after another, in the first process."""
    number, parts = config.getoption("--part")
    chosen: list[pytest.Item] = []
    left_out: list[pytest.Item] = []
    for item in items:
        (left_out if (zlib.crc32(item.path.name.encode()) - number) % parts else chosen).append(item)
    if left_out:
        config.hook.pytest_deselected(items=left_out)
        items[:] = chosen
    for item in items:
        if " at 0x" in item.nodeid:  # another one in each process, which would end a run with `-n` before it begins
            raise pytest.UsageError(f"the name of a test has an address in memory: {item.nodeid}")
    if "PYTEST_XDIST_WORKER" in os.environ:
        items.sort(key=lambda item: not _is_alone(item))


def _share_of_the_machine(folder: Path, alone: bool) -> ExitStack:
    """Waits until a test may run; until this is closed, no other may run beside it that must not."""
    with ExitStack() as stack:
        # Whoever waits to be alone holds the door, through which everyone comes: he is not passed over for ever.
        with _held(folder / "door.lock", alone=True):
            stack.enter_context(_held(folder / "machine.lock", alone))
        return stack.pop_all()


# What a test marked `alone` leaves to the next one: other processes need not begin a test in between, and end it again.
_kept: list[ExitStack] = []


@pytest.hookimpl(wrapper=True)
def pytest_runtest_protocol(item: pytest.Item, nextitem: pytest.Item | None) -> Generator[None, object, object]:
    """Of several processes that share the tests (`pytest -n`), one rests while another runs a test marked `alone`."""
    if "PYTEST_XDIST_WORKER" not in os.environ:
        return (yield)
    folder = Path(item.config.option.basetemp).parent
    with _kept.pop() if _kept else _share_of_the_machine(folder, _is_alone(item)) as stack:
        result = yield
        if _is_alone(item) and _is_alone(nextitem):
            _kept.append(stack.pop_all())
        return result


# Servers that tests start on a desktop must not open its browser.
os.environ.setdefault("STREAMLIT_SERVER_HEADLESS", "true")


@pytest.fixture(scope="session")
def plain_server(tmp_path_factory: pytest.TempPathFactory) -> Iterator[str]:
    """The address of a server without settings, for tests that leave it as it was."""
    with serving(tmp_path_factory.mktemp("plain") / "log.txt") as (_, address):
        yield address


@pytest.fixture(scope="session")
def browser_type_launch_args(browser_type_launch_args: dict[str, Any]) -> dict[str, Any]:
    """Read by pytest-playwright. Chromium without windows, which Debian has too, does a page with a third less work."""
    arguments = browser_arguments()
    # Nor is anything drawn that a test would only wait for; one asks for motion itself.
    arguments["args"].append("--force-prefers-reduced-motion")
    shell = shutil.which("chromium-headless-shell")
    if shell and browser_type_launch_args.get("headless", True):  # `pytest --headed` is to show a window
        # It cannot ask for the camera, and so has none, not even for whom it was granted.
        camera = "--use-fake-ui-for-media-stream"
        arguments |= {"executable_path": shell, "args": [*arguments["args"], camera]}
    return {**browser_type_launch_args, **arguments}
