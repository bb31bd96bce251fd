"""What is found at a path: files by content, folders and zips by what they hold, and what is refused."""

from __future__ import annotations

import zipfile
from pathlib import Path

import pytest

from classifier.errors import BackendError, ModelFileError
from classifier.importing import sources
from classifier.importing.options import SCALES
from tests.support.imported import LABELS, bring, place
from tests.support.installed import pretend
from tests.support.tiny_tflite import Tiny

TINY = Tiny().build()
NUMBERED = tuple(f"{index} {label}" for index, label in enumerate(LABELS))


def zipped(file: Path, entries: dict[str, bytes]) -> Path:
    file.parent.mkdir(parents=True, exist_ok=True)
    with zipfile.ZipFile(file, "w", zipfile.ZIP_DEFLATED) as archive:
        for name, data in entries.items():
            archive.writestr(name, data)
    return file


def test_teachable_machines_zip_of_floats(tmp_path: Path) -> None:
    labels = "\n".join(NUMBERED).encode()
    source = zipped(tmp_path / "converted_tflite.zip", {"model_unquant.tflite": TINY, "labels.txt": labels})
    imported, said = bring(source)
    assert imported.package.labels == {"en": LABELS}
    spec = imported.package.manifest.input
    assert (spec.mean, spec.std, spec.resample) == (127.5, 127.5, "lanczos")
    assert "Teachable Machine" in said["values"]
    assert str(source) in said["found"]


def test_teachable_machines_zip_of_whole_numbers(tmp_path: Path) -> None:
    model = Tiny(dtype="uint8", quantisation=((1 / 127.5, 127), (1 / 256, 0))).build()
    source = zipped(tmp_path / "a.zip", {"model.tflite": model, "labels.txt": "\n".join(NUMBERED).encode()})
    imported, _ = bring(source)
    assert (imported.package.manifest.input.mean, imported.package.manifest.input.std) == (127.5, 127.5)


def test_other_labels_and_names_are_not_teachable_machines(tmp_path: Path) -> None:
    for number, (name, labels) in enumerate([("model_unquant.tflite", LABELS), ("mine.tflite", NUMBERED)]):
        imported, _ = bring(place(tmp_path / str(number), TINY, name, labels))
        assert imported.package.labels == {"en": LABELS}
        assert imported.package.manifest.input.std == SCALES["unit"].std


@pytest.mark.parametrize("packed", [False, True])
def test_teachable_machines_saved_model(tmp_path: Path, packed: bool) -> None:
    files = {
        "model.savedmodel/saved_model.pb": b"graph",
        "model.savedmodel/variables/variables.index": b"index",
        "model.savedmodel/variables/variables.data-00000-of-00001": b"data",
        "labels.txt": "\n".join(NUMBERED).encode(),
    }
    scratch = tmp_path / "scratch"
    scratch.mkdir()
    archive = zipped(tmp_path / "converted_savedmodel.zip", files)
    if packed:
        found = sources.find(archive, scratch)
    else:
        with zipfile.ZipFile(archive) as opened:
            opened.extractall(tmp_path / "folder")
        found = sources.find(tmp_path / "folder", scratch)
    assert (found.kind, found.file.name, found.teachable_machine) == ("saved_model", "model.savedmodel", True)
    assert [one.path.read_bytes() for one in found.labels] == [files["labels.txt"]]
    inside = {str(path.relative_to(found.file)) for path in found.file.rglob("*") if path.is_file()}
    assert inside == {"saved_model.pb", "variables/variables.index", "variables/variables.data-00000-of-00001"}


@pytest.mark.parametrize("inner", ["", "export/"])
def test_a_folder_or_a_zip_of_one(tmp_path: Path, inner: str) -> None:
    place(tmp_path / "folder" / inner, TINY)
    imported, _ = bring(tmp_path / "folder")
    assert imported.package.labels == {"en": LABELS}
    labels = "\n".join(LABELS).encode()
    entries = {f"{inner}m.tflite": TINY, f"{inner}labels.txt": labels, "__MACOSX/._m.tflite": b"x", "readme.md": b"x"}
    imported, _ = bring(zipped(tmp_path / "zip" / "a.zip", entries))
    assert imported.package.labels == {"en": LABELS}


def test_a_file_is_known_by_its_content(tmp_path: Path) -> None:
    imported, _ = bring(place(tmp_path, TINY, "no_ending_at_all"))
    assert imported.package.name == "package"


def test_several_models_are_too_many(tmp_path: Path) -> None:
    place(tmp_path / "folder", TINY, "a.tflite")
    place(tmp_path / "folder", TINY, "b.tflite")
    with pytest.raises(ModelFileError, match=r"it holds several models: a\.tflite, b\.tflite"):
        bring(tmp_path / "folder")


@pytest.mark.parametrize(
    ("name", "data", "problem"),
    [
        ("photo.jpg", b"\xff\xd8\xff\xe0 no model", "it is a picture"),
        ("something", b"\x01\x02 no model", "not a model file of a known kind"),
        ("model.tflite", b"no model", "by its content it is not"),
        ("model.keras", b"no model", "by its content it is not"),
        ("model.h5", b"no model", "by its content it is not"),
        ("empty", b"", "an empty file"),
    ],
)
def test_what_is_no_model_is_refused(tmp_path: Path, name: str, data: bytes, problem: str) -> None:
    with pytest.raises(ModelFileError, match=problem):
        bring(place(tmp_path, data, name))


def test_a_missing_source_an_empty_folder_and_an_empty_zip(tmp_path: Path) -> None:
    with pytest.raises(ModelFileError, match="no such file or folder"):
        bring(tmp_path / "none.tflite")
    (tmp_path / "folder").mkdir()
    with pytest.raises(ModelFileError, match="it holds no model"):
        bring(tmp_path / "folder")
    with pytest.raises(ModelFileError, match="it holds no model"):
        bring(zipped(tmp_path / "a.zip", {"readme.md": b"x"}))


def test_a_truncated_zip(tmp_path: Path) -> None:
    whole = zipped(tmp_path / "a.zip", {"m.tflite": TINY}).read_bytes()
    (tmp_path / "cut.zip").write_bytes(whole[: len(whole) // 2])
    with pytest.raises(ModelFileError, match="a zip file that is damaged or cut off"):
        bring(tmp_path / "cut.zip")
    hole = bytearray(whole)
    hole[60:90] = bytes(30)
    (tmp_path / "hole.zip").write_bytes(hole)
    with pytest.raises(ModelFileError, match="zip file is damaged"):
        bring(tmp_path / "hole.zip")


def test_a_zip_without_a_whole_directory(tmp_path: Path) -> None:
    whole = zipped(tmp_path / "a.zip", {"m.tflite": TINY}).read_bytes()
    damaged = whole.replace(b"PK\x01\x02", b"PK\x00\x00")
    (tmp_path / "a.zip").write_bytes(damaged)
    with pytest.raises(ModelFileError, match="a zip file that is damaged"):
        bring(tmp_path / "a.zip")
    (tmp_path / "a.keras").write_bytes(damaged)
    with pytest.raises(ModelFileError, match=r"by its content it is not: it is .* damaged"):
        bring(tmp_path / "a.keras")


def test_a_zip_that_leads_out_of_its_folder_writes_nothing_there(tmp_path: Path) -> None:
    entries = {"../../escaped.tflite": TINY, "/escaped.tflite": TINY, "a/../../escaped.tflite": TINY}
    with pytest.raises(ModelFileError, match="it holds no model"):
        bring(zipped(tmp_path / "a.zip", entries))
    assert not list(tmp_path.parent.rglob("escaped.tflite"))


def test_a_zip_that_unpacks_to_too_much(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(sources, "_MOST_BYTES", 1_000_000)
    source = zipped(tmp_path / "bomb.zip", {"m.tflite": bytes(1_000_001)})
    assert source.stat().st_size < 10_000
    with pytest.raises(ModelFileError, match=r"holds over .* Unpack it first"):
        bring(source)


def test_without_tensorflow_its_files_are_refused_with_what_to_install(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    pretend(monkeypatch, "tensorflow", installed=False)
    source = zipped(tmp_path / "model.keras", {"config.json": b"{}", "metadata.json": b"{}"})
    with pytest.raises(BackendError, match=r"needs TensorFlow, which is not installed.*requirements/tensorflow\.txt"):
        bring(source)


def test_what_exists_is_left_alone(tmp_path: Path) -> None:
    source = place(tmp_path, TINY)
    (tmp_path / "package").mkdir()
    (tmp_path / "package" / "mine.txt").write_text("mine")
    with pytest.raises(ModelFileError, match="exists already"):
        bring(source)
    assert [path.name for path in (tmp_path / "package").iterdir()] == ["mine.txt"]
