"""The table of backends: whole, light, and all that adding one takes."""

from __future__ import annotations

import subprocess
import sys
from dataclasses import replace
from typing import get_args

import pytest

from classifier import BackendError, Classifier, ModelPackage, Settings, cli
from classifier.backends import names
from classifier.backends.choice import choose, load_backend
from classifier.evaluation import html
from classifier.package import Form
from tests.support.dummy_backend import DUMMY
from tests.support.evaluations import evaluation, package
from tests.support.packages import LITE0
from tests.support.photos import ROOT, photo


@pytest.fixture
def _dummy(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setitem(names.BACKENDS, DUMMY.name, DUMMY)


def test_reading_the_table_imports_nothing_heavy() -> None:
    code = (
        "import sys; import classifier.backends.names;"
        "heavy = {'numpy', 'pydantic', 'PIL', 'ai_edge_litert', 'onnxruntime', 'tensorflow'} & set(sys.modules);"
        "assert not heavy, heavy"
    )
    subprocess.run([sys.executable, "-c", code], check=True, cwd=ROOT)


def test_each_form_of_weights_has_something_that_runs_it() -> None:
    assert all(names.runners(form) for form in get_args(Form))


def test_what_must_be_installed_comes_with_how() -> None:
    for one in names.BACKENDS.values():
        assert bool(one.needs) == bool(one.hint), one.name


@pytest.mark.usefixtures("_dummy")
def test_a_backend_is_added_by_its_module_and_one_record(capsys: pytest.CaptureFixture[str]) -> None:
    backend, reason = load_backend(ModelPackage.load(LITE0), "dummy", 1)
    assert (backend.name, reason) == ("dummy", "chosen by the operator")
    result = Classifier.load(LITE0, settings=Settings(backend="dummy")).classify(photo("panda.webp"))
    assert (result.backend, result.device, result.predictions[0].index) == ("dummy", "Abacus", 0)
    with pytest.raises(SystemExit):
        cli.main(["serve", "--help"])
    assert "{auto,litert,onnx,tensorflow,remote,dummy}" in capsys.readouterr().out


@pytest.mark.usefixtures("_dummy")
def test_its_title_stands_in_the_report() -> None:
    found = replace(evaluation(package(3), 9), backend="dummy")
    assert "Dummy Runtime" in html.render(found, [])


@pytest.mark.usefixtures("_dummy")
def test_the_fastest_that_can_run_a_package_is_still_chosen() -> None:
    assert choose(ModelPackage.load(LITE0)).name != "dummy"


def test_an_unknown_one_is_refused_with_those_there_are() -> None:
    with pytest.raises(BackendError, match=r"no backend 'dummy'\. Choose auto, litert, onnx, tensorflow or remote\."):
        load_backend(ModelPackage.load(LITE0), "dummy", 1)
    assert names.title("dummy") == "dummy"


@pytest.mark.usefixtures("_dummy")
def test_one_that_is_not_installed_says_what_to_install(monkeypatch: pytest.MonkeyPatch) -> None:
    lacking = DUMMY._replace(needs="no_such_module", hint="Install an abacus.")
    monkeypatch.setitem(names.BACKENDS, DUMMY.name, lacking)
    with pytest.raises(BackendError) as caught:
        load_backend(ModelPackage.load(LITE0), "dummy", 1)
    assert caught.value.message == ("The dummy backend needs Dummy Runtime, which is not installed. Install an abacus.")
    monkeypatch.setenv("IMAGE_FLAVOR", "edge")  # where nothing can be installed
    with pytest.raises(BackendError, match=r"not installed\. This is the edge image; the cpu image has it"):
        load_backend(ModelPackage.load(LITE0), "dummy", 1)
