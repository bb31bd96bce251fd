"""The report's section on pictures of none of the model's classes."""

from __future__ import annotations

import os
from collections.abc import Mapping, Sequence
from html import escape

from classifier.evaluation import metrics
from classifier.evaluation.html import charts, sections
from classifier.evaluation.others import Others
from classifier.formatting import percent, printable
from classifier.languages import Words

WORST = 15
"""The most pictures that are shown, each as large as those of the matrix's cells."""


def section(found: Others | None, small: Mapping[str, bytes], labels: Sequence[str], words: Words) -> str:
    """The numbers, the risk-coverage curve and the worst; nothing if there were no such pictures."""
    if found is None:
        return ""
    total = len(found.answers)
    low, high = metrics.interval(found.sure, total)
    of, interval = words("of", right=found.sure, total=total), words("interval", low=percent(low), high=percent(high))
    share = words("others_share", share=percent(found.sure / total), of=of, interval=interval)
    facts = [(words("others_sure"), share)]
    if found.also_own:
        facts.append((words("others_own"), str(found.also_own)))
    if found.own_right:
        facts.append((words("others_kept"), percent(found.own_right_sure / found.own_right)))
    if found.own_sure:
        facts.append((words("others_right"), percent(found.own_right_sure / found.own_sure)))
    auroc = found.auroc
    facts += [
        (name, f"{value:.3f}")
        for name, value in (
            (words("others_auroc_score"), auroc["score"]),
            (words("others_auroc_familiar"), auroc["familiar"]),
            (words("others_auroc_both"), auroc["both"]),
        )
        if value is not None
    ]
    listed = "".join(f"<dt>{escape(name)}</dt><dd>{escape(value)}</dd>" for name, value in facts)
    rows = "".join(
        f"<tr><td>{sections.small_image(small.get(one.file))}</td><td>{escape(labels[one.predicted])}</td>"
        f'<td>{percent(one.score)}</td><td class="file" title="{escape(printable(one.file))}">'
        f"{escape(printable(os.path.basename(one.file)))}</td></tr>"
        for one in found.worst[:WORST]
    )
    heads = "<td></td>" + "".join(f'<th scope="col">{escape(words(key))}</th>' for key in ("called", "score", "file"))
    table = f'<table class="pairs others"><thead><tr>{heads}</tr></thead><tbody>{rows}</tbody></table>'
    worst = f'<h3>{escape(words("others_worst"))}</h3><div class="wide" tabindex="0">{table}</div>'
    text = words("others_text", pictures=total, dataset=printable(found.dataset))
    curve = f"<figure>{charts.risk_coverage(found.curve, words)}</figure>"
    inside = f'<p>{escape(text)}</p>{curve}<dl class="facts">{listed}</dl>{worst if rows else ""}'
    return sections.section(words("others"), inside)
