# SPDX-License-Identifier: Apache-2.0
"""Builds programs with the libbpf of Debian's linux-source-6.12: libbpf-dump, which is libbpf_dump.c.

Debian 12's own libbpf is 1.1; four years newer is a better oracle. The library is compiled from its source
as it is, into <cache>/libbpf-6.12/<key>/, where the key stands for source, compiler and flags. The linker
redirects some functions to the program's own.
"""

import concurrent.futures
import dataclasses
import hashlib
import os
import pathlib
import shutil
import subprocess

import kernel_source

HERE = pathlib.Path(__file__).resolve().parent
COMPILER = "gcc"
# Without _FILE_OFFSET_BITS, which would rename fopen and gzopen on their way to the linker.
FLAGS = ("-O2", "-D_GNU_SOURCE")
OWN_FLAGS = ("-std=c11", "-Wall", "-Wextra", "-Werror")


@dataclasses.dataclass(frozen=True)
class Program:
    """A program that is linked with libbpf; `root` is its folder in the cache."""
    name: str
    root: str
    sources: tuple[pathlib.Path, ...]
    wrapped: tuple[str, ...]  # functions that the linker redirects
    link_flags: tuple[str, ...] = ()


DUMP = Program("libbpf-dump", "libbpf-6.12", (HERE / "libbpf_dump.c",),
               ("syscall", "fopen", "faccessat", "gzopen", "uname"))


def _run(command: list[str]) -> None:
    result = subprocess.run(command, check=False, text=True, stdin=subprocess.DEVNULL, stdout=subprocess.PIPE,
                            stderr=subprocess.STDOUT)
    if result.returncode != 0:
        raise kernel_source.SourceError(f"{' '.join(command[:2])}... failed:\n{result.stdout.strip()}")


def _key(source: pathlib.Path, program: Program) -> str:
    version = subprocess.run([COMPILER, "--version"], check=True, text=True, stdout=subprocess.PIPE).stdout
    parts = (source.joinpath("version").read_text(), version, repr((FLAGS, OWN_FLAGS, program.wrapped)),
             *(path.read_text() for path in program.sources))
    return hashlib.sha256("\0".join(parts).encode()).hexdigest()[:16]


def ensure(program: Program = DUMP, jobs: int = os.cpu_count() or 1) -> pathlib.Path:
    """The program's path. Errors: SourceError."""
    source = kernel_source.ensure("6.12")
    root = kernel_source.cache_root() / program.root
    folder = root / _key(source, program)
    built = folder / program.name
    if built.is_file():
        return built
    library = source / "tools/lib/bpf"
    headers = folder / "include" / "bpf"  # as installed: <bpf/libbpf.h>
    headers.mkdir(parents=True, exist_ok=True)
    for header in library.glob("*.h"):
        shutil.copyfile(header, headers / header.name)
    includes = ["-I", str(source / "tools/include"), "-I", str(source / "tools/include/uapi")]

    def compile_one(path: pathlib.Path) -> pathlib.Path:
        target = folder / f"{path.stem}.o"
        _run([COMPILER, "-w", *FLAGS, *includes, "-c", str(path), "-o", str(target)])
        return target

    with concurrent.futures.ThreadPoolExecutor(jobs) as pool:
        objects = list(pool.map(compile_one, sorted(library.glob("*.c"))))
    unfinished = folder / "unfinished"
    _run([COMPILER, *FLAGS, *OWN_FLAGS, "-isystem", str(headers.parent), "-isystem",
          str(source / "tools/include/uapi"), *map(str, program.sources), *map(str, objects), "-o", str(unfinished),
          *program.link_flags, *(f"-Wl,--wrap={name}" for name in program.wrapped), "-lelf", "-lz"])
    for path in objects:
        path.unlink()
    unfinished.rename(built)
    for other in root.iterdir():
        if other != folder:
            shutil.rmtree(other)
    return built
