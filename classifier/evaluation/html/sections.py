"""The report's sections, from the first numbers to the files that failed."""

from __future__ import annotations

import base64
import os
from collections.abc import Sequence
from html import escape

from classifier.evaluation import metrics
from classifier.evaluation.html import charts
from classifier.evaluation.measure import Answer
from classifier.evaluation.result import Evaluation
from classifier.formatting import percent, printable
from classifier.inputs import as_ours
from classifier.languages import Language, Words
from classifier.views import View

MATRIX = 30
"""The most classes that a confusion matrix shows; of more, those that are confused most often."""

_TABLE = 60  # up to so many classes are all shown at once
_SOME = 25  # of more classes, so many are shown at once, the weakest
_PAIRS = 15  # the most frequent confusions that are listed
_VIEWS: dict[View, str] = {"crop": "view_crop", "whole": "view_whole", "both": "view_both"}


def numbers(found: Evaluation, words: Words) -> str:
    """The main numbers in large type, each with the numbers that it follows from."""
    low, high = metrics.interval(found.right, found.total)
    accuracy = found.right / found.total
    means = metrics.macro(found.classes)
    tiles = [
        _tile(
            words("top1"),
            percent(accuracy),
            words("of", right=found.right, total=found.total),
            words("interval", low=percent(low), high=percent(high)),
        )
    ]
    if found.k < found.package.manifest.output.classes:
        within = found.within(found.k)
        of = words("of", right=within, total=found.total)
        tiles.append(_tile(words("topk", k=found.k), percent(within / found.total), of))
    detail = words("means", recall=percent(means["recall"]), precision=percent(means["precision"]))
    tiles.append(_tile(words("f1"), percent(means["f1"]), detail))
    tiles.append(
        _tile(
            words("ece"),
            percent(found.ece),
            words("mean_score", score=percent(found.confidence)),
            words("chance", chance=percent(found.ece_by_chance)),
        )
    )
    return f'<div class="tiles">{"".join(tiles)}</div>'


def trust(found: Evaluation, words: Words) -> str:
    """The reliability diagram, and the numbers that belong to it."""
    temperature = f"{found.package.manifest.output.temperature:g}"
    facts = [
        (words("nll"), f"{found.nll:.3f}"),
        (words("brier"), f"{found.brier:.3f}"),
        (words("aurc"), f"{found.aurc:.4f}"),
        (words("temperature"), temperature),
        (words("view"), words(_VIEWS[found.run.view])),
        (words("unsure"), str(found.unsure)),
    ]
    facts += [(words("failed"), str(len(found.failures)))] if found.failures else []
    facts += [(words("skipped"), str(found.skipped))] if found.skipped else []
    facts += [(words("unknown"), str(sum(found.unknown.values())))] if found.unknown else []
    listed = "".join(f"<dt>{escape(name)}</dt><dd>{value}</dd>" for name, value in facts)
    command = escape(words("calibrate", temperature=temperature)).replace("`", "<code>", 1).replace("`", "</code>", 1)
    legend = "".join(
        f'<li><svg class="key" viewBox="0 0 12 12" aria-hidden="true">{key}</svg>{escape(words(name))}</li>'
        for key, name in (
            ('<rect class="bar" width="12" height="12" rx="2"/>', "right"),
            ('<rect class="over" x=".5" y=".5" width="11" height="11" rx="2"/>', "over"),
            ('<rect class="under" x=".5" y=".5" width="11" height="11" rx="2"/>', "under"),
            ('<line class="ideal" x1="0" y1="12" x2="12" y2="0"/>', "perfect"),
        )
    )
    if any(0 < bin_.pictures < charts.FEW_IN_BIN for bin_ in found.reliability):
        legend += f"<li>{escape(words('pale', few=charts.FEW_IN_BIN))}</li>"
    return section(
        words("reliability"),
        f'<div class="halves"><figure>{charts.reliability(found.reliability, words)}'
        f'<figcaption><ul class="legend">{legend}</ul></figcaption></figure>'
        f"<div><p>{escape(words('reliability_text'))}</p><p>{command}</p>"
        f"<h3>{escape(words('spread'))}</h3>{charts.spread(found.reliability, words)}"
        f'<dl class="facts">{listed}</dl></div></div>',
    )


def classes(found: Evaluation, labels: Sequence[str], words: Words) -> str:
    """A table of the classes, the weakest first."""
    order = found.weakest
    first = order if len(order) <= _TABLE else order[:_SOME]
    rest = order[len(first) :]
    head = "".join(
        f'<th scope="col">{escape(text)}</th>'
        for text in (words("class"), words("pictures"), words("recall"), words("precision"), "F1")
    )

    def table(rows: Sequence[metrics.ClassResult], bars: bool) -> str:
        body = "".join(_class_row(result, labels[result.index], words, bars) for result in rows)
        return (
            f'<div class="wide" tabindex="0"><table class="classes"><thead><tr>{head}</tr></thead>'
            f"<tbody>{body}</tbody></table></div>"
        )

    more = f"<details><summary>{escape(words('more', count=len(rest)))}</summary>{table(rest, False)}</details>"
    text = f"<p>{escape(words('classes_text'))}</p>"
    return section(words("classes"), text + table(first, True) + (more if rest else ""))


def drawn(found: Evaluation) -> list[int]:
    """The classes that the confusion matrix shows."""
    present = [result.index for result in found.classes]
    if len(present) <= MATRIX:
        return present
    chosen: set[int] = set()
    for truth, said, _ in found.confused:
        if len(chosen | {truth, said}) <= MATRIX:
            chosen |= {truth, said}
    return [index for index in present if index in chosen]


def confusion(found: Evaluation, labels: Sequence[str], words: Words) -> str:
    """The confusion matrix, of many classes only of those confused most often, and a list of frequent confusions."""
    present = drawn(found)
    some = ""
    if len(present) < len(found.classes):
        some = f"<p>{escape(words('confusion_some', count=len(present), all=len(found.classes)))}</p>"
    if not present:
        return ""
    totals = {result.index: result.support for result in found.classes}
    counts = {(truth, said): count for truth, said, count in found.confusion}
    rows = [index for index in present if totals[index]]
    matrix = charts.matrix(rows, present, counts, totals, lambda index: labels[index], words)
    pairs = "".join(
        f"<tr><td>{count}</td><td>{escape(labels[truth])}</td><td>{escape(labels[said])}</td></tr>"
        for truth, said, count in found.confused[:_PAIRS]
    )
    heads = "".join(f'<th scope="col">{escape(words(key))}</th>' for key in ("pictures", "shows", "called"))
    table = (
        f'<div><h3>{escape(words("pairs"))}</h3><table class="pairs">'
        f"<thead><tr>{heads}</tr></thead><tbody>{pairs}</tbody></table></div>"
        if pairs
        else ""
    )
    text = f"<p>{escape(words('confusion_text'))}</p>{some}"
    return section(
        words("confusion"),
        f'{text}<div class="beside" id="confusion"><div class="wide" tabindex="0">{matrix}</div>{table}</div>',
    )


def mistakes(
    found: Evaluation, sheet: Sequence[tuple[Answer, bytes | None]], labels: Sequence[str], words: Words
) -> str:
    """The contact sheet of the worst mistakes."""
    if not found.mistakes:
        return section(words("mistakes"), f"<p>{escape(words('no_mistakes'))}</p>")
    figures = "".join(_figure(one, picture, labels, words) for one, picture in sheet)
    text = words("mistakes_text", shown=len(sheet), count=len(found.mistakes))
    return section(words("mistakes"), f'<p>{escape(text)}</p><div class="sheet">{figures}</div>')


def failures(found: Evaluation, language: Language) -> str:
    """What could not be classified, and why."""
    if not found.failures:
        return ""
    rows = "".join(
        f'<li><span class="file">{escape(printable(failure.file))}</span> '
        f"{escape(language.error(as_ours(failure.error)))}</li>"
        for failure in found.failures
    )
    return section(language.text("report", "failures"), f'<ul class="failures">{rows}</ul>')


def section(title: str, inside: str) -> str:
    """A section of the report."""
    return f"<section><h2>{escape(title)}</h2>{inside}</section>"


def small_image(picture: bytes | None) -> str:
    """A small picture beside its name, which describes it; nothing if it cannot be read any more."""
    return f'<img src="data:image/jpeg;base64,{base64.b64encode(picture).decode()}" alt="">' if picture else ""


def _tile(name: str, value: str, *details: str) -> str:
    lines = "".join(f"<span>{escape(detail)}</span>" for detail in details)
    return f'<div class="tile"><h2>{escape(name)}</h2><strong>{value}</strong>{lines}</div>'


def _class_row(result: metrics.ClassResult, label: str, words: Words, bars: bool) -> str:
    shares = "".join(
        f"<td>{charts.bar(value) if bars else ''}<span>{percent(value)}</span></td>"
        for value in (result.recall, result.precision, result.f1)
    )
    return f'<tr><th scope="row">{escape(label)}</th><td>{result.support}</td>{shares}</tr>'


def _figure(answer: Answer, picture: bytes | None, labels: Sequence[str], words: Words) -> str:
    said = escape(labels[answer.predicted])
    path, name = escape(printable(answer.file)), escape(printable(os.path.basename(answer.file)))
    truth = words("truth", truth=labels[answer.truth], rank=answer.rank, score=percent(answer.truth_score))
    image = (
        f'<img src="data:image/jpeg;base64,{base64.b64encode(picture).decode()}" alt="{escape(labels[answer.truth])}">'
        if picture
        else f'<div class="none">{escape(words("no_preview"))}</div>'
    )
    return (
        f'<figure>{image}<figcaption><b>{said} <span class="score">{percent(answer.score)}</span></b>'
        f'<span>{escape(truth)}</span><span class="file" title="{path}">{name}</span></figcaption></figure>'
    )
