"""Files that are no model at all: pointers to one, archives, and what is given by mistake or left by a download."""

from __future__ import annotations

import re

from classifier.importing.foreign.look import Foreign, begins, both, either, holds, is_text, named

_WEB_PAGE = re.compile(rb"(\xef\xbb\xbf)?\s*(<!--.*?-->\s*)?<(!doctype html|html|head|body)", re.IGNORECASE | re.DOTALL)
_AGAIN = "Download or copy it again"
ZIP = Foreign(
    both(begins(b"PK"), lambda look: bool(look.members)),
    "a zip file",
    "Unpack it, and give the path of the model in it.",
)
"""A whole zip that is no model by itself: a model may be in it."""

POINTERS: tuple[Foreign, ...] = (
    Foreign(
        begins(b"version https://git-lfs.github.com/spec/", b"version https://hawser.github.com/spec/"),
        "a Git LFS pointer, a few lines in place of the file",
        "In the clone that it is from, run git lfs pull, and import it again.",
    ),
    Foreign(
        both(holds(b"/annex/objects/"), lambda look: look.size < 1000),
        "a git-annex pointer, a line in place of the file",
        "In the clone that it is from, run git annex get FILE, and import it again.",
    ),
    Foreign(
        both(named(r"\.dvc$"), holds(b"outs:")),
        "a DVC pointer, a few lines in place of the file",
        "In the clone that it is from, run dvc pull, and import the file that it fetches.",
    ),
    Foreign(
        lambda look: look.size == 0, "an empty file: a download or copy that was cut off", f"{_AGAIN}.", model=False
    ),
    Foreign(
        lambda look: _WEB_PAGE.match(look.head) is not None,
        "a web page (HTML), such as a download leaves that asks for a login or fails",
        "Download the file itself: on GitHub by Download raw file, on Hugging Face by the arrow beside its name.",
        model=False,
    ),
)
"""What stands in place of a file that was meant."""

OTHERS: tuple[Foreign, ...] = (
    Foreign(
        begins(b"\x1f\x8b", b"BZh", b"\xfd7zXZ\0", b"(\xb5/\xfd"),
        "a compressed file",
        "Unpack it (tar -xf FILE, or gunzip FILE), and give the model file or the folder that comes out.",
    ),
    Foreign(
        lambda look: look.head[257:262] == b"ustar",
        "a tar archive",
        "Unpack it with tar -xf FILE, and give the model file or the folder that comes out.",
    ),
    Foreign(
        begins(b"7z\xbc\xaf\x27\x1c", b"Rar!\x1a\x07"),
        "a 7z or RAR archive",
        "Unpack it (7z x FILE), and give the model file or the folder that comes out.",
    ),
    ZIP,
    Foreign(
        begins(b"PK\x03\x04"),
        "a zip file that is damaged or cut off",
        f"{_AGAIN}.",
    ),
    Foreign(
        either(
            begins(b"\xff\xd8\xff", b"\x89PNG\r\n", b"GIF8", b"BM", b"II*\0", b"MM\0*", b"%PDF"),
            lambda look: look.head[:4] == b"RIFF" and look.head[8:12] == b"WEBP",
            lambda look: look.head[4:8] == b"ftyp",
        ),
        "a picture, a film or a document, not a model",
        "Give a model here; classifier classify FILE says what is in a picture.",
        model=False,
    ),
    Foreign(
        both(named(r"\.(py|ipynb)$"), is_text),
        "a program, not the model that it makes",
        'Run it, let it save the model, in Keras with model.save("model.keras"), and import that file.',
        model=False,
    ),
    Foreign(
        is_text,
        "a text, not a model",
        f'It begins "FIRST". {_AGAIN} if it should be a model.',
        model=False,
    ),
    Foreign(
        named(r"\.bin$"),
        "a file of bare numbers, by its name the weights of some model",
        "Give the file of the model that it belongs to.",
    ),
)
"""Archives, and what lies in any folder."""
