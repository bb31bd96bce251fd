"""A result as the page's scripts get it: the API's own, and beside it the words for it in every language.

So the page changes its language, the number of classes and the smallest score without asking again.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import asdict
from typing import Any

from starlette.responses import JSONResponse, Response

from classifier import Classification, ClassifierError, ModelPackage, PredictionSet
from classifier.backends import names as backends
from classifier.formatting import odds, percent
from classifier.languages import Language, languages
from classifier.package import Manifest
from classifier.views import View
from web import problems
from web.models import models

_NOTES = {  # texts by the code of a note
    "cut_off": "note_cut_off",
    "cut_off_detail": "note_cut_off_detail",
    "raw_preview": "note_raw_preview",
}

_SAW: dict[View, str] = {"crop": "saw_crop", "whole": "saw_whole", "both": "saw_both"}
"""The keys of what is said of an answer by its view."""

MOST = 10
"""The most classes that the page can show."""

_MUCH = 0.5
"""The share of a picture from which on the page does not say that the model saw only so much of it."""

_NAMED = 5
"""The most classes of a set that are named."""


def answer(result: Classification, package: ModelPackage) -> dict[str, Any]:
    """The result of a model, its scores in words, and what there is to say of it in each language."""
    return {
        "result": result.to_dict(),
        "doubt": result.doubt,
        "percents": [percent(item.score) for item in result.predictions],
        "hides": _seen(result) < _MUCH,
        "words": {code: _words(result, package, language) for code, language in languages().items()},
    }


def refusal(error: Exception, headers: dict[str, str] | None = None) -> Response:
    """The problem object of an error, with what visitors read of it in each language.

    An error that is none of ours is answered as such; its traceback goes to the log.
    """
    content = refused(error)
    retry = {"Retry-After": str(error.retry_after)} if isinstance(error, ClassifierError) and error.retry_after else {}
    return JSONResponse(content, content["status"], {**retry, **(headers or {})}, media_type=problems.MEDIA_TYPE)


def refused(error: Exception) -> dict[str, Any]:
    """The content of `refusal`."""
    about = problems.from_error(error) if isinstance(error, ClassifierError) else problems.UNEXPECTED
    return {**asdict(about), "texts": sentences(error)}


def sentences(error: Exception) -> dict[str, str]:
    """What visitors read of an error, by language."""
    return {code: language.error(error) for code, language in languages().items()}


def model_title(package: ModelPackage) -> str:
    """What the page calls a model: its title, and its name, too, where others have the same title."""
    title = package.manifest.title
    alike = sum(package.manifest.title == title for package in models().packages.values())
    return title if alike <= 1 else f"{title} ({package.name})"


def _words(result: Classification, package: ModelPackage, language: Language) -> dict[str, Any]:
    labels = package.labels_for(language.code)
    spoken = package.language_for(language.code)
    took = language.text(
        "page",
        "took",
        milliseconds=f"{result.timings.total:.0f}",
        device=language.device(result.device),
        backend=backends.title(result.backend),
    )
    return {
        "labels": [labels[item.index] for item in result.predictions],
        "lang": languages()[spoken].html if spoken in languages() else spoken,
        "set": [labels[item.index] for item in result.set.predictions] if result.set else [],
        "promise": _promise(result.set, labels, language) if result.set else "",
        "took": f"{took} · {model_title(package)}",
        "hidden": language.text("page", "hidden", share=percent(_seen(result), 0)),
        "details": _details(result, package.manifest, language),
    }


def _promise(found: PredictionSet, labels: Sequence[str], language: Language) -> str:
    """Which classes to reckon with, and how often one of them is right."""
    times, of = odds(found.coverage)
    count = len(found.predictions)
    key = "set_one" if count == 1 else "set" if count <= _NAMED else "set_many"
    named = [labels[item.index] for item in found.predictions[:_NAMED]]
    return language.text("page", key, times=times, of=of, count=count, labels=named)


def _details(result: Classification, manifest: Manifest, language: Language) -> list[tuple[str, str]]:
    def t(key: str, **values: object) -> str:
        return language.text("page", key, **values)

    rows = [
        (t("size"), t("size_value", width=result.width, height=result.height, format=result.format)),
        (t("view"), t(_SAW[result.view], share=percent(_seen(result), 0))),
    ]
    rows += [(t("note"), t(_NOTES[one.code], **one.details)) for one in result.notes]
    for stage in ("queue", "decode", "preprocess", "inference", "total"):
        rows.append((t(f"stage_{stage}"), t("milliseconds", value=f"{getattr(result.timings, stage):.1f}")))
    rows.append((t("model"), manifest.title))
    if manifest.published:
        published, dataset = percent(manifest.published.top1), manifest.published.dataset
        rows.append((t("model_accuracy"), t("detailed", value=published, detail=dataset)))
    if manifest.license:
        rows.append((t("model_licence"), manifest.license))
    return rows


def _seen(result: Classification) -> float:
    """The share of the picture that the model saw, 0 to 1."""
    left, top, right, bottom = result.box
    return (right - left) * (bottom - top) / (result.width * result.height)
