"""The bars as HTML."""

from __future__ import annotations

from classifier import Prediction
from web.page.bars import bars_html


def test_a_label_with_markup_stays_text() -> None:
    html = bars_html([Prediction('<img src=x onerror="alert(1)">', 0.5, 0)], sure=True, fresh=False)
    assert "<img" not in html
    assert 'onerror="' not in html


def test_bars_tell_a_screen_reader_name_and_value() -> None:
    html = bars_html([Prediction("red panda", 0.754, 387)], sure=True, fresh=True)
    assert 'role="meter" aria-label="red panda"' in html
    assert 'aria-valuemin="0" aria-valuemax="100" aria-valuenow="75.4" aria-valuetext="75.4%"' in html
