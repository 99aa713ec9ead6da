#!/usr/bin/env python3
# SPDX-License-Identifier: Apache-2.0
"""A short turn of every fuzz target: replays its committed seeds, then explores for a few seconds.

A target is a program build-fuzz/fuzz/<name>_fuzz; its seeds are the files of fuzz/seeds/<name>/. Each
input has one second and 256 MiB, and no allocation may pass 64 MiB: hostile bytes must cost little.
What breaks a target is kept in .cache/fuzz/. BPFLD_FUZZ_SECONDS sets the time for each target.
"""

import os
import pathlib
import subprocess
import sys
import tempfile

ROOT = pathlib.Path(__file__).resolve().parent.parent
LIMITS = ("-timeout=1", "-rss_limit_mb=256", "-malloc_limit_mb=64")


def commands(target: pathlib.Path, seeds: pathlib.Path, scratch: str, seconds: int) -> list[list[str]]:
    """Replaying is a run of its own, so that no seed can be crowded out by what exploring finds."""
    program = [str(target), *LIMITS, f"-artifact_prefix={ROOT / '.cache' / 'fuzz'}/{target.name}-"]
    explore = [*program, f"-max_total_time={seconds}", "-print_final_stats=1", scratch]
    if not seeds.is_dir():
        return [explore]
    return [[*program, "-runs=0", str(seeds)], [*explore, str(seeds)]]


def run_target(target: pathlib.Path, seconds: int) -> bool:
    """Whether a target survived; its output is shown if it did not."""
    seeds = ROOT / "fuzz" / "seeds" / target.name.removesuffix("_fuzz")
    with tempfile.TemporaryDirectory(prefix="bpfld-fuzz-") as scratch:
        for command in commands(target, seeds, scratch, seconds):
            result = subprocess.run(command, check=False, cwd=ROOT, stdin=subprocess.DEVNULL, text=True, errors="replace",
                                    stdout=subprocess.PIPE, stderr=subprocess.STDOUT)
            if result.returncode != 0:
                print(f"{target.name}: exit status {result.returncode}\n{result.stdout[-8000:]}")
                return False
        runs = [line.split()[-1] for line in result.stdout.splitlines() if "number_of_executed_units" in line]
        print(f"{target.name}: {runs[0] if runs else '?'} inputs, nothing found" + ("" if seeds.is_dir() else " (no seeds)"))
    return True


def main() -> int:
    seconds = int(os.environ.get("BPFLD_FUZZ_SECONDS", "5"))
    (ROOT / ".cache" / "fuzz").mkdir(parents=True, exist_ok=True)
    targets = sorted(path for path in ROOT.glob("build-fuzz/fuzz/*_fuzz") if os.access(path, os.X_OK) and path.is_file())
    passed = sum(run_target(target, seconds) for target in targets)
    failed = len(targets) - passed
    print(f"[fuzz] targets: {len(targets)} | {passed} passed | {failed} failed | 0 skipped")
    return 1 if failed or not targets else 0


if __name__ == "__main__":
    sys.exit(main())
