# SPDX-License-Identifier: Apache-2.0
"""Builds the initramfs of one run: busybox, the kernel's modules, the command, and the files it needs.

One archive is the whole guest; there is no disk image to build, to keep or to corrupt. Nothing from
the host's libraries is inside unless it was asked for (with_libraries), so a program that is to run there
must be linked statically.
"""

import pathlib
import shlex
import subprocess
from dataclasses import dataclass, field

import cpio

HERE = pathlib.Path(__file__).resolve().parent
BUSYBOX = pathlib.Path("/bin/busybox")

DIRECTORIES = ("bin", "sbin", "usr/bin", "usr/sbin", "dev", "proc", "sys", "tmp", "run", "root", "out", "mnt")

ACCOUNTS = {
    "/etc/passwd": "root:x:0:0:root:/root:/bin/sh\nnobody:x:65534:65534:nobody:/:/bin/false\n",
    "/etc/group": "root:x:0:\nnogroup:x:65534:\n",
    "/etc/hosts": "127.0.0.1 localhost vm\n::1 localhost\n",
}


class GuestError(Exception):
    """The guest cannot be put together from what was given."""


@dataclass
class Command:
    """What to run: argv, files as (host path, guest path), directory and extra environment."""
    argv: list[str]
    files: list[tuple[pathlib.Path, str]] = field(default_factory=list)
    cwd: str = "/"
    env: dict[str, str] = field(default_factory=dict)

    def script(self) -> str:
        exports = "".join(f"export {name}={shlex.quote(value)}\n" for name, value in self.env.items())
        return f"{exports}cd {shlex.quote(self.cwd)} || exit 126\nexec {shlex.join(self.argv)}\n"


def interpreter(data: bytes) -> str:
    """What an ELF file names as its interpreter (PT_INTERP), which is its dynamic linker; empty for a static
    program and for anything else. 64-bit little-endian only, like the guest."""
    if len(data) < 64 or data[:6] != b"\x7fELF\x02\x01":
        return ""
    offset = int.from_bytes(data[32:40], "little")
    size = int.from_bytes(data[54:56], "little")
    count = int.from_bytes(data[56:58], "little")
    for at in range(offset, offset + size * count, size or 1):
        if data[at:at + 4] == b"\x03\0\0\0":
            start, length = (int.from_bytes(data[at + i:at + i + 8], "little") for i in (8, 32))
            return data[start:start + length].rstrip(b"\0").decode(errors="replace")
    return ""


def with_libraries(program: pathlib.Path) -> list[tuple[pathlib.Path, str]]:
    """A program of this machine, and the libraries that it is linked with, under the paths that they have here."""
    listing = subprocess.run(["ldd", str(program)], check=True, stdout=subprocess.PIPE, text=True).stdout
    paths = [program, *(pathlib.Path(word) for line in listing.splitlines() for word in line.split()
                        if word.startswith("/"))]
    return [(path, str(path)) for path in paths]


def expand(files: list[tuple[pathlib.Path, str]]) -> list[tuple[pathlib.Path, str]]:
    """Directories become the files under them, at the same relative paths."""
    expanded = []
    for host, guest in files:
        if host.is_dir():
            expanded += [(path, f"{guest}/{path.relative_to(host)}")
                         for path in sorted(host.rglob("*")) if path.is_file()]
        elif host.is_file():
            expanded.append((host, guest))
        else:
            raise GuestError(f"{host}: no such file to copy into the guest")
    return expanded


def write_initramfs(path: pathlib.Path, kernel_dir: pathlib.Path, release: str, command: Command) -> None:
    if not BUSYBOX.is_file() or interpreter(BUSYBOX.read_bytes()):
        raise GuestError("/bin/busybox is missing or not static: apt-get install busybox-static")
    with path.open("wb") as out:
        archive = cpio.Writer(out)
        for directory in DIRECTORIES:
            archive.directory(directory)
        archive.char_device("/dev/console", 5, 1)
        archive.file("/bin/busybox", BUSYBOX.read_bytes(), 0o755)
        for applet in _applets():
            archive.symlink(f"/bin/{applet}", "busybox")
        for name, text in ACCOUNTS.items():
            archive.file(name, text.encode())
        _write_kernel_files(archive, kernel_dir, release)
        archive.file("/init", (HERE / "init.sh").read_bytes(), 0o755)
        archive.file("/vm/command", command.script().encode())
        files = expand(command.files)
        inside = {guest for _, guest in files}
        for host, guest in files:
            data = host.read_bytes()
            if interpreter(data) not in {"", *inside}:
                raise GuestError(f"{host}: is linked dynamically; the guest has no libraries, link it with -static")
            archive.file(guest, data, host.stat().st_mode & 0o777)
        archive.close()


def _applets() -> list[str]:
    result = subprocess.run([str(BUSYBOX), "--list"], check=True, stdout=subprocess.PIPE, text=True)
    return [name for name in result.stdout.split() if name != "busybox"]


def _write_kernel_files(archive: cpio.Writer, kernel_dir: pathlib.Path, release: str) -> None:
    """Modules, and the configuration under the name where every distribution's tools look for it."""
    order = (kernel_dir / "modules.order").read_text().split()
    for name in order:
        archive.file(f"/lib/modules/{name}.ko", (kernel_dir / "modules" / f"{name}.ko").read_bytes())
    archive.file("/vm/modules", "".join(f"{name}\n" for name in order).encode())
    archive.file(f"/boot/config-{release}", (kernel_dir / "config").read_bytes())
