#!/usr/bin/env python3
# SPDX-License-Identifier: Apache-2.0
"""What loading costs, beside libbpf: both load the same objects for the running kernel, in turns, in one run.

Each figure is the median over the runs of a fresh process. Ours and libbpf's program are linked statically,
compiled with -O2, stripped, and measured by the same code (bpf_clock.h): CPU time, user and system, from the first line
of main() on, without what passes inside bpf(2). All run on one CPU: to begin on one that has slept costs a third.
Needs root for `load`; without it only `relocate` is measured.

`--prepare` only builds libbpf's side. Lines, or with `-o json` one object a line: name, ours, peer, unit, ratio.
"""

import argparse
import json
import os
import pathlib
import statistics
import subprocess
import sys
import tempfile

HERE = pathlib.Path(__file__).resolve().parent
sys.path.insert(0, str(HERE.parent / "tests" / "oracle"))

import kernel_source  # noqa: E402
import libbpf  # noqa: E402

PEER = libbpf.Program("load-libbpf", "libbpf-6.12-bench", (HERE / "load_libbpf.c", HERE / "bpf_clock.c"),
                      ("syscall",), ("-static",))

# name, object, mode, key of the reading, unit, units per reading
FIGURES = (
    ("relocate, opensnoop's size: CPU time", "opensnoop", "relocate", "cpu_ns", "ms", 1e-6),
    ("relocate, 1,000 relocations: CPU time", "many", "relocate", "cpu_ns", "ms", 1e-6),
    ("load, opensnoop's size: CPU time outside bpf(2)", "opensnoop", "load", "cpu_ns", "ms", 1e-6),
    ("load, opensnoop's size: whole process", "opensnoop", "load", "process_ns", "ms", 1e-6),
    ("load, opensnoop's size: bpf(2) calls", "opensnoop", "load", "bpf_calls", "calls", 1),
    ("load, opensnoop's size: peak memory", "opensnoop", "load", "peak_kib", "KiB", 1),
    ("load, no CO-RE: CPU time outside bpf(2)", "plain", "load", "cpu_ns", "ms", 1e-6),
    ("load, no CO-RE: peak memory", "plain", "load", "peak_kib", "KiB", 1),
)


class BenchError(Exception):
    """What is missing, or which program failed and how."""


def read_once(program: pathlib.Path, mode: str, path: pathlib.Path) -> dict[str, int]:
    done = subprocess.run([str(program), mode, str(path)], check=False, text=True, stdin=subprocess.DEVNULL,
                          stdout=subprocess.PIPE, stderr=subprocess.PIPE)
    if done.returncode != 0:
        raise BenchError(f"{program.name} {mode} {path.name} failed:\n{done.stderr.strip()}")
    return json.loads(done.stdout)


def install(program: pathlib.Path, folder: str) -> pathlib.Path:
    """A copy as packages have it: stripped, and written in one go. What a linker wrote here and there is in memory in
    single pages, and every first touch of its code costs more."""
    copy = pathlib.Path(folder, program.name)
    done = subprocess.run(["strip", "-o", str(copy), str(program)], check=False, text=True, stderr=subprocess.PIPE)
    if done.returncode != 0:
        raise BenchError(f"strip {program.name} failed:\n{done.stderr.strip()}")
    return copy


def with_tracefs() -> None:
    """Where tracefs is not mounted, goes on in a mount namespace where it is: libbpf needs it."""
    places = ("/sys/kernel/tracing/events", "/sys/kernel/debug/tracing/events")
    if os.geteuid() != 0 or any(map(os.path.isdir, places)) or os.environ.get("BPFLD_BENCH_MOUNTED"):
        return
    os.environ["BPFLD_BENCH_MOUNTED"] = "1"
    script = 'mount -t tracefs tracefs /sys/kernel/tracing && exec "$@"'
    os.execvp("unshare", ["unshare", "--mount", "sh", "-c", script, "sh", sys.executable, *sys.argv])


def measure(programs: list[pathlib.Path], mode: str, path: pathlib.Path, runs: int) -> list[dict[str, float]]:
    """The medians of each program's readings; the first run of each only warms the file cache."""
    readings: list[list[dict[str, int]]] = [[] for _ in programs]
    for run in range(runs + 1):
        for i, program in enumerate(programs):
            reading = read_once(program, mode, path)
            if run > 0:
                readings[i].append(reading)
    return [{key: statistics.median(one[key] for one in of_one) for key in of_one[0]} for of_one in readings]


def report(figure: tuple, ours: float, peer: float, as_json: bool) -> None:
    name, _, _, _, unit, _ = figure
    ratio = ours / peer if peer else None
    if as_json:
        print(json.dumps({"name": name, "ours": round(ours, 4), "peer": round(peer, 4), "unit": unit,
                          "ratio": None if ratio is None else round(ratio, 4)}))
    else:
        digits = 3 if unit == "ms" else 0
        print(f"{name:<48} {ours:>9.{digits}f} {peer:>9.{digits}f} {unit:<6}"
              f"{'' if ratio is None else f'{ratio:>7.3f}'}")
    sys.stdout.flush()


def compare(programs: list[pathlib.Path], objects: dict[str, pathlib.Path], runs: int, as_json: bool) -> None:
    if not as_json:
        print(f"{'':<48} {'bpfld':>9} {'libbpf':>9} {'':<6}{'ratio':>7}")
    known: dict[tuple[str, str], list[dict[str, float]]] = {}
    for figure in FIGURES:
        _, which, mode, key, _, scale = figure
        if mode == "load" and os.geteuid() != 0:
            continue
        if (which, mode) not in known:
            known[which, mode] = measure(programs, mode, objects[which], runs)
        left, right = known[which, mode]
        report(figure, left[key] * scale, right[key] * scale, as_json)
    if os.geteuid() != 0:
        print("bench: loading was not measured: it needs root", file=sys.stderr)


def main() -> int:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("-o", dest="output", choices=("text", "json"), default="text")
    parser.add_argument("--runs", type=int, default=31, help="processes of each program per figure (31)")
    parser.add_argument("--build", default="build", help="the build folder (build)")
    parser.add_argument("--prepare", action="store_true", help="only build libbpf's side")
    options = parser.parse_args()
    build = pathlib.Path(options.build).resolve()
    ours = build / "bench" / "load-ours"
    objects = {"opensnoop": build / "bench" / "opensnoop.bpf.o", "many": build / "bench" / "many.bpf.o",
               "plain": build / "fixtures" / "perf_getppid.bpf.o"}
    try:
        peer = libbpf.ensure(program=PEER)
        if options.prepare:
            return 0
        missing = [str(path) for path in (ours, *objects.values()) if not path.is_file()]
        if missing:
            raise BenchError(f"not built: {' '.join(missing)}; ./dev bench builds them")
        with_tracefs()
        os.sched_setaffinity(0, {max(os.sched_getaffinity(0))})
        with tempfile.TemporaryDirectory(prefix="installed-", dir=build) as folder:
            compare([install(program, folder) for program in (ours, peer)], objects, options.runs,
                    options.output == "json")
    except (BenchError, kernel_source.SourceError) as error:
        print(f"bench: {error}", file=sys.stderr)
        return 1
    return 0


if __name__ == "__main__":
    sys.exit(main())
