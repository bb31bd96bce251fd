"""Why ONNX Runtime cannot load or run a model, from what it says, in a sentence with what to do."""

from __future__ import annotations

import re

import onnxruntime

from classifier.formatting import printable

_LONGEST = 300  # characters of what it says itself
DAMAGED = "it is not an ONNX model, or it is damaged or cut off. Export or download it again."
_UNKNOWN = (
    "it uses the operation {0}, which ONNX Runtime {version} does not know: one that its maker added, or a newer one. "
    "Export the model without it."
)
_OUTSIDE = (
    "its weights are in a file outside its folder, which is not read. Put that file beside it, and save the model so "
    "that it names it without a folder."
)

# Patterns of ONNX Runtime's messages, and what they mean.
_SENTENCES = {
    r"(?i)protobuf parsing failed|No graph was found": DAMAGED,
    r"File doesn't exist": "there is no such file. Restore it.",
    r"Opset (\d+) is under development.* is till opset (\d+)": (
        "it was made with version {0} of ONNX's operations (opset), and ONNX Runtime {version} knows them up to {1}. "
        "Export it with opset_version={1} or less, or install a newer ONNX Runtime."
    ),
    r"Unsupported model IR version: (\d+), max supported IR version: (\d+)": (
        "it is in version {0} of the ONNX format, and ONNX Runtime {version} reads up to {1}. "
        "Export it with an older version of onnx, or install a newer ONNX Runtime."
    ),
    r"Fatal error: (\S+?:\S+?)\(-?\d+\) is not a registered function": _UNKNOWN,
    r"No Op registered for (\S+)": _UNKNOWN,
    r"Could not find an implementation for (\w+)": (
        "ONNX Runtime {version} cannot compute its operation {0} with values of that type on a CPU. "
        "Export the model as float32."
    ),
    r'External data path does not exist: "([^"]+)"': (
        "its weights are in another file, {name}, which is not there. Put it into the same folder."
    ),
    r"External data path escapes|Absolute path not allowed": _OUTSIDE,
    r"points outside the directory|should be a relative path|symbolic link": _OUTSIDE,
    r"out of bounds or can not be read in full": (
        "the file beside it that holds its weights is cut off. Export or download it again."
    ),
}


# What stands before the words for people: kind of error, file, place in ONNX Runtime's own source.
_NOISE = (
    r"^\[ONNXRuntimeError\] : \d+ : \w+ : ",
    r"^Load model from .*? failed:",
    r"^/\S+:\d+ .*?\) (?=[A-Z])",
    r"^\w+\.cc:\d+ \w+ ",
)


def reason(error: Exception) -> str:
    """Why a model cannot be loaded or run, in one line, from an error of ONNX Runtime."""
    if isinstance(error, UnicodeDecodeError):  # a name in the model, or in ONNX Runtime's message about it
        return DAMAGED
    said = " ".join(str(error).split())
    for pattern, sentence in _SENTENCES.items():
        if found := re.search(pattern, said):
            words = [printable(group) for group in found.groups()]
            name = words[0].rpartition("/")[2] if words else ""
            return sentence.format(*words, name=name, version=onnxruntime.__version__)
    for noise in _NOISE:
        said = re.sub(noise, "", said, count=1)
    cause = printable(said[:_LONGEST]).rstrip(".") or type(error).__name__
    return (
        f"ONNX Runtime {onnxruntime.__version__} cannot run it: {cause}. Export it again, and see what "
        "onnx.checker.check_model says of it."
    )
