"""Models that end in pooling and one or two layers give their last feature map, of which their scores can be computed.

The importer makes it an output; whoever explains an answer reads the small rest of the graph. Both are held to what the
real tools' files compute.
"""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from ai_edge_litert.interpreter import Interpreter
from numpy.typing import NDArray

from classifier import Classifier, ModelPackage, Settings
from classifier.backends.choice import load_backend
from classifier.backends.protocol import Outputs
from classifier.explanation import litert_head, reading, trace
from classifier.explanation.head import Head
from classifier.importing.litert.graph import parse
from classifier.importing.options import SCALES, Options
from classifier.package import unknown
from tests.support.imported import LABELS, TRUSTED, bring, picture, place, teachable_zip, write_labels
from tests.support.quantised import converted, network
from tests.support.tiny_tflite import Tiny

SIGNED = Options(scaling=SCALES["signed"])


def ran(package: ModelPackage, backend: str = "litert", values: Any = None) -> tuple[Outputs, Head | None]:
    """What a package gives for values, random ones if none are given, and its head."""
    loaded, _ = load_backend(package, backend, 1)
    if values is None:
        values = np.random.default_rng(6).uniform(-1, 1, (1, *package.manifest.input.shape)).astype(np.float32)
    return loaded.run(values), reading.head_of(package, loaded)


def of_head(package: ModelPackage, output: Outputs, head: Head | None) -> NDArray[np.float32]:
    """The scores that the head gives for the features."""
    assert output.features is not None
    assert output.features.ndim == 4
    assert head is not None
    logits = head.logits(output.features[0])
    spec = package.manifest.output
    if spec.logits:
        return logits
    if spec.multi_label or spec.binary:
        return np.asarray(1 / (1 + np.exp(-logits)), np.float32)
    powers = np.exp(logits - logits.max())
    return np.asarray(powers / powers.sum(), np.float32)


def holds(package: ModelPackage, backend: str = "litert", within: float = 1e-4) -> Head:
    """Holds what the head makes of the features to the scores."""
    output, head = ran(package, backend)
    assert of_head(package, output, head) == pytest.approx(output.scores[0], abs=within)
    assert head is not None
    return head


def litert_scores(data: bytes, values: NDArray[np.float32]) -> NDArray[Any]:
    """The first output of a file, by LiteRT alone."""
    interpreter = Interpreter(model_content=data, num_threads=1)
    interpreter.allocate_tensors()
    interpreter.set_tensor(interpreter.get_input_details()[0]["index"], values)
    interpreter.invoke()
    return np.asarray(interpreter.get_tensor(interpreter.get_output_details()[0]["index"]))


def ending(make: Any, last: Sequence[Any]) -> Any:
    """A network of Keras 3 with these layers behind its feature map, weights random."""
    keras = make.keras
    keras.utils.set_random_seed(6)
    layers = keras.layers
    first = [layers.Input((24, 24, 3)), layers.Conv2D(8, 3, strides=2, activation="relu")]
    model = keras.Sequential([*first, *last])
    random = np.random.default_rng(6)
    for weight in model.weights:
        weight.assign(random.normal(scale=0.5, size=tuple(weight.shape)))
    return model


ENDINGS = (
    "softmax",
    "logits",
    "sigmoid without bias",
    "maximum",
    "two layers",
    "two layers, relu6",
    "two layers, swish",
    "window",
    "convolution",
)


def endings(layers: Any) -> dict[str, tuple[list[Any], tuple[str, list[tuple[int, int]], str]]]:
    """Layers, and of the head that they are: the pooling, the shapes of its layers, the activation between."""
    mean, dense = layers.GlobalAveragePooling2D, layers.Dense
    return {
        "softmax": ([mean(), dense(3, activation="softmax")], ("mean", [(8, 3)], "none")),
        "logits": ([mean(), layers.Dropout(0.2), dense(3)], ("mean", [(8, 3)], "none")),
        "sigmoid without bias": ([mean(), dense(3, use_bias=False, activation="sigmoid")], ("mean", [(8, 3)], "none")),
        "maximum": ([layers.GlobalMaxPooling2D(), dense(3, activation="softmax")], ("max", [(8, 3)], "none")),
        "two layers": ([mean(), dense(5, activation="relu"), dense(3)], ("mean", [(8, 5), (5, 3)], "relu")),
        "two layers, relu6": (
            [mean(), dense(5), layers.ReLU(6.0), layers.Dropout(0.5), dense(3, activation="softmax")],
            ("mean", [(8, 5), (5, 3)], "relu6"),
        ),
        "two layers, swish": ([mean(), dense(5, activation="swish"), dense(3)], ("mean", [(8, 5), (5, 3)], "swish")),
        "window": (
            [layers.AveragePooling2D(11), layers.Flatten(), dense(3, activation="softmax")],
            ("mean", [(8, 3)], "none"),
        ),
        "convolution": (
            [mean(keepdims=True), layers.Conv2D(3, 1), layers.Reshape((3,)), layers.Softmax()],
            ("mean", [(8, 3)], "none"),
        ),
    }


@pytest.mark.slow
@pytest.mark.parametrize("name", ENDINGS)
def test_scores_are_what_the_head_makes_of_the_features(make: Any, tmp_path: Path, name: str) -> None:
    write_labels(tmp_path)
    last, expected = endings(make.keras.layers)[name]
    model = ending(make, last)
    model.save(tmp_path / "model.keras")
    package = bring(tmp_path / "model.keras", SIGNED)[0].package
    assert set(package.manifest.weights) == {"litert", "tensorflow"}
    assert package.manifest.output.features == "features"
    head = holds(package)
    assert (head.pooling, [layer.weights.shape for layer in head.layers], head.activation) == expected
    ours, theirs = (ran(package, backend)[0].features for backend in ("litert", "tensorflow"))
    assert ours is not None
    assert ours == pytest.approx(theirs, abs=5e-3)  # weights of the one are float16


@pytest.mark.slow
@pytest.mark.parametrize("name", ["flattened", "normalised", "three layers", "several poolings"])
def test_where_a_graph_does_not_end_so_nothing_changes(make: Any, tmp_path: Path, name: str) -> None:
    write_labels(tmp_path)
    layers = make.keras.layers
    mean, dense = layers.GlobalAveragePooling2D, layers.Dense
    if name == "several poolings":
        inner = ending(make, [])
        both = layers.Concatenate()([mean()(inner.outputs[0]), layers.GlobalMaxPooling2D()(inner.outputs[0])])
        model = make.keras.Model(inner.inputs, dense(3, activation="softmax")(both))
    else:
        last = {
            "flattened": [layers.MaxPooling2D(2), layers.Flatten(), dense(3, activation="softmax")],
            "normalised": [mean(), layers.LayerNormalization(), dense(3, activation="softmax")],
            "three layers": [mean(), dense(5, activation="relu"), dense(4, activation="relu"), dense(3)],
        }[name]
        model = ending(make, last)
    model.save(tmp_path / "model.keras")
    package = bring(tmp_path / "model.keras", SIGNED)[0].package
    assert package.manifest.output.features is None
    for backend in ("litert", "tensorflow"):
        assert ran(package, backend)[0].features is None


@pytest.mark.slow
def test_teachable_machines_keras_export(make: Any, tmp_path: Path) -> None:
    model = make.teachable_machine(tmp_path / "keras_model.h5")
    source = teachable_zip(tmp_path, keras=(tmp_path / "keras_model.h5").read_bytes())
    package = bring(source, TRUSTED)[0].package
    head = holds(package)
    assert ([layer.weights.shape[1] for layer in head.layers], head.activation) == ([100, 3], "relu")
    output, _ = ran(package, "tensorflow")
    assert of_head(package, output, head) == pytest.approx(output.scores[0], abs=2e-3)
    values = np.random.default_rng(6).uniform(-1, 1, (224, 224, 3)).astype(np.float32)
    assert output.features is not None
    assert ran(package, "tensorflow", values[None])[0].scores[0] == pytest.approx(make.predict(model, values), abs=1e-5)


@pytest.mark.slow
def test_teachable_machines_litert_export_is_kept_but_for_the_output(make: Any, tmp_path: Path) -> None:
    data = make.tflite(make.teachable_machine(tmp_path / "keras_model.h5"), "float32")
    package = bring(teachable_zip(tmp_path, tflite=data), Options())[0].package
    head = holds(package)
    assert [layer.weights.shape[1] for layer in head.layers] == [100, 3]
    stored = (package.folder / "model.tflite").read_bytes()
    assert len(stored) - len(data) < 1000
    values = np.random.default_rng(6).uniform(-1, 1, (1, 224, 224, 3)).astype(np.float32)
    before, after = (litert_scores(file, values) for file in (data, stored))
    assert np.array_equal(before, after)


@pytest.mark.slow
@pytest.mark.parametrize("kind", ["float32", "float16", "int8", "uint8"])
def test_litert_files_of_any_numbers_keep_their_scores(make: Any, tmp_path: Path, kind: str) -> None:
    if kind.startswith("float"):
        data = make.tflite(make.small(), kind)
    else:
        data = converted(make, network(make, 3, "softmax"), SCALES["unit"], kind)
    package = bring(place(tmp_path, data), Options(scaling=SCALES["unit"]))[0].package
    stored = (package.folder / "model.tflite").read_bytes()
    random = np.random.default_rng(6)
    values = random.uniform(0, 1, (5, 1, 24, 24, 3)).astype(np.float32)
    if not kind.startswith("float"):
        values = random.integers(*((0, 256) if kind == "uint8" else (-128, 128)), values.shape).astype(kind)
    for one in values:
        assert np.array_equal(litert_scores(data, one), litert_scores(stored, one))
    holds(package, within=1e-4 if kind.startswith("float") else 0.05)  # which rounds between its operations


def test_what_is_behind_a_litert_file_stays(tmp_path: Path) -> None:
    """TFLite Metadata keeps labels in a zip behind the model."""
    from tests.support.tiny_tflite import with_files

    data = with_files(Tiny(before=[("*", 2.0)]).build(), {"labels.txt": "cat\ndog\nbird\n"})
    package = bring(place(tmp_path, data))[0].package
    stored = (package.folder / "model.tflite").read_bytes()
    assert package.manifest.output.features == "features"
    same = sum(one == other for one, other in zip(data, stored, strict=False))
    assert len(data) - same <= 8  # two references to what is behind the file now
    holds(package)


def test_the_input_itself_is_no_feature_map(tmp_path: Path) -> None:
    package = bring(place(tmp_path, Tiny().build()))[0].package
    assert package.manifest.output.features is None
    assert (package.folder / "model.tflite").read_bytes() == Tiny().build()


def test_a_link_to_a_litert_file_stays_one(tmp_path: Path) -> None:
    file = place(tmp_path, Tiny(before=[("*", 2.0)]).build())
    package = bring(file, Options(link=True))[0].package
    assert (package.folder / "model.tflite").resolve() == file.resolve()
    assert package.manifest.output.features is None


def test_features_without_a_measure_of_the_unknown_change_no_answer(tmp_path: Path) -> None:
    package = bring(place(tmp_path, Tiny(before=[("*", 2.0)]).build()))[0].package
    bare = bring(place(tmp_path / "bare", Tiny(before=[("*", 2.0)]).build()), Options(link=True))[0].package
    assert (package.manifest.output.features, bare.manifest.output.features) == ("features", None)
    ours, theirs = (
        Classifier.load(one.folder, settings=Settings(backend="litert", threads=1)).classify(picture())
        for one in (package, bare)
    )
    assert (ours.familiar, ours.known, ours.sure) == (theirs.familiar, theirs.known, theirs.sure)
    assert ours.predictions == theirs.predictions
    assert not (package.folder / unknown.FILE).exists()


@pytest.mark.slow
@pytest.mark.parametrize("kind", ["list", "dictionary"])
def test_a_keras_models_own_features_are_kept_in_both_forms(make: Any, tmp_path: Path, kind: str) -> None:
    write_labels(tmp_path)
    small = make.small(last="softmax")
    middle = small.layers[-3].output
    outputs = {"z": small.outputs[0], "own": middle} if kind == "dictionary" else [middle, small.outputs[0]]
    make.keras.Model(small.inputs, outputs).save(tmp_path / "model.keras")
    package = bring(tmp_path / "model.keras", SIGNED)[0].package
    assert package.manifest.output.features not in (None, "features")
    for backend in ("litert", "tensorflow"):
        output, head = ran(package, backend)
        assert of_head(package, output, head) == pytest.approx(output.scores[0], abs=2e-3)


@pytest.mark.slow
def test_logits_beside_scores_and_no_features(make: Any, tmp_path: Path) -> None:
    write_labels(tmp_path)
    small = make.small(last=None)
    logits = small.outputs[0]
    both = {"logits": logits, "probabilities": make.keras.layers.Softmax()(logits)}
    make.keras.Model(small.inputs, both).save(tmp_path / "model.keras")
    package = bring(tmp_path / "model.keras", SIGNED)[0].package
    output = package.manifest.output
    assert (output.name, output.features, output.logits) == ("probabilities", "features", False)
    for backend in ("litert", "tensorflow"):
        found, head = ran(package, backend)
        assert of_head(package, found, head) == pytest.approx(found.scores[0], abs=2e-3)
    assert package.labels["en"] == LABELS


@pytest.mark.slow
@pytest.mark.parametrize("name", ["MobileNetV2", "ResNet50", "EfficientNetB0", "DenseNet121"])
def test_networks_of_keras(make: Any, name: str) -> None:
    """Converted as the importer does it; their weights are random, so that scores differ from picture to picture."""
    from classifier.importing.litert import features
    from classifier.importing.tensorflow import convert

    make.keras.utils.set_random_seed(6)
    model = getattr(make.keras.applications, name)(input_shape=(32, 32, 3), weights=None, classes=3)
    random = np.random.default_rng(6)
    for weight in model.layers[-1].weights:
        weight.assign(random.normal(scale=3, size=tuple(weight.shape)))
    data = convert.to_litert(lambda image: model(image, training=False), (32, 32, 3), float16=False)
    values = [random.uniform(0, 255, (1, 32, 32, 3)).astype(np.float32) for _ in range(3)]
    changed = features.added(data, None, values)
    assert changed is not None
    interpreter = Interpreter(model_content=changed, num_threads=1)
    interpreter.allocate_tensors()
    scores, mapped = (int(one["index"]) for one in interpreter.get_output_details())
    read = trace.head(scores, mapped, litert_head.Reader(parse(changed)).step)
    assert read is not None
    for one in values:
        interpreter.set_tensor(interpreter.get_input_details()[0]["index"], one)
        interpreter.invoke()
        logits = read.logits(interpreter.get_tensor(mapped)[0])
        powers = np.exp(logits - logits.max())
        assert powers / powers.sum() == pytest.approx(litert_scores(data, one)[0], abs=1e-4)
