"""A model that computes NaN or infinity has no answer: not the first class, not a right one, and no broken JSON.

Nor has one whose scores are not what its package says: a score of 4.2 is no probability.
"""

from __future__ import annotations

import io
import math
from pathlib import Path

import pytest
from onnx import helper
from PIL import Image
from starlette.applications import Starlette
from starlette.testclient import TestClient

from classifier import Classification, Classifier, ModelPackage, Settings, cli
from classifier.errors import NotFiniteError, PackageError
from tests.support import tiny_onnx
from tests.support.api import PANDA, classify, problem
from tests.support.photos import photo
from tests.support.tiny_onnx import SCORES
from web.api import routes
from web.app import routes as ours
from web.models import Models

BLACK = Image.new("RGB", (64, 48))


def png(image: Image.Image) -> bytes:
    file = io.BytesIO()
    image.save(file, "PNG")
    return file.getvalue()


@pytest.fixture(params=[math.nan, math.inf, -math.inf], ids=str)
def broken(request: pytest.FixtureRequest, tmp_path: Path) -> ModelPackage:
    return tiny_onnx.package(tmp_path / "tiny", tiny_onnx.network(bias=request.param))


def test_what_is_not_finite_is_refused_by_name_in_every_way(broken: ModelPackage) -> None:
    model = Classifier.load(broken)
    with pytest.raises(NotFiniteError, match=r"The model tiny has no answer for this picture: it computes NaN"):
        model.classify(PANDA)
    with model.queue.take() as turn, pytest.raises(NotFiniteError):
        model.infer(PANDA, turn)
    for found in (*model.classify_many([PANDA, PANDA]), *model.scores_many([PANDA])):
        assert isinstance(found, NotFiniteError)


def test_an_evaluation_counts_it_as_a_failure(
    broken: ModelPackage, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.chdir(tmp_path)
    Path("data.csv").write_text(f"{photo('panda.webp')},cat\n")
    assert cli.main(["evaluate", str(broken.folder), "data.csv"]) == 2
    out, err = capsys.readouterr()
    assert "100.0%" not in out
    assert "has no answer for this picture" in err
    assert err.endswith("classifier: data.csv: none of its pictures could be classified.\n")


def test_a_model_that_standardises_refuses_only_what_has_no_deviation(tmp_path: Path) -> None:
    model = Classifier.load(tiny_onnx.package(tmp_path / "tiny", tiny_onnx.network(standardised=True)))
    black, seen = model.classify_many([BLACK, PANDA])
    assert isinstance(black, NotFiniteError)
    assert isinstance(seen, Classification)


def test_the_api_says_it_as_a_problem(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    folder = tiny_onnx.package(tmp_path / "tiny", tiny_onnx.network(standardised=True)).folder
    models = Models(Settings(model=str(folder), models=tmp_path))
    models.start()
    monkeypatch.setattr(routes, "models", lambda: models)
    client = TestClient(Starlette(routes=ours), raise_server_exceptions=False)
    assert "NaN or infinity" in problem(classify(client, png(BLACK)), 422, "not_finite")
    assert classify(client, PANDA).status_code == 200


def test_logits_are_not_shown_as_probabilities(tmp_path: Path) -> None:
    folder = tiny_onnx.package(tmp_path / "tiny", tiny_onnx.network(bias=4.2)).folder
    said(folder, "logits = true", "logits = false")
    with pytest.raises(PackageError, match=r"model\.toml: the model's scores are not probabilities, which model\.toml"):
        Classifier.load(folder)


def test_logits_are_not_shown_as_probabilities_where_only_some_pictures_tell(tmp_path: Path) -> None:
    model = tiny_onnx.network(bias=0.4)  # 0.4, 0.2 and -0.3 for a black picture
    model.graph.node.append(helper.make_node("Relu", [SCORES], ["positive scores"]))
    model.graph.output[0].name = "positive scores"
    folder = tiny_onnx.package(tmp_path / "tiny", model, scale="std = 1.0").folder
    said(folder, "logits = true", "logits = false")
    black, seen = Classifier.load(folder).classify_many([BLACK, PANDA])
    assert isinstance(black, Classification)
    assert isinstance(seen, PackageError)


def test_probabilities_do_not_get_a_second_softmax(tmp_path: Path) -> None:
    model = tiny_onnx.network()
    model.graph.node.append(helper.make_node("Softmax", [SCORES], ["softmax"]))
    model.graph.output[0].name = "softmax"
    folder = tiny_onnx.package(tmp_path / "tiny", model).folder
    with pytest.raises(PackageError, match=r"scores are probabilities already, but model\.toml says logits"):
        Classifier.load(folder)
    said(folder, "logits = true", "logits = false")
    assert Classifier.load(folder).classify(PANDA).predictions


def said(folder: Path, old: str, new: str) -> None:
    """Has a package say something else."""
    file = folder / "model.toml"
    text = file.read_text("utf-8")
    assert old in text
    file.write_text(text.replace(old, new), "utf-8")
