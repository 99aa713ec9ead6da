# SPDX-License-Identifier: Apache-2.0
"""Writes the `newc` cpio archives that the kernel unpacks as its first root file system.

Format: Documentation/driver-api/early-userspace/buffer-format.rst. Every entry is a header of
thirteen eight-digit hexadecimal fields after the magic, the NUL-terminated name, and the data; name
and data are padded to four bytes. Written here because a cpio program is not part of a minimal Debian.
"""

import stat
from typing import BinaryIO


class Writer:
    """Appends entries to `out`; `close` writes the trailer. Parent directories are made on demand."""

    def __init__(self, out: BinaryIO):
        self._out = out
        self._inode = 0
        self._directories: set[str] = {""}

    def directory(self, path: str, mode: int = 0o755) -> None:
        path = path.strip("/")
        if path not in self._directories:
            self._parents(path)
            self._directories.add(path)
            self._entry(path, stat.S_IFDIR | mode)

    def file(self, path: str, data: bytes, mode: int = 0o644) -> None:
        self._parents(path.strip("/"))
        self._entry(path.strip("/"), stat.S_IFREG | mode, data)

    def symlink(self, path: str, target: str) -> None:
        self._parents(path.strip("/"))
        self._entry(path.strip("/"), stat.S_IFLNK | 0o777, target.encode())

    def char_device(self, path: str, major: int, minor: int, mode: int = 0o600) -> None:
        self._parents(path.strip("/"))
        self._entry(path.strip("/"), stat.S_IFCHR | mode, b"", major, minor)

    def close(self) -> None:
        self._entry("TRAILER!!!", 0)

    def _parents(self, path: str) -> None:
        if "/" in path:
            self.directory(path.rsplit("/", 1)[0])

    def _entry(self, path: str, mode: int, data: bytes = b"", major: int = 0, minor: int = 0) -> None:
        self._inode += 1
        name = path.encode() + b"\0"
        #         inode         mode  uid gid links mtime size     device      rdev    name size   checksum
        fields = (self._inode, mode, 0, 0, 1, 0, len(data), 0, 0, major, minor, len(name), 0)
        header = b"070701" + b"".join(b"%08x" % field for field in fields)
        self._out.write(_padded(header + name))
        self._out.write(_padded(data))


def _padded(data: bytes) -> bytes:
    return data + b"\0" * (-len(data) % 4)
