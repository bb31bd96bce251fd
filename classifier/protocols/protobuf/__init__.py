"""The messages of gRPC services, as classes that are made when the program runs.

`make protocols` compiles the `.proto` files here into one file of descriptors. The classes live in a pool of their own:
in protobuf's default pool, each name may be defined once in a process, and TensorFlow, `tritonclient` and KServe's
package define some of the same.
"""

from __future__ import annotations

from functools import cache
from pathlib import Path
from typing import Any

from google.protobuf.descriptor_pb2 import FileDescriptorSet
from google.protobuf.descriptor_pool import DescriptorPool
from google.protobuf.message import DecodeError
from google.protobuf.message_factory import GetMessageClass

from classifier.errors import ProtocolError

DESCRIPTORS = Path(__file__).with_name("descriptors.binpb")
"""What `make protocols` writes: a `FileDescriptorSet`."""

Message = Any
"""A message; there are no types for classes that are made when the program runs."""


@cache
def message_class(name: str) -> Any:
    """The class of a message, by its full name, such as `inference.ModelInferRequest`."""
    return GetMessageClass(_pool().FindMessageTypeByName(name))


def parse(kind: Any, data: bytes) -> Message:
    """Reads a message of a class.

    Raises:
        ProtocolError: the bytes are no such message.
    """
    try:
        return kind.FromString(data)
    except (DecodeError, UnicodeDecodeError) as error:
        raise ProtocolError(f"The message cannot be read: it is not a complete {kind.DESCRIPTOR.name}.") from error


@cache
def _pool() -> Any:
    pool = DescriptorPool()
    for file in FileDescriptorSet.FromString(DESCRIPTORS.read_bytes()).file:
        pool.Add(file)
    return pool
