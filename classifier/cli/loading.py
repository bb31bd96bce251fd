"""The model that a command works with."""

from __future__ import annotations

import logging
from collections.abc import Iterator
from contextlib import closing, contextmanager, nullcontext

from classifier.backends.choice import choose
from classifier.backends.names import LITERT
from classifier.classifier import Classifier
from classifier.cli.quiet import without_notice
from classifier.package.opened import opened_package
from classifier.picture.prepare import Decoder
from classifier.picture.sandbox import Workers
from classifier.settings import Settings, read_settings
from classifier.views import View


@contextmanager
def loaded_model(model: str | None, view: View | None = None) -> Iterator[Classifier]:
    """A loaded model, with child processes that decode pictures and that end with the `with` block.

    Args:
        model: the model as the command line names it; the one that the settings name if None.
        view: what it sees of each picture; as the settings say if None.

    Raises:
        ClassifierError: a setting is wrong, or the model cannot be found, read or loaded.
    """
    settings = read_settings(model=model, view=view)
    # The command itself reports what is wrong with a file, in one line; without a handler, logging would repeat it.
    logging.getLogger("classifier").addHandler(logging.NullHandler())
    with closing(Workers(settings.limits)) as decoder:
        decoder.start()  # while the model loads
        yield _load(settings, decoder)


def _load(settings: Settings, decoder: Decoder) -> Classifier:
    package = opened_package(settings)
    # Only for LiteRT: what TensorFlow prints before it aborts the process must not be lost.
    with without_notice() if choose(package, settings.backend).name == LITERT.name else nullcontext():
        return Classifier(package, settings, decoder=decoder, guarded=True)
