"""The reader of PyTorch's legacy files reads tensors and refuses everything else."""

import hashlib
import pickle
from pathlib import Path

import numpy as np
import pytest

from model.state_dict import MAGIC, PROTOCOL, read_state_dict


def write_state_dict(path: Path, tensors: object, *storages: bytes) -> Path:
    header = [pickle.dumps(part, 2) for part in (MAGIC, PROTOCOL, {"little_endian": True})]
    path.write_bytes(b"".join([*header, pickle.dumps(tensors, 2), *storages]))
    return path


class CallsOut:
    def __reduce__(self) -> tuple[object, ...]:
        return hashlib.sha256, (b"",)


def test_a_state_dict_that_names_a_foreign_function_is_refused(tmp_path: Path) -> None:
    with pytest.raises(pickle.UnpicklingError, match="refused"):
        read_state_dict(write_state_dict(tmp_path / "bad.pth", {"weight": CallsOut()}))


def test_a_foreign_function_in_the_header_is_refused_too(tmp_path: Path) -> None:
    (tmp_path / "bad.pth").write_bytes(pickle.dumps(CallsOut(), 2))
    with pytest.raises(pickle.UnpicklingError, match="refused"):
        read_state_dict(tmp_path / "bad.pth")


def test_a_file_that_is_no_state_dict_is_refused(tmp_path: Path) -> None:
    (tmp_path / "other.pth").write_bytes(pickle.dumps(1, 2) * 5)
    with pytest.raises(pickle.UnpicklingError, match="not a little-endian legacy"):
        read_state_dict(tmp_path / "other.pth")


def operand(value: object) -> bytes:
    """The opcodes that put a plain value on the pickle machine's stack."""
    return pickle.dumps(value, 2)[2:-1]


def tensor_pickle(storage: str, count: int, shape: tuple[int, ...], strides: tuple[int, ...]) -> bytes:
    """What `torch.save` writes for one tensor called `weight`: a call of `_rebuild_tensor_v2`."""
    found = operand("key") + operand("cpu") + operand(count)
    kept = b"(" + operand("storage") + f"ctorch\n{storage}\n".encode() + found + b"NtQ"
    arguments = b"(" + kept + operand(0) + operand(shape) + operand(strides) + operand(False) + b"t"
    rebuilt = b"ctorch._utils\n_rebuild_tensor_v2\n" + arguments + b"R"
    return b"\x80\x02}" + operand("weight") + rebuilt + b"s."


def write_tensor(path: Path, numbers: np.ndarray, shape: tuple[int, ...], strides: tuple[int, ...]) -> Path:
    storage = {"float32": "FloatStorage", "int64": "LongStorage", "float64": "DoubleStorage"}[numbers.dtype.name]
    header = [pickle.dumps(part, 2) for part in (MAGIC, PROTOCOL, {"little_endian": True})]
    body = [tensor_pickle(storage, numbers.size, shape, strides), pickle.dumps(["key"], 2)]
    path.write_bytes(b"".join([*header, *body, numbers.size.to_bytes(8, "little"), numbers.tobytes()]))
    return path


@pytest.mark.parametrize("dtype", ["float32", "int64"])
def test_a_tensor_is_read_in_its_shape_and_order(tmp_path: Path, dtype: str) -> None:
    numbers = np.arange(6, dtype=dtype)
    read = read_state_dict(write_tensor(tmp_path / "a.pth", numbers, (2, 3), (1, 2)))
    assert list(read) == ["weight"]
    assert read["weight"].dtype == dtype
    np.testing.assert_array_equal(read["weight"], numbers.reshape(3, 2).T)


def test_a_tensor_that_reaches_outside_its_storage_is_refused(tmp_path: Path) -> None:
    for shape, strides in (((2, 4), (1, 2)), ((2,), (6,)), ((2,), (-1,))):
        with pytest.raises(pickle.UnpicklingError, match="outside its storage"):
            read_state_dict(write_tensor(tmp_path / "a.pth", np.zeros(6, np.float32), shape, strides))


def test_a_storage_of_another_kind_is_refused(tmp_path: Path) -> None:
    with pytest.raises(pickle.UnpicklingError, match=r"refused: .*torch\.DoubleStorage"):
        read_state_dict(write_tensor(tmp_path / "a.pth", np.zeros(6), (6,), (1,)))


def test_a_cut_or_overlong_file_is_refused(tmp_path: Path) -> None:
    path = write_tensor(tmp_path / "a.pth", np.zeros(6, np.float32), (6,), (1,))
    whole = path.read_bytes()
    for data, message in ((whole[:-1], "ends early"), (whole + b"x", "after its last storage")):
        path.write_bytes(data)
        with pytest.raises(pickle.UnpicklingError, match=message):
            read_state_dict(path)
