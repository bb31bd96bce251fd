"""`classifier explain`: a heat map as text, as a picture and as JSON."""

from __future__ import annotations

import io
import json
from pathlib import Path

import numpy as np
import pytest
from PIL import Image

from classifier import Classifier, cli
from classifier.settings import Settings
from tests.support.command import PANDA, run
from tests.support.packages import LITE0

pytestmark = pytest.mark.usefixtures("lite0")


def test_the_best_class_is_drawn_in_text(capsys: pytest.CaptureFixture[str]) -> None:
    assert cli.main(["explain", str(PANDA)]) == 0
    first, label, *rows = capsys.readouterr().out.splitlines()
    assert first == f"{PANDA}, by cam, from 214, 43 to 810, 638:"
    assert label.endswith("  giant panda (388)")
    assert len(rows) == 7
    assert "@@" in "".join(rows)


def test_labels_are_found_by_name_in_any_language_and_by_index(capsys: pytest.CaptureFixture[str]) -> None:
    assert cli.main(["explain", "--label", "Koala", "--label", "大熊猫", "--label", "387", str(PANDA)]) == 0
    out = capsys.readouterr().out
    assert [f"({index})" in out for index in (105, 388, 387)] == [True] * 3


def test_json_is_that_of_classify_with_the_explanation(capsys: pytest.CaptureFixture[str]) -> None:
    assert cli.main(["explain", "--json", "--label", "koala", "--view", "whole", str(PANDA)]) == 0
    answer = json.loads(capsys.readouterr().out)
    (found,) = answer["results"]
    model = Classifier.load(LITE0, settings=Settings(backend="litert", view="whole"))
    expected = json.loads(json.dumps(model.classify(PANDA, explain=105).to_dict()))
    assert found.pop("file") == str(PANDA)
    del found["timings"], expected["timings"]
    assert found == expected


def test_the_picture_is_written_with_the_map_over_it(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    file = tmp_path / "why.png"
    assert cli.main(["explain", "--output", str(file), "--opacity", "1", str(PANDA)]) == 0
    drawn, plain = Image.open(file), Image.open(PANDA).convert("RGB")
    assert (drawn.format, drawn.size) == ("PNG", plain.size)
    difference = np.abs(np.asarray(drawn).astype(int) - np.asarray(plain))
    assert difference[:, :200].max() < 60  # outside of what the model saw there is only a JPEG's loss
    assert difference[300, 500].max() > 10


def test_a_picture_from_standard_input_is_written_to_standard_output() -> None:
    ended = run("explain", "--output", "-", "-", input=PANDA.read_bytes())
    assert ended.returncode == 0, ended.stderr
    assert Image.open(io.BytesIO(ended.stdout)).size == (1024, 681)


@pytest.mark.parametrize(
    ("arguments", "said"),
    [
        (["--label", "koalla"], "'koalla' is no class of efficientnet-lite0, the nearest are 'koala'"),
        (["--label", "1000"], "'1000' is no class of efficientnet-lite0"),
        (["--label", "koala", "--label", "387", "--output", "a.png"], "--output draws one class. Give one --label."),
        (["--output", "-", "--json"], "--output and --json both lead to standard output."),
        (["--output", "no/where/a.png"], "no/where"),
    ],
    ids=["name", "index", "several", "both", "folder"],
)
def test_what_cannot_be_done_is_said_before_any_work(
    arguments: list[str], said: str, capsys: pytest.CaptureFixture[str]
) -> None:
    assert cli.main(["explain", *arguments, str(PANDA)]) == 2
    out = capsys.readouterr()
    assert (out.out, said in out.err) == ("", True), out.err


def test_a_picture_is_not_written_over(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    picture = tmp_path / "a.webp"
    picture.write_bytes(PANDA.read_bytes())
    assert cli.main(["explain", "--output", str(picture), str(picture)]) == 2
    assert "would overwrite" in capsys.readouterr().err
    assert picture.read_bytes() == PANDA.read_bytes()


def test_what_is_no_picture_ends_with_its_sentence(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    broken = tmp_path / "a.jpg"
    broken.write_bytes(b"no picture")
    assert cli.main(["explain", str(broken)]) == 1
    assert "not a picture in a supported format" in capsys.readouterr().err
    assert cli.main(["explain", "--json", str(broken)]) == 1
    assert json.loads(capsys.readouterr().out)["results"][0]["error"]["code"] == "unsupported_format"
    assert cli.main(["explain", str(tmp_path / "none.jpg")]) == 1
