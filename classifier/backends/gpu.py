"""Finds out whether an NVIDIA GPU can be used: asks the driver, then tries TensorFlow in a child process."""

from __future__ import annotations

import ctypes
import logging
import os
import subprocess
import sys
from functools import lru_cache
from pathlib import Path

log = logging.getLogger(__name__)

_TRY_TIMEOUT = 120  # seconds; a first CUDA start compiles kernels
# One matmul and one jit-compiled operation, run in a child process: on a GPU that TensorFlow was not built for, one of
# them aborts the whole process (seen with Blackwell, tensorflow/tensorflow#111958).
_TRY = """
import tensorflow as tf
assert tf.config.list_physical_devices("GPU"), "TensorFlow sees no GPU"
with tf.device("/GPU:0"):
    a = tf.ones((64, 64)) @ tf.ones((64, 64))
    b = tf.function(lambda x: tf.reduce_sum(x * 2.0), jit_compile=True)(a)
assert float(b) == 64 * 64 * 64 * 2, "wrong result"
"""


def unused_by_image() -> str | None:
    """Why this container image does not use an NVIDIA GPU that is here; None without a GPU or outside our images.

    The devices in `/dev` count, too: `docker run --gpus all` shows them to every image, but gives the CUDA driver
    library only to images that ask for it.
    """
    flavor = os.environ.get("IMAGE_FLAVOR", "")
    if flavor in ("", "cuda") or not (device_count() or any(Path("/dev").glob("nvidia[0-9]*"))):
        return None
    return f"there is an NVIDIA GPU, but this is the {flavor} image: run the cuda image to use it"


def device_count() -> int:
    """NVIDIA devices that the installed driver offers; 0 without a driver.

    Asks the CUDA driver API (`cuInit`, `cuDeviceGetCount`), which takes milliseconds and needs no CUDA toolkit.
    """
    try:
        driver = ctypes.CDLL("libcuda.so.1")
    except OSError:
        return 0
    count = ctypes.c_int()
    if driver.cuInit(0) != 0 or driver.cuDeviceGetCount(ctypes.byref(count)) != 0:
        return 0
    return count.value


@lru_cache(maxsize=1)
def why_not() -> str | None:
    """None when TensorFlow can compute on a GPU here, else the reason in words. Asked once per process."""
    if device_count() == 0:
        return "the NVIDIA driver offers no device here"
    try:
        trial = subprocess.run([sys.executable, "-c", _TRY], capture_output=True, text=True, timeout=_TRY_TIMEOUT)
    except subprocess.TimeoutExpired:
        return f"a trial computation on it did not end within {_TRY_TIMEOUT} s"
    if trial.returncode == 0:
        return None
    last = (trial.stderr.strip().splitlines() or ["no message"])[-1]
    return f"TensorFlow cannot use the device (trial ended with {trial.returncode}: {last})"


def hide_unusable() -> None:
    """Hides GPUs that TensorFlow cannot use, which would abort this process. Call it before TensorFlow is imported."""
    if device_count() and (reason := why_not()):
        log.warning("TensorFlow runs on the CPU: %s", reason)
        os.environ["CUDA_VISIBLE_DEVICES"] = "-1"
