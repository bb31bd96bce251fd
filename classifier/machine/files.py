"""Files and folders that an operator names: opened without waiting on a pipe, and what is wrong with one in a sentence.

The system's own words, such as `[Errno 13] Permission denied`, leave out who was refused and what to do about it.
"""

from __future__ import annotations

import errno
import os
import pwd
import shlex
import stat
from collections.abc import Callable, Iterator
from contextlib import contextmanager, suppress
from io import BufferedReader
from pathlib import Path
from typing import Literal

from classifier.errors import ClassifierError
from classifier.formatting import printable

Refusal = Callable[[str], ClassifierError]
"""The class of error to raise, which depends on whose file it is: a package's, an import's or an evaluation's."""

Kind = Literal["file", "folder", "other"]

# Files that whoever started this process has opened for it, as a shell does for `--labels <(command)`: pipes, mostly.
_HANDED_OVER = ("/dev/fd/", "/dev/stdin", "/proc/self/fd/")

_NO_TEMPORARY = "No usable temporary directory"  # how Python's `tempfile` begins, in place of the system's words
_GONE = "the disk, or what is mounted there, does not answer ({}). Mount it again, or restore it"
_CAUSES = {
    errno.ENOENT: "No such file or directory. Check its name and folder",
    errno.EEXIST: "a file has that name. Choose another name, or remove the file",
    errno.ENOTDIR: "a part of its path is a file, not a folder. Check its name and folder",
    errno.EISDIR: "a folder is where a file is expected. Put the file in its place",
    errno.ELOOP: "its symbolic links lead in a circle. Put the file itself in their place",
    errno.ENAMETOOLONG: "its name is longer than the system allows. Check it, or rename it",
    errno.ENOSPC: "no space is left there. Free some, or choose another folder",
    errno.EDQUOT: "the quota of that disk is used up. Free some space, or choose another folder",
    errno.EROFS: "the file system is read-only. Choose another folder, or mount it so that it can be written",
    errno.EMFILE: "too many files are open. Raise the limit, `ulimit -n`",
    errno.ENFILE: "too many files are open on this machine. End other programs",
    errno.ENOMEM: "memory ran out. End other programs, or raise the limit",
    **{
        number: _GONE.format(os.strerror(number))
        for number in (errno.EIO, errno.ESTALE, errno.ENOTCONN, errno.ENODEV, errno.ENXIO, errno.ETIMEDOUT)
    },
}


def kind(path: Path) -> Kind | None:
    """What is at a path, links followed: a pipe, a device or a socket is `other`; None if nothing has that name.

    Raises:
        OSError: that cannot be found out, or a symbolic link leads nowhere.
    """
    try:
        with _names(path):
            mode = os.stat(path).st_mode
    except (FileNotFoundError, NotADirectoryError):
        if path.is_symlink():
            raise
        return None
    return "file" if stat.S_ISREG(mode) else "folder" if stat.S_ISDIR(mode) else "other"


def open_file(path: Path) -> BufferedReader:
    """Opens a file for reading; refuses pipes, devices and sockets, on which opening or reading might wait without end.

    Raises:
        OSError: it cannot be opened, or is not a regular file.
    """
    handed_over = str(path).startswith(_HANDED_OVER)
    with _names(path):
        found = os.stat(path)
        if stat.S_ISDIR(found.st_mode):
            raise IsADirectoryError(errno.EISDIR, os.strerror(errno.EISDIR))
        if not stat.S_ISREG(found.st_mode) and not handed_over:
            raise not_regular(path)
        # Another file may be there by now; without O_NONBLOCK opening a pipe would wait for somebody to write.
        wait = 0 if handed_over else os.O_NONBLOCK
        return open(os.open(path, os.O_RDONLY | os.O_CLOEXEC | wait), "rb")


def not_regular(path: Path) -> OSError:
    """The error for a pipe, a device or a socket in place of a file."""
    said = "it is a pipe, a device or a socket, not a regular file. Put the file itself in its place"
    return OSError(errno.EINVAL, said, str(path))


def check_readable(path: Path) -> None:
    """Refuses a file that cannot be read, or a folder in which any file cannot, hidden ones left out.

    Raises:
        OSError: as opening it would.
    """
    if kind(path) != "folder":
        open_file(path).close()
        return
    for place, folders, names in os.walk(path, onerror=_raise):
        folders[:] = [name for name in folders if not name.startswith(".")]
        for name in sorted(names):
            if not name.startswith("."):
                open_file(Path(place, name)).close()


def read(path: Path, most: int | None = None) -> bytes:
    """The content of a file, or its first `most` bytes.

    Raises:
        OSError: as `open_file` does, or reading fails.
    """
    with open_file(path) as stream, _names(path):
        return stream.read(-1 if most is None else most)


@contextmanager
def refusing(refusal: Refusal, path: str | Path, *, writing: bool = False) -> Iterator[None]:
    """Turns what the system says in the `with` block into an error that says what is wrong and what to do.

    Args:
        refusal: the class of error to raise.
        path: what is read or written; an error that names a path itself is about that one.
        writing: whether the files and folders are to be written.

    Raises:
        ClassifierError: of the class `refusal`.
    """
    try:
        yield
    except OSError as error:
        raise refusal(sentence(error, path, writing=writing)) from error


def sentence(error: OSError, path: str | Path | None = None, *, writing: bool = False) -> str:
    """What is wrong and what to do about it: the path, that it cannot be read or written, then `reason`.

    Args:
        error: what the system said.
        path: what it is about, if the error itself does not say.
        writing: whether a file or folder was to be written.
    """
    if error.errno is None:  # a message of our own
        return str(error)
    about = _about(error, path)
    said = reason(error, path, writing=writing)
    if about is None or said.startswith(_NO_TEMPORARY):
        return f"{said}."
    return f"{printable(about)} cannot be {'written' if writing else 'read'}: {said}."


def reason(error: OSError, path: str | Path | None = None, *, writing: bool = False) -> str:
    """The same without the path and without the full stop."""
    said = error.strerror or str(error)
    if said.startswith(_NO_TEMPORARY):
        return f"{_NO_TEMPORARY}: none can be written, or all are full. Set TMPDIR to a folder with room"
    about = _about(error, path)
    if about is None:
        return said
    if error.errno in (errno.EACCES, errno.EPERM):
        return _not_permitted(about, writing=writing)
    if error.errno == errno.ENOENT and os.path.islink(about):
        target = printable(os.readlink(about))
        return f"it is a symbolic link to {target}, which is not there. Put the file in its place, or mount that, too"
    # Other words than the system's are ours, and more to the point.
    return _CAUSES.get(error.errno, said) if error.errno and said == os.strerror(error.errno) else said


def user() -> str:
    """Who this process is for the system, such as `app (uid 1000)`."""
    return _named(os.geteuid())


def remedy(path: str | Path | None) -> str:
    """The command that lets everybody read what this user may not: the file, or the folder that hides it."""
    return f"chmod -R a+rX {shlex.quote(printable(str(_obstacle(str(path), os.R_OK)[0]))) if path else 'FILE'}"


def check_writable(path: Path, *, replace: bool = False) -> None:
    """Refuses, before there is something to write, a file that cannot be written; leaves it as it is.

    Args:
        path: the file.
        replace: whether a new file will take its place, for which its own permissions do not matter.

    Raises:
        OSError: as writing it would; a full disk is not noticed.
    """
    found = kind(path)
    number = 0
    if found == "folder":
        number = errno.EISDIR
    elif kind(path.parent) != "folder":
        raise OSError(errno.ENOENT, "name a file in a folder that is there", str(path))
    else:
        place, mode = (path, os.W_OK) if found and not replace else (path.parent, os.W_OK | os.X_OK)
        if not os.access(place, mode):
            number = errno.EROFS if os.statvfs(place).f_flag & os.ST_RDONLY else errno.EACCES
            path = place if replace else path
    if number:
        raise OSError(number, os.strerror(number), str(path))


def _raise(error: OSError) -> None:
    raise error


def _about(error: OSError, path: str | Path | None) -> str | None:
    """The path that an error is about; of two, as for a copy, the one that could not be written."""
    name = error.filename2 or error.filename
    if isinstance(name, bytes | str | os.PathLike):  # it is a descriptor's number where one was opened
        return os.fsdecode(name)
    return None if path is None else str(path)


@contextmanager
def _names(path: Path) -> Iterator[None]:
    """Makes sure that each error has the path, also for a name that Python does not even give to the system."""
    try:
        yield
    except OSError as error:
        if error.filename is None:
            error.filename = str(path)
        raise
    except ValueError as error:  # a NUL, or a character that the locale's encoding lacks
        raise OSError(errno.EINVAL, f"no file can have that name ({error}). Correct it", str(path)) from error


def _not_permitted(path: str, *, writing: bool) -> str:
    obstacle, wanted = _obstacle(path, os.W_OK if writing else os.R_OK)
    who = f"the user {user()} may not"
    try:
        found = os.stat(obstacle)
    except OSError:
        return f"{who}. Give it the permission, or start as the owner"
    subject = "it" if str(obstacle) == os.path.abspath(path) else printable(str(obstacle))
    whose = f"{subject} belongs to {_named(found.st_uid)}, mode {stat.S_IMODE(found.st_mode):04o}"
    if os.access(obstacle, wanted):
        return f"{who}, though {whose}: something else forbids it, such as SELinux. Mount it with `:z`"
    if writing:
        return f"{who}, since {whose}. Choose a folder of your own, or start as its owner"
    folder = obstacle if stat.S_ISDIR(found.st_mode) else obstacle.parent
    owner = "" if found.st_uid in (0, os.geteuid()) else f", in a container with `--user {found.st_uid}`"
    command = f"`chmod -R a+rX {shlex.quote(printable(str(folder)))}`"
    return f"{who}, since {whose}. Run {command} (of a mounted folder, on the host), or start as its owner{owner}"


def _obstacle(path: str, wanted: int) -> tuple[Path, int]:
    """What this user may not use, and in which way: a folder that hides what is in it, or else the path itself."""
    with suppress(OSError, ValueError):
        # Links are followed only in the second: the folder of a link may be what hides it.
        for way in (Path(os.path.abspath(path)), Path(os.path.realpath(path))):
            for folder in reversed(way.parents):
                if not os.access(folder, os.X_OK):
                    return folder, os.X_OK
        return (way.parent if wanted == os.W_OK and not way.exists() else way), wanted
    return Path(path), wanted


def _named(uid: int) -> str:
    try:
        return f"{pwd.getpwuid(uid).pw_name} (uid {uid})"
    except (KeyError, OSError):  # containers run as users that have no name there
        return f"with uid {uid}"
