"""Pictures of high dynamic range and wide gamut are classified in the colours in which the browser shows them."""

from __future__ import annotations

import base64
import io

import pytest
from PIL import Image
from playwright.sync_api import Page

from classifier.picture.decode import read
from tests.support.drawn import difference
from tests.support.hdr import BT2020, HLG, P3, PQ, avif, chart, pq, profile, with_cicp, with_nclx
from tests.support.heif import aperture
from tests.support.hostile import encode
from tests.support.photos import photo

POINTS = [(BT2020, PQ), (BT2020, HLG), (P3, PQ), (P3, 13), (BT2020, 14), (1, 8), (6, 6), (2, PQ), (BT2020, 2)]


def shown(page: Page, data: bytes, kind: str) -> Image.Image:
    """A picture as the browser shows it."""
    source = f"data:image/{kind};base64,{base64.b64encode(data).decode()}"
    page.set_content(f'<img id="picture" style="display: block" src="{source}">')
    page.evaluate("document.getElementById('picture').decode()")
    return Image.open(io.BytesIO(page.locator("#picture").screenshot())).convert("RGB")


@pytest.mark.parametrize("points", POINTS)
def test_colours_are_those_of_the_browser(blank: Page, points: tuple[int, int]) -> None:
    for image in (chart(), pq(Image.open(photo("koala.webp")).resize((300, 200)))):
        for data, kind in (
            (with_cicp(encode(image, "PNG"), *points, 0, 1), "png"),
            (with_nclx(avif(image), *points), "avif"),
            (encode(image, "JPEG", quality=95, icc_profile=profile(*points, 0, 1)), "jpeg"),
        ):
            assert difference(read(data).image, shown(blank, data, kind)) < 2, kind


def test_a_transparent_picture_is_as_the_browser_shows_it(blank: Page) -> None:
    image = chart().resize((160, 160)).convert("RGBA")
    image.putalpha(Image.linear_gradient("L").resize(image.size))
    data = with_cicp(encode(image, "PNG"), BT2020, PQ, 0, 1)
    assert difference(read(data).image, shown(blank, data, "png")) < 2


@pytest.mark.parametrize("offset", [(-12, -9), (0, 0), (-12, 0)])
def test_an_avif_is_cropped_as_the_browser_does(blank: Page, offset: tuple[int, int]) -> None:
    data = with_nclx(avif(chart().resize((64, 48))), 1, 13, aperture(40, 30, *offset))
    assert difference(read(data).image, shown(blank, data, "avif")) < 2
