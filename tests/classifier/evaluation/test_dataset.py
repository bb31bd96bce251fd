"""Which pictures are measured, and what they are said to be: folders, CSV files, and names of classes."""

from __future__ import annotations

import os
from pathlib import Path

import pytest

from classifier import ClassifierError, ModelPackage, ParameterError
from classifier.errors import InputError
from classifier.evaluation.dataset import read_dataset
from classifier.evaluation.naming import ClassNames, read_names
from tests.support.evaluations import package
from tests.support.photos import ROOT

TEN = package(
    4,
    en=("cat", "dog", "Café crème", "sports car"),
    zh=("猫", "狗", "咖啡", "跑车"),
)


@pytest.fixture(scope="module")
def imagenet() -> ModelPackage:
    return ModelPackage.load(ROOT / "model/efficientnet-lite0")


def tree(root: Path, *names: str) -> str:
    for name in names:
        (root / name).parent.mkdir(parents=True, exist_ok=True)
        (root / name).touch()
    return str(root)


@pytest.mark.parametrize(
    ("name", "index"),
    [
        *(("cat", 0), ("CAT", 0), ("  Dog ", 1), ("狗", 1), ("3", 3), ("03", 3)),
        *(("Sports Car", 3), ("Cafe\u0301 cre\u0300me", 2)),  # as macOS spells file names
    ],
)
def test_a_class_is_named_by_a_label_in_any_language_or_its_index(name: str, index: int) -> None:
    assert ClassNames(TEN).find([name]) == {name: index}


def test_a_label_that_looks_like_an_index_is_a_label() -> None:
    digits = package(3, en=("2", "1", "0"))
    assert ClassNames(digits).find(["0", "1", "2"]) == {"0": 2, "1": 1, "2": 0}


def test_an_unknown_name_is_an_error_with_the_nearest_labels(imagenet: ModelPackage) -> None:
    with pytest.raises(InputError) as caught:
        ClassNames(imagenet).find(["giant pandas", "388", "xyzzy"])
    assert caught.value.message == (
        "'giant pandas' is no class of efficientnet-lite0, the nearest are 'giant panda'. "
        "'xyzzy' is no class of efficientnet-lite0. "
        "Use the labels of efficientnet-lite0, or class indices from 0 to 999."
    )


@pytest.mark.parametrize(
    ("name", "index"),
    [
        *(
            ("Red_Panda", 387),
            ("red-panda", 387),
            ("RED  PANDA", 387),
            ("n02509815", 387),
            ("n02509815_lesser_panda", 387),
        ),
        ("lesser panda, red panda, panda, bear cat, cat bear, Ailurus fulgens", 387),
        *(("Ailurus fulgens", 387), ("ice bear", 296), ("hotdog", 934), ("tub", 876), ("polecat", 358)),
        *(("jack-o'-lantern", 607), ("jack_o_lantern", 607), ("cardigan", 474)),
    ],
)
def test_imagenets_own_names_are_known(imagenet: ModelPackage, name: str, index: int) -> None:
    assert ClassNames(imagenet).find([name]) == {name: index}


def test_every_id_and_almost_every_official_name_stands_for_its_class(imagenet: ModelPackage) -> None:
    lines = [line.partition(" ") for line in (ROOT / "classifier/evaluation/imagenet.txt").read_text().splitlines()]
    names = ClassNames(imagenet)
    for index, (wordnet, _, words) in enumerate(lines):
        assert names.find([wordnet]) == {wordnet: index}
        for name in (words, words.partition(",")[0].replace(" ", "_")):
            if name.casefold() in ("crane", "cardigan", "maillot"):  # several classes
                continue
            assert names.find([name]) == {name: index}


def test_a_name_of_a_dog_that_is_also_a_jacket_is_refused(imagenet: ModelPackage) -> None:
    with pytest.raises(InputError, match="'Cardigan' is the label of 2 classes: use an index, 264 or 474"):
        ClassNames(imagenet).find(["Cardigan"])


def test_other_models_know_no_official_names() -> None:
    with pytest.raises(InputError, match="is no class"):
        ClassNames(TEN).find(["n02509815"])


def test_many_unknown_names_are_not_all_listed() -> None:
    with pytest.raises(InputError, match=r"'x4' is no class .* And 3 more like that\."):
        ClassNames(TEN).find([f"x{number}" for number in range(8)])


def test_a_name_of_thousands_of_digits_is_unknown() -> None:
    with pytest.raises(InputError, match="is no class"):
        ClassNames(TEN).find(["9" * 5000])


def test_an_index_out_of_range_is_unknown() -> None:
    with pytest.raises(InputError, match=r"'4' is no class.* class indices from 0 to 3\."):
        ClassNames(TEN).find(["4"])


def test_a_label_of_two_classes_needs_an_index() -> None:
    names = ClassNames(package(3, en=("crow", "crane", "crane")))
    with pytest.raises(InputError, match=r"'crane' is the label of 2 classes: use an index, 1 or 2\."):
        names.find(["crane"])
    assert names.find(["2"]) == {"2": 2}


def test_an_official_name_of_two_classes_needs_an_index(imagenet: ModelPackage) -> None:
    with pytest.raises(InputError, match=r"'crane' is the label of 2 classes: use an index, 134 or 517\."):
        ClassNames(imagenet).find(["crane"])


def test_further_names_of_the_classes(tmp_path: Path) -> None:
    (tmp_path / "names.txt").write_text("n01\nn02\nn03\nn04\n", "utf-8")
    names = read_names(tmp_path / "names.txt", 4)
    assert ClassNames(TEN, names).find(["n03", "dog"]) == {"n03": 2, "dog": 1}
    with pytest.raises(InputError, match=r"expected 5 labels, one on each line, .* but found 4"):
        read_names(tmp_path / "names.txt", 5)
    with pytest.raises(InputError, match=r"nowhere\.txt: the labels cannot be read: No such file"):
        read_names(tmp_path / "nowhere.txt", 5)


def test_a_folder_has_one_sub_folder_for_each_class(tmp_path: Path) -> None:
    tree(
        tmp_path,
        "Cat/b.jpg",
        "Cat/deep/a.PNG",
        "Cat/notes.txt",
        "Cat/.hidden.jpg",
        "狗/c.webp",
        "0/d.bmp",
        ".git/x.jpg",
    )
    found = read_dataset(str(tmp_path), TEN)
    named = {
        Path(entry.name).relative_to(tmp_path).as_posix(): truth
        for entry, truth in zip(found.entries, found.truths, strict=True)
    }
    assert named == {"0/d.bmp": 0, "Cat/b.jpg": 0, "Cat/deep/a.PNG": 0, "狗/c.webp": 1}
    assert found.skipped == 1


def test_an_empty_class_folder_is_an_entry_that_failed(tmp_path: Path) -> None:
    tree(tmp_path, "cat/a.jpg", "dog/notes.txt")
    found = read_dataset(str(tmp_path), TEN)
    assert [bool(entry.error) for entry in found.entries] == [False, True]


@pytest.mark.parametrize(
    ("names", "expected"),
    [
        ([], "expected one sub-folder per class, but there is none. Sort"),
        (["a.jpg", "b.jpg"], "expected one sub-folder per class, but 2 pictures are beside them, such as a.jpg. Sort"),
        (["cat/a.jpg", "B.HIF", "README", "labels.csv"], "but 1 pictures are beside them, such as B.HIF"),
        (["cat/a.jpg", "b.jpg"], "but 1 pictures are beside them, such as b.jpg"),
        (["cat/notes.txt", "dog/notes.txt"], "none of its 2 sub-folders holds a picture (.jpg, "),
        (["cats/a.jpg"], "'cats' is no class of efficientnet-lite0, the nearest are 'cat'. Use"),
    ],
)
def test_a_folder_that_cannot_be_measured_says_why(tmp_path: Path, names: list[str], expected: str) -> None:
    tree(tmp_path, *names)
    with pytest.raises(InputError) as caught:
        read_dataset(str(tmp_path), TEN)
    assert expected in caught.value.message


@pytest.mark.parametrize(
    "text",
    [
        "a.jpg,cat\nb/c.jpg,狗\n",
        "path,label\na.jpg,cat\n\n b/c.jpg ,dog\n",
        "\ufeffFile,Class\r\na.jpg,0\r\nb/c.jpg,1\r\n",
        'label,size,path\ncat,3,a.jpg\nDog,4,"b/c.jpg"\n',
    ],
)
def test_a_csv_file_lists_paths_and_labels(tmp_path: Path, text: str) -> None:
    (tmp_path / "list.csv").write_bytes(text.encode())
    found = read_dataset(str(tmp_path / "list.csv"), TEN)
    assert [entry.name for entry in found.entries] == [str(tmp_path / "a.jpg"), str(tmp_path / "b/c.jpg")]
    assert found.truths == [0, 1]


def test_a_csv_files_paths_are_relative_to_it_and_no_standard_input(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    (tmp_path / "list.csv").write_text(f"-,cat\n{tmp_path}/x.jpg,dog\n", "utf-8")
    monkeypatch.chdir(tmp_path)
    found = read_dataset("list.csv", TEN)
    assert [entry.name for entry in found.entries] == ["./-", f"{tmp_path}/x.jpg"]


@pytest.mark.parametrize(
    "text",
    [
        *("filepath,target\na.jpg,cat\nb.jpg,dog\n", "image_path,y\na.jpg,cat\nb.jpg,dog\n"),
        *("id,Image Path,Class Name\n1,a.jpg,cat\n2,b.jpg,dog\n", "label_name;fileName;\ncat;a.jpg;\ndog;b.jpg;1\n"),
        *("Filename,ClassId\na.jpg,0\nb.jpg,1.0\n", 'path, label\n"a.jpg", "cat"\n"b.jpg", "dog"\n'),
        *("a.jpg;cat\nb.jpg;dog\n", "a.jpg\tcat\nb.jpg\tdog\n", "path\tlabel\na.jpg\tcat\nb.jpg\tdog\n"),
        *("sep=;\npath;label\na.jpg;cat\nb.jpg;dog\n", "a;1.jpg,cat\n"),
        '"path","label","note"\n"a.jpg","cat","x;y;z"\n"b.jpg","dog",""\n',
    ],
)
def test_other_columns_and_delimiters(tmp_path: Path, text: str) -> None:
    for encoding in ("utf-8", "utf-16", "utf-32"):
        (tmp_path / "list.csv").write_bytes(text.encode(encoding))
        found = read_dataset(str(tmp_path / "list.csv"), TEN)
        pairs = [(Path(one.name).name, truth) for one, truth in zip(found.entries, found.truths, strict=True)]
        assert pairs in ([("a.jpg", 0), ("b.jpg", 1)], [("a;1.jpg", 0)])


def test_a_column_that_nobody_needs_may_hold_whole_pictures(tmp_path: Path) -> None:
    (tmp_path / "list.csv").write_text(f"path,base64,label\na.jpg,{'A' * 200_000},cat\nb.jpg,,dog\n")
    assert read_dataset(str(tmp_path / "list.csv"), TEN).truths == [0, 1]


def test_names_count_before_the_numbers_of_another_model(tmp_path: Path) -> None:
    for numbers in (("0", "1"), ("0.0", "1.0"), ("0", "1.0")):
        rows = "a.jpg,{},dog\nb.jpg,{},cat\n".format(*numbers)
        (tmp_path / "list.csv").write_text(f"path,label,class_name\n{rows}")
        assert read_dataset(str(tmp_path / "list.csv"), TEN).truths == [1, 0]


def test_several_labels_may_be_right(tmp_path: Path) -> None:
    (tmp_path / "list.csv").write_text("path,labels\na.jpg,dog | cat|1\nb.jpg,sports_car\n")
    found = read_dataset(str(tmp_path / "list.csv"), TEN)
    assert [found.classes(number) for number in range(2)] == [(1, 0), (3,)]
    assert found.truths == [1, 3]


def test_pictures_of_unknown_classes_can_be_left_out(tmp_path: Path) -> None:
    (tmp_path / "list.csv").write_text("path,label\na.jpg,dog\nb.jpg,lion\nc.jpg,lion\nd.jpg,lion|cat\n")
    found = read_dataset(str(tmp_path / "list.csv"), TEN, skip_unknown=True)
    assert (len(found.entries), found.unknown) == (2, {"lion": 2})
    tree(tmp_path / "tree", "cat/a.jpg", "lion/a.jpg", "lion/b.jpg", "lion/notes.txt")
    found = read_dataset(str(tmp_path / "tree"), TEN, skip_unknown=True)
    assert (len(found.entries), found.unknown, found.skipped) == (1, {"lion": 2}, 0)
    for name in ("none.csv", "none"):
        (tmp_path / "none.csv").write_text("a.jpg,lion\n")
        tree(tmp_path / "none", "lion/a.jpg")
        with pytest.raises(InputError, match=r"none of its classes \('lion'\) is one of efficientnet-lite0"):
            read_dataset(str(tmp_path / name), TEN, skip_unknown=True)


@pytest.mark.parametrize("text", ["img_id,species\n1,cat\n", "path,species\na.jpg,cat\n", "a;b;c\n1;2;3\n"])
def test_a_header_that_is_not_understood_is_said_so(tmp_path: Path, text: str) -> None:
    (tmp_path / "list.csv").write_text(text)
    with pytest.raises(InputError, match=r"line 1: this header is not understood: .* `path` and .* `label`\."):
        read_dataset(str(tmp_path / "list.csv"), TEN)


def test_an_encoding_that_is_not_told_is_said_so(tmp_path: Path) -> None:
    for encoding, said in (("utf-16-le", "UTF-16 without the mark"), ("gbk", "no CSV file in UTF-8: invalid")):
        (tmp_path / "list.csv").write_bytes("path,label\n小熊猫.jpg,cat\n".encode(encoding))
        with pytest.raises(InputError, match=rf"{said}.*Save it as CSV UTF-8\."):
            read_dataset(str(tmp_path / "list.csv"), TEN)


def test_paths_of_windows_find_their_pictures(tmp_path: Path) -> None:
    tree(tmp_path, "animals/a.jpg", "odd\\name.jpg")
    (tmp_path / "list.csv").write_text("animals\\a.jpg,cat\nodd\\name.jpg,cat\nanimals\\missing.jpg,dog\n")
    names = [os.path.relpath(entry.name, tmp_path) for entry in read_dataset(str(tmp_path / "list.csv"), TEN).entries]
    assert names == ["animals/a.jpg", "odd\\name.jpg", "animals\\missing.jpg"]


def test_a_nul_byte_is_no_traceback(tmp_path: Path) -> None:
    (tmp_path / "list.csv").write_bytes(b"path,label\na\0b.jpg,cat\n")
    assert len(read_dataset(str(tmp_path / "list.csv"), TEN).entries) == 1
    (tmp_path / "list.csv").write_bytes(b"a\0b,c\0d\n")
    with pytest.raises(InputError, match=r"this header is not understood: 'a\\\\x00b,c"):
        read_dataset(str(tmp_path / "list.csv"), TEN)


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        (b"", "lists no pictures. It needs a line `path,label` for each."),
        (b"path,label\n", "lists no pictures"),
        (b"a.jpg\n", "line 1: expected 2 values, path and label among them, found 'a.jpg'. Separate"),
        (b"a.jpg,cat\nb.jpg;dog\n", "line 2: expected 2 values"),
        (b"a.jpg,cat\nb.jpg,\n", "line 2: expected 2 values"),
        (b"a,b.jpg,cat\n", "line 1: expected 2 values, path and label among them, found 'a,b.jpg,cat'. Separate"),
        (b"path,label,size\na.jpg,cat\n", "line 2: expected 3 values"),
        (b"a.jpg,\xff\n", "this is no CSV file in UTF-8"),
        (b'a.jpg,"cat\n', "this is no CSV file: unexpected end of data"),
        (b"a.jpg,lion\n", "'lion' is no class"),
    ],
)
def test_a_wrong_csv_file_says_where(tmp_path: Path, text: bytes, expected: str) -> None:
    (tmp_path / "list.csv").write_bytes(text)
    with pytest.raises(InputError) as caught:
        read_dataset(str(tmp_path / "list.csv"), TEN)
    assert expected in caught.value.message


def test_what_is_not_there_is_said(tmp_path: Path) -> None:
    with pytest.raises(ClassifierError, match="there is no such folder or CSV file"):
        read_dataset(str(tmp_path / "nowhere"), TEN)


def test_a_picture_as_a_dataset_is_no_csv_file() -> None:
    with pytest.raises(InputError, match="this is no CSV file"):
        read_dataset(str(ROOT / "web/page/samples/panda.webp"), TEN)


def test_a_model_that_scores_each_label_for_itself_is_refused(tmp_path: Path) -> None:
    output = TEN.manifest.output.model_copy(update={"multi_label": True})
    several = ModelPackage(TEN.folder, TEN.manifest.model_copy(update={"output": output}), TEN.labels)
    with pytest.raises(ParameterError, match="Only models that choose one class for a picture"):
        read_dataset(tree(tmp_path, "cat/a.jpg"), several)
