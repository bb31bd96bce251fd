"""The report's section on sets of classes: whether they hold the right one as often as promised."""

from __future__ import annotations

from collections.abc import Sequence
from html import escape

from classifier.evaluation.coverage import ClassCoverage, Coverage
from classifier.evaluation.html import charts, sections
from classifier.formatting import percent, printable
from classifier.languages import Words
from classifier.package import ModelPackage

_SHOWN = 60
"""The most classes that are listed, those whose sets hold them least often."""

_SIZES = 6  # sizes of sets that are counted one by one


def section(found: Coverage | None, package: ModelPackage, labels: Sequence[str], words: Words) -> str:
    """The numbers, and a table of the classes; nothing if the package promises no sets."""
    conformal = package.manifest.conformal
    if found is None or conformal is None:
        return ""
    text = f"<p>{escape(words('sets_text', promised=percent(found.promised)))}</p>"
    if found.interval is None:
        return sections.section(words("sets"), f"{text}<p>{escape(words('sets_none'))}</p>")
    low, high = found.interval
    of = words("of", right=found.held, total=len(found.given))
    interval = words("interval", low=percent(low), high=percent(high))
    facts = [
        (words("sets_held"), words("others_share", share=percent(found.share), of=of, interval=interval)),
        (words("sets_size"), f"{found.mean_size:.2f}"),
        *((words("sets_with", size=size), str(count)) for size, count in list(found.sizes.items())[:_SIZES]),
    ]
    facts += [(words("sets_without"), str(found.without))] if found.without else []
    listed = "".join(f"<dt>{escape(name)}</dt><dd>{escape(value)}</dd>" for name, value in facts)
    said = []
    if found.fitted_on:
        about = {"count": found.fitted_on, "dataset": printable(conformal.dataset), "date": conformal.date}
        said.append(words("sets_fitted_on", **about))
    if found.broken:
        said.append(words("sets_broken"))
    doubts = "".join(f"<p><b>{escape(one)}</b></p>" for one in said)
    keys = ("class", "pictures", "sets_held", "sets_interval", "sets_size")
    heads = "".join(f'<th scope="col">{escape(words(key))}</th>' for key in keys)
    rows = "".join(_row(one, labels[one.index]) for one in found.classes[:_SHOWN])
    table = (
        f'<div class="wide" tabindex="0"><table class="classes"><thead><tr>{heads}</tr></thead>'
        f"<tbody>{rows}</tbody></table></div>"
    )
    more = len(found.classes) - _SHOWN
    left = f"<p>{escape(words('more', count=more))}</p>" if more > 0 else ""
    return sections.section(words("sets"), f'{text}{doubts}<dl class="facts">{listed}</dl>{table}{left}')


def _row(one: ClassCoverage, label: str) -> str:
    low, high = one.interval
    return (
        f'<tr><th scope="row">{escape(label)}</th><td>{one.pictures}</td>'
        f"<td>{charts.bar(one.share)}<span>{percent(one.share)}</span></td>"
        f"<td>{percent(low)} – {percent(high)}</td><td>{one.mean_size:.2f}</td></tr>"
    )
