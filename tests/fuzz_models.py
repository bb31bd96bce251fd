"""Mutated model files without end: half of `make fuzz`, or `python -m tests.fuzz_models --minutes 1`.

Each is imported in a process forked for it. What a file does to that process, such as crashing it, it does to the child
process of the command: the command gets a few files of each such kind, too. What breaks the promise stays in
`test-results/fuzz`. Files that need TensorFlow are tried from three minutes on, as each takes a second or more.
"""

from __future__ import annotations

import argparse
import faulthandler
import hashlib
import os
import random
import resource
import select
import signal
import subprocess
import sys
import tempfile
import time
import traceback
from collections import Counter
from functools import cache
from pathlib import Path
from typing import NoReturn

import numpy as np
import onnx

from classifier.errors import ClassifierError
from classifier.importing import verify
from classifier.importing.core import import_model
from classifier.importing.options import Options
from classifier.machine.import_process import unfinished
from tests.support import onnx_models
from tests.support.command import ENVIRONMENT, run
from tests.support.imported import LABELS, place
from tests.support.mutated_models import mutant, zipped
from tests.support.photos import ROOT
from tests.support.tiny_tflite import Tiny, with_files

FOLDER = ROOT / "test-results/fuzz"
SECONDS = 20.0
"""For an import in a forked process; what takes longer hangs. TensorFlow has ten times as long."""

_MEMORY = 4 << 30  # bytes of address space for it
_CONFIRMED = 1  # files of each kind that the command gets, too: it takes a minute to find that one hangs
_OTHER_LABELS = (b"", b"a\nb", b"\xff\xfe\x00", b"{", b'{"a": 1e400}', b"[" * 2000, b'{"0": "a", "1": "b", "9": "c"}')
_TENSORFLOW = ("model.keras", "model.h5", "saved_model.zip")
_TENSORFLOW_MINUTES = 3
_TENSORFLOW_SHARE = 0.1  # of all files: each of them takes seconds


@cache
def seeds() -> dict[str, bytes]:
    """Sound files by name, the ending first of all: `.tflite`, `.onnx`, and zips of them."""
    sizes = ((0.00392, 0), (0.00392, 0))
    found = {
        "float.tflite": Tiny().build(),
        "any.tflite": Tiny(any_size=True, before=(("/", 127.5), ("-", 1.0))).build(),
        "logits.tflite": Tiny(last="none", channels_first=True).build(),
        "uint8.tflite": Tiny(dtype="uint8", quantisation=sizes).build(),
        "int8.tflite": Tiny(dtype="int8", quantisation=((0.00392, -128), (0.00392, -128))).build(),
        "zip.tflite": with_files(Tiny().build(), {"labels.txt": "a\nb\nc\n"}),
    }
    for name in ("metadata", "metadata_uint8"):
        found[f"{name}.tflite"] = (ROOT / f"tests/files/{name}.tflite").read_bytes()
    found["convolutions.tflite"] = (ROOT / "model/cifar10/model.tflite").read_bytes()
    found |= onnx_seeds()
    found["model.zip"] = zipped({"model.tflite": Tiny().build(), "labels.txt": b"0 a\n1 b\n2 c\n"})
    return found


def onnx_seeds() -> dict[str, bytes]:
    """Sound ONNX files: of floats, as its quantisation leaves one, and with its weights in another file of a zip."""
    floats = onnx_models.network(("Sub", np.float32(120)), ("Div", np.float32(60)), producer="pytorch")
    told = onnx_models.network(metadata={"names": "{0: 'a', 1: 'b', 2: 'c'}", "Image.BitmapPixelFormat": "Bgr8"})
    described = told.SerializeToString()
    with tempfile.TemporaryDirectory() as folder:
        onnx.save(told, Path(folder, "model.onnx"), save_as_external_data=True, location="weights", size_threshold=0)
        outside = {file.name: file.read_bytes() for file in Path(folder).iterdir()}
    return {
        "float.onnx": floats.SerializeToString(),
        "metadata.onnx": described,
        "quantised.onnx": onnx_models.quantised().SerializeToString(),
        "external.zip": zipped({**outside, "labels.txt": b"a\nb\nc\n"}),
    }


def tensorflow_seeds(folder: Path) -> dict[str, bytes]:
    """Sound files that TensorFlow reads; another process makes them, since one that runs TensorFlow cannot fork."""
    code = (
        f"from tests import fuzz_models as f; from pathlib import Path; f.make_tensorflow_seeds(Path({str(folder)!r}))"
    )
    subprocess.run([sys.executable, "-c", code], check=True, cwd=ROOT, capture_output=True)
    return {name: (folder / name).read_bytes() for name in _TENSORFLOW}


def make_tensorflow_seeds(folder: Path) -> None:
    """Writes the files of `tensorflow_seeds`."""
    import tf_keras

    from tests.support import makers

    makers.small().save(folder / "model.keras")
    makers.small(tf_keras).save(folder / "model.h5")
    makers.plain(folder / "saved")
    inside = {
        str(file.relative_to(folder / "saved")): file.read_bytes()
        for file in (folder / "saved").rglob("*")
        if file.is_file()
    }
    (folder / "saved_model.zip").write_bytes(zipped(inside))


def outcome(source: Path, seconds: float = SECONDS) -> str:
    """How the import of a file ends in a process of its own.

    Returns:
        `imported`; `refused: ` and the sentence; `odd: ` and the traceback of another exception; `signal` and its
        number; `hang`.
    """
    theirs, ours = os.pipe()
    pid = os.fork()
    if pid == 0:
        _import(source, ours)
    os.close(ours)
    said = b""
    end = time.monotonic() + seconds
    with os.fdopen(theirs, "rb", buffering=0) as stream:
        while select.select([stream], [], [], max(0.0, end - time.monotonic()))[0]:
            part = stream.read(65536)
            if not part:
                break
            said += part
        else:
            os.kill(pid, signal.SIGKILL)
            os.waitpid(pid, 0)
            return "hang"
    status = os.waitstatus_to_exitcode(os.waitpid(pid, 0)[1])
    return f"signal {-status}" if status < 0 else said.decode()


def _import(source: Path, pipe: int) -> NoReturn:
    """The forked process."""
    nothing = os.open(os.devnull, os.O_RDWR)
    for stream in (0, 1, 2):
        os.dup2(nothing, stream)
    faulthandler.disable()
    resource.setrlimit(resource.RLIMIT_CORE, (0, 0))
    if source.name not in _TENSORFLOW:  # TensorFlow alone maps more
        resource.setrlimit(resource.RLIMIT_AS, (_MEMORY, _MEMORY))
    tempfile.tempdir = str(source.parent)
    try:
        import_model(source, source.parent / "package", Options(trust=source.suffix == ".h5"))
        said = "imported"
    except ClassifierError as error:
        said = f"refused: {error.message}"
    except BaseException:
        said = f"odd: {traceback.format_exc()}"
    os.write(pipe, said.encode("utf-8", "replace")[-60_000:])
    os._exit(0)


def broken_promise(name: str, data: bytes, seconds: float = SECONDS, labels: bytes | None = None) -> tuple[str, str]:
    """Imports a file in a process of its own; the kind of end, and what is wrong with it or ""."""
    with tempfile.TemporaryDirectory() as folder:
        source = place(Path(folder), data, name, LABELS)
        if labels is not None:
            (source.parent / "labels.txt").write_bytes(labels)
        found = outcome(source, seconds)
        kind = found.partition(":")[0]
        if kind == "odd":
            return kind, found
        if kind == "refused" and ("\n" in found or "Traceback" in found):
            return kind, f"not one sentence: {found}"
        left = {path.name for path in source.parent.iterdir()} - {name, "labels.txt", "package"}
        if kind in ("refused", "imported") and left:
            return kind, f"it left {sorted(left)}"
        return kind, ""


def broken_by_command(name: str, data: bytes) -> str:
    """Gives a file to the command; what is wrong with its end, or ""."""
    with tempfile.TemporaryDirectory() as folder:
        source = place(Path(folder), data, name)
        temporary = Path(folder, "temporary")
        temporary.mkdir()
        variables = {**ENVIRONMENT, "TMPDIR": str(temporary), "XDG_CACHE_HOME": str(temporary / "cache")}
        target = source.parent / "package"
        ended = run("import", source, target, env=variables, timeout=300)
        said = ended.stderr.decode().splitlines()
        if ended.returncode == 0:
            return ""  # it happens only sometimes
        if ended.returncode != 2 or len(said) != 1 or not said[0].startswith("classifier: "):
            return f"status {ended.returncode}, {said}"
        left = [path for path in (unfinished(target), target, *temporary.iterdir()) if path.exists()]
        return f"it left {left}" if left else ""


def main() -> int:
    """Tries mutants until the time is over; the exit status says whether all kept the promise."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--minutes", type=float, default=60)
    parser.add_argument("--share", type=float, default=1, help="of these minutes")
    parser.add_argument("--only", default="", help="files whose names end so, such as .onnx")
    parser.add_argument("--seed", type=int, default=random.randrange(2**32))
    args = parser.parse_args()
    chance = random.Random(args.seed)
    end = time.monotonic() + args.minutes * args.share * 60
    FOLDER.mkdir(parents=True, exist_ok=True)
    files = {name: data for name, data in seeds().items() if name.endswith(args.only)}
    quick = sorted(files)
    if args.minutes >= _TENSORFLOW_MINUTES and not args.only:
        with tempfile.TemporaryDirectory() as folder:
            files |= tensorflow_seeds(Path(folder))
    verify.photos()  # once for all forked processes
    ends = Counter[str]()
    failed = 0
    while time.monotonic() < end:
        slow = len(files) > len(quick) and chance.random() < _TENSORFLOW_SHARE
        name = chance.choice(_TENSORFLOW if slow else quick)
        data = mutant(chance, name, files[name])
        labels = chance.choice(_OTHER_LABELS) if chance.random() < 0.05 else None
        kind, wrong = broken_promise(name, data, SECONDS * (10 if name in _TENSORFLOW else 1), labels)
        ends[kind] += 1
        if kind not in ("imported", "refused") and ends[kind] <= _CONFIRMED:
            kept = _keep(name, data, kind)
            wrong = wrong or broken_by_command(name, data)
        if wrong:
            failed += 1
            kept = _keep(name, data, "broken")
            print(f"{kept}: {kind}: {wrong}", flush=True)
    counts = ", ".join(f"{count} {kind}" for kind, count in ends.most_common())
    print(f"{ends.total()} model files (seed {args.seed}): {counts}; {failed} broke the promise")
    return 1 if failed else 0


def _keep(name: str, data: bytes, why: str) -> Path:
    kept = FOLDER / f"{why.replace(' ', '_')}-{hashlib.sha256(data).hexdigest()[:16]}-{name}"
    kept.write_bytes(data)
    return kept


if __name__ == "__main__":
    sys.exit(main())
