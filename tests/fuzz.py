#!/usr/bin/env python3
# SPDX-License-Identifier: Apache-2.0
"""A short turn of every fuzz target: its seeds, then a few seconds of exploring.

A target is a program build-fuzz/fuzz/<name>_fuzz; its seeds are the files of fuzz/corpus/<name>/, and for
the target `object` the fixtures of the build, without what only a debugger reads. Each input has one second
and 256 MiB, and no allocation may pass 64 MiB: hostile bytes must cost little. What breaks a target is kept
in .cache/fuzz/. BPFLD_FUZZ_SECONDS sets the time for each target.

With --replay no fuzzer is needed: the ordinary build's build/fuzz/<name>_replay runs every seed and, where
seeds are small, every truncation of it and every change of one byte.
"""

import os
import pathlib
import subprocess
import sys
import tempfile

ROOT = pathlib.Path(__file__).resolve().parent.parent
FOUND = ROOT / ".cache" / "fuzz"
STRIP = "llvm-strip-19"
LIMITS = ("-timeout=1", "-rss_limit_mb=256", "-malloc_limit_mb=64")


def programs(pattern: str) -> list[pathlib.Path]:
    return sorted(path for path in ROOT.glob(pattern) if path.is_file() and os.access(path, os.X_OK))


def name_of(program: pathlib.Path) -> str:
    return program.name.rpartition("_")[0]


def seeds_of(program: pathlib.Path, scratch: pathlib.Path) -> pathlib.Path:
    """The folder of a target's seeds, made if need be; there may be none."""
    if name_of(program) != "object":
        return ROOT / "fuzz" / "corpus" / name_of(program)
    seeds = scratch / "objects"
    seeds.mkdir()
    for path in sorted(program.parent.parent.glob("fixtures/*.bpf.o")):
        subprocess.run([STRIP, "-g", str(path), "-o", str(seeds / path.name)], check=True)
    return seeds


def fuzz_commands(program: pathlib.Path, seeds: pathlib.Path, scratch: pathlib.Path, seconds: int) -> list[list[str]]:
    """Seeds are a run of their own, so that none can be crowded out by what exploring finds."""
    found = scratch / "found"
    found.mkdir()
    start = [str(program), *LIMITS, f"-artifact_prefix={FOUND}/{program.name}-"]
    explore = [*start, f"-max_total_time={seconds}", "-print_final_stats=1", str(found)]
    return [[*start, "-runs=0", str(seeds)], [*explore, str(seeds)]] if seeds.is_dir() else [explore]


def replay_commands(program: pathlib.Path, seeds: pathlib.Path) -> list[list[str]]:
    # Changing each byte of whole objects takes minutes; tests/loader/mutation_test.cc does it for three.
    change = () if name_of(program) == "object" else ("--mutate",)
    return [[str(program), *change, str(seeds)]]


def survives(program: pathlib.Path, commands: list[list[str]]) -> bool:
    """Runs the commands until one fails; shows its output, or the last line that counts inputs."""
    output = ""
    for command in commands:
        result = subprocess.run(command, check=False, cwd=ROOT, text=True, errors="replace",
                                stdin=subprocess.DEVNULL, stdout=subprocess.PIPE, stderr=subprocess.STDOUT)
        output = result.stdout
        if result.returncode != 0:
            print(f"{program.name}: exit status {result.returncode}\n{output[-8000:]}", flush=True)
            return False
    counted = [line.strip() for line in output.splitlines() if "executed_units" in line or "inputs" in line]
    print(f"{program.name}: {counted[-1] if counted else 'survived'}", flush=True)
    return True


def main(argv: list[str]) -> int:
    FOUND.mkdir(parents=True, exist_ok=True)
    seconds = int(os.environ.get("BPFLD_FUZZ_SECONDS", "5"))
    passed = failed = 0
    for program in programs("build/fuzz/*_replay" if argv == ["--replay"] else "build-fuzz/fuzz/*_fuzz"):
        with tempfile.TemporaryDirectory(prefix="bpfld-fuzz-") as name:
            scratch = pathlib.Path(name)
            seeds = seeds_of(program, scratch)
            good = survives(program, replay_commands(program, seeds) if argv == ["--replay"]
                            else fuzz_commands(program, seeds, scratch, seconds))
        passed += good
        failed += not good
    print(f"[fuzz] targets: {passed + failed} | {passed} passed | {failed} failed | 0 skipped")
    return 1 if failed or not passed else 0


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
