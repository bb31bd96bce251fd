"""The table of formats: whole, in order, free of decoders, and the one place where a format is added."""

from __future__ import annotations

import os
import shutil
import subprocess
import sys
from pathlib import Path

import pytest
from PIL import Image

from classifier.picture.decode import read
from classifier.picture.formats import ENDINGS, FORMATS, TABLE, sniff
from tests.support.hostile import encode, gradient, seeds
from tests.support.photos import ROOT


def run(code: str, *arguments: str, root: Path = ROOT, **variables: str) -> str:
    """What a new process prints that knows the code below `root` only."""
    command = [sys.executable, "-c", code, *arguments]
    environment = {**os.environ, "PYTHONPATH": str(root), **variables}
    ended = subprocess.run(command, capture_output=True, text=True, cwd=root, env=environment)
    assert ended.returncode == 0, ended.stderr
    return ended.stdout


def test_the_formats_are_those_that_are_promised_in_that_order() -> None:
    assert FORMATS == ("JPEG", "PNG", "WEBP", "GIF", "BMP", "TIFF", "AVIF", "HEIC")


@pytest.mark.parametrize("name", seeds())
def test_a_file_is_told_by_its_first_bytes(name: str) -> None:
    kind = sniff(seeds()[name][:256])
    assert kind
    assert kind.name == name.split()[0]


@pytest.mark.parametrize("data", [b"", b"B", b"RIFF", b"RIFF\0\0\0\0WAVE", b"\0\0\0\x14ftypisom\0\0\0\0mp42"])
def test_other_files_are_in_no_format(data: bytes) -> None:
    assert sniff(data) is None


def test_each_ending_is_one_formats() -> None:
    assert len(set(ENDINGS)) == len(ENDINGS)
    assert all(ending == ending.lower() and ending.startswith(".") for ending in ENDINGS)
    assert all(kind.endings for kind in TABLE.values())


def test_a_records_plugin_is_what_opens_its_files() -> None:
    for name, kind in TABLE.items():
        assert read(seeds()[name]).format == name
        factory, _ = Image.OPEN[kind.pillow_name]
        assert f"{factory.__module__}.".startswith(f"{kind.plugin}.")


def test_names_and_limits_can_be_read_without_a_decoder() -> None:
    code = (
        "import sys; from classifier.picture.formats import FORMATS; from classifier.settings import Settings\n"
        "assert Settings().limits.formats == FORMATS; print({'PIL', 'numpy', 'pi_heif'} & set(sys.modules))"
    )
    assert run(code) == "set()\n"


def test_no_plugins_are_imported_but_those_of_the_table(tmp_path: Path) -> None:
    code = (
        "import sys; from pathlib import Path; from classifier.picture import decode; from classifier.picture import "
        "prepare; from classifier.picture.limits import Limits\n"
        "for file in Path(sys.argv[1]).iterdir(): prepare.thumbnail(file.read_bytes(), 32, Limits())\n"
        "print(*(name for name in sys.modules if name.startswith('PIL.') and name.endswith('Plugin')))"
    )
    for name, data in seeds().items():
        (tmp_path / name).write_bytes(data)
    named = {kind.plugin for kind in TABLE.values() if kind.plugin.startswith("PIL.")}
    # Pillow imports the one for PPM of itself (`Image.preinit`); nothing asks for it.
    assert set(run(code, str(tmp_path)).split()) == named | {"PIL.PpmImagePlugin"}


PPM = """
from classifier.picture.formats.base import Format, starts_with

PPM = Format("PPM", (".ppm",), starts_with(b"P6"), "PIL.PpmImagePlugin")
"""

USE_PPM = """
import sys
from pathlib import Path

from classifier.cli.doctor.installation import decoders
from classifier.inputs import pictures
from classifier.picture.decode import read
from classifier.picture.geometry import Geometry
from classifier.picture.sandbox import Workers
from classifier.settings import Settings

folder = sys.argv[1]
data = Path(folder, "gradient.ppm").read_bytes()
limits = Settings().limits
pool = Workers(limits, 1)
print([Path(entry.name).name for entry in pictures(folder)])
print(list(limits.formats), read(data, limits).format, pool.prepare(data, Geometry((32, 32))).format)
print([(check.status, check.detail.split()[-1]) for check in decoders()])
pool.close()
"""


def test_a_new_format_is_one_record_and_its_place_in_the_table(tmp_path: Path) -> None:
    """On a copy of the library: settings, folder listing, decoding here and in a worker, and the doctor know it."""
    copy, folder = tmp_path / "copy", tmp_path / "pictures"
    shutil.copytree(ROOT / "classifier", copy / "classifier", ignore=shutil.ignore_patterns("__pycache__"))
    table = copy / "classifier/picture/formats/__init__.py"
    text = table.read_text("utf-8")
    changed = text.replace("AVIF, HEIC)}", "AVIF, HEIC, PPM)}").replace(
        "\nTABLE", "\nfrom classifier.picture.formats.ppm import PPM\n\nTABLE"
    )
    assert changed.count("PPM") == 2
    table.write_text(changed, "utf-8")
    table.with_name("ppm.py").write_text(PPM, "utf-8")
    folder.mkdir()
    (folder / "gradient.ppm").write_bytes(encode(gradient(), "PPM"))

    listed, used, tried = run(USE_PPM, str(folder), root=copy, CLASSIFIER_FORMATS="jpeg,ppm").splitlines()
    assert listed == "['gradient.ppm']"
    assert used == "['JPEG', 'PPM'] PPM PPM"
    assert tried == "[('ok', 'PPM')]"
