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


@contextmanager
def loaded_model(model: str | None) -> Iterator[Classifier]:
    """A model that decodes pictures in processes of their own, which end with the block.

    Args:
        model: as the command line names it; the settings' one if None.

    Raises:
        ClassifierError: a setting is wrong, or the model cannot be found, read or loaded.
    """
    settings = read_settings(model=model)
    # What goes wrong with a file is the command's to say, in one line; without a handler the log would say it, too.
    logging.getLogger("classifier").addHandler(logging.NullHandler())
    with closing(Workers(settings.limits)) as decoder:
        decoder.start()  # while the model loads
        yield _load(settings, decoder)


def _load(settings: Settings, decoder: Decoder) -> Classifier:
    package = opened_package(settings)
    # Around LiteRT only: what TensorFlow says last, when it aborts the process, would be lost.
    with without_notice() if choose(package, settings.backend).name == LITERT.name else nullcontext():
        return Classifier(package, settings, decoder=decoder)
