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
    return {"lines": found[-1][1], "fastest": min(seconds) * 1e3, "median": statistics.median(seconds) * 1e3,
            "slowest": max(seconds) * 1e3}


def line(name: str, found: dict) -> str:
    return (f"{name}: {found['lines']} lines in {found['fastest']:.0f} ms, median {found['median']:.0f} ms, "
            f"slowest {found['slowest']:.0f} ms")


def main(argv: list[str]) -> int:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--runs", type=int, default=21)
    parser.add_argument("--build", default="build", help="the build folder (build)")
    parser.add_argument("-o", dest="output", choices=("text", "json"), default="text")
    options = parser.parse_args(argv)
    command = (str(pathlib.Path(options.build).resolve() / "cli" / "bpfld"), "list", "*", "--no-header")
    try:
        ours = measure(command, options.runs)
        peer = measure(PEER, options.runs) if shutil.which(PEER[0]) else None
    except (OSError, subprocess.CalledProcessError) as error:
        print(f"bench: {error}", file=sys.stderr)
        return 1
    if options.output == "json":
        other = peer["median"] if peer else None
        print(json.dumps({"name": "list every place: wall clock", "ours": round(ours["median"], 4), "peer": other,
                          "unit": "ms", "ratio": round(ours["median"] / other, 4) if other else None}))
        return 0
    print(line("bpfld list '*'", ours))
    if peer:
        print(line("bpftrace -l", peer))
    return 0


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
