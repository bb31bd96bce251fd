"""All checks of `classifier doctor`, one after the other.

A missing dependency is a finding and not a crash; a check that could end the whole process (of a model,
of a GPU) is made in a child process.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator

from classifier.cli.doctor import installation
from classifier.cli.doctor.check import INSTALL, Check


def examine(model: str | None = None) -> Iterator[Check]:
    """Looks at everything.

    Args:
        model: name or path of the one package to check and to try; if None, all are checked and the default one is
            tried.

    Yields:
        Findings, as they are made; nothing is raised.
    """
    yield from _guarded("Python", installation.python)
    yield from _guarded("installation", installation.completeness)
    yield from _guarded("dependencies", installation.dependencies)
    yield from _guarded("picture formats", installation.decoders)
    try:
        from classifier.cli.doctor import machine, models
    except ImportError:
        return  # reported by `dependencies`; without them nothing else can be checked
    settings, wrong = models.settings_or_defaults(model)
    yield from _guarded("settings", lambda: models.variables(wrong))
    yield from _guarded("CPU", machine.cpu)
    yield from _guarded("memory", machine.memory)
    yield from _guarded("port", lambda: machine.port(settings))
    yield from _guarded("TensorFlow", lambda: machine.tensorflow(settings))
    yield from _guarded("ONNX Runtime", lambda: machine.onnx(settings))
    yield from _guarded("GPU", machine.graphics)
    yield from _guarded("models", lambda: models.packages(settings, alone=model is not None))
    if not wrong:  # else the trial would only report the same
        yield from _guarded("trial", lambda: models.trial(settings))


def _guarded(name: str, check: Callable[[], Iterator[Check]]) -> Iterator[Check]:
    try:
        yield from check()
    except ImportError as error:
        yield Check(name, "fail", f"cannot be checked: {error}", INSTALL)
    except Exception as error:  # a check that breaks is a finding; the others go on
        yield Check(name, "fail", f"{type(error).__name__}: {error}")
