"""The import: finds and reads a model, decides what its file does not say, and writes a package after trying it out."""

from __future__ import annotations

import tempfile
from collections.abc import Callable, Sequence
from dataclasses import dataclass, replace
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from classifier.backends.choice import load_backend
from classifier.backends.model_files import Kind
from classifier.backends.names import runners
from classifier.backends.trial import remember
from classifier.errors import ClassifierError, ModelFileError
from classifier.importing import damage, decide, sources, told, tries, verify
from classifier.importing.litert import features
from classifier.importing.litert import reader as litert
from classifier.importing.network import FEATURES, LITERT_FILE, Network, Run, layout
from classifier.importing.onnx import reader as onnx
from classifier.importing.options import Options, Scaling
from classifier.importing.sources import Source
from classifier.importing.tensorflow import convert
from classifier.importing.tensorflow import reader as tensorflow
from classifier.importing.write import Draft, beside, write
from classifier.machine import files, progress
from classifier.machine.cpus import cpu_count
from classifier.package import Form, InputSpec, ModelPackage, OutputSpec
from classifier.package.naming import checked, named
from classifier.postprocessing import probabilities

_READERS: dict[Kind, Callable[[Source, Options], Network]] = {
    "tflite": litert.read,
    "keras": tensorflow.read,
    "h5": tensorflow.read,
    "saved_model": tensorflow.read,
    "onnx": onnx.read,
}

_TRIED = 3  # inputs with which scores are compared bit by bit

Say = Callable[[str, str], None]
Values = Sequence[NDArray[np.float32]]


@dataclass(frozen=True, slots=True)
class Imported:
    """The result of an import.

    Attributes:
        package: the new model package.
        difference: the difference between the scores of the original and of its LiteRT form; None if nothing was
            converted.
    """

    package: ModelPackage
    difference: verify.Difference | None


def import_model(
    source: Path, target: Path, options: Options | None = None, say: Say = lambda word, sentence: None
) -> Imported:
    """Makes a checked model package of a model file.

    Args:
        source: the file, SavedModel, folder or zip.
        target: the package's folder, which must not exist yet.
        options: what the user says about the model.
        say: called with a word and a sentence for each thing that was found or chosen.

    Raises:
        ModelFileError: something is missing, or wrong with the file; nothing is left at `target` then.
        TrustError: the file may hold code, and `options.trust` is false.
        BackendError: reading the file needs TensorFlow, which is not installed.
        ParameterError: an option does not fit.
    """
    options = options or Options()
    photos = tries.read(options.photos)
    name = checked(options.name or named(target))
    with (
        beside(target) as folder,
        tempfile.TemporaryDirectory(prefix="classifier-") as scratch,
        told.plainly(Path(scratch), source, folder, target) as plain,
        damage.refusing_damage(source),
    ):
        found = sources.find(source, Path(scratch))
        unpacked = Path(scratch) in found.file.parents
        network = _read(found, replace(options, link=options.link and not unpacked))
        inside = f" in {source}" if unpacked else ""
        say("found", f"{network.description}: {found.file.name}{inside}")
        spec, scale = _input(found, network, options, say)
        values, run = verify.inputs(spec), network.open(spec.shape)
        scores = _scores(network, run, values)
        activation = verify.activation(network, scores)
        labels, where = decide.labels(found, network, options, scores.shape[1])
        names = next(iter(labels.values()))
        output = decide.output_spec(activation, scores.shape[1], len(names), network.features, network.output)
        say("output", decide.meaning(output))
        say("labels", f"from {where}: {decide.preview(names)}")
        for line in tries.lines(tries.Tried(run, spec, output, names), scale, photos):
            say("tried", line)
        draft = Draft(name, options.title or name, spec, output, labels)
        trial = _Trial(draft, folder, values, _probabilities(scores, output), options.trust)
        with files.refusing(ModelFileError, target, writing=True):
            difference, conversion = trial.run(network)
        if conversion:
            say("converted", plain(conversion))
    say("written", str(target))
    return Imported(ModelPackage.load(target), difference)


def _read(found: Source, options: Options) -> Network:
    damage.sign_before_reading(found.kind)
    return damage.with_signs(_READERS[found.kind](found, options), found.kind)


def _input(found: Source, network: Network, options: Options, say: Say) -> tuple[InputSpec, Scaling]:
    place = layout(network, options.size)
    scale = decide.scaling(found, network, options, place)
    spec = decide.input_spec(found, network, place, scale, options)
    height, width = spec.size
    colours = ("grey" if spec.channels == 1 else "in colour") + (", blue first (BGR)" if spec.colours == "bgr" else "")
    colours += ", channels first" if spec.channels_first else ""
    colours += "" if spec.channel_axis else ", without an axis for channels"
    say("input", f"{height} x {width} pixels (height x width), {colours}")
    say("values", f"{scale}: {scale.why}")
    return spec, scale


def _scores(network: Network, run: Run, values: Values) -> NDArray[np.float32]:
    """The model's scores of some pictures, `(pictures, classes)`.

    Raises:
        ModelFileError: the model's output is not a list of scores, or holds NaN or infinity.
    """
    shape = run(values[0]).shape
    if len(shape) < 2 or shape[0] != 1 or any(side != 1 for side in shape[1:-1]):
        raise ModelFileError(
            f"{network.file}: its output has the shape {shape}, which is not a list of scores: expected (1, classes). "
            "It may be only a part of a classifier, or a detector, which tells where things are in a picture."
        )
    scores = verify.scores(run, values)
    if not np.isfinite(scores).all():
        raise ModelFileError(
            f"{network.file}: for ordinary pictures it gives NaN or infinity. Give the --scale it was trained with."
        )
    return scores


def _probabilities(scores: NDArray[np.float32], output: OutputSpec) -> NDArray[np.float32]:
    return np.stack([probabilities(row, output) for row in scores])


@dataclass(frozen=True, slots=True)
class _Trial:
    """A package that is being made, compared with the original."""

    draft: Draft
    folder: Path
    values: Values
    expected: NDArray[np.float32]  # probabilities `(pictures, classes)` of the original
    trust: bool

    def run(self, network: Network) -> tuple[verify.Difference | None, str]:
        """Writes the package with every form whose scores agree with the original's; the difference, and what to say.

        Raises:
            OSError: the package cannot be written.
        """
        weights: dict[Form, str] = {network.form: network.write(self.folder)}
        if network.function is None:
            write(self._with_features() if network.form == "litert" else self.draft, weights, self.folder)
            self._must_agree(network.form)
            return None, ""
        for float16 in (True, False):
            progress.sign(progress.LONG_STEP)
            try:
                data = convert.to_litert(network.function, self.draft.input.shape, float16=float16)
                (self.folder / LITERT_FILE).write_bytes(data)
                write(self._with_features(), {**weights, "litert": LITERT_FILE}, self.folder)
                difference = self._compare("litert")
            except ClassifierError as error:
                why = f"LiteRT cannot run this model ({error.message})"
                continue
            if difference.small:
                kind = "float16" if float16 else "float32"
                return difference, f"to {LITERT_FILE} with {kind} weights, {len(data) / 1e6:.1f} MB: {difference}"
            why = f"the converted model gives other scores: {difference}"
        (self.folder / LITERT_FILE).unlink(missing_ok=True)
        write(self.draft, weights, self.folder)
        self._must_agree("tensorflow")
        return None, f"no, so the package needs TensorFlow: {why}"

    def _with_features(self) -> Draft:
        """What to write after the LiteRT file that is there was given its last feature map as an output, if it can be.

        A link stays one: who wants no copy of a model gets none.
        """
        file, output = self.folder / LITERT_FILE, self.draft.output
        if output.features or file.is_symlink():
            return self.draft
        data = features.added(file.read_bytes(), output.name, self.values[:_TRIED])
        if data is None:
            return self.draft
        file.write_bytes(data)
        return replace(self.draft, output=output.model_copy(update={"features": FEATURES}))

    def _must_agree(self, form: Form) -> None:
        difference = self._compare(form)
        if not difference.small:
            raise ModelFileError(f"{self.folder}: the package gives other scores than the model: {difference}.")

    def _compare(self, form: Form) -> verify.Difference:
        package = ModelPackage.load(self.folder)
        backend, _ = load_backend(package, runners(form)[0].name, cpu_count(), trust=self.trust)
        found = verify.scores(damage.signing(lambda picture: backend.run(picture).scores), self.values)
        if progress.watched():  # what has not crashed there needs no other trial
            remember(package, form)
        return verify.compare(self.expected, _probabilities(found, self.draft.output))
