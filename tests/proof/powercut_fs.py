"""A file system that loses what was not synced: a power cut for one process.

`python -m tests.proof.powercut_fs BACKING MOUNT` mounts it in the foreground; SIGUSR1 is the cut.
File data is volatile until fsync or fdatasync. Metadata (create, rename, unlink, mkdir, chmod) is
durable at once, which is kinder than some real file systems and crueller than none.
Keep out: whoever writes to it (powercut.py). Needs the package fusepy and the library libfuse 2.
"""

import contextlib
import errno
import os
import signal
import stat
import sys
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

from fuse import FUSE, FuseOSError, Operations

ATTRIBUTES = ("st_mode", "st_nlink", "st_uid", "st_gid", "st_size")
TIMES = ("st_atime", "st_mtime", "st_ctime")
VFS = (
    "f_bavail", "f_bfree", "f_blocks", "f_bsize", "f_favail", "f_ffree", "f_files", "f_flag",
    "f_frsize", "f_namemax",
)  # fmt: skip


class Contents:
    """A file as its writer sees it, and which of its bytes the disk does not have."""

    def __init__(self, durable: bytes) -> None:
        self.data = bytearray(durable)
        self._unsynced: list[tuple[int, int]] = []

    def write(self, data: bytes, offset: int) -> None:
        """Change bytes in memory; a gap before them is zeros."""
        self.resize(max(len(self.data), offset + len(data)))
        self.data[offset : offset + len(data)] = data
        self._unsynced.append((offset, len(data)))

    def resize(self, length: int) -> None:
        """Cut off the end, or lengthen by zeros, in memory."""
        grown = length - len(self.data)
        if grown > 0:
            self._unsynced.append((len(self.data), grown))
            self.data.extend(bytes(grown))
        else:
            del self.data[length:]

    def sync(self, path: str) -> None:
        """Make the disk have all of it."""
        with Path(path).open("r+b") as file:
            for offset, length in self._unsynced:
                file.seek(offset)
                file.write(self.data[offset : offset + length])
            file.truncate(len(self.data))
        self._unsynced.clear()


@contextlib.contextmanager
def _as_fuse_error() -> Iterator[None]:
    try:
        yield
    except OSError as error:
        raise FuseOSError(error.errno or errno.EIO) from error


class PowerCut(Operations):  # type: ignore[misc] # fusepy ships no types
    """The operations; every path is below the backing folder, which is the disk."""

    use_ns = True

    def __init__(self, disk: str) -> None:
        self._disk = disk
        self._memory: dict[str, Contents] = {}

    def cut(self, *_signal: object) -> None:
        """Lose everything that was not synced."""
        self._memory.clear()

    def _path(self, path: str) -> str:
        return self._disk + path

    def _contents(self, path: str) -> Contents:
        if path not in self._memory:
            with _as_fuse_error():
                self._memory[path] = Contents(Path(self._path(path)).read_bytes())
        return self._memory[path]

    def _call(self, function: Callable[..., Any], *arguments: object) -> Any:
        with _as_fuse_error():
            return function(*arguments)

    def getattr(self, path: str, _handle: int | None = None) -> dict[str, int]:
        found = self._call(os.lstat, self._path(path))
        attributes = {name: getattr(found, name) for name in ATTRIBUTES}
        attributes |= {name: getattr(found, f"{name}_ns") for name in TIMES}
        if path in self._memory and stat.S_ISREG(found.st_mode):
            attributes["st_size"] = len(self._memory[path].data)
        return attributes

    def readdir(self, path: str, _handle: int) -> list[str]:
        return [".", "..", *self._call(os.listdir, self._path(path))]

    def mkdir(self, path: str, mode: int) -> None:
        self._call(os.mkdir, self._path(path), mode)

    def rmdir(self, path: str) -> None:
        self._call(os.rmdir, self._path(path))

    def chmod(self, path: str, mode: int) -> None:
        self._call(os.chmod, self._path(path), mode)

    def chown(self, _path: str, _uid: int, _gid: int) -> None:
        """Whoever mounts it owns it."""

    def utimens(self, _path: str, _times: object = None) -> None:
        """Nobody here reads times."""

    def unlink(self, path: str) -> None:
        self._call(os.unlink, self._path(path))
        self._memory.pop(path, None)

    def rename(self, old: str, new: str) -> None:
        self._call(os.rename, self._path(old), self._path(new))
        for path in list(self._memory):
            if path == old or path.startswith(old + "/"):
                self._memory[new + path[len(old) :]] = self._memory.pop(path)

    def create(self, path: str, mode: int, _info: object = None) -> int:
        flags = os.O_CREAT | os.O_WRONLY | os.O_TRUNC
        os.close(self._call(os.open, self._path(path), flags, mode))
        self._memory[path] = Contents(b"")
        return 0

    def open(self, path: str, flags: int) -> int:
        contents = self._contents(path)
        if flags & os.O_TRUNC:
            contents.resize(0)
        return 0

    def read(self, path: str, size: int, offset: int, _handle: int) -> bytes:
        return bytes(self._contents(path).data[offset : offset + size])

    def write(self, path: str, data: bytes, offset: int, _handle: int) -> int:
        self._contents(path).write(data, offset)
        return len(data)

    def truncate(self, path: str, length: int, _handle: int | None = None) -> None:
        self._contents(path).resize(length)

    def flush(self, _path: str, _handle: int) -> None:
        """Closing a file syncs nothing."""

    def fsync(self, path: str, _data_only: int, _handle: int) -> None:
        if path in self._memory:
            self._call(self._memory[path].sync, self._path(path))

    def statfs(self, path: str) -> dict[str, int]:
        found = self._call(os.statvfs, self._path(path))
        return {name: getattr(found, name) for name in VFS}


def main() -> None:
    """Mount and serve until unmounted."""
    disk, mount = sys.argv[1:]
    operations = PowerCut(disk)
    signal.signal(signal.SIGUSR1, operations.cut)
    FUSE(operations, mount, foreground=True, nothreads=True)


if __name__ == "__main__":
    main()
