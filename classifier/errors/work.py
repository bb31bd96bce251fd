"""Work that is not done: there is too much at once, or nobody waits for it any more."""

from __future__ import annotations

from classifier.errors.base import ClassifierError


class BusyError(ClassifierError):
    """The queue is full; trying again after `retry_after` seconds helps."""

    code = "busy"
    status = 503
    retry_after = 1
    sentence = "Too many pictures are being classified. Try again in a moment."


class ShareError(BusyError):
    """A client holds its share of what there is, and others need the rest."""

    code = "client_share"
    status = 429
    retry_after = 2
    sentence = "You are sending more than your share while others wait. Send less at a time, and try again in a moment."


class StoppingError(BusyError):
    """The server has been asked to stop."""

    code = "stopping"
    sentence = "The server is stopping. Try again in a moment."


class NoDecoderError(BusyError):
    """The machine has no process or thread for decoding now, or its operator stopped or ended the one that decoded."""

    code = "no_decoder"
    sentence = "Pictures cannot be decoded at the moment. Try again in a moment."


class AbandonedError(ClassifierError):
    """The caller has gone, so nobody needs the answer."""

    code = "abandoned"
    status = 400
    sentence = "The picture was not classified, since nobody waited for the answer any more. Send it again."
