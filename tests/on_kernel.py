#!/usr/bin/env python3
# SPDX-License-Identifier: Apache-2.0
"""Runs something from build/ on another kernel: `on_kernel.py KERNEL [OPTION...] -- CMD [ARG...]`.

The guest finds the build where a developer has it: under /bpfld, its directory, with the same relative
paths, so `build/tests/live_test` means the same here and there. Debugging information is left out (it
is most of a static binary's size and all of it would be in the guest's memory); symbol tables stay,
since uprobe tests look themselves up in them. OPTIONs are those of `tests/vm/vm.py run`.
"""

import pathlib
import shutil
import subprocess
import sys
import tempfile

ROOT = pathlib.Path(__file__).resolve().parent.parent
sys.path.insert(0, str(ROOT / "tests" / "vm"))

import vm  # noqa: E402

# What a guest gets, if it was built. Programs must be static; vm.py refuses those that are not.
PROGRAMS = ("build/tests/live_test", "build/cli/bpfld")
DATA = ("build/fixtures/**/*.bpf.o", "build/examples/**/*.bpf.o")


def is_elf(path: pathlib.Path) -> bool:
    with path.open("rb") as file:
        return file.read(4) == b"\x7fELF"


def stage(root: pathlib.Path, to: pathlib.Path) -> list[str]:
    """Copies what the guest gets from `root` to the same relative paths under `to`; returns these."""
    staged = []
    for name in PROGRAMS:
        if (root / name).is_file():
            (to / name).parent.mkdir(parents=True, exist_ok=True)
            if is_elf(root / name):
                subprocess.run(["strip", "--strip-debug", "-o", str(to / name), str(root / name)], check=True)
            else:
                shutil.copy(root / name, to / name)
            staged.append(name)
    for pattern in DATA:
        for path in sorted(root.glob(pattern)):
            name = str(path.relative_to(root))
            (to / name).parent.mkdir(parents=True, exist_ok=True)
            shutil.copy(path, to / name)
            staged.append(name)
    return staged


def main(argv: list[str]) -> int:
    if "--" not in argv or argv.index("--") == 0 or argv[-1] == "--":
        print("usage: on_kernel.py KERNEL [OPTION...] -- CMD [ARG...]", file=sys.stderr)
        return 2
    split = argv.index("--")
    with tempfile.TemporaryDirectory(prefix="bpfld-stage-") as name:
        if not stage(ROOT, pathlib.Path(name)):
            print("on_kernel: build/ holds nothing to run: ./dev build", file=sys.stderr)
            return vm.MACHINE_FAILED
        return vm.main(["run", argv[0], "--file", f"{name}:/bpfld", "--cwd", "/bpfld", *argv[1:split],
                        "--", *argv[split + 1:]])


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
