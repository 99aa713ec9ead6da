#!/usr/bin/env python3
# SPDX-License-Identifier: Apache-2.0
"""Whether what bpfld foretells of a kernel is so, on each kernel of the matrix.

In a guest the kernel is saved (`bpfld profile save`), and each of some objects is linked (`dump --linked`),
held against the kernel (`feature --for`) and loaded (`verify`). Then, on this machine: the saved kernel must
give the same linked programs and the same answers. What `feature --for` says can run must load, and of what
it says cannot run, something must not load or have no place to attach. Exceptions are in VERDICTS and LINKED,
with their reasons; one that explains nothing any more is a failure.

    profile_oracle.py [KERNEL...] [--objects FILE...]
"""

import fnmatch
import json
import os
import pathlib
import re
import subprocess
import sys
import tempfile
from dataclasses import dataclass, field

HERE = pathlib.Path(__file__).resolve().parent
sys.path.insert(0, str(HERE / "vm"))

import fetch  # noqa: E402
import guest  # noqa: E402
import kernels  # noqa: E402
import machine  # noqa: E402

BUILD = pathlib.Path(os.environ.get("BPFLD_BUILD", HERE.parent / "build"))
TIMEOUT = 900.0  # seconds, of a guest
EXIT_ATTACH = 7  # "it loads, but does not attach"
MARKS = ("@ feature", "@ verify")
# Of our objects those that ask something of the kernel, and those that not every kernel can run.
OBJECTS = ("attach_cgroup", "attach_network", "attach_run", "attach_sockets", "bound", "core_execution", "core_fields",
           "data_sections", "execsnoop", "externs", "goto_table", "iter_task", "kfunc", "ksym_typed", "maps_all",
           "maps_legacy", "maps_new", "missing_extern", "missing_tracepoint", "no_btf", "probes", "raw_tp",
           "struct_ops_cc", "subprogs", "usdt", "verifier_null", "xdp_pass")
SCRIPT = """#!/bin/sh
/b/bpfld profile save /out/kernel 2>&1
for object in *.o; do
    echo "@ $object"
    /b/bpfld dump --linked -o json "$object" 2>&1
    echo "@ feature"
    /b/bpfld feature --for "$object" -o json 2>/dev/null
    echo "@ verify"
    /b/bpfld verify -o json "$object" 2>/dev/null
done
"""
# (kernel, object, what `feature --for` says): why loading ends otherwise.
VERDICTS = {
    ("*", "verifier_null.bpf.o", "yes"): "only the verifier can tell that a pointer is used unchecked",
}
# (kernel, object): why linking, or an answer, differs where the kernel is not the running one.
ELSEWHERE = {
    ("*", "externs.bpf.o"): "addresses of kernel symbols change with every boot, and are not saved",
}


class NoAnswer(Exception):
    """The guest did not answer."""


@dataclass
class Said:
    """What the guest said of one object."""
    linked: list[str] = field(default_factory=list)
    feature: list[str] = field(default_factory=list)
    verify: list[str] = field(default_factory=list)


def read(output: str) -> dict[str, Said]:
    """What is between the marks of SCRIPT; anything before the first is left out."""
    found: dict[str, Said] = {}
    said = Said()
    into: list[str] = []
    for line in output.splitlines():
        if line in MARKS:
            into = getattr(said, line.removeprefix("@ "))
        elif line.startswith("@ "):
            said = found.setdefault(line.removeprefix("@ "), Said())
            into = said.linked
        else:
            into.append(line)
    return found


def built_objects() -> list[pathlib.Path]:
    found = {path.name.removesuffix(".bpf.o"): path
             for pattern in ("fixtures/*.bpf.o", "examples/*/*.bpf.o") for path in BUILD.glob(pattern)}
    return [found[name] for name in OBJECTS]


def ask_guest(kernel: kernels.Kernel, staged: pathlib.Path, out: pathlib.Path) -> dict[str, Said]:
    facts = fetch.ensure(kernel)
    command = guest.Command(["sh", "/b/run.sh"], [(staged, "/b")], "/b", {})
    result = machine.run(fetch.cache_root() / kernel.label, facts["release"], command,
                         machine.Options(timeout=TIMEOUT))
    if result.failure or not result.files:
        raise NoAnswer(f"{kernel.label}: {result.failure or 'no files came back'}")
    machine.unpack_files(result.files, out)
    return read(result.stdout.decode(errors="replace"))


def here(path: pathlib.Path, *words: str) -> list[str]:
    """The lines of a command of ours on this machine, about the saved kernel."""
    result = subprocess.run([str(BUILD / "cli/bpfld"), *words, path.name], cwd=path.parent, check=False, text=True,
                            stdout=subprocess.PIPE, stderr=subprocess.STDOUT, errors="replace")
    return result.stdout.splitlines()


def without_paths(lines: list[str]) -> list[str]:
    """Where the configuration is read from differs of course."""
    return [re.sub(r"/\S*config\S*", "CONFIG", line) for line in lines]


def rows(lines: list[str]) -> list[dict]:
    return [json.loads(line) for line in lines if line.startswith("{")]


def answers(lines: list[str]) -> dict[tuple[str, str], str]:
    """By what they are about. What the machine of a kernel has, a profile does not say ("-")."""
    return {(row["kind"], row["name"]): row["answer"] for row in rows(lines) if "answer" in row}


def differing_answers(there: list[str], elsewhere: list[str]) -> str:
    """The first answer that the saved kernel gives differently, empty if none."""
    ours, theirs = answers(elsewhere), answers(there)
    for key, answer in theirs.items():
        other = ours.get(key, "nothing")
        if other != answer and (key[0], other) != ("attach", "-"):
            return f"{' '.join(key)}: {answer} there, {other} from its profile"
    more = [key for key in ours if key not in theirs]
    return f"{' '.join(more[0])}: only from its profile" if more else ""


def judge_verdict(said: Said) -> tuple[str, str]:
    """What `feature --for` says, and what is wrong with it; empty if nothing is."""
    verdict = next((row for row in rows(said.feature) if row.get("kind") == "verdict"), {})
    refused = [row for row in rows(said.verify)
               if not row["ok"] and not (row["section"] or "").startswith("?")]
    answer = verdict.get("answer", "nothing")
    if answer == "yes" and refused:
        return answer, f"{refused[0]['program']} is refused: {refused[0]['reason']}"
    if answer == "no" and not refused and verdict["exit"] != EXIT_ATTACH:
        return answer, "all is accepted"
    return answer, "" if answer in ("yes", "no") else "feature --for says nothing"


def listed(table: dict, words: tuple[str, ...], used: set) -> bool:
    found = [row for row in table if all(fnmatch.fnmatchcase(a, b) for a, b in zip(words, row))]
    used.update(found)
    return bool(found)


def check(label: str, staged: pathlib.Path, said: dict[str, Said], out: pathlib.Path, used: set) -> list[str]:
    """What is wrong, one line each; the exceptions that apply are added to `used`."""
    wrong = []
    profile = str(out / "kernel")
    for name, told in sorted(said.items()):
        linked = without_paths(here(staged / name, "dump", "--linked", "-o", "json", "--profile", profile))
        feature = here(staged / name, "feature", "-o", "json", "--profile", profile, "--for")
        differences = []
        there = without_paths(told.linked)
        if linked != there:
            first = next((f"{a} <> {b}" for a, b in zip(there, linked) if a != b), "lines")
            differences.append(f"linked there and here differ: {first[:400]}")
        if difference := differing_answers(told.feature, feature):
            differences.append(difference)
        if differences and not listed(ELSEWHERE, (label, name), used):
            wrong += [f"{label}: {name}: {difference}" for difference in differences]
        answer, trouble = judge_verdict(told)
        if trouble and not listed(VERDICTS, (label, name, answer), used):
            wrong.append(f"{label}: {name}: feature --for says {answer}, but {trouble}")
    return wrong


def stage(objects: list[pathlib.Path], to: pathlib.Path) -> None:
    to.mkdir()
    (to / "run.sh").write_text(SCRIPT)
    subprocess.run(["strip", "--strip-debug", str(BUILD / "cli/bpfld"), "-o", str(to / "bpfld")], check=True)
    for path in objects:
        (to / path.name).write_bytes(path.read_bytes())


def main(argv: list[str]) -> int:
    split = argv.index("--objects") if "--objects" in argv else len(argv)
    labels = argv[:split] or [kernel.label for kernel in kernels.KERNELS]
    chosen = [pathlib.Path(name) for name in argv[split + 1:]]
    wrong: list[str] = []
    asked = 0
    used: set = set()
    with tempfile.TemporaryDirectory(prefix="bpfld-stage-") as name:
        staged = pathlib.Path(name) / "b"
        stage(chosen or built_objects(), staged)
        for label in labels:
            out = pathlib.Path(name) / f"out-{label}"
            out.mkdir()
            try:
                said = ask_guest(kernels.find(label, fetch.cached_releases()), staged, out)
                found = check(label, staged, said, out, used)
                asked += len(said)
            except (NoAnswer, kernels.NotFound, fetch.FetchError, guest.GuestError, ValueError, OSError) as error:
                found = [str(error)]
                asked += 1
            print("".join(f"{line}\n" for line in found), end="", flush=True)
            wrong += found
    complete = not chosen and set(labels) >= {kernel.label for kernel in kernels.KERNELS}
    unused = [row for row in (*VERDICTS, *ELSEWHERE) if row not in used] if complete else []
    print("".join(f"explains nothing any more: {' '.join(row)}\n" for row in unused), end="")
    failed = len(wrong) + len(unused)
    print(f"[profiles] objects: {max(asked, failed)} | {max(asked - failed, 0)} passed | {failed} failed | 0 skipped")
    return 1 if failed else 0


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
