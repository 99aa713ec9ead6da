#!/usr/bin/env python3
# SPDX-License-Identifier: Apache-2.0
"""Compares `bpfld feature` with `bpftool feature probe` on program and map types.

Without arguments on the running kernel; with labels of the kernel matrix in guests, into which bpftool comes
with its libraries. DIFFERENCES holds what the two are known to say differently, and why.
"""

import fnmatch
import json
import os
import pathlib
import shutil
import subprocess
import sys
import tempfile

HERE = pathlib.Path(__file__).resolve().parent
sys.path.insert(0, str(HERE / "vm"))

import fetch  # noqa: E402
import guest  # noqa: E402
import kernels  # noqa: E402
import machine  # noqa: E402

BUILD = pathlib.Path(os.environ.get("BPFLD_BUILD", HERE.parent / "build"))
BPFTOOL = ("bpftool", "-j", "feature", "probe", "kernel")
GROUPS = ("prog", "map")
TIMEOUT = 240.0  # seconds, of a guest

# (kernel, kind, name): why bpfld says yes and bpftool no, or the other way round.
DIFFERENCES = {
    ("running", "program", "tracing"): "bpftool tries a fentry program alone; iterators and tp_btf load also where "
                                       "trampolines are refused",
}
# Ours for types that bpftool does not split: yes if any of these is.
TRACING = ("tracing/tp_btf", "tracing/fentry", "tracing/fexit", "tracing/fmod_ret", "tracing/iter")


class NoAnswer(Exception):
    """A tool, or the guest, did not answer."""


def read_bpfld(group: str, text: str) -> dict[str, bool]:
    answers = {}
    for line in text.splitlines():
        found = json.loads(line)
        answers[found["name"]] = found["answer"] in ("yes", "loads")
    if group == "prog":
        answers["tracing"] = any(answers.pop(name) for name in TRACING)
    return answers


def read_bpftool(text: str) -> dict[str, dict[str, bool]]:
    found = json.loads(text)

    def names(group: str, suffix: str) -> dict[str, bool]:
        return {key.removeprefix("have_").removesuffix(suffix): value for key, value in found[group].items()}

    return {"prog": names("program_types", "_prog_type"), "map": names("map_types", "_map_type")}


def run(command: list[str]) -> str:
    return subprocess.run(command, check=True, capture_output=True, text=True).stdout


def ask_here() -> list[str]:
    """The output of each of the two groups of bpfld's, then of bpftool."""
    return [run([str(BUILD / "cli/bpfld"), "feature", group, "-o", "json"]) for group in GROUPS] + [run([*BPFTOOL])]


def ask_guest(kernel: kernels.Kernel) -> list[str]:
    tool = shutil.which(BPFTOOL[0], path=os.environ.get("PATH", "") + ":/usr/sbin:/sbin")
    if tool is None:
        raise NoAnswer("there is no bpftool")
    facts = fetch.ensure(kernel)
    with tempfile.TemporaryDirectory(prefix="bpfld-stage-") as name:
        stripped = pathlib.Path(name) / "bpfld"
        run(["strip", "--strip-debug", str(BUILD / "cli/bpfld"), "-o", str(stripped)])
        real = pathlib.Path(tool).resolve()
        script = "; echo @; ".join([*(f"/bpfld feature {group} -o json" for group in GROUPS),
                                    " ".join((str(real), *BPFTOOL[1:]))])
        command = guest.Command(["sh", "-c", script], [(stripped, "/bpfld"), *guest.with_libraries(real)])
        result = machine.run(fetch.cache_root() / kernel.label, facts["release"], command,
                             machine.Options(timeout=TIMEOUT))
    parts = result.stdout.decode(errors="replace").split("@\n")
    if result.failure or len(parts) != len(GROUPS) + 1:
        raise NoAnswer(f"{kernel.label}: {result.failure or result.stderr.decode(errors='replace')[-200:]}")
    return parts


def compare(label: str, outputs: list[str], known: set[tuple[str, str, str]]) -> tuple[int, list[str]]:
    """How many types the two agree on, and what is wrong; known differences that occurred are added to `known`."""
    theirs = read_bpftool(outputs[-1])
    passed, failures = 0, []
    for group, kind, output in zip(GROUPS, ("program", "map"), outputs):
        ours = read_bpfld(group, output)
        for name, answer in sorted(theirs[group].items()):
            if kind == "map" and name == "struct_ops":
                continue  # asked through its programs; see `bpfld feature map`
            listed = [row for row in DIFFERENCES
                      if fnmatch.fnmatchcase(label, row[0]) and row[1:] == (kind, name)]
            if name not in ours:
                failures.append(f"{label}: {kind} {name}: bpfld does not ask")
            elif ours[name] == answer:
                passed += 1
            elif listed:
                known.update(listed)
            else:
                failures.append(f"{label}: {kind} {name}: bpfld says {ours[name]}, bpftool {answer}")
    return passed, failures


def main(argv: list[str]) -> int:
    labels = argv or ["running"]
    passed, failures = 0, []
    known: set[tuple[str, str, str]] = set()
    for label in labels:
        try:
            outputs = ask_here() if label == "running" else ask_guest(kernels.find(label, fetch.cached_releases()))
            agreed, found = compare(label, outputs, known)
        except (NoAnswer, kernels.NotFound, fetch.FetchError, guest.GuestError, subprocess.CalledProcessError,
                ValueError, OSError) as error:
            agreed, found = 0, [f"{label}: {error}"]
        passed += agreed
        failures += found
    # Where this machine's trampolines work, the two agree on everything: that line need not apply.
    stale = [row for row in DIFFERENCES if row not in known and row[0] in labels and row[0] != "running"]
    failures += [f"explains nothing any more: {' '.join(row)}" for row in stale]
    print("\n".join(failures), end="\n" if failures else "")
    print(f"[features] types: {passed + len(failures) + len(known)} | {passed} passed | {len(failures)} failed | "
          f"{len(known)} skipped")
    return 1 if failures else 0


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
