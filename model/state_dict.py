"""Read a PyTorch state dict in the legacy (before 1.6, not zipped) format without PyTorch.

Such a file is a row of pickles: a magic number, the protocol version, a description of the writing machine, the dict
of tensors, and the keys of the storages; then the raw storages in the order of those keys, each after its element
count as an int64. The layout is that of `torch.serialization._legacy_save`. A pickle can name any function to call, so
the unpickler here knows five names and refuses every other one. Only CPU tensors of float32 and int64 are read, which
is all that the weights of this project need; PyTorch itself would be an extra of several GB.
"""

import pickle
from collections import OrderedDict
from pathlib import Path
from typing import Any, BinaryIO

import numpy as np

MAGIC = 0x1950A86A20F9469CFC6C
PROTOCOL = 1001
STORAGE_DTYPES = {"FloatStorage": np.dtype("<f4"), "LongStorage": np.dtype("<i8")}


class _Tensor:
    """What the pickle says about one tensor; its numbers come later in the file."""

    def __init__(self, storage: str, offset: int, shape: tuple[int, ...], strides: tuple[int, ...], *_: Any) -> None:
        self.storage, self.offset, self.shape, self.strides = storage, offset, shape, strides


class _Unpickler(pickle.Unpickler):
    """Knows ordered dicts, tensors and two kinds of storage, and nothing else."""

    def __init__(self, file: BinaryIO) -> None:
        super().__init__(file)
        self.storages: dict[str, tuple[np.dtype[Any], int]] = {}

    def find_class(self, module: str, name: str) -> Any:
        if (module, name) == ("collections", "OrderedDict"):
            return OrderedDict
        if (module, name) == ("torch._utils", "_rebuild_tensor_v2"):
            return _Tensor
        if module == "torch" and name in STORAGE_DTYPES:
            return STORAGE_DTYPES[name]
        raise pickle.UnpicklingError(f"refused: the file asks for {module}.{name}, which is not part of a state dict")

    def persistent_load(self, pid: Any) -> str:
        kind, dtype, key, location, count, view = pid
        if (kind, location, view) != ("storage", "cpu", None):
            raise pickle.UnpicklingError(f"refused: storage {key} is a {kind} on {location}, not a plain CPU storage")
        self.storages[key] = (dtype, count)
        return str(key)


def read_state_dict(path: Path) -> dict[str, np.ndarray]:
    """Read every tensor of a legacy state-dict file.

    Args:
        path: The `.pth` file.

    Returns:
        Parameter name to array, in the file's order, each with the tensor's shape and of float32 or int64.

    Raises:
        pickle.UnpicklingError: When the file is not a legacy state dict, or names anything but tensors and dicts.
    """
    with path.open("rb") as file:
        header = [_Unpickler(file).load() for _ in range(2)]
        if header != [MAGIC, PROTOCOL] or not _Unpickler(file).load()["little_endian"]:
            raise pickle.UnpicklingError(f"{path.name} is not a little-endian legacy PyTorch file")
        unpickler = _Unpickler(file)
        tensors = unpickler.load()
        data = {}
        for key in _Unpickler(file).load():
            dtype, count = unpickler.storages[key]
            stored = int.from_bytes(file.read(8), "little")
            raw = file.read(count * dtype.itemsize)
            if stored != count or len(raw) != count * dtype.itemsize:
                raise pickle.UnpicklingError(f"{path.name} ends early or storage {key} has the wrong length")
            data[key] = np.frombuffer(raw, dtype)
        if file.read(1):
            raise pickle.UnpicklingError(f"{path.name} has bytes after its last storage")
    return {name: _view(tensor, data[tensor.storage]) for name, tensor in tensors.items()}


def _view(tensor: _Tensor, storage: np.ndarray) -> np.ndarray:
    """The tensor's numbers, after a check that its strides stay inside the storage."""
    last = tensor.offset + sum((n - 1) * step for n, step in zip(tensor.shape, tensor.strides, strict=True))
    if tensor.offset < 0 or min(tensor.strides, default=0) < 0 or last >= storage.size or 0 in tensor.shape:
        raise pickle.UnpicklingError("a tensor reaches outside its storage")
    strides = [step * storage.itemsize for step in tensor.strides]
    return np.lib.stride_tricks.as_strided(storage[tensor.offset :], tensor.shape, strides).copy()
