"""Train the ten-class network: small pictures first, larger ones later, under one learning-rate curve.

Plain Keras 3: it runs on TensorFlow, JAX or PyTorch (`KERAS_BACKEND`). It can be stopped and started again at any
time: a checkpoint is written every few minutes, and a batch depends on nothing but its number.
"""

import time
from collections.abc import Callable, Iterator
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from pathlib import Path

import keras
import numpy as np
from numpy.typing import NDArray

from model.cifar10_training import augment, network
from model.cifar10_training.data import CLASSES, Pictures


@dataclass(frozen=True)
class Plan:
    """How long and how to train.

    Attributes:
        phases: the side of the pictures in pixels and the number of batches, for each phase. The last side should be
            `network.SIZE`.
        batch: pictures in a batch.
        peak: highest learning rate, of AdamW; reached after a twentieth of the training, then a cosine down to 0.
        decay: weight decay, on kernels only.
        smoothing: label smoothing.
        every: batches between two checkpoints.
    """

    phases: tuple[tuple[int, int], ...]
    batch: int = 64
    peak: float = 1.5e-4
    decay: float = 0.05
    smoothing: float = 0.1
    every: int = 100

    @property
    def steps(self) -> int:
        """Batches in all."""
        return sum(steps for _, steps in self.phases)

    def size(self, step: int) -> int:
        """Side of the pictures in the batch with the number `step`."""
        for size, steps in self.phases:
            if step < steps:
                return size
            step -= steps
        raise IndexError("the plan has no such batch")


PLAN = Plan(phases=((96, 900), (128, 1000), (160, 1100)))
SMOKE = Plan(phases=((32, 3), (64, 2), (160, 1)), batch=8, every=2)


def train(pictures: Pictures, held: Pictures, plan: Plan, checkpoint: Path) -> keras.Model:
    """Train, or go on with a training that was stopped.

    Args:
        pictures: Pictures to train on.
        held: Pictures to measure the accuracy on after each phase; it is only printed.
        plan: How long and how to train.
        checkpoint: A `.keras` file to write every `plan.every` batches, and to continue from if it exists.

    Returns:
        The trained model, as `network.trainable` makes it.
    """
    keras.utils.set_random_seed(10)
    model = keras.saving.load_model(checkpoint) if checkpoint.is_file() else compiled(network.trainable(), plan)
    start = int(model.optimizer.iterations)
    report = _reporter(plan)
    for step, images, labels in _batches(pictures, plan, start):
        loss = model.train_on_batch(images, keras.utils.to_categorical(labels, CLASSES))
        report(step, float(loss))
        last = step + 1 == plan.steps
        if last or plan.size(step) != plan.size(step + 1):
            look = held.take(np.arange(min(1000, len(held))))
            share = accuracy(model, look, plan.size(step))
            print(f"{plan.size(step)} px done: {share:.1%} of {len(look)} held-out pictures", flush=True)
        if last or (step + 1) % plan.every == 0:
            _save(model, checkpoint)
    return model


def _batches(pictures: Pictures, plan: Plan, start: int) -> Iterator[tuple[int, augment.Floats, NDArray[np.int64]]]:
    """Number, pictures and classes of each batch from `start` on; made while the one before is trained on."""

    def make(step: int) -> tuple[augment.Floats, NDArray[np.int64]]:
        return augment.batch(pictures, step, plan.batch, plan.size(step))

    if start >= plan.steps:
        return
    with ThreadPoolExecutor(1) as pool:
        following = pool.submit(make, start)
        for step in range(start, plan.steps):
            images, labels = following.result()
            if step + 1 < plan.steps:
                following = pool.submit(make, step + 1)
            yield step, images, labels


def compiled(model: keras.Model, plan: Plan) -> keras.Model:
    """The model with its optimizer and loss."""
    warmup = max(1, plan.steps // 20)
    rate = keras.optimizers.schedules.CosineDecay(
        plan.peak / 100, plan.steps - warmup, warmup_target=plan.peak, warmup_steps=warmup
    )
    # The gradient is clipped because nothing else bounds a step: there are no batch norms.
    optimizer = keras.optimizers.AdamW(rate, plan.decay, global_clipnorm=1.0)
    optimizer.exclude_from_weight_decay(var_names=["bias"])
    loss = keras.losses.CategoricalCrossentropy(from_logits=True, label_smoothing=plan.smoothing)
    model.compile(optimizer, loss)
    return model


def accuracy(model: keras.Model, pictures: Pictures, size: int) -> float:
    """Share of the pictures whose class the model in training gets right, enlarged to `size` without variation."""
    right = 0
    for start in range(0, len(pictures), 250):
        part = pictures.take(np.arange(start, min(start + 250, len(pictures))))
        logits = model.predict_on_batch(augment.plain(part.images, size))
        right += int((logits.argmax(axis=1) == part.labels).sum())
    return right / len(pictures)


def _save(model: keras.Model, checkpoint: Path) -> None:
    checkpoint.parent.mkdir(parents=True, exist_ok=True)
    fresh = checkpoint.with_suffix(".new.keras")
    model.save(fresh)
    fresh.replace(checkpoint)


def _reporter(plan: Plan) -> Callable[[int, float], None]:
    """A function that is called after each batch, and prints the mean loss and the speed every 25 batches."""
    losses: list[float] = []
    since = time.monotonic()

    def report(step: int, loss: float) -> None:
        nonlocal since
        losses.append(loss)
        if len(losses) == 25 or step + 1 == plan.steps:
            speed = len(losses) * plan.batch / (time.monotonic() - since)
            print(f"batch {step + 1}/{plan.steps}, {plan.size(step)} px: ", end="")
            print(f"loss {np.mean(losses):.3f}, {speed:.0f} pictures/s", flush=True)
            losses.clear()
            since = time.monotonic()

    return report
