"""What this server offers to the page: its models and limits, with the words for them in every language."""

from __future__ import annotations

import hashlib
from functools import lru_cache
from typing import Any

from classifier import ModelPackage
from classifier.formatting import millions
from classifier.languages import Language, languages
from classifier.machine.cpus import cpu_count
from classifier.picture.formats import ENDINGS
from classifier.setting_types import PARTS
from web.errors import ModelFailedError
from web.models import models
from web.origins import framing
from web.page.answer import MOST, model_title, sentences

_FEW = 10
"""A model with at most this many classes is introduced with all their names."""


def offer() -> dict[str, Any]:
    """Models, limits and, if pictures cannot be classified now, why not; to be asked for after the server's start."""
    problem = ModelFailedError() if models().state == "failed" else models().problem
    found = models().limits
    values = {"formats": list(found.formats), "megabytes": millions(found.max_bytes), "pixels": found.max_pixels}
    return {
        "version": version(),
        "default": models().default,
        "view": models().settings.view,
        "parts": [name for name in PARTS if name not in models().settings.page_without],
        "cpus": cpu_count(),
        "keys": models().settings.api_keys_file is not None,
        "frames": list(framing()),
        "models": {name: _model(name, package) for name, package in models().packages.items()},
        "aliases": models().aliases,
        "limits": {
            "bytes": found.max_bytes,
            "endings": list(ENDINGS),
            "words": {code: language.text("page", "limits", **values) for code, language in languages().items()},
            "refused": {
                code: language.text("page", "refused", megabytes=values["megabytes"])
                for code, language in languages().items()
            },
        },
        "problem": sentences(problem) if problem else None,
    }


def version() -> str:
    """Changes whenever a model does; the same on every server with the same models."""
    return _digest(models().default, *(f"{name} {package.version}" for name, package in models().packages.items()))


@lru_cache(maxsize=64)
def _digest(*parts: str) -> str:
    return hashlib.sha256("\n".join(parts).encode()).hexdigest()[:16]


def _model(name: str, package: ModelPackage) -> dict[str, Any]:
    output = package.manifest.output
    return {
        "title": model_title(package),
        "labels": _digest(*package.labels_for("en")),
        "input": package.manifest.input.size,
        "most": min(MOST, output.classes),
        "speaks": {code: package.language_for(code) for code in languages()},
        "usual": min(output.top_k, MOST, output.classes),
        "intro": {code: _intro(language, package) for code, language in languages().items()},
        "knows": {
            code: language.text("page", "knows", classes=output.classes) for code, language in languages().items()
        },
    }


def _intro(language: Language, package: ModelPackage) -> str:
    """What the page does, and what a model knows."""
    classes = package.manifest.output.classes
    if classes <= _FEW:
        return language.text("page", "intro_few", labels=package.labels_for(language.code))
    return language.text("page", "intro", classes=classes)
