#!/usr/bin/env python3
# SPDX-License-Identifier: Apache-2.0
"""What listing all places of the running kernel costs: `bpfld list '*'`, as a fresh process, into a pipe.

Wall clock of the whole process, as that is what somebody waits for: the fastest run, the median, the slowest.
Beside it `bpftrace -l` where it is installed; it lists less, and both say how many lines. A file or pipe that
nobody reads would measure nothing, so the lines are read and counted.
"""

import argparse
import json
import pathlib
import shutil
import statistics
import subprocess
import sys
import time

HERE = pathlib.Path(__file__).resolve().parent
OURS = (str(HERE.parent / "build/cli/bpfld"), "list", "*", "--no-header")
PEER = ("bpftrace", "-l")


def run_once(command: tuple[str, ...]) -> tuple[float, int]:
    """Seconds, and lines."""
    start = time.monotonic()
    done = subprocess.run(command, check=True, stdin=subprocess.DEVNULL, stdout=subprocess.PIPE,
                          stderr=subprocess.DEVNULL)
    return time.monotonic() - start, done.stdout.count(b"\n")


def measure(command: tuple[str, ...], runs: int) -> dict:
    run_once(command)  # what is in no cache yet
    found = [run_once(command) for _ in range(runs)]
    seconds = [second for second, _ in found]
    return {"lines": found[-1][1], "fastest_ms": min(seconds) * 1e3, "median_ms": statistics.median(seconds) * 1e3,
            "slowest_ms": max(seconds) * 1e3}


def main(argv: list[str]) -> int:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--runs", type=int, default=21)
    parser.add_argument("-o", dest="output", choices=("text", "json"), default="text")
    options = parser.parse_args(argv)
    commands = {"bpfld list '*'": OURS}
    if shutil.which(PEER[0]):
        commands["bpftrace -l"] = PEER
    for name, command in commands.items():
        try:
            found = measure(command, options.runs)
        except (OSError, subprocess.CalledProcessError) as error:
            print(f"{name}: {error}", file=sys.stderr)
            return 1
        if options.output == "json":
            print(json.dumps({"name": name, **found}))
        else:
            print(f"{name}: {found['lines']} lines in {found['fastest_ms']:.0f} ms, median {found['median_ms']:.0f} ms, "
                  f"slowest of {options.runs} {found['slowest_ms']:.0f} ms")
    return 0


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
