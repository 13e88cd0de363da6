"""Atomic replacement: a file has its old content or its new content, never a part of it."""

from __future__ import annotations

import contextlib
import errno
import io
import os
import stat
from collections.abc import Iterator
from typing import BinaryIO, TypeGuard


def is_stream(name: object) -> TypeGuard[BinaryIO]:
    """Tell an open file from the name of one. Raises TypeError for other things and for text."""
    if isinstance(name, io.TextIOBase):
        raise TypeError(
            "fname: expected the name of a file or an open binary file, got a text stream; open it "
            'with mode "wb"'
        )
    if hasattr(name, "write"):
        return True
    if not isinstance(name, str | bytes | os.PathLike):
        raise TypeError(
            "fname: expected the name of a file or an open binary file, got "
            f"{type(name).__name__} {name!r:.80}; pass a str or a Path"
        )
    return False


def check_writable(name: str | os.PathLike[str]) -> None:
    """Raise OSError if `replacing(name)` would fail; for jobs that save only at their end.

    Raises ValueError for a name without characters.
    """
    if not os.fspath(name):
        raise ValueError("fname: expected the name of a file, got ''; give it a name")
    folder = os.path.dirname(os.path.realpath(name))
    if os.path.isdir(name):
        raise IsADirectoryError(f"{name}: is a folder; give the name of a file")
    if not os.path.isdir(folder):
        raise FileNotFoundError(f"{name}: there is no folder {folder}; make it first")
    if not os.access(folder, os.W_OK) and not _is_special(name):
        raise PermissionError(f"{name}: the folder {folder} cannot be written; choose another")


@contextlib.contextmanager
def replacing(name: str | os.PathLike[str] | BinaryIO) -> Iterator[BinaryIO]:
    """Open a binary stream whose content becomes the file `name` if the block ends without error.

    The stream writes a temporary file in the same folder, which is flushed to the disk and then
    renamed. A process killed at any byte leaves the file `name` unchanged. An existing file keeps
    its mode; a link keeps pointing to the file that is replaced.

    An open binary stream is yielded as it is.
    """
    if is_stream(name):
        yield name
        return
    check_writable(name)
    if _is_special(name):
        with open(name, "wb") as stream:
            yield stream
        return
    target = os.path.realpath(name)
    folder, base = os.path.split(target)
    temporary = os.path.join(folder, f".{base[:100]}.{os.urandom(6).hex()}.tmp")
    try:
        with open(temporary, "xb") as stream:
            yield stream
            stream.flush()
            os.fsync(stream.fileno())
        if os.path.exists(target):
            os.chmod(temporary, stat.S_IMODE(os.stat(target).st_mode))
        os.replace(temporary, target)
    except BaseException:
        with contextlib.suppress(OSError):
            os.unlink(temporary)
        raise
    _sync_folder(folder)


def _is_special(name: str | os.PathLike[str]) -> bool:
    """Tell whether a name is that of a device or a pipe, which a file must not replace."""
    return os.path.exists(name) and not os.path.isfile(name)


def _sync_folder(folder: str) -> None:
    """Make the rename itself durable; Windows cannot open folders, and needs no call."""
    if os.name == "nt":
        return
    handle = os.open(folder, os.O_RDONLY)
    try:
        os.fsync(handle)
    except OSError as error:
        if error.errno not in (errno.EINVAL, errno.ENOTSUP, errno.EACCES):
            raise
    finally:
        os.close(handle)
