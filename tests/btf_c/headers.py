#!/usr/bin/env python3
# SPDX-License-Identifier: Apache-2.0
"""Compiles the vmlinux.h of whole kernels and holds what clang makes of it against their BTF.

For the running kernel and each of the matrix: the header is written twice and must be the same both
times; it must compile without a warning, in C11, C17 and C23; every size, offset and enumerator of the
BTF must be true of it (_Static_assert); and the BTF that clang writes for a variable of each type must
agree with the kernel's in every member and bitfield.
"""

import pathlib
import subprocess
import sys
import tempfile

ROOT = pathlib.Path(__file__).resolve().parent.parent.parent
CHECK = ROOT / "build" / "tests" / "header_check"
RUNNING = pathlib.Path("/sys/kernel/btf/vmlinux")
LABELS = ("5.10", "6.1", "6.12", "newest")
CLANG = ("clang-19", "-target", "bpf", "-Wall", "-Wextra", "-Werror")


def run(*command: object) -> str:
    return subprocess.run([str(word) for word in command], check=True, text=True, errors="replace",
                          stdout=subprocess.PIPE, stderr=subprocess.STDOUT).stdout


def btf_of(label: str) -> pathlib.Path:
    return pathlib.Path(run(sys.executable, ROOT / "tests" / "vm" / "vm.py", "btf", label).splitlines()[-1])


def check(btf: pathlib.Path, scratch: pathlib.Path) -> str:
    """What was compared; raises CalledProcessError or ValueError for what does not hold."""
    first, again = scratch / "first", scratch / "again"
    for directory in (first, again):
        directory.mkdir()
        counts = run(CHECK, "write", btf, directory)
    if (first / "vmlinux.h").read_bytes() != (again / "vmlinux.h").read_bytes():
        raise ValueError("the header differs when it is written again")
    for standard in ("c11", "gnu23"):
        run(*CLANG, f"-std={standard}", "-fsyntax-only", "-include", first / "vmlinux.h", "-x", "c", "/dev/null")
    run(*CLANG, "-fsyntax-only", first / "asserts.c")
    run(*CLANG, "-O1", "-g", "-c", first / "variables.c", "-o", first / "variables.o")
    return f"{counts.strip()}; {run(CHECK, 'compare', btf, first / 'variables.o').strip()}"


def main() -> int:
    kernels = {"running": RUNNING} if RUNNING.exists() else {}
    kernels |= {label: btf_of(label) for label in LABELS}
    failed = 0
    for label, btf in kernels.items():
        with tempfile.TemporaryDirectory(prefix="bpfld-header-") as scratch:
            try:
                print(f"{label}: {check(btf, pathlib.Path(scratch))}", flush=True)
            except (subprocess.CalledProcessError, ValueError) as error:
                failed += 1
                print(f"{label}: {error}\n{(getattr(error, 'output', None) or '')[:4000]}", flush=True)
    print(f"[headers] kernels: {len(kernels)} | {len(kernels) - failed} passed | {failed} failed | 0 skipped")
    return 1 if failed else 0


if __name__ == "__main__":
    sys.exit(main())
