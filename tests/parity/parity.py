#!/usr/bin/env python3
# SPDX-License-Identifier: Apache-2.0
"""Loads the kernel's selftests one program at a time, once with bpfld and once with libbpf, and compares.

On a kernel of the matrix, in a guest, `bpfld verify -o json` and libbpf-verify load each program of each object
alone. What libbpf gets accepted we must get accepted; what both are refused must be refused with the same
errno, where 0 means that the loader itself refused. A difference must be listed with its reason in
known-differences.txt; a line of the list that explains nothing any more is a failure, too, when all objects
were compared. An object that brings the guest down is named, left out, and the run goes on behind it.
"""

import argparse
import collections
import concurrent.futures
import fnmatch
import json
import os
import pathlib
import subprocess
import sys
import tempfile
from dataclasses import dataclass, field

HERE = pathlib.Path(__file__).resolve().parent
ROOT = HERE.parent.parent
sys.path[:0] = [str(HERE.parent / "oracle"), str(HERE.parent / "vm")]

import fetch  # noqa: E402
import guest  # noqa: E402
import kernel_source  # noqa: E402
import kernels  # noqa: E402
import libbpf  # noqa: E402
import machine  # noqa: E402
import selftests  # noqa: E402

LIST = HERE / "known-differences.txt"
VERIFY = libbpf.Program("libbpf-verify", "libbpf-verify-6.12", (HERE / "libbpf_verify.c",), ("syscall",), ("-static",))
# refused: only we are refused; accepted: only libbpf is; errno: both, with another errno; missing: only one of
# the two knows the program; crash: the loader, or the kernel under it, did not survive the object.
KINDS = ("refused", "accepted", "errno", "missing", "crash")
# A few of everything that loads differently, for a run of seconds.
FEW = ("atomics.*", "bpf_flow.*", "bpf_iter_task.*", "btf_dump_test_case_bitfields.*", "cgroup_skb_sk_lookup_kern.*",
       "core_kern.*", "dynptr_fail.*", "fentry_test.*", "for_each_array_map_elem.*", "linked_funcs.*", "loop1.*",
       "map_kptr_fail.*", "perf_event_stackmap.*", "pyperf50.*", "skb_pkt_end.*", "tailcall1.*", "test_global_func*",
       "test_ksyms.*", "test_l4lb.*", "test_map_in_map.*", "test_sk_lookup.*", "test_spin_lock.*", "xdp_tx.*")
STRIP = "llvm-strip-19"
LARGEST_RESTARTS = 8
# Each object by a process of its own, so that what one leaves behind cannot matter to the next. The marks
# say which it was, should the machine go down.
SCRIPT = """#!/bin/sh
while read -r name; do
    for tool in bpfld libbpf; do
        echo "@ $tool $name"
        case $tool in
            bpfld) timeout 300 /parity/bpfld verify -o json "$name" 2>/dev/null; code=$? ;;
            libbpf) timeout 300 /parity/libbpf-verify "$name" 2>/dev/null; code=$? ;;
        esac
        [ $code -lt 124 ] || echo "@ died $code"
    done
done < /parity/list
echo "@ end"
"""


@dataclass(frozen=True)
class Difference:
    kernel: str
    object: str
    program: str
    kind: str
    text: str


@dataclass
class Known:
    """A line of known-differences.txt: kind | kernel | object | program | part of the text | reason."""
    kind: str
    kernel: str
    object: str
    program: str
    text: str
    reason: str
    line: int
    hits: int = 0

    def explains(self, difference: Difference) -> bool:
        return (self.kind == difference.kind and fnmatch.fnmatchcase(difference.kernel, self.kernel)
                and fnmatch.fnmatchcase(difference.object, self.object)
                and fnmatch.fnmatchcase(difference.program, self.program) and self.text in difference.text)


@dataclass
class Answers:
    """What a guest said: {(object, program): entry} by tool, objects that a tool did not survive, and the end."""
    found: dict[str, dict[tuple[str, str], dict]] = field(
        default_factory=lambda: {"bpfld": {}, "libbpf": {}})
    died: dict[tuple[str, str], str] = field(default_factory=dict)  # (tool, object) -> how
    at: tuple[str, str] = ("", "")  # the last mark: tool, object
    complete: bool = False


def read_known(path: pathlib.Path) -> list[Known]:
    known = []
    for number, line in enumerate(path.read_text().splitlines(), 1):
        if not line.strip() or line.startswith("#"):
            continue
        parts = [part.strip() for part in line.split("|")]
        if len(parts) != 6 or parts[0] not in KINDS or not all(parts[i] for i in (1, 2, 3, 5)):
            raise ValueError(f"{path.name}:{number}: want `kind | kernel | object | program | text | reason`")
        known.append(Known(*parts, line=number))
    return known


def read_answers(output: str, into: Answers) -> None:
    """Reads what the guest printed; a line that was cut off by the machine's end is no answer."""
    for line in output.splitlines():
        words = line.split(" ", 2)
        if words[0] == "@" and words[1] == "end":
            into.complete = True
        elif words[0] == "@" and words[1] == "died":
            into.died[into.at] = f"status {words[2]}"
        elif words[0] == "@":
            into.at = (words[1], words[2])
        elif line.startswith("{"):
            try:
                entry = json.loads(line)
            except ValueError:
                continue
            into.found[into.at[0]][(entry["object"], entry["program"] or "")] = entry


def why(entry: dict) -> str:
    return f"{entry['errno']} {entry['reason'] or ''}".strip()


def compare_programs(kernel: str, ours: dict, theirs: dict) -> tuple[list[Difference], int]:
    """The differences of the programs of one object, by name, and how many programs there are."""
    if "" in ours and ours[""]["ok"] is False:  # we refused the object: so each of its programs
        ours = {name: {**ours[""], "program": name} for name in theirs or {"": None}}
    if "" in theirs and theirs[""]["ok"] is False:
        theirs = {name: {**theirs[""], "program": name} for name in ours or {"": None}}
    differences = []
    for name in sorted(set(ours) | set(theirs)):
        mine, other = ours.get(name), theirs.get(name)
        path = (mine or other)["object"]
        if mine is None or other is None:
            differences.append(Difference(kernel, path, name, "missing",
                                          "only libbpf has it" if mine is None else "only bpfld has it"))
            continue
        text = f"bpfld: {'ok' if mine['ok'] else why(mine)} <> libbpf: {'ok' if other['ok'] else why(other)}"
        if mine["ok"] != other["ok"]:
            differences.append(Difference(kernel, path, name, "accepted" if mine["ok"] else "refused", text))
        elif mine["errno"] != other["errno"]:
            differences.append(Difference(kernel, path, name, "errno", text))
    return differences, len(set(ours) | set(theirs))


def compare(kernel: str, objects: list[str], answers: Answers) -> tuple[list[Difference], int]:
    differences, programs = [], 0
    by_object: dict[str, dict[str, dict[str, dict]]] = collections.defaultdict(lambda: {"bpfld": {}, "libbpf": {}})
    for tool, entries in answers.found.items():
        for (path, program), entry in entries.items():
            by_object[path][tool][program] = entry
    for path in objects:
        died = [tool for tool in ("bpfld", "libbpf") if (tool, path) in answers.died]
        for tool in died:
            last = list(by_object[path][tool])[-1:] or ["the first program"]
            differences.append(Difference(kernel, path, "*", "crash",
                                          f"{tool}: {answers.died[(tool, path)]}, after {last[0]}"))
        if died:
            programs += 1
            continue
        found, count = compare_programs(kernel, by_object[path]["bpfld"], by_object[path]["libbpf"])
        differences += found
        programs += count
    return differences, programs


# ---- the guest


def stage(objects: list[pathlib.Path], bpfld: pathlib.Path, oracle: pathlib.Path, into: pathlib.Path,
          jobs: int) -> None:
    """What a guest gets; without debugging information, which is most of it and all in its memory."""
    def strip(path: pathlib.Path) -> None:
        subprocess.run([STRIP, "-g", str(path), "-o", str(into / path.name)], check=True)

    with concurrent.futures.ThreadPoolExecutor(jobs) as pool:
        list(pool.map(strip, objects))
    for path, name in ((bpfld, "bpfld"), (oracle, "libbpf-verify")):
        subprocess.run(["strip", "--strip-debug", str(path), "-o", str(into / name)], check=True)
    (into / "run.sh").write_text(SCRIPT)


def run_guest(kernel: kernels.Kernel, folder: pathlib.Path, objects: list[str], timeout: float,
              answers: Answers) -> str:
    """Asks about `objects` in order; returns why the machine failed, empty if it did not."""
    (folder / "list").write_text("".join(f"{name}\n" for name in objects))
    facts = fetch.ensure(kernel)
    command = guest.Command(["sh", "/parity/run.sh"], [(folder, "/parity")], "/parity", {})
    result = machine.run(fetch.cache_root() / kernel.label, facts["release"], command,
                         machine.Options(timeout=timeout, memory=2048))
    read_answers(result.stdout.decode(errors="replace"), answers)
    return "" if answers.complete else result.failure or f"status {result.code}"


def ask(kernel: kernels.Kernel, folder: pathlib.Path, objects: list[str], timeout: float) -> Answers:
    answers = Answers()
    rest = objects
    for _ in range(LARGEST_RESTARTS):
        failure = run_guest(kernel, folder, rest, timeout, answers)
        if not failure:
            break
        tool, name = answers.at
        if name not in rest:
            raise guest.GuestError(f"{kernel.label}: {failure}")
        print(f"parity: {kernel.label}: {tool} on {name}: {failure}", file=sys.stderr)
        answers.died[(tool, name)] = failure
        rest = rest[rest.index(name) + 1:]
        if not rest:
            break
    return answers


# ---- the report


def report(kernel: str, differences: list[Difference], programs: int, known: list[Known], is_all: bool) -> int:
    unknown = []
    for difference in differences:
        line = next((line for line in known if line.explains(difference)), None)
        if line is None:
            unknown.append(difference)
        else:
            line.hits += 1
    stale = [line for line in known if is_all and line.hits == 0 and fnmatch.fnmatchcase(kernel, line.kernel)]
    for difference in unknown:
        print(f"{difference.kind}: {difference.object}: {difference.program}: {difference.text}")
    for line in stale:
        print(f"{LIST.name}:{line.line}: explains nothing any more: {line.kind} | {line.object} | {line.program}")
    listed = len(differences) - len(unknown)
    failed = len(unknown) + len(stale)
    print(f"[parity] programs on {kernel}: {programs + len(stale)} | {programs - len(differences)} passed | "
          f"{failed} failed | {listed} skipped")
    return 1 if failed else 0


def main(argv: list[str]) -> int:
    parser = argparse.ArgumentParser(prog="./dev parity", description=__doc__.splitlines()[0])
    parser.add_argument("kernel", metavar="KERNEL", help="5.10, 6.1, 6.12, newest")
    parser.add_argument("objects", nargs="*", metavar="GLOB", help="objects to compare (all by default)")
    parser.add_argument("--few", action="store_true", help="compare a small choice of objects")
    parser.add_argument("--timeout", type=float, default=3000.0, metavar="SECONDS", help="of one guest")
    parser.add_argument("--answers", type=pathlib.Path, metavar="FILE", help="keep both tools' answers there")
    parser.add_argument("-j", "--jobs", type=int, default=os.cpu_count() or 1)
    arguments = parser.parse_args(argv)
    globs = list(arguments.objects) + (list(FEW) if arguments.few else [])
    bpfld = pathlib.Path(os.environ.get("BPFLD_BUILD", ROOT / "build")) / "cli/bpfld"
    try:
        known = read_known(LIST)
        kernel = kernels.find(arguments.kernel, fetch.cached_releases())
        oracle = libbpf.ensure(VERIFY, arguments.jobs)
        _, objects, _ = selftests.ensure(arguments.jobs)
        chosen = [path for path in objects
                  if not globs or any(fnmatch.fnmatchcase(path.name, glob) for glob in globs)]
        names = [path.name for path in chosen]
        with tempfile.TemporaryDirectory(prefix="bpfld-parity-") as name:
            stage(chosen, bpfld, oracle, pathlib.Path(name), arguments.jobs)
            answers = ask(kernel, pathlib.Path(name), names, arguments.timeout)
    except (kernel_source.SourceError, guest.GuestError, kernels.NotFound, fetch.FetchError, ValueError,
            subprocess.CalledProcessError, OSError) as error:
        print(f"parity: {error}", file=sys.stderr)
        return 1
    if arguments.answers:
        arguments.answers.write_text("".join(json.dumps({"tool": tool, **entry}) + "\n"
                                             for tool, entries in answers.found.items() for entry in entries.values()))
    differences, programs = compare(kernel.label, names, answers)
    for tool, entries in answers.found.items():
        print(f"{tool}: {sum(entry['ok'] for entry in entries.values())} of {len(entries)} accepted")
    return report(kernel.label, differences, programs, known, not globs)


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
