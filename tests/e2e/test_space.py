"""A Hugging Face Space is shown in a frame of another site, where its cookies may not arrive: pictures must."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from contextlib import AbstractContextManager, contextmanager
from pathlib import Path

import pytest
from playwright.sync_api import BrowserType, Frame, expect

from tests.support.frames import drawn, framing, framing_site
from tests.support.photos import photo
from tests.support.server import started
from tests.support.steps import best, photograph, upload
from tests.support.tls import Front, certificate

Framed = Callable[[str, str], AbstractContextManager[Frame]]

SITE, SPACE = "huggingface.co", "user-demo.hf.space"  # the policy names them, so no others would do
NAMED = {"CLASSIFIER_ALLOWED_HOSTS": SPACE}  # a container listens on all addresses, and so takes any name
BISON = photo("bison.webp")
COOKIES = pytest.mark.parametrize("cookies", ["allowed", "blocked"])


@pytest.fixture(scope="module")
def files(tmp_path_factory: pytest.TempPathFactory) -> tuple[Path, Path]:
    return certificate(tmp_path_factory.mktemp("tls"), SITE, SPACE)


@pytest.fixture(scope="module")
def space(tmp_path_factory: pytest.TempPathFactory, request: pytest.FixtureRequest) -> Iterator[str]:
    """A server that the launcher started as on a Space; or the one that `--server` names, if it was."""
    if address := request.config.getoption("--server"):
        yield address
        return
    log = tmp_path_factory.mktemp("space") / "log.txt"
    with started(log, {"SPACE_ID": "user/demo", **NAMED}, launcher=True) as (_, address):
        yield address


@pytest.fixture(scope="module")
def site(tmp_path_factory: pytest.TempPathFactory, files: tuple[Path, Path]) -> Iterator[Front]:
    """The site whose page has the frame."""
    with framing_site(tmp_path_factory.mktemp("site"), files, SPACE) as front:
        yield front


@pytest.fixture
def framed(browser_type: BrowserType, files: tuple[Path, Path], site: Front, tmp_path: Path) -> Framed:
    """Opens the site's page in a browser that allows or blocks third-party cookies: (server, cookies) -> the frame."""

    @contextmanager
    def frame_of(server: str, cookies: str) -> Iterator[Frame]:
        with framing(browser_type, files, {SITE: site}, (SPACE, server), cookies, tmp_path) as (page, front):
            yield drawn(page, front, cookies)

    return frame_of


@COOKIES
def test_a_picture_and_a_photo_are_classified_inside_the_frame(framed: Framed, space: str, cookies: str) -> None:
    with framed(space, cookies) as frame:
        upload(frame, BISON)
        assert best(frame) == "bison"
        expect(frame.get_by_role("img", name="Your picture, bison.webp")).to_be_visible()
        frame.get_by_role("button", name="Use the camera").click()
        photograph(frame)
        assert best(frame)
        expect(frame.get_by_role("img", name="Your picture, photo.jpg")).to_be_visible()
