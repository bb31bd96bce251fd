"""A ModelScope Studio is shown in a frame of ModelScope's site, where its cookies may not arrive: pictures must."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import pytest
from playwright.sync_api import BrowserType, expect

from tests.support.frames import drawn, framing, framing_site
from tests.support.photos import photo
from tests.support.server import started
from tests.support.steps import best, upload
from tests.support.tls import Front, certificate

SITE, STUDIO = "www.modelscope.cn", "user-demo.ms.show"  # the policy names the first, so no other would do
NAMED = {"CLASSIFIER_ALLOWED_HOSTS": STUDIO}  # a container listens on all addresses, and so takes any name
BISON = photo("bison.webp")


@pytest.fixture(scope="module")
def files(tmp_path_factory: pytest.TempPathFactory) -> tuple[Path, Path]:
    return certificate(tmp_path_factory.mktemp("tls"), SITE, STUDIO)


@pytest.fixture(scope="module")
def studio(tmp_path_factory: pytest.TempPathFactory, request: pytest.FixtureRequest) -> Iterator[str]:
    """A server that the launcher started as in a Studio; or the one that `--server` names, if it was."""
    if address := request.config.getoption("--server"):
        yield address
        return
    log = tmp_path_factory.mktemp("studio") / "log.txt"
    with started(log, {"MODELSCOPE_ENVIRONMENT": "studio", **NAMED}, launcher=True) as (_, address):
        yield address


@pytest.fixture(scope="module")
def elsewhere(tmp_path_factory: pytest.TempPathFactory) -> Iterator[str]:
    """The same server anywhere but in a Studio."""
    with started(tmp_path_factory.mktemp("elsewhere") / "log.txt", NAMED, launcher=True) as (_, address):
        yield address


@pytest.fixture(scope="module")
def site(tmp_path_factory: pytest.TempPathFactory, files: tuple[Path, Path]) -> Iterator[Front]:
    """ModelScope's page, which has the frame."""
    with framing_site(tmp_path_factory.mktemp("site"), files, STUDIO) as front:
        yield front


@pytest.mark.parametrize("cookies", ["allowed", "blocked"])
def test_a_picture_is_classified_inside_the_frame(
    browser_type: BrowserType, files: tuple[Path, Path], site: Front, studio: str, cookies: str, tmp_path: Path
) -> None:
    with framing(browser_type, files, {SITE: site}, (STUDIO, studio), cookies, tmp_path) as (page, front):
        frame = drawn(page, front, cookies)
        upload(frame, BISON)
        assert best(frame) == "bison"


def test_anywhere_else_the_frame_stays_empty(
    browser_type: BrowserType, files: tuple[Path, Path], site: Front, elsewhere: str, tmp_path: Path
) -> None:
    with framing(browser_type, files, {SITE: site}, (STUDIO, elsewhere), "allowed", tmp_path) as (page, front):
        with page.expect_console_message(lambda said: "frame-ancestors" in said.text):
            page.reload()
        expect(page.frame_locator("iframe").locator("#page")).to_have_count(0)
        assert b"GET / " in front.sent  # it was asked for, and the browser did not show it
