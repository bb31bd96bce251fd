"""Whether there is a GPU: what the driver says, and what TensorFlow makes of it."""

from __future__ import annotations

import ctypes

import pytest

from classifier.backends import gpu


class Driver:
    """The two calls of the CUDA driver API that are asked."""

    def __init__(self, status: int, devices: int) -> None:
        self.status, self.devices = status, devices

    def cuInit(self, flags: int) -> int:
        assert flags == 0
        return self.status

    def cuDeviceGetCount(self, count: ctypes._Pointer[ctypes.c_int]) -> int:
        count._obj.value = self.devices  # type: ignore[attr-defined]
        return 0


@pytest.mark.parametrize(("status", "devices", "found"), [(0, 2, 2), (100, 2, 0), (0, 0, 0)])
def test_the_driver_is_asked(monkeypatch: pytest.MonkeyPatch, status: int, devices: int, found: int) -> None:
    monkeypatch.setattr(ctypes, "CDLL", lambda _: Driver(status, devices))
    assert gpu.device_count() == found


def test_no_driver_means_no_device(monkeypatch: pytest.MonkeyPatch) -> None:
    def missing(_: str) -> None:
        raise OSError("libcuda.so.1: cannot open shared object file")

    monkeypatch.setattr(ctypes, "CDLL", missing)
    assert gpu.device_count() == 0


@pytest.mark.slow
def test_a_device_that_tensorflow_cannot_use_is_found_out_in_a_child(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setattr(gpu, "device_count", lambda: 1)  # a driver that promises too much
    monkeypatch.setenv("CUDA_VISIBLE_DEVICES", "-1")
    gpu.why_not.cache_clear()
    reason = gpu.why_not()
    gpu.why_not.cache_clear()
    assert reason is not None
    assert "TensorFlow sees no GPU" in reason
