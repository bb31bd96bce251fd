"""`pip install .` into another environment: the library works, and what is missing there is said at once."""

from __future__ import annotations

import os
import shutil
import subprocess
import sys
import sysconfig
from pathlib import Path

import pytest

from tests.support.photos import ROOT, photo

pytestmark = pytest.mark.slow


@pytest.fixture(scope="module")
def site(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A folder with what the build backend puts into a wheel, as in another environment's `site-packages`."""
    folder = tmp_path_factory.mktemp("site")
    uv = Path(sys.executable).with_name("uv")
    if not uv.exists():
        pytest.skip("uv builds the wheel")
    built = folder / "built"
    command = [str(uv), "build", "--quiet", "--wheel", "--offline", "--no-build-isolation", "--python", sys.executable]
    ended = subprocess.run([*command, "--out-dir", str(built), str(ROOT)], capture_output=True, text=True)
    if ended.returncode:
        pytest.skip(f"no wheel can be built here: {ended.stderr[-300:]}")
    (wheel,) = built.glob("*.whl")
    shutil.unpack_archive(wheel, folder, "zip")
    return folder


def run(site: Path, *arguments: str, code: str | None = None) -> tuple[int, str, str]:
    """Runs the installed copy, with this environment's dependencies but not its checkout."""
    paths = [str(site), sysconfig.get_path("purelib")]
    what = ["-c", code] if code else ["-m", "classifier"]
    begin = [sys.executable, "-S", "-P", *what, *arguments]
    env = {**os.environ, "PYTHONPATH": os.pathsep.join(paths)}
    ended = subprocess.run(begin, cwd=site, env=env, capture_output=True, text=True, timeout=120)
    return ended.returncode, ended.stdout, ended.stderr


def test_the_library_and_the_command_line_run_a_model_by_its_folder(site: Path) -> None:
    panda, model = str(photo("panda.webp")), str(ROOT / "model/efficientnet-lite0")
    status, out, err = run(site, "classify", "--model", model, panda)
    assert (status, err) == (0, "")
    assert "giant panda" in out
    code = (
        "import sys, classifier; from classifier import Classifier, Limits, Workers\n"
        "with Classifier.load(sys.argv[1], decoder=Workers(Limits())) as model:\n"
        "    print(classifier.__file__, model.classify(sys.argv[2]).predictions[0].label)\n"
    )
    status, out, err = run(site, model, panda, code=code)
    assert (status, err) == (0, "")
    assert out == f"{site}/classifier/__init__.py giant panda\n"
    assert (site / "classifier/py.typed").exists()
    assert (site / "classifier/evaluation/imagenet.txt").exists()


@pytest.mark.parametrize("command", [["classify", "x.jpg"], ["serve"], ["serve", "--model", "tiny"], ["info"]])
def test_what_an_installed_copy_lacks_is_said_at_once(site: Path, command: list[str]) -> None:
    _, out, err = run(site, *command)
    assert "Traceback" not in err
    said = out if command == ["info"] else err
    assert "this installed copy has the library and the command line alone, without the models and the page" in said
    assert "`pip install --editable CHECKOUT`" in said


def test_the_doctor_says_it_and_does_not_fail_itself(site: Path) -> None:
    status, out, err = run(site, "doctor")
    assert (status, err) == (1, "")
    assert "FileNotFoundError" not in out
    assert "ok    Python: " in out
    assert "warn  installation: this installed copy has the library and the command line alone" in out
