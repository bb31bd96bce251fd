"""What the page says of the models and limits of this server, in its frame and by Streamlit's script."""

from __future__ import annotations

import json
import re
from pathlib import Path
from typing import Any

import pytest
from streamlit.testing.v1 import AppTest

from classifier.errors import EngineUnavailableError
from classifier.machine.cpus import cpu_count
from classifier.setting_types import PARTS
from web.models import Models, models
from web.page import document, gallery
from web.page.offer import offer

MAIN = Path(gallery.__file__).parent / "main.py"


@pytest.fixture(autouse=True)
def _started() -> None:
    models().start()


def handed_over() -> dict[str, Any]:
    """What a run of Streamlit's script hands to the page."""
    test = AppTest.from_file(str(MAIN), default_timeout=60).run()
    assert not test.exception
    (drawn,) = (one.proto for one in test.main if one.type == "bidi_component")
    content: dict[str, Any] = json.loads(drawn.json)["offer"]
    return content


def test_streamlits_script_hands_over_what_is_offered() -> None:
    assert handed_over() == json.loads(json.dumps(offer()))


def test_models_are_introduced_in_every_language() -> None:
    found = offer()["models"]
    assert "which of 1,000 things" in found["efficientnet-lite2"]["intro"]["en"]
    assert "最像 1000 种事物中的哪一种" in found["efficientnet-lite2"]["intro"]["zh"]
    assert "knows 1,000 kinds of things" in found["efficientnet-lite2"]["knows"]["en"]
    assert "airplane, automobile, bird, cat" in found["cifar10"]["intro"]["en"]
    assert "飞机、汽车、鸟、猫" in found["cifar10"]["intro"]["zh"]
    assert (found["cifar10"]["most"], found["cifar10"]["usual"]) == (10, 5)


def test_limits_are_written_as_each_language_writes_them() -> None:
    limits = offer()["limits"]
    assert "Up to 20 MB and 64 megapixels" in limits["words"]["en"]
    assert "支持 JPEG、PNG、WEBP、GIF、BMP、TIFF、AVIF、HEIC，单张不超过 20 MB、6400 万像素。" in limits["words"]["zh"]
    assert limits["bytes"] == models().limits.max_bytes


def test_scripts_know_what_to_send_and_how_much_at_a_time() -> None:
    found = offer()
    assert found["cpus"] == cpu_count()
    assert found["models"]["efficientnet-lite2"]["input"] == (260, 260)
    assert {".jpg", ".heic"} <= set(found["limits"]["endings"])


def test_parts_that_are_switched_off_are_not_offered(monkeypatch: pytest.MonkeyPatch) -> None:
    assert offer()["parts"] == list(PARTS)
    without = models().settings.model_copy(update={"page_without": ("why", "live")})
    monkeypatch.setattr(models(), "settings", without)
    assert offer()["parts"] == [name for name in PARTS if name not in ("why", "live")]


def test_sites_that_may_frame_the_page_and_whether_the_api_wants_a_key_are_said(
    monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    assert (offer()["frames"], offer()["keys"]) == ([], False)
    monkeypatch.setattr("web.origins.FRAMES", ("https://www.example.org",))
    monkeypatch.setenv("SPACE_ID", "user/demo")
    guarded = models().settings.model_copy(update={"api_keys_file": tmp_path / "keys"})
    monkeypatch.setattr(models(), "settings", guarded)
    assert offer()["frames"] == ["https://huggingface.co", "https://*.hf.space", "https://www.example.org"]
    assert offer()["keys"]


def test_a_model_that_cannot_be_loaded_is_said_without_a_traceback(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(models(), "state", "failed")
    assert "could not be loaded" in handed_over()["problem"]["en"]


def test_an_engine_that_is_away_is_said_before_a_picture_is_chosen(monkeypatch: pytest.MonkeyPatch) -> None:
    away = EngineUnavailableError(reason="the connection is refused")
    monkeypatch.setattr(Models, "problem", away)
    assert handed_over()["problem"]["en"] == away.message
    assert "引擎目前无法使用" in handed_over()["problem"]["zh"]


def test_whatever_goes_wrong_a_visitor_gets_a_sentence(monkeypatch: pytest.MonkeyPatch) -> None:
    def broken(*_: object) -> None:
        raise ZeroDivisionError("secret")

    monkeypatch.setattr(Models, "start", broken)
    found = handed_over()
    assert "went wrong on our side" in found["problem"]["en"]
    assert "secret" not in json.dumps(found)


def test_nothing_that_a_model_says_ends_the_frames_script(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(document, "_offer", None)
    content = offer()
    content["models"][content["default"]]["title"] = "</script><script>alert(1)</script><!--"
    document.introduce(lambda: content)
    from classifier.languages import languages

    html = document.html(languages()["en"], "")
    assert "<script>alert" not in html
    (kept,) = re.findall(r'id="page-offer">(.*?)</script>', html)
    assert json.loads(kept) == json.loads(json.dumps(content))
