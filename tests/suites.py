# SPDX-License-Identifier: Apache-2.0
"""The test suites: what each runs, what it needs first, how its result is read. One row each.

`reader` names a row of counts.READERS. `alone` keeps everything else from running beside it: the live
tests use the kernel that all others run on, and a compilation uses every core. `after` names suites
whose logs it reads: it runs last, and is given the names of those that ran. `shown` prints its output
when all is well, too.
"""

from dataclasses import dataclass

PYTHON = "python3"


@dataclass(frozen=True)
class Suite:
    name: str
    command: tuple[str, ...]
    reader: str = "doctest"
    needs: tuple[str, ...] = ()
    timeout: float = 300.0  # seconds
    alone: bool = False
    after: tuple[str, ...] = ()
    shown: bool = False


# What a suite may need, and the command that provides it; each runs once, before the suites.
NEEDS = {
    "build": ("./dev", "build"),
    "build-fuzz": ("./dev", "build", "fuzz"),
    "kernel 5.10": (PYTHON, "tests/vm/vm.py", "fetch", "5.10"),
    "kernel 6.1": (PYTHON, "tests/vm/vm.py", "fetch", "6.1"),
    "kernel 6.12": (PYTHON, "tests/vm/vm.py", "fetch", "6.12"),
    "kernel newest": (PYTHON, "tests/vm/vm.py", "fetch", "newest"),
    "libbpf and selftests": (PYTHON, "tests/oracle/compare.py", "--prepare"),
}
NEEDS_TIMEOUT = 1800.0  # seconds
KERNELS = tuple(need for need in NEEDS if need.startswith("kernel "))


def on_kernel(label: str) -> Suite:
    command = (PYTHON, "tests/on_kernel.py", label, "--timeout", "900", "--env", "BPFLD_ALONE=1", "--",
               "build/tests/live_test")
    return Suite(f"vm-{label}", command, needs=("build", f"kernel {label}"), timeout=960)


SUITES = (
    Suite("layers", (PYTHON, "tests/layers.py"), reader="summary"),
    Suite("tools", (PYTHON, "tests/tools.py"), reader="unittest"),
    Suite("unit", ("build/tests/unit_test",), needs=("build",)),
    Suite("golden", ("build/tests/golden_test",), needs=("build",)),
    Suite("cli", ("build/tests/cli_test",), needs=("build",)),
    Suite("replay", (PYTHON, "tests/fuzz.py", "--replay"), reader="summary", needs=("build",)),
    Suite("syscalls", (PYTHON, "tests/syscalls.py"), reader="unittest", needs=("build",), timeout=120,
          alone=True),
    Suite("maps", (PYTHON, "tests/map_oracle.py"), reader="unittest", needs=("build",), timeout=120, alone=True),
    Suite("live", ("build/tests/live_test",), needs=("build",), timeout=600, alone=True),
    Suite("clang", ("./dev", "build", "clang"), reader="status", timeout=1800, alone=True),
    Suite("slices", (PYTHON, "tests/btf_slice/slices.py"), reader="summary",
          needs=("build", *KERNELS)),
    Suite("headers", (PYTHON, "tests/btf_c/headers.py"), reader="summary", timeout=600,
          needs=("build", *KERNELS)),
    Suite("fuzz", (PYTHON, "tests/fuzz.py"), reader="summary", needs=("build-fuzz",), timeout=900, alone=True),
    Suite("features", (PYTHON, "tests/feature_oracle.py"), reader="summary", needs=("build",)),
    Suite("oracle", (PYTHON, "tests/oracle/compare.py"), reader="summary", timeout=900,
          needs=("build", *KERNELS, "libbpf and selftests")),
    on_kernel("5.10"),
    on_kernel("6.1"),
    on_kernel("6.12"),
    on_kernel("newest"),
    Suite("vm-features", (PYTHON, "tests/feature_oracle.py", "5.10", "6.1", "6.12", "newest"), reader="summary",
          needs=("build", *KERNELS), timeout=1000),
    Suite("vm-profiles", (PYTHON, "tests/profile_oracle.py"), reader="summary", needs=("build", *KERNELS),
          timeout=1500),
    # The selftests are those of 6.1, whose kernel has all that they call.
    Suite("vm-parity", (PYTHON, "tests/parity/parity.py", "6.1", "--few"), reader="summary",
          needs=("build", "kernel 6.1", "libbpf and selftests"), timeout=1000),
    Suite("vm-parity-control", (PYTHON, "tests/parity/parity.py", "6.1", "--control"), reader="summary",
          needs=("build", "kernel 6.1", "libbpf and selftests"), timeout=600),
    Suite("coverage", (PYTHON, "tests/coverage.py", "check"), reader="summary", needs=("build",), shown=True,
          after=("live", "vm-5.10", "vm-6.1", "vm-6.12", "vm-newest")),
)


def choose(names: list[str]) -> list[Suite]:
    """The suites called `names`, in the table's order; `vm` stands for all of its kernels, none for all."""
    known = {suite.name for suite in SUITES}
    for name in names:
        if name != "vm" and name not in known:
            raise ValueError(f"there is no suite \"{name}\": {' '.join(suite.name for suite in SUITES)}, "
                             f"or vm for all kernels")
    return [suite for suite in SUITES
            if not names or suite.name in names or ("vm" in names and suite.name.startswith("vm-"))]
