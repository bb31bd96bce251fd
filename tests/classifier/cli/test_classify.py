"""`classifier classify`: which files are classified, and what is said of those that cannot be."""

from __future__ import annotations

import csv
import io
import json
import os
import re
import shutil
import subprocess
import sys
from pathlib import Path

import pytest
from PIL import Image

from classifier import Classifier, cli
from classifier.picture.formats import ENDINGS
from classifier.settings import Settings
from classifier.views import VIEWS
from tests.support import evil
from tests.support.command import ENVIRONMENT, PANDA, run
from tests.support.packages import LITE0, changed
from tests.support.photos import ROOT, golden_photos, photo
from tests.support.unprivileged import bound_by_file_modes

pytestmark = pytest.mark.usefixtures("lite0")


def test_scores_are_those_of_the_library(capsys: pytest.CaptureFixture[str]) -> None:
    paths = [one.path for one in golden_photos()[:4]]
    assert cli.main(["classify", "--json", "--top-k", "3", *map(str, paths)]) == 0
    answer = json.loads(capsys.readouterr().out)
    assert answer["model"] == "efficientnet-lite0"
    model = Classifier.load(LITE0, settings=Settings(backend="litert"))
    for path, found in zip(paths, answer["results"], strict=True):
        expected = json.loads(json.dumps(model.classify(path, top_k=3).to_dict()))
        assert found.pop("file") == str(path)
        del found["timings"], expected["timings"]
        assert found == expected


def test_a_package_with_labels_in_one_language_needs_no_option(
    capsys: pytest.CaptureFixture[str], tmp_path: Path
) -> None:
    changed(tmp_path / "zh", ('en = "labels.en.txt"\n', ""))
    assert cli.main(["classify", "--model", "./zh", "--top-k", "1", str(PANDA)]) == 0
    assert "大熊猫" in capsys.readouterr().out


def test_files_may_stand_before_and_after_options(capsys: pytest.CaptureFixture[str]) -> None:
    arguments = ["classify", str(PANDA), "--top-k", "1", "nope", "--json", str(PANDA)]
    assert cli.main(arguments) == 1
    answer = json.loads(capsys.readouterr().out)
    assert [one["file"] for one in answer["results"]] == [str(PANDA), "nope", str(PANDA)]


def test_bad_files_are_reported_and_the_rest_go_on(capsys: pytest.CaptureFixture[str], tmp_path: Path) -> None:
    (tmp_path / "empty.jpg").touch()
    (tmp_path / "text.jpg").write_text("not a picture")
    (tmp_path / "half.webp").write_bytes(PANDA.read_bytes()[:5000])
    (tmp_path / "folder").mkdir()
    (tmp_path / "folder" / "notes.txt").touch()
    shutil.copy(PANDA, tmp_path / "no_ending")
    os.mkfifo(tmp_path / "pipe.jpg")
    names = ["missing.jpg", "empty.jpg", "no_ending", "text.jpg", "half.webp", "folder"]
    names += ["pipe.jpg", "/dev/zero", str(PANDA), "no_ending/inside.jpg"]
    assert cli.main(["classify", "--json", *names]) == 1
    out, err = capsys.readouterr()
    results = json.loads(out)["results"]
    assert [one["file"] for one in results] == names
    codes = [one["error"]["code"] if "error" in one else "" for one in results]
    assert codes == [
        *("missing_file", "empty_file", "", "unsupported_format", "broken_image", "no_pictures"),
        *("not_a_file", "not_a_file", "", "not_readable"),
    ]
    lines = err.splitlines()
    assert len(lines) == 8
    assert all(re.fullmatch(r"classifier: \S+: [A-Z].*\.", line) for line in lines), err
    assert lines[0] == "classifier: missing.jpg: There is no such file. Check its name and folder."
    assert lines[1] == "classifier: empty.jpg: This file is empty. Export or download the picture again."


def test_a_note_is_told_beside_the_answer(capsys: pytest.CaptureFixture[str], tmp_path: Path) -> None:
    with Image.open(PANDA) as image:
        image.convert("RGB").save(tmp_path / "whole.jpg")
    (tmp_path / "cut.jpg").write_bytes((tmp_path / "whole.jpg").read_bytes()[:-2])
    for option in ("--json", "--csv"):
        assert cli.main(["classify", option, "whole.jpg", "cut.jpg"]) == 0
        out, err = capsys.readouterr()
        said = "The file is cut off near its end: 681 of its 681 rows of pixels are there."
        assert err == f"classifier: cut.jpg: {said}\n"
        assert (said in out) == (option == "--json")


def test_a_picture_that_ends_its_decoder_costs_one_line() -> None:
    Path("crash.jpg").write_bytes(evil.picture("crash"))
    command = [sys.executable, "-m", "tests.support.evil", "classify", "--csv", "crash.jpg", str(photo("panda.webp"))]
    environment = {**ENVIRONMENT, "PYTHONPATH": str(ROOT)}
    ended = subprocess.run(command, env=environment, capture_output=True, text=True, timeout=120, check=False)
    assert ended.returncode == 1
    said = "Decoding this picture failed, or takes too long. Export it again, or in another format."
    assert ended.stderr == f"classifier: crash.jpg: {said}\n"
    assert "giant panda" in ended.stdout


def test_a_folder_stands_for_the_pictures_in_it(capsys: pytest.CaptureFixture[str], tmp_path: Path) -> None:
    photos = tmp_path / "photos"
    for name in ("b.webp", "A.WEBP", ".hidden.webp", "deep/er/c.JPG", ".git/d.webp", "notes.txt"):
        (photos / name).parent.mkdir(parents=True, exist_ok=True)
        shutil.copy(PANDA, photos / name)
    assert cli.main(["classify", "--csv", "--top-k", "1", "photos"]) == 0
    rows = list(csv.DictReader(io.StringIO(capsys.readouterr().out)))
    assert [row["file"] for row in rows] == [
        "photos/A.WEBP",
        "photos/b.webp",
        "photos/deep/er/c.JPG",
    ]
    assert {row["label"] for row in rows} == {"giant panda"}
    assert cli.main(["classify", "--csv", "--top-k", "1", "photos/.git"]) == 0


def test_in_a_folder_content_decides_where_the_name_does_not_say(
    capsys: pytest.CaptureFixture[str], tmp_path: Path
) -> None:
    photos = tmp_path / "photos"
    photos.mkdir()
    jpeg = photo("rocket.jpg").read_bytes()
    kept = ("IMG_1.JPE", "IMG_2.MPO", "IMG_3.weird", "IMG_4", "a.b.", "photo.jpg.bak")
    for name in kept:
        (photos / name).write_bytes(jpeg)
    (photos / "IMG_5.HIF").write_bytes(jpeg[:2000])  # by its ending it is meant to be a picture: damage is told
    left = {
        "README": b"BM25 ranks documents.\n" * 20,
        "LICENSE": b"GIF89a is a format, II*, too.\n",
        "labels.csv": b"path,label\nIMG_1.JPE,rocket\n",
        "notes.txt": jpeg,
        "Thumbs.db": b"\xd0\xcf\x11\xe0\xa1\xb1\x1a\xe1" + bytes(600),
        "film.mp4": b"\0\0\0\x18ftypmp42\0\0\0\0mp42isom" + bytes(600),
        "sound.wav": b"RIFF\x24\0\0\0WAVEfmt " + bytes(600),
        "empty": b"",
        ".IMG_1": jpeg,
    }
    for name, data in left.items():
        (photos / name).write_bytes(data)
    os.mkfifo(photos / "pipe")
    (photos / "link").symlink_to("nowhere")
    assert cli.main(["classify", "--json", "photos"]) == 1
    out, err = capsys.readouterr()
    assert [one["file"] for one in json.loads(out)["results"]] == [
        f"photos/{name}" for name in sorted((*kept, "IMG_5.HIF"))
    ]
    assert err.startswith("classifier: photos/IMG_5.HIF: ")
    assert err.count("\n") == 1


def test_a_folder_without_pictures_names_their_endings(capsys: pytest.CaptureFixture[str], tmp_path: Path) -> None:
    (tmp_path / "empty").mkdir()
    assert cli.main(["classify", "empty"]) == 1
    out, err = capsys.readouterr()
    assert out == ""
    assert err.startswith("classifier: empty: This folder holds no pictures")
    assert all(ending in err for ending in ENDINGS)


def test_what_may_not_be_read_is_one_line_each(tmp_path: Path) -> None:
    shutil.copy(PANDA, tmp_path / "locked.webp")
    (tmp_path / "locked").mkdir()
    (tmp_path / "locked.webp").chmod(0)
    (tmp_path / "locked").chmod(0)
    ended = run("classify", "--json", "locked.webp", "locked", PANDA, cwd=tmp_path, preexec_fn=bound_by_file_modes)
    (tmp_path / "locked").chmod(0o700)
    assert ended.returncode == 1
    file, folder = ended.stderr.decode().splitlines()
    user, command = f"(uid {os.getuid()})", "`chmod -R a+rX "
    assert file.startswith("classifier: locked.webp: This file may not be read by the user ")
    assert folder.startswith("classifier: locked: This folder cannot be listed: the user ")
    assert all(user in line and f"{command}{tmp_path}/locked" in line for line in (file, folder))
    results = json.loads(ended.stdout)["results"]
    assert [one.get("error", {}).get("code") for one in results] == ["not_permitted", "unlisted_folder", None]


@pytest.mark.skipif(sys.platform != "linux", reason="macOS refuses such names")
def test_names_that_are_no_text_come_through_as_they_are(tmp_path: Path) -> None:
    name = os.fsdecode(b"caf\xe9\n.webp")
    shutil.copy(PANDA, tmp_path / name)
    ended = run("classify", "--json", ".", cwd=tmp_path)
    assert ended.returncode == 0, ended.stderr
    assert json.loads(ended.stdout)["results"][0]["file"] == f"./{name}"
    plain = run("classify", ".", cwd=tmp_path)
    assert plain.stdout.splitlines()[0] == rb"./caf\udce9\n.webp"


@pytest.mark.parametrize(
    ("arguments", "expected"),
    [
        (["--model", "big"], "There is no model named 'big'. Choose from: cifar10, efficientnet-lite0, "),
        (["--model", "./nowhere"], "nowhere is not a model package"),
        (["--lang", "fr"], "has no labels in 'fr'. Choose from: en, zh."),
    ],
)
@pytest.mark.parametrize("form", [[], ["--json"], ["--csv"]])
def test_what_the_model_lacks_is_said_before_anything_is_written(
    capsys: pytest.CaptureFixture[str], arguments: list[str], expected: str, form: list[str]
) -> None:
    assert cli.main(["classify", *arguments, *form, str(PANDA)]) == 2
    out, err = capsys.readouterr()
    assert out == ""
    assert err.startswith("classifier: ")
    assert expected in err
    assert err.count("\n") == 1


def test_a_view_is_chosen(capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch) -> None:
    def found(*arguments: str) -> tuple[object, ...]:
        assert cli.main(["classify", "--json", str(PANDA), *arguments]) == 0
        (one,) = json.loads(capsys.readouterr().out)["results"]
        return one["view"], one["box"], one["predictions"][0]["score"]

    model = Classifier.load(LITE0, settings=Settings(backend="litert"))
    for view in VIEWS:
        expected = model.classify(PANDA, view=view)
        assert found("--view", view) == (view, list(expected.box), expected.predictions[0].score)
    assert found() == found("--view", "crop")
    monkeypatch.setenv("CLASSIFIER_VIEW", "whole")
    assert found() == found("--view", "whole") != found("--view", "crop")


def test_another_view_is_refused(capsys: pytest.CaptureFixture[str]) -> None:
    with pytest.raises(SystemExit):
        cli.main(["classify", "--view", "all", str(PANDA)])
    assert "invalid choice: 'all'" in capsys.readouterr().err
