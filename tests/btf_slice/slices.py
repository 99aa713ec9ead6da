#!/usr/bin/env python3
# SPDX-License-Identifier: Apache-2.0
"""Cuts a slice of each kernel's BTF for each object that was built, and resolves the object's CO-RE
relocations against both: the answers must be the same (see slice_check.cc)."""

import pathlib
import subprocess
import sys

ROOT = pathlib.Path(__file__).resolve().parent.parent.parent
CHECK = ROOT / "build" / "tests" / "slice_check"
RUNNING = pathlib.Path("/sys/kernel/btf/vmlinux")
LABELS = ("5.10", "6.1", "6.12", "newest")


def btf_of(label: str) -> str:
    command = [sys.executable, str(ROOT / "tests" / "vm" / "vm.py"), "btf", label]
    return subprocess.run(command, check=True, text=True, stdout=subprocess.PIPE).stdout.strip()


def main() -> int:
    objects = sorted(str(path) for path in (ROOT / "build").glob("*/**/*.bpf.o"))
    kernels = {"running": str(RUNNING)} if RUNNING.exists() else {}
    kernels |= {label: btf_of(label) for label in LABELS}
    failed = 0
    for label, btf in kernels.items():
        result = subprocess.run([str(CHECK), btf, *objects], check=False, text=True, errors="replace",
                                stdout=subprocess.PIPE, stderr=subprocess.STDOUT)
        failed += result.returncode != 0
        print(f"{label}: {result.stdout.strip()[-4000:]}", flush=True)
    print(f"[slices] kernels: {len(kernels)} | {len(kernels) - failed} passed | {failed} failed | 0 skipped")
    return 1 if failed else 0


if __name__ == "__main__":
    sys.exit(main())
