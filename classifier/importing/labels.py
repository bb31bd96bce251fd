"""Labels as training tools write them: one on each line, numbered as Teachable Machine does (`0 Cat`), or JSON."""

from __future__ import annotations

import ast
import json
import re
from pathlib import Path
from typing import Any

from classifier.errors import ModelFileError
from classifier.formatting import whole_number
from classifier.package import labels

# Under these keys are the labels in files that hold more, such as config.json of Hugging Face's models.
_KEYS = ("id2label", "label_names", "labels", "class_names", "classes", "names", "categories")
_WORDNET = re.compile(r"n\d{8}\s+(\S.*)")
_NUMBERED = re.compile(r"(\d+)[\s:,]+(\S.*)")
_FORMS = '["cat", "dog"], {"cat": 0, "dog": 1} or {"0": "cat", "1": "dog"}'


def read(file: Path) -> tuple[str, ...]:
    """Reads a labels file, without the numbers before its labels.

    Raises:
        ModelFileError: the file is missing, or is not text with a label on each line, nor JSON with labels.
    """
    return parse(labels.content(file, ModelFileError), str(file))


def parse(data: bytes, name: str) -> tuple[str, ...]:
    """Labels from a file's content, without the numbers before them.

    Args:
        data: the content.
        name: the file's name, for messages.

    Raises:
        ModelFileError: the content is not text with a label on each line, nor JSON with labels.
    """
    if (found := _structure(data, name)) is not None:
        try:
            return labels.parse("\n".join(_listed(found)).encode(), name, ModelFileError)
        except ValueError as error:
            raise ModelFileError(
                f"{name}: {error}. Write a label on each line, in the order of the model's output, or {_FORMS}."
            ) from error
    return _without_numbers(labels.parse(data, name, ModelFileError))


def are_numbered(file: Path) -> bool:
    """Whether the first line begins with 0 and a label, as Teachable Machine writes it."""
    try:
        with file.open("rb") as stream:
            return re.match(rb"(\xef\xbb\xbf)?0 \S", stream.read(16)) is not None
    except OSError:
        return False


def _structure(data: bytes, name: str) -> Any:
    """The object or list that the content is, in JSON or as Python prints it; None if it is lines of text.

    Raises:
        ModelFileError: the content begins as an object and is not one, or the file's name ends in .json.
    """
    is_json = name.lower().endswith(".json")
    text = data.removeprefix(b"\xef\xbb\xbf").strip()
    begins, ends = text[:1], text[-1:]
    if len(data) > labels.MAX_BYTES or not (is_json or (begins, ends) in ((b"{", b"}"), (b"[", b"]"))):
        return None
    for read_one in (_from_json, ast.literal_eval):
        try:
            found = read_one(text.decode())
        except _TwiceError as error:
            raise ModelFileError(f"{name}: its JSON names {error} twice. Name each class once.") from error
        except (ValueError, SyntaxError, RecursionError, MemoryError):
            continue
        if isinstance(found, (dict, list)):
            return found
    if is_json or begins == b"{":
        raise ModelFileError(
            f"{name}: it is neither JSON with labels, nor text with a label on each line. Write {_FORMS}, or one label "
            "on each line."
        )
    return None


class _TwiceError(Exception):
    """An object's key comes twice, of which `json` would keep the second."""


def _from_json(text: str) -> Any:
    return json.loads(text, object_pairs_hook=_once)


def _once(pairs: list[tuple[str, Any]]) -> dict[str, Any]:
    found = dict(pairs)
    for key, _ in pairs if len(found) < len(pairs) else ():
        if key not in found:
            raise _TwiceError(json.dumps(key))
        del found[key]
    return found


def _listed(found: dict[Any, Any] | list[Any]) -> list[str]:
    """The labels of a list, in order, or of an object of numbers and labels, either way round, or of one in an object.

    Raises:
        ValueError: it does not hold one label for each number, counting from 0.
    """
    if isinstance(found, dict):
        found = next((found[key] for key in _KEYS if isinstance(found.get(key), (dict, list))), found)
    pairs = list(enumerate(found)) if isinstance(found, list) else [_pair(*item) for item in found.items()]
    by_number = dict(pairs)
    if not pairs or len(by_number) != len(pairs) or set(by_number) != set(range(len(pairs))):
        raise ValueError("its JSON does not give each of the classes a number, counting from 0")
    return [_label(by_number[number]) for number in range(len(pairs))]


def _pair(key: Any, value: Any) -> tuple[int, Any]:
    if isinstance(value, int) and not isinstance(value, bool):
        return value, key  # {"cat": 0}
    number = whole_number(key, 10**7) if isinstance(key, str) and key.isascii() and key.isdigit() else key
    if isinstance(number, int) and not isinstance(number, bool):
        return number, value  # {"0": "cat"}
    raise ValueError("its JSON holds other things than labels and their numbers")


def _label(value: Any) -> str:
    if (
        isinstance(value, (list, tuple)) and len(value) == 2
    ):  # Keras's `imagenet_class_index.json`: ["n01440764", "tench"]
        value = value[1]
    label = " ".join(value.split()) if isinstance(value, str) else ""
    if not label:
        raise ValueError("its JSON holds other things than labels and their numbers")
    if any("\ud800" <= character <= "\udfff" for character in label):
        raise ValueError("a label in its JSON is not text that UTF-8 can hold")
    return label


def _without_numbers(lines: tuple[str, ...]) -> tuple[str, ...]:
    """The labels without their numbers if all are numbered from 0, or with WordNet's; else the lines as they are."""
    words = [_WORDNET.fullmatch(line) for line in lines]  # ImageNet's synset_words.txt: n01440764 tench, Tinca tinca
    if all(words):
        return tuple(match[1] for match in words if match)
    numbered = [_NUMBERED.fullmatch(line) for line in lines]
    if all(match and whole_number(match[1], index) == index for index, match in enumerate(numbered)):
        return tuple(match[2] for match in numbered if match)
    return lines
