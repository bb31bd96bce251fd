"""What can go wrong with a request: more errors of the family in `classifier.errors`, which has those of pictures."""

from __future__ import annotations

from classifier.errors import BusyError, ClassifierError, PackageError, ParameterError

_SEND = (
    "Send a multipart form with a part named `file` (curl -F file=@photo.jpg), the picture itself as the body "
    "(curl --data-binary @photo.jpg), or JSON, as application/json, whose `image` is the picture in base64."
)


class NoPictureError(ParameterError):
    """A request without a picture."""

    code = "no_picture"
    sentence = f"No picture was sent: {{came}}. {_SEND}"


class WrongBodyError(ParameterError):
    """A body that holds no picture as it is, but may hold one in another way."""

    code = "wrong_body"
    status = 415
    sentence = f"The body is {{came}}, where the picture itself is expected. {_SEND}"


class NotBase64Error(ParameterError):
    """A picture in JSON that is something else than base64."""

    code = "not_base64"
    sentence = (
        "The `image` in the JSON is {came}. Give the bytes of the picture's file in base64, "
        "as they are or in a data URL."
    )


class UnknownParameterError(ParameterError):
    """A parameter that there is not."""

    code = "unknown_parameter"
    sentence = "There is no parameter named {names}. Choose from: {known}."


class TextPartError(ParameterError):
    """A part of a form that is text where a file was expected."""

    code = "text_part"
    sentence = (
        "A part named `file` has no file name, and so is text. "
        "Send each picture as a part named `file` that has a file name, {most} at most."
    )


class UnauthorizedError(ClassifierError):
    """A request without a key, or with one that is not known."""

    code = "unauthorized"
    status = 401
    sentence = (
        "This API needs a key, and none that it knows was sent. Send one as `Authorization: Bearer KEY`; "
        "whoever runs this server gives keys."
    )


class RequestError(ClassifierError):
    """A request that cannot be read to its end."""

    code = "bad_request"
    status = 400


class BadFormError(RequestError):
    """A multipart form that cannot be parsed."""

    code = "bad_form"
    sentence = (
        "The form cannot be read: {reason}. "
        "Send each picture as a part named `file` that has a file name, {most} at most."
    )


class BadJsonError(RequestError):
    """A body that should be JSON and is not."""

    code = "bad_json"
    sentence = (
        "The JSON cannot be read: {reason}. "
        "Send an object whose `image` is a picture in base64, or a list of such texts, {most} at most."
    )


class IncompleteFormError(RequestError):
    """A multipart form that ends before its last boundary."""

    code = "incomplete_form"
    sentence = "The form is incomplete: its last boundary is missing. Send it again, in full."


class MalformedRequestError(RequestError):
    """Bytes that are no HTTP request."""

    code = "malformed_request"
    sentence = "This is not a valid HTTP/1.1 request. Send it with a client that follows RFC 9112."


class AmbiguousLengthError(RequestError):
    """A request whose end different servers would see in different places."""

    code = "ambiguous_length"
    sentence = (
        "The length of the request is ambiguous. Send Content-Length, or in HTTP/1.1 Transfer-Encoding, but not both."
    )


class UnknownHostError(RequestError):
    """A request that calls the server by a name that it does not have."""

    code = "unknown_host"
    sentence = (
        "The server does not go by the name in the request's address (its Host header). Use localhost on the machine "
        "itself, or a name that its owner has put into CLASSIFIER_ALLOWED_HOSTS."
    )


class OtherSiteError(RequestError):
    """A request for the page's own scripts that comes from somewhere else."""

    code = "other_site"
    status = 403
    sentence = (
        "Only this server's own page may ask this. Open the page; a program, or another site's page, uses the API: "
        "api/v1/classify."
    )


class UnknownEncodingError(RequestError):
    """A body in a content coding that is not known here."""

    code = "unknown_encoding"
    status = 415
    sentence = "The body's Content-Encoding is not supported. Send it as it is, or compressed by gzip or deflate."


class BadCompressionError(RequestError):
    """A body that is not compressed as its headers say, or is cut off."""

    code = "bad_compression"
    sentence = "The body cannot be decompressed: it is not what its Content-Encoding says. Send it again, in full."


class DisconnectedError(RequestError):
    """The caller went away while sending."""

    code = "disconnected"
    sentence = "The connection ended before the request did. Send it again."


class SlowRequestError(RequestError):
    """A request that stalls, or takes too long to arrive."""

    code = "too_slow"
    status = 408
    sentence = "The request did not arrive in time. Send it again, or a smaller one."


class RequestTooLargeError(RequestError):
    """More bytes than one request may have."""

    code = "request_too_large"
    status = 413
    sentence = "The request is too large: the limit is {limit:millions} MB in all. Send less."


class TooMuchSentError(BusyError):
    """There is no room for the bytes of another picture."""

    code = "too_much_sent"
    retry_after = 5
    sentence = "Too many pictures are being sent right now. Try again in a few seconds."


class TooManyConnectionsError(BusyError):
    """As many connections are open as this server can hold."""

    code = "too_many_connections"
    retry_after = 5
    sentence = "Too many connections are open right now. Try again in a few seconds."


class TooManyVisitsError(BusyError):
    """As many visitors are here as this server can hold."""

    code = "too_many_visits"
    retry_after = 10
    sentence = "Too many visitors are here right now. Try again in a few seconds."


class NotReadyError(ClassifierError):
    """The model is still loading."""

    code = "not_ready"
    status = 503
    retry_after = 2
    sentence = "The model is still loading. Try again in a few seconds."


class ModelFailedError(NotReadyError):
    """The default model could not be loaded; the log says why."""

    code = "model_failed"
    sentence = "The model could not be loaded. Whoever runs this server finds the reason in its log."


class NoRoomError(PackageError):
    """A model does not fit into memory beside the one whose place it is to take."""

    code = "no_room"
