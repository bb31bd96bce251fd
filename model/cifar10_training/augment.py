"""Training batches: pictures varied at random and enlarged to the training size in one resampling.

Colour, contrast and cutout are applied at 32 x 32. Flip, zoom, aspect and shift then happen in the enlargement itself,
so that nothing is resampled twice: each picture gets two interpolation matrices, one for its rows and one for its
columns. A photo that is shrunk to 32 x 32 is softer or crisper than a CIFAR-10 picture, depending on what shrunk it;
some pictures are therefore enlarged with a wider or a sharper kernel than the shipped model's bilinear one.
"""

import numpy as np
from numpy.typing import NDArray

from model.cifar10_training.data import Pictures

Floats = NDArray[np.float32]

MEAN, STD = 127.0, 128.0
"""The backbone's input is `(pixel - MEAN) / STD`."""


def batch(pictures: Pictures, step: int, count: int, size: int, seed: int = 0) -> tuple[Floats, NDArray[np.int64]]:
    """One training batch; the same for the same arguments, so that a training can be resumed anywhere.

    Args:
        pictures: What to draw from. Each epoch sees all of them once, in a new order.
        step: Number of the batch, from 0.
        count: Pictures in a batch.
        size: Side in pixels to enlarge to.
        seed: Seed of the order and of the variations.

    Returns:
        Network input (count, size, size, 3) as `(pixel - MEAN) / STD`, and the classes (count,).
    """
    positions = np.arange(step * count, (step + 1) * count)
    epochs = np.unique(positions // len(pictures))
    orders = {epoch: np.random.default_rng((seed, epoch)).permutation(len(pictures)) for epoch in epochs}
    index = np.array([orders[position // len(pictures)][position % len(pictures)] for position in positions])
    random = np.random.default_rng((seed, step, size))
    images = cut_out(jitter(pictures.images[index].astype(np.float32), random), random)
    return normalise(enlarge(images, size, random)), pictures.labels[index]


def plain(images: NDArray[np.uint8], size: int) -> Floats:
    """Network input without variation, as the shipped model makes it of the pictures."""
    return normalise(enlarge(images.astype(np.float32), size))


def normalise(pixels: Floats) -> Floats:
    """`(pixel - MEAN) / STD`."""
    return (pixels - np.float32(MEAN)) / np.float32(STD)


def jitter(images: Floats, random: np.random.Generator) -> Floats:
    """Change brightness, contrast, saturation and colour cast of each picture (N, H, W, 3), 0-255."""
    n = (len(images), 1, 1, 1)
    grey = images.mean(axis=3, keepdims=True)
    images = grey + (images - grey) * random.uniform(0.6, 1.4, n)
    middle = images.mean(axis=(1, 2, 3), keepdims=True)
    images = middle + (images - middle) * random.uniform(0.7, 1.3, n)
    cast = random.uniform(0.94, 1.06, (len(images), 1, 1, 3))
    return np.clip(images * (random.uniform(0.75, 1.25, n) * cast), 0, 255).astype(np.float32)


def cut_out(images: Floats, random: np.random.Generator, side: int = 12) -> Floats:
    """Cover a square of half of the pictures (N, H, W, 3) with the middle grey (DeVries and Taylor 2017)."""
    height, width = images.shape[1:3]
    top, left = random.integers(-side // 2, (height - side // 2, width - side // 2), (len(images), 2)).T
    rows = _between(height, top, side) & (random.random((len(images), 1)) < 0.5)
    hidden = rows[:, :, None, None] & _between(width, left, side)[:, None, :, None]
    return np.where(hidden, np.float32(MEAN), images)


def _between(length: int, start: NDArray[np.int64], side: int) -> NDArray[np.bool_]:
    places = np.arange(length)
    inside: NDArray[np.bool_] = (places >= start[:, None]) & (places < start[:, None] + side)
    return inside


def enlarge(images: Floats, size: int, random: np.random.Generator | None = None) -> Floats:
    """Resample square pictures to another size.

    Args:
        images: (N, H, H, 3).
        size: Side of the results in pixels.
        random: For flip, zoom (0.7 to 1.4), aspect, shift (up to an eighth) and kernel; None for plain bilinear.

    Returns:
        (N, size, size, 3). Where a zoom or shift reaches beyond a picture, the picture is mirrored.
    """
    count, side = images.shape[:2]
    places = np.tile((np.arange(size, dtype=np.float32) + 0.5) / size - 0.5, (2, count, 1))
    kernel = np.zeros((count, 1, 1), np.float32)
    if random is not None:
        zoom = np.exp(np.clip(random.normal(0, 0.15, count), -0.34, 0.34))
        aspect = np.exp(random.normal(0, 0.06, count))
        places *= np.stack([zoom * aspect, zoom / aspect])[..., None].astype(np.float32)
        places[1] *= random.choice([-1, 1], (count, 1))
        places += random.uniform(-0.125, 0.125, (2, count, 1))
        softness = np.where(random.random(count) < 0.3, random.uniform(0, 0.8, count), 0)
        kernel[:, 0, 0] = np.where(random.random(count) < 0.25, -1, softness)
    sources = (places + 0.5) * side - 0.5
    # Mirrored at the outer edges of the first and last pixel.
    sources = side - 0.5 - np.abs(np.mod(sources + 0.5, 2 * side) - side)
    rows, columns = _weights(sources[0], side, kernel), _weights(sources[1], side, kernel)
    # (N, size, H) @ (N, H, W * 3), then (N, 1, size, W) @ (N, size, W, 3).
    tall = rows @ images.reshape(count, side, side * 3)
    wide: Floats = columns[:, None] @ tall.reshape(count, size, side, 3)
    return np.clip(wide, 0, 255, out=wide)


def _weights(sources: NDArray[np.floating], side: int, kernel: Floats) -> Floats:
    """Interpolation matrices (N, size, side): Catmull-Rom where `kernel` is -1, else a triangle 1 + `kernel` wide."""
    distance = np.abs(sources.astype(np.float32)[..., None] - np.arange(side, dtype=np.float32))
    triangle = np.maximum(0, 1 - distance / (1 + np.maximum(kernel, 0)))
    if (kernel < 0).any():
        near = 1 + distance**2 * (1.5 * distance - 2.5)
        far = 2 - distance * (4 - distance * (2.5 - 0.5 * distance))
        cubic = np.where(distance < 1, near, np.where(distance < 2, far, 0))
        triangle = np.where(kernel < 0, cubic, triangle)
    weights: Floats = triangle / triangle.sum(axis=2, keepdims=True)
    return weights
