"""Write Keras files that come out the same every time.

Keras stores the weights uncompressed, stamps a `.keras` file with the time of saving and its own patch version, and
numbers shared objects by their addresses in memory. Here the archive is written again with fixed dates, deflated, with
the major version only and with numbers from 0; what Keras reads back is the same.
"""

import json
import re
import tempfile
import zipfile
from pathlib import Path

import h5py
import keras

_EPOCH = (1980, 1, 1, 0, 0, 0)  # the first date that a zip file can hold
_METADATA = {"keras_version": keras.__version__.split(".")[0], "date_saved": "1980-01-01@00:00:00"}


def save(model: keras.Model, path: Path) -> None:
    """Save a model reproducibly.

    Args:
        model: Any Keras 3 model.
        path: The `.keras` file to write.
    """
    with tempfile.TemporaryDirectory() as folder:
        plain = Path(folder) / "plain.keras"
        model.save(plain)
        with zipfile.ZipFile(plain) as source, zipfile.ZipFile(path, "w") as target:
            for name in sorted(source.namelist()):
                data = source.read(name)
                if name == "metadata.json":
                    data = json.dumps(_METADATA).encode()
                elif name == "config.json":
                    data = _renumbered(data)
                entry = zipfile.ZipInfo(name, _EPOCH)
                entry.create_system = 3  # Unix, also where the build runs on something else
                entry.external_attr = 0o644 << 16
                target.writestr(entry, data, zipfile.ZIP_DEFLATED, 9)


def save_h5(model: keras.Model, path: Path) -> None:
    """Save a model in the older format, HDF5, with compressed weights, which every reader of HDF5 decompresses.

    Args:
        model: Any Keras 3 model.
        path: The `.h5` file to write.
    """
    with tempfile.TemporaryDirectory() as folder:
        plain = Path(folder) / "plain.h5"
        model.save(plain)
        with h5py.File(plain) as source, h5py.File(path, "w") as target:

            def copy(name: str, item: h5py.Group | h5py.Dataset) -> None:
                if isinstance(item, h5py.Group):
                    made = target.require_group(name)
                else:
                    made = target.create_dataset(name, data=item[()], compression="gzip", shuffle=True)
                made.attrs.update(item.attrs)

            target.attrs.update(source.attrs)
            source.visititems(copy)


def _renumbered(config: bytes) -> bytes:
    """Replace the identities of shared objects, which are memory addresses, by their order of appearance."""
    seen: dict[bytes, int] = {}
    pattern = rb'(?<="shared_object_id": )\d+'
    return re.sub(pattern, lambda match: str(seen.setdefault(match[0], len(seen))).encode(), config)
