#!/usr/bin/env python3
# SPDX-License-Identifier: Apache-2.0
"""Compiles the BPF selftests of Linux 6.1: 500 small programs that use every corner of a loader.

Their source comes from Debian's linux-source-6.1 (kernel_source.py), their vmlinux.h from the BTF of the
kernel matrix's 6.1. The objects are kept in <cache>/selftests-6.1/<key>/, where the key stands for all that
goes into them: source, vmlinux.h, compiler, flags. A run that was interrupted goes on where it was.
What does not compile (most of it wants types of a test module, or of a kernel configured otherwise) is
kept too, as NAME.error, whose first line is the compiler's first error.
"""

import argparse
import concurrent.futures
import hashlib
import os
import pathlib
import shutil
import subprocess
import sys

import kernel_source

HERE = pathlib.Path(__file__).resolve().parent
CLANG = "clang-19"
# As the selftests' Makefile has them, without -Werror: the compiler is newer than they are.
FLAGS = ("-g", "-O2", "-target", "bpf", "-mcpu=v3", "-mlittle-endian", "-D__TARGET_ARCH_x86", "-DENABLE_ATOMICS_TESTS",
         "-Wno-compare-distinct-pointer-types", "-w")
MORE_FLAGS = {"test_l4lb_noinline": ("-fno-inline",), "test_xdp_noinline": ("-fno-inline",)}
# The selftests link these pairs into one object each.
LINKED = {name: (f"{name}1", f"{name}2") for name in ("test_static_linked", "linked_funcs", "linked_vars", "linked_maps")}
SYSTEM_INCLUDES = ("-idirafter", "/usr/include/x86_64-linux-gnu", "-idirafter", "/usr/include")


def output(command: list[str]) -> str:
    return subprocess.run(command, check=True, text=True, stdin=subprocess.DEVNULL, stdout=subprocess.PIPE).stdout


def kernel_btf(label: str) -> pathlib.Path:
    return pathlib.Path(output([sys.executable, str(HERE.parent / "vm" / "vm.py"), "btf", label]).strip())


def vmlinux_header(btf: pathlib.Path) -> str:
    return output(["bpftool", "btf", "dump", "file", str(btf), "format", "c"])


def key(source: pathlib.Path, btf: pathlib.Path) -> str:
    parts = (source.joinpath("version").read_text(), output([CLANG, "--version"]), repr((FLAGS, MORE_FLAGS, LINKED)))
    return hashlib.sha256("\0".join(parts).encode() + btf.read_bytes()).hexdigest()[:16]


def prepare(source: pathlib.Path, btf: pathlib.Path, folder: pathlib.Path) -> None:
    """Writes the headers that the selftests' Makefile generates."""
    include = folder / "include" / "bpf"
    if (folder / "include" / "ready").is_file():
        return
    include.mkdir(parents=True, exist_ok=True)
    for header in sorted(source.glob("tools/lib/bpf/*.h")):
        shutil.copyfile(header, include / header.name)
    generator = [sys.executable, str(source / "scripts/bpf_doc.py"), "--header", "--file",
                 str(source / "tools/include/uapi/linux/bpf.h")]
    (include / "bpf_helper_defs.h").write_text(output(generator))
    (folder / "include" / "vmlinux.h").write_text(vmlinux_header(btf))
    (folder / "include" / "ready").touch()


def compile_one(source: pathlib.Path, folder: pathlib.Path, program: pathlib.Path) -> None:
    name = program.stem
    target, error = folder / f"{name}.bpf.o", folder / f"{name}.error"
    if target.is_file() or error.is_file():
        return
    selftests = source / "tools/testing/selftests/bpf"
    unfinished = folder / f"{name}.unfinished"
    command = [CLANG, *FLAGS, *MORE_FLAGS.get(name, ()), "-I", str(folder / "include"), "-I", str(selftests),
               "-I", str(source / "tools/include/uapi"), *SYSTEM_INCLUDES, "-c", f"progs/{program.name}",
               "-o", str(unfinished)]
    result = subprocess.run(command, cwd=selftests, check=False, text=True, stdin=subprocess.DEVNULL,
                            stdout=subprocess.PIPE, stderr=subprocess.STDOUT, errors="replace")
    if result.returncode == 0:
        unfinished.rename(target)
        return
    lines = result.stdout.splitlines()
    first = next((line for line in lines if "error:" in line), lines[0] if lines else f"status {result.returncode}")
    error.write_text("\n".join([first, *lines]) + "\n")


def link_one(folder: pathlib.Path, name: str, parts: tuple[str, ...]) -> None:
    """A statically linked object; not made if a part did not compile, which is reported already."""
    target, inputs = folder / f"{name}.bpf.o", [folder / f"{part}.bpf.o" for part in parts]
    if target.is_file() or not all(path.is_file() for path in inputs):
        return
    unfinished = folder / f"{name}.unfinished"
    subprocess.run(["bpftool", "gen", "object", str(unfinished), *map(str, inputs)], check=True,
                   stdin=subprocess.DEVNULL)
    unfinished.rename(target)


def ensure(jobs: int = os.cpu_count() or 1) -> tuple[pathlib.Path, list[pathlib.Path], list[pathlib.Path]]:
    """(folder, objects, errors), all of it built. Errors: SourceError, CalledProcessError."""
    source, btf = kernel_source.ensure("6.1"), kernel_btf("6.1")
    root = kernel_source.cache_root() / "selftests-6.1"
    folder = root / key(source, btf)
    if not (folder / "complete").is_file():
        prepare(source, btf, folder)
        programs = sorted((source / "tools/testing/selftests/bpf/progs").glob("*.c"))
        with concurrent.futures.ThreadPoolExecutor(jobs) as pool:
            list(pool.map(lambda program: compile_one(source, folder, program), programs))
        for name, parts in LINKED.items():
            link_one(folder, name, parts)
        (folder / "complete").touch()
        for other in root.iterdir():
            if other != folder:
                shutil.rmtree(other)
    return folder, sorted(folder.glob("*.bpf.o")), sorted(folder.glob("*.error"))


def main(argv: list[str]) -> int:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("-j", "--jobs", type=int, default=os.cpu_count() or 1)
    parser.add_argument("--errors", action="store_true", help="list what does not compile")
    arguments = parser.parse_args(argv)
    try:
        folder, objects, errors = ensure(arguments.jobs)
    except (kernel_source.SourceError, subprocess.CalledProcessError, OSError) as error:
        print(f"selftests: {error}", file=sys.stderr)
        return 1
    if arguments.errors:
        for path in errors:
            print(f"{path.stem}: {path.read_text().splitlines()[0]}")
    print(f"{len(objects)} objects in {folder}; {len(errors)} sources do not compile")
    return 0


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
