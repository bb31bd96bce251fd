"""Promises of the ten-class model, as far as it is here: its labels, and the photos that it is to be right on."""

from __future__ import annotations

import json

from model.recipes import FOLDER
from tests.golden import ROOT

PACKAGE = FOLDER / "cifar10"
PHOTOS = ROOT / "tests/cifar10_photos"
CREDITS = json.loads((PHOTOS / "credits.json").read_text("utf-8"))
CLASSES = ("airplane", "automobile", "bird", "cat", "deer", "dog", "frog", "horse", "ship", "truck")
FREE = ("CC0-1.0", "Public Domain", "CC-BY-2.0", "CC-BY-SA-3.0", "CC-BY-SA-4.0")


def test_it_names_the_ten_classes_in_english_and_chinese() -> None:
    english, chinese = ((PACKAGE / f"labels.{lang}.txt").read_text("utf-8").splitlines() for lang in ("en", "zh"))
    assert tuple(english) == CLASSES
    assert chinese == ["飞机", "汽车", "鸟", "猫", "鹿", "狗", "青蛙", "马", "船", "卡车"]


def test_every_photo_is_free_and_credited() -> None:
    credited = {entry["file"] for entry in CREDITS}
    assert credited == {str(file.relative_to(PHOTOS)) for file in PHOTOS.glob("*/*")}
    assert len(credited) == len(CREDITS) >= 30
    assert {name.partition("/")[0] for name in credited} <= set(CLASSES)
    for entry in CREDITS:
        assert entry["licence"] in FREE
        assert entry["author"]
        assert entry["source"].startswith("https://")
