"""The file of keys: what may stand in it, and that only whole and right versions of it come into force."""

from __future__ import annotations

import logging
import os
import time
from pathlib import Path

import pytest

from classifier.api_keys import MOST_KEYS, ApiKeys
from classifier.errors import ParameterError

ONE, TWO, THREE = (character * 32 for character in "abc")


@pytest.fixture
def file(tmp_path: Path) -> Path:
    return written(tmp_path / "keys", f"# who may call\n\n  one {ONE}\ntwo\t{TWO}  \n")


def written(file: Path, text: str | bytes, seconds_ago: float = 10) -> Path:
    """Writes a file as if that long ago."""
    file.write_bytes(text if isinstance(text, bytes) else text.encode())
    then = time.time() - seconds_ago
    os.utime(file, (then, then))
    return file


def names(keys: ApiKeys) -> list[str | None]:
    return [keys.name_of(key.encode()) for key in (ONE, TWO, THREE)]


def test_a_key_has_its_name(file: Path) -> None:
    keys = ApiKeys(file)
    assert names(keys) == ["one", "two", None]
    for wrong in (b"", ONE.encode()[:-1], ONE.encode() + b"a", ONE.upper().encode(), b"one", b"\xff" * 32):
        assert keys.name_of(wrong) is None


@pytest.mark.parametrize(
    ("content", "expected"),
    [
        ("", "holds no key"),
        ("# nothing\n\n", "holds no key"),
        (f"one {ONE}\ntwo short\n", "Line 2 .*the key of two is too short: it needs 16 characters"),
        ("one 0123456789abcde\n", "too short"),
        (f"one {ONE}\none {TWO}\n", "Line 2 .*there is a key of one already"),
        (f"one {ONE}\ntwo {ONE}\n", "Line 2 .*two and one have the same key"),
        (f"{ONE}\n", "expected a name and a key"),
        (f"one: {ONE}\n", "the name may have"),
        (f"{'n' * 65} {ONE}\n", "the name may have"),
        (f"one {ONE} # mine\n", "expected a name and a key"),
        (f"one {ONE}é\n", "the key of one may have"),
        (f'one "{ONE}"\n', "the key of one may have"),
        (b"one \xff\xfe\n", "not text in UTF-8"),
        (b"#" * 1_000_001, "too large"),
        ("".join(f"n{number} {number:032}\n" for number in range(MOST_KEYS + 1)), "the limit is 1000"),
    ],
)
def test_a_wrong_file_is_refused_in_a_sentence_that_tells_no_key(
    tmp_path: Path, content: str | bytes, expected: str
) -> None:
    with pytest.raises(ParameterError, match=expected) as caught:
        ApiKeys(written(tmp_path / "keys", content))
    message = caught.value.message
    assert str(tmp_path / "keys") in message
    assert "\n" not in message
    assert ONE not in message
    assert TWO not in message


def test_a_file_that_cannot_be_read_is_said(tmp_path: Path) -> None:
    with pytest.raises(ParameterError, match="keys cannot be read: No such file"):
        ApiKeys(tmp_path / "keys")
    with pytest.raises(ParameterError, match="not a regular file"):
        ApiKeys(tmp_path)
    os.mkfifo(tmp_path / "pipe")
    with pytest.raises(ParameterError, match="not a regular file"):
        ApiKeys(tmp_path / "pipe")


def test_a_file_from_windows_is_read(tmp_path: Path) -> None:
    assert names(ApiKeys(written(tmp_path / "keys", b"\xef\xbb\xbfone " + ONE.encode() + b"\r\n"))) == [
        "one",
        None,
        None,
    ]


def test_a_changed_file_comes_into_force(file: Path) -> None:
    keys = ApiKeys(file)
    written(file, f"three {THREE}")
    assert names(keys) == [None, None, "three"]
    other = written(file.with_name("other"), f"two {TWO}\n")
    other.replace(file)
    assert names(keys) == [None, "two", None]


def test_a_mounted_secret_comes_into_force_when_its_links_are_swapped(tmp_path: Path) -> None:
    """Kubernetes changes a link to the folder in which the files are."""
    for folder, content in (("v1", f"one {ONE}"), ("v2", f"two {TWO}")):
        (tmp_path / folder).mkdir()
        written(tmp_path / folder / "keys", content)
    (tmp_path / "..data").symlink_to("v1")
    (tmp_path / "keys").symlink_to("..data/keys")
    keys = ApiKeys(tmp_path / "keys")
    assert names(keys) == ["one", None, None]
    (tmp_path / "..new").symlink_to("v2")
    (tmp_path / "..new").replace(tmp_path / "..data")
    assert names(keys) == [None, "two", None]


@pytest.mark.parametrize("content", ["", f"one {ONE}\ntw", f"one {ONE}\ntwo {TWO[:10]}", b"\0" * 20])
def test_a_broken_file_leaves_the_keys_and_is_logged_once(
    file: Path, content: str | bytes, caplog: pytest.LogCaptureFixture
) -> None:
    keys = ApiKeys(file)
    written(file, content)
    for _ in range(3):
        assert names(keys) == ["one", "two", None]
    (record,) = caplog.records
    assert record.message.endswith("The keys from before stay in force.")
    assert ONE not in caplog.text
    written(file, f"three {THREE}\n")
    assert names(keys) == [None, None, "three"]


def test_a_file_that_vanishes_leaves_the_keys_and_is_logged_once(file: Path, caplog: pytest.LogCaptureFixture) -> None:
    keys = ApiKeys(file)
    file.unlink()
    for _ in range(3):
        assert names(keys) == ["one", "two", None]
    assert len(caplog.records) == 1
    assert "No such file" in caplog.text
    written(file, f"three {THREE}\n")
    assert names(keys) == [None, None, "three"]


def test_a_file_that_is_being_written_waits(file: Path, caplog: pytest.LogCaptureFixture) -> None:
    caplog.set_level(logging.INFO)
    keys = ApiKeys(file)
    # The first half, which would be right by itself.
    written(file, f"three {THREE}\n", seconds_ago=0)
    assert names(keys) == ["one", "two", None]
    written(file, f"three {THREE}\none {ONE}\n", seconds_ago=0)
    end = time.monotonic() + 5
    while names(keys) == ["one", "two", None]:
        assert time.monotonic() < end
        time.sleep(0.02)
    assert names(keys) == ["one", None, "three"]
    assert [record.message for record in caplog.records] == [f"read 2 keys from {file}"]


def test_a_file_from_the_future_comes_into_force_too(file: Path) -> None:
    """As after the clock was set back."""
    keys = ApiKeys(file)
    written(file, f"three {THREE}\n", seconds_ago=-3600)
    assert names(keys) == ["one", "two", None]
    time.sleep(0.6)
    assert names(keys) == [None, None, "three"]
