"""Which packages have changed on the disk, told by looking again and again: that works on every kind of file system.

A package counts as changed only when two looks find the same: while it is being copied, they do not.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable
from pathlib import Path

from classifier.package.content import Fingerprint, fingerprint


class Watch:
    """Looks at folders of packages, and remembers what was there when it was taken."""

    def __init__(self, folders: Callable[[], Iterable[Path]]) -> None:
        """Args: folders: tells those that there are now; it may raise `PackageError`, and then so does each look."""
        self._folders = folders
        self._seen: dict[Path, Fingerprint] = {}
        self._taken: dict[Path, Fingerprint] = {}

    def begin(self) -> None:
        """Takes everything as it is now."""
        self._seen = self._now()
        self._taken = dict(self._seen)

    def look(self, *, every: bool = False) -> tuple[set[Path], bool]:
        """The folders that changed and have come to rest, and whether others have not yet.

        Args:
            every: whether all count as changed, since a file system may hide a change.
        """
        before, self._seen = self._seen, self._now()
        known = self._seen.keys() | self._taken.keys()
        changed = {one for one in known if every or self._seen.get(one) != self._taken.get(one)}
        at_rest = {one for one in changed if self._seen.get(one) == before.get(one)}
        return at_rest, changed != at_rest

    def has(self, folder: Path) -> bool:
        """Whether the last look saw a folder."""
        return folder in self._seen

    def is_as_seen(self, folder: Path) -> bool:
        """Whether a folder still is as at the last look."""
        return folder not in self._seen or fingerprint(folder) == self._seen[folder]

    def take(self, folders: Iterable[Path]) -> None:
        """Notes that what the last look saw in these folders needs nothing more."""
        for one in folders:
            if one in self._seen:
                self._taken[one] = self._seen[one]
            else:
                self._taken.pop(one, None)

    def _now(self) -> dict[Path, Fingerprint]:
        return {one: fingerprint(one) for one in self._folders()}
