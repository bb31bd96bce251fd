"""Checks of the settings and the models, and a trial of one model on a picture."""

from __future__ import annotations

import io
import json
import os
import signal
import subprocess
import time
from collections.abc import Iterator
from pathlib import Path

from PIL import Image

from classifier import checkout
from classifier.backends.names import BackendInfo, runners
from classifier.cli.doctor.check import Check
from classifier.errors import ClassifierError, PackageError, ParameterError
from classifier.formatting import percent
from classifier.injected import without_injected
from classifier.machine.process import end_first
from classifier.package import Catalog, Form, ModelPackage, is_bare, locate
from classifier.settings import PREFIX, Settings, read_settings

_TRIAL_TIMEOUT = 300  # seconds; TensorFlow on a small board takes its time
_SLOW = 1000  # ms for one small picture


def settings_or_defaults(model: str | None) -> tuple[Settings, str]:
    """The settings and ""; if one of them is wrong, the defaults and what is wrong."""
    try:
        return read_settings(model=model), ""
    except ParameterError as error:
        defaults = Settings.model_construct()
        return defaults.model_copy(update={"model": model} if model else {}), error.message


def variables(wrong: str) -> Iterator[Check]:
    """Looks for values that are not allowed, and for names that are misspelt."""
    known = [PREFIX + name.upper() for name in Settings.model_fields]
    left, _ = without_injected(os.environ)
    present = sorted(name for name in left if name.startswith(PREFIX))
    unknown = ", ".join(name for name in present if name not in known)
    if wrong:
        yield Check("settings", "fail", wrong, "Correct the variable, or unset it for its default.")
    if unknown:
        remedy = f"Check the spelling; there are {', '.join(known)}."
        yield Check("settings", "warn", f"not a setting: {unknown}", remedy)
    if not wrong and not unknown:
        yield Check("settings", "ok", ", ".join(present) or "all defaults")


def packages(settings: Settings, alone: bool) -> Iterator[Check]:
    """Looks at manifest, labels and weights of every package, or of the default one alone."""
    folders: dict[str, Path] = {}
    try:
        catalog = Catalog.read(settings.models)
        folders = {} if alone else {catalog.name_of(key): folder for key, folder in catalog.folders.items()}
        default = _default(settings)
    except ClassifierError as error:
        remedy = f"Name one that is in {settings.models}, or set CLASSIFIER_MODELS to another folder."
        yield Check(f"model {settings.model}", "fail", error.message, remedy)
    else:
        key = catalog.key(default)
        if alone or not key:
            folders = {catalog.name_of(key) if key else _called(settings, default): default, **folders}
        for conflict in () if alone else catalog.conflicts():
            yield Check("names", "warn", conflict, "Give each a name of its own in its model.toml.")
    for name, folder in folders.items():
        yield _package(f"model {name}", folder, elsewhere=settings.engine is not None)


def trial(settings: Settings) -> Iterator[Check]:
    """Has the model classify a picture through the command line, in a process of its own."""
    try:
        folder = _default(settings)
    except ClassifierError:
        return  # `packages` reports it
    name = _called(settings, folder)
    file = io.BytesIO()
    Image.radial_gradient("L").convert("RGB").save(file, "PNG")
    start = time.perf_counter()
    try:
        ended = subprocess.run(
            checkout.command("classify", "--json", "--model", str(folder.absolute()), "-"),
            input=file.getvalue(),
            capture_output=True,
            timeout=_TRIAL_TIMEOUT,
            env=checkout.environment(),
            preexec_fn=end_first,  # or the kernel may end the doctor in its place
        )
    except subprocess.TimeoutExpired:
        yield Check(
            "trial",
            "fail",
            f"{name} did not classify a picture within {_TRIAL_TIMEOUT} s",
            "Give it more CPU, or choose a smaller model.",
        )
        return
    seconds = time.perf_counter() - start
    if ended.returncode == -signal.SIGKILL:  # how the kernel ends a process when memory runs out
        detail = f"{name} was not tried: memory ran out, partly because this check takes some itself"
        yield Check("trial", "warn", detail, "See whether the server starts, which takes less, or raise the limit.")
        return
    if ended.returncode:
        said = ended.stderr.decode(errors="replace").strip().splitlines() or ["no message"]
        detail = f"{name} ended with {_status(ended.returncode)}: {said[-1]}"
        remedy = "Set CLASSIFIER_BACKEND=litert." if ended.returncode < 0 else ""
        if settings.engine and ended.returncode > 0:
            remedy = "Start the engine, or correct CLASSIFIER_REMOTE_URL and CLASSIFIER_REMOTE_PROTOCOL."
        yield Check("trial", "fail", detail, remedy)
        return
    (result,) = json.loads(ended.stdout)["results"]
    took = result["timings"]["total"]
    detail = (
        f"{result['model']} classified a picture in {took:.0f} ms, {seconds:.1f} s including its start, "
        f"by {result['backend']} on {result['device']}"
    )
    if took > _SLOW:
        who = "the engine" if settings.engine else "it"
        yield Check("trial", "warn", detail, f"Give {who} more CPU, or choose a smaller model.")
    else:
        yield Check("trial", "ok", detail)


def _default(settings: Settings) -> Path:
    return locate(settings.model, settings.models, chosen=settings.model_is_chosen)


def _called(settings: Settings, folder: Path) -> str:
    """How the default model is called here: as the operator did."""
    return settings.model if settings.model_is_chosen else folder.name


def _package(name: str, folder: Path, *, elsewhere: bool) -> Check:
    try:
        if is_bare(folder):
            return Check(name, "ok", f"{folder} is not a package yet: it is imported at every start")
        package = ModelPackage.load(folder, weights=not elsewhere)
        if elsewhere:
            about = f"{package.manifest.output.classes} classes, labels {' '.join(package.labels)}, run by the engine"
            return Check(name, "ok", about + _sets(package))
        forms, missing = [], []
        for form, weights in package.manifest.weights.items():
            package.weights_file(form)  # compares the sha256
            state = "sha256 right" if weights.sha256 else "no sha256"
            if backend := _not_installed(form):
                state += f", {backend.title} not installed"
                missing.append(backend)
            forms.append(f"{form} ({state})")
    except PackageError as error:
        remedy = "Restore what it names from where the package came, or correct model.toml."
        return Check(name, "fail", error.message, remedy)
    detail = (
        f"{package.manifest.output.classes} classes, labels {' '.join(package.labels)}, weights {' and '.join(forms)}"
    )
    if not forms:
        remedy = "It runs only in an engine: set CLASSIFIER_BACKEND=remote and CLASSIFIER_REMOTE_URL."
        return Check(name, "warn", f"{detail}none", remedy)
    detail += _sets(package)
    if len(missing) == len(forms):
        return Check(name, "fail", detail, missing[0].remedy)
    return Check(name, "ok", detail)


def _sets(package: ModelPackage) -> str:
    conformal = package.manifest.conformal
    return f", sets of {percent(conformal.coverage)} coverage" if conformal else ""


def _not_installed(form: Form) -> BackendInfo | None:
    """The backend to install for weights of a form; None if a backend that runs them is installed."""
    backends = runners(form)
    return None if any(backend.installed for backend in backends) else backends[0]


def _status(code: int) -> str:
    if code >= 0:
        return f"status {code}"
    return f"signal {-code} ({signal.strsignal(-code)})"
