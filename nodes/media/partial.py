"""Partial files: a name never stands for half a file.

What is written goes to a hidden neighbour in the same directory. It takes the
final name when it is complete and on the disk; otherwise it is removed.
"""

from __future__ import annotations

import errno
import os
import secrets
from pathlib import Path

KEPT = 40
"""Characters of the final name that the hidden one shows: names have a length limit."""


class PartialFile:
    """A file to be written, as libav wants one: `write`, `seek`, `tell`.

    Args:
        path: the final name. A symbolic link is followed.

    Raises:
        OSError: the directory is missing or may not be written to, or a
            directory has the name.
    """

    def __init__(self, path: str) -> None:
        self.path = Path(os.path.realpath(path))
        if self.path.is_dir():
            raise IsADirectoryError(errno.EISDIR, os.strerror(errno.EISDIR), path)
        mark = f".partial-{secrets.token_hex(4)}"
        hidden = self.path.with_name(f".{self.path.stem[:KEPT]}{mark}{self.path.suffix}")
        self.name = str(hidden)
        # Unbuffered: libav buffers already, and an error must rise where it happens.
        self._file = hidden.open("xb", buffering=0)

    @property
    def closed(self) -> bool:
        """Whether it was committed or discarded; libav then leaves it alone."""
        return self._file.closed

    def write(self, data: bytes) -> int:
        """Write all of it: a raw file may take less, which libav would not notice."""
        rest = memoryview(data)
        while rest:
            rest = rest[self._file.write(rest) :]
        return len(data)

    def seek(self, offset: int, whence: int = os.SEEK_SET) -> int:
        """Move to a position, as `io.IOBase.seek` does."""
        return self._file.seek(offset, whence)

    def tell(self) -> int:
        """The position."""
        return self._file.tell()

    def commit(self) -> None:
        """Bring the bytes to the disk and give the file its name, replacing what had it."""
        os.fsync(self._file.fileno())
        self._file.close()
        Path(self.name).replace(self.path)

    def discard(self) -> None:
        """Remove the file, unless it was committed."""
        self._file.close()
        Path(self.name).unlink(missing_ok=True)
