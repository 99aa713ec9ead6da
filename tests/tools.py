#!/usr/bin/env python3
# SPDX-License-Identifier: Apache-2.0
"""Runs the unit tests of the Python tools: tests/vm/test_*.py and tests/*_test.py.

The two folders name modules of their own, as scripts do, so each is discovered by itself and both
runs are counted (counts.read_unittest adds them up).
"""

import pathlib
import subprocess
import sys

HERE = pathlib.Path(__file__).resolve().parent


def main() -> int:
    worst = 0
    for directory, pattern in ((HERE / "vm", "test_*.py"), (HERE, "*_test.py")):
        command = [sys.executable, "-m", "unittest", "discover", "-s", str(directory), "-t", str(directory)]
        worst = max(worst, abs(subprocess.run([*command, "-p", pattern], check=False).returncode))
    return worst


if __name__ == "__main__":
    sys.exit(main())
