"""What is installed and what would be used, for `classifier info`: as values and as lines for people."""

from __future__ import annotations

import os
import platform
from typing import Any

from classifier import __version__
from classifier.classifier import Classifier
from classifier.errors import ClassifierError
from classifier.formatting import millions, percent
from classifier.machine.cpus import cpu_count
from classifier.machine.memory import available_memory
from classifier.package import Catalog, ModelPackage
from classifier.package.opened import opened_package
from classifier.settings import Settings


def gather(settings: Settings) -> dict[str, Any]:
    """Everything, as values for JSON; the default model is loaded to find out what runs it.

    Returns:
        Version, models, default model, backend, device, CPUs, memory in bytes, limits; `error` in
        place of backend and device when the default model cannot be loaded.
    """
    catalog = Catalog.read(settings.models)
    found: dict[str, Any] = {
        "version": __version__,
        "python": platform.python_version(),
        "platform": f"{platform.system()} {platform.machine()}",
        "models_folder": str(settings.models),
        "models": [
            _describe(catalog.name_of(key), folder, weights=settings.engine is None)
            for key, folder in catalog.folders.items()
        ],
        "model": settings.model,
    }
    try:
        classifier = Classifier.load(opened_package(settings), settings=settings, guarded=True)
    except ClassifierError as error:
        found["error"] = {"code": error.code, "detail": error.message}
    else:
        found |= {
            "model": classifier.package.name,
            "backend": classifier.backend,
            "device": classifier.device,
            "reason": classifier.reason,
        }
    return found | {
        "cpus": cpu_count(),
        "host_cpus": os.cpu_count(),
        "available_memory": available_memory(),
        "limits": {
            "max_bytes": settings.max_bytes,
            "max_pixels": settings.max_pixels,
            "formats": list(settings.formats),
            "queue": settings.queue,
        },
    }


def lines(found: dict[str, Any]) -> list[str]:
    """The same as lines for people."""
    limits, memory = found["limits"], found["available_memory"]
    backend = (
        f"none: {found['error']['detail']}"
        if "error" in found
        else f"{found['backend']} on {found['device']}: {found['reason']}"
    )
    rows = [
        (
            "version",
            f"{found['version']} (Python {found['python']}, {found['platform']})",
        ),
        ("models", f"in {found['models_folder']}"),
        *(("", _model_line(model)) for model in found["models"]),
        ("default", found["model"]),
        ("backend", backend),
        ("CPUs", f"{found['cpus']} of the machine's {found['host_cpus']}"),
        ("memory", "unknown" if memory is None else f"{memory / 1e9:.1f} GB available"),
        (
            "limits",
            f"{millions(limits['max_bytes'])} MB, {millions(limits['max_pixels'])} million pixels, "
            f"{limits['queue']} waiting",
        ),
        ("formats", ", ".join(limits["formats"])),
    ]
    return [f"{name:9}{text}" for name, text in rows]


def _describe(name: str, folder: object, *, weights: bool) -> dict[str, Any]:
    try:
        package = ModelPackage.load(str(folder), weights=weights)
    except ClassifierError as error:
        return {"name": name, "error": {"code": error.code, "detail": error.message}}
    manifest = package.manifest
    return {
        "name": name,
        "title": manifest.title,
        "license": manifest.license,
        "classes": manifest.output.classes,
        "languages": list(package.labels),
        "weights": list(manifest.weights),
        "coverage": manifest.conformal.coverage if manifest.conformal else None,
    }


def _model_line(model: dict[str, Any]) -> str:
    if "error" in model:
        return f"{model['name']}: {model['error']['detail']}"
    sets = f", sets of {percent(model['coverage'])} coverage" if model["coverage"] else ""
    return (
        f"{model['name']}: {model['title']}, {model['classes']} classes, "
        f"labels {' '.join(model['languages'])}, weights {' '.join(model['weights'])}{sets}"
    )
