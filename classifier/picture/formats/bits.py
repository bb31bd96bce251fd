"""Numbers of any count of bits, as video coders write them."""

from __future__ import annotations


class Bits:
    """Reads numbers bit by bit, as `bits(5)`; beyond the end, all are 0."""

    def __init__(self, data: bytes) -> None:
        """Args: data: what to read; some hundred bytes, as each number takes time for all of them."""
        self._value, self._left = int.from_bytes(data, "big"), 8 * len(data)

    def __call__(self, count: int = 1) -> int:
        """The next number, of so many bits."""
        self._left -= count
        return (self._value >> self._left) & ((1 << count) - 1) if self._left >= 0 else 0

    def golomb(self) -> int:
        """The next number that says its own length: zeros, a one, and as many bits as there were zeros."""
        zeros = 0
        while self._left > 0 and not self():
            zeros += 1
        return (1 << zeros) - 1 + self(zeros)

    @property
    def ended(self) -> bool:
        """Whether more was read than there is."""
        return self._left < 0
