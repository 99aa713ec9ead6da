#!/usr/bin/env python3
# SPDX-License-Identifier: Apache-2.0
"""The differential oracle: are our linked programs, byte for byte, what libbpf would load?

Every program of every object (our fixtures and examples, the 500 selftests of Linux 6.1, those of 6.12 that
have most of what came since) is linked by `bpfld dump --linked` and by libbpf (libbpf_dump.c) for each kernel of
the matrix and for the running one. With --selftests, all those of one series, and nothing else.
Types, instructions, func_info, line_info and references to maps must be the same, or the difference must be
listed with its reason in known-differences.txt. The selftests for CO-RE are also linked for the little
kernels that they bring, whose types differ in every way that CO-RE knows. Prints one line per kernel, and of
each unlisted difference the first instruction that differs. A listed difference counts as skipped; a line of the list that explains nothing
any more is a failure too.
"""

import argparse
import collections
import concurrent.futures
import dataclasses
import fnmatch
import itertools
import json
import os
import pathlib
import platform
import subprocess
import sys
from dataclasses import dataclass, field

import kernel_source
import libbpf
import selftests

HERE = pathlib.Path(__file__).resolve().parent
ROOT = HERE.parent.parent
sys.path.insert(0, str(HERE.parent / "vm"))

import fetch  # noqa: E402
import kernels  # noqa: E402

ALL = ("5.10", "6.1", "6.12", "newest", "running", "core")
RUNNING_BTF = pathlib.Path("/sys/kernel/btf/vmlinux")
LIST = HERE / "known-differences.txt"
# insns: other instructions; type: other program or attach type; info: other func_info or line_info; refs:
# other maps; missing: only one of the two has the program; refused: only we refuse it; accepted: only
# libbpf refuses it.
KINDS = ("insns", "type", "info", "refs", "missing", "refused", "accepted")
FEW_SERIES = "6.12"  # of which the suite compares a few
OBJCOPY = "llvm-objcopy-19"
OBJECTS_AT_ONCE = 50  # for one libbpf process
LARGEST_NAME = 15     # of a map, in bytes: BPF_OBJ_NAME_LEN without the NUL


@dataclass(frozen=True)
class Kernel:
    label: str
    release: str
    btf: pathlib.Path
    config: pathlib.Path


@dataclass(frozen=True)
class Difference:
    kernel: str
    object: str
    program: str
    kind: str
    text: str  # a message, or where instructions differ; the list matches its beginning or any part
    detail: str = ""


@dataclass
class Known:
    """A line of known-differences.txt: kind | object | program | part of the text | reason."""
    kind: str
    object: str
    program: str
    text: str
    reason: str
    line: int
    kernels: collections.Counter = field(default_factory=collections.Counter)

    def series(self) -> str:
        """Whose selftests it is about: objects of another series than the default are called SERIES/NAME."""
        series = self.object.partition("/")[0]
        return series if series in selftests.SERIES else selftests.DEFAULT

    def explains(self, difference: Difference) -> bool:
        return (self.kind == difference.kind and fnmatch.fnmatchcase(difference.object, self.object)
                and fnmatch.fnmatchcase(difference.program, self.program) and self.text in difference.text)


def read_known(path: pathlib.Path) -> list[Known]:
    known = []
    for number, line in enumerate(path.read_text().splitlines(), 1):
        if not line.strip() or line.startswith("#"):
            continue
        parts = [part.strip() for part in line.split("|")]
        if len(parts) != 5 or parts[0] not in KINDS or not all(parts[i] for i in (1, 2, 4)):
            raise ValueError(f"{path.name}:{number}: want `kind | object | program | text | reason`")
        known.append(Known(*parts, line=number))
    return known


def find_kernels(labels: list[str]) -> list[Kernel]:
    found = []
    for label in labels:
        if label == "running":
            if not RUNNING_BTF.is_file():
                print(f"SKIP: oracle: running: there is no {RUNNING_BTF}")
                continue
            found.append(Kernel(label, platform.release(), RUNNING_BTF, pathlib.Path("/proc/config.gz")))
            continue
        facts = fetch.ensure(kernels.find(label, fetch.cached_releases()))
        folder = fetch.cache_root() / facts["label"]
        found.append(Kernel(label, facts["release"], folder / "vmlinux.btf", folder / "config"))
    return found


# ---- the two dumps, both as {program: JSON object}; "" is the object itself, if it was refused as a whole


def run_libbpf(program: pathlib.Path, kernel: Kernel, objects: list[pathlib.Path]) -> dict[pathlib.Path, dict]:
    command = [str(program), str(kernel.btf), str(kernel.config), kernel.release, *map(str, objects)]
    result = subprocess.run(command, check=False, text=True, stdin=subprocess.DEVNULL, stdout=subprocess.PIPE,
                            stderr=subprocess.PIPE, errors="replace")
    if result.returncode != 0 and not result.stdout:
        raise kernel_source.SourceError(f"{program} fails with status {result.returncode}: {result.stderr[-200:]}")
    found: dict[pathlib.Path, dict] = {}
    for line in result.stdout.splitlines():
        entry = json.loads(line)
        if "object" in entry:
            current = found.setdefault(pathlib.Path(entry["object"]), {})
        elif "info" in entry:
            current[entry["info"]].update(entry)
        else:
            current[entry.get("name", entry.get("refused"))] = entry
    if result.returncode != 0:  # it crashed: the last object that it named is the one
        current[""] = {"refused": "", "why": f"status {result.returncode}: {result.stderr[-200:]}"}
        rest = objects[len(found):]
        if rest:
            found.update(run_libbpf(program, kernel, rest))
    return found


def run_bpfld(program: pathlib.Path, kernel: Kernel, path: pathlib.Path) -> dict:
    command = [str(program), "dump", "--linked", "-o", "json"]
    if kernel.label != "running":
        command += ["--btf", str(kernel.btf)]
    if kernel.config.is_file():
        command += ["--config", str(kernel.config)]
    result = subprocess.run([*command, str(path)], check=False, text=True, stdin=subprocess.DEVNULL,
                            stdout=subprocess.PIPE, stderr=subprocess.PIPE, errors="replace")
    found = {entry["name"]: entry for entry in map(json.loads, result.stdout.splitlines())}
    if result.returncode != 0 and not any("error" in entry for entry in found.values()):
        lines = result.stderr.replace(f"{path}: ", "").splitlines() or [f"status {result.returncode}"]
        found[""] = {"error": lines[0]}
    return found


# ---- comparing


def object_name(path: pathlib.Path) -> str:
    name = path.name.removesuffix(".bpf.o")
    series = path.parent.parent.name.removeprefix("selftests-")
    return f"{series}/{name}" if series in selftests.SERIES and series != selftests.DEFAULT else name


def map_references(entry: dict) -> list[tuple]:
    return [(r["insn"], r["kind"], r["name"], r.get("offset", 0)) for r in entry["refs"] if r["kind"].startswith("map")]


def same_references(theirs: list[tuple], ours: list[tuple]) -> bool:
    """libbpf puts the start of the object's name in front of the name of a data section, and cuts the name of one
    like .bss.NAME to what a kernel keeps of a name."""
    return len(theirs) == len(ours) and all(
        a[:2] == b[:2] and a[3] == b[3]
        and (a[2] == b[2] or (b[2].startswith(".") and (a[2].endswith(b[2]) or a[2] == b[2][:LARGEST_NAME])))
        for a, b in zip(theirs, ours))


def first_difference(theirs: dict, ours: dict) -> str:
    pairs = itertools.zip_longest(theirs["insns"], ours["insns"], fillvalue="-")
    for index, (a, b) in enumerate(pairs):
        if a != b:
            notes = [f"{r['kind']} {r['name']}" for r in ours["refs"] if r["insn"] == index]
            notes += [c["text"] for c in ours["core"] if c["insn"] == index]
            return f"insn {index}: libbpf {a}, bpfld {b}" + "".join(f"; {note}" for note in notes)
    return ""


def differing(theirs: dict, ours: dict, key: str) -> str:
    pairs = itertools.zip_longest(theirs[key], ours[key])
    return next(f"the first that differ: {a} and {b}" for a, b in pairs if a != b)


def compare_program(theirs: dict | None, ours: dict | None) -> tuple[str, str]:
    """(kind, text); kind is "same" or "both refuse" when there is nothing to say."""
    if theirs is None:
        return "missing", "libbpf has no such program"
    if ours is None:
        return "missing", "bpfld has no such program"
    if "refused" in theirs:
        return ("both refuse", "") if "error" in ours else ("accepted", theirs["why"])
    if "error" in ours:
        return "refused", ours["error"]
    if theirs["insns"] != ours["insns"]:
        return "insns", first_difference(theirs, ours)
    for key in ("type", "expected_attach_type"):
        if theirs[key] != ours[key]:
            return "type", f"{ours['section']}: {key}: libbpf {theirs[key]}, bpfld {ours[key]}"
    if theirs["section"] != ours["section"].removeprefix("?"):
        return "type", f"section: libbpf {theirs['section']}, bpfld {ours['section']}"
    for key in ("func_info", "line_info"):
        if key in theirs and theirs[key] != ours[key]:
            return "info", f"{key}: libbpf {len(theirs[key])} records, bpfld {len(ours[key])}; {differing(theirs, ours, key)}"
    if not same_references(map_references(theirs), map_references(ours)):
        return "refs", f"libbpf {map_references(theirs)}, bpfld {map_references(ours)}"
    return "same", ""


def compare_object(kernel: Kernel, name: str, theirs: dict, ours: dict) -> tuple[collections.Counter, list[Difference]]:
    whole_theirs, whole_ours = theirs.get(""), ours.get("")
    counts: collections.Counter = collections.Counter()
    differences = []
    if whole_theirs and whole_ours:
        return collections.Counter({"both refuse": 1}), []
    for program in sorted({*theirs, *ours} - {""}) or [""]:
        a, b = theirs.get(program, whole_theirs), ours.get(program, whole_ours)
        if program == "" and a is None and b is None:
            break  # an object without programs, to both
        kind, text = compare_program(a, b)
        counts[kind] += 1
        if kind in KINDS:
            differences.append(Difference(kernel.label, name, program, kind, text))
    return counts, differences


def compare_kernel(arguments: argparse.Namespace, oracle: pathlib.Path, kernel: Kernel,
                   objects: list[pathlib.Path]) -> tuple[collections.Counter, list[Difference]]:
    counts: collections.Counter = collections.Counter()
    differences: list[Difference] = []
    with concurrent.futures.ThreadPoolExecutor(arguments.jobs) as pool:
        chunks = [objects[i:i + OBJECTS_AT_ONCE] for i in range(0, len(objects), OBJECTS_AT_ONCE)]
        their_parts = [pool.submit(run_libbpf, oracle, kernel, chunk) for chunk in chunks]
        our_parts = pool.map(lambda path: run_bpfld(arguments.bpfld, kernel, path), objects)
        ours = dict(zip(objects, our_parts))
        theirs: dict[pathlib.Path, dict] = {}
        for part in their_parts:
            theirs.update(part.result())
    for path in objects:
        more, found = compare_object(kernel, object_name(path), theirs.get(path, {}), ours[path])
        counts += more
        differences += found
    return counts, differences


def core_targets(folder: pathlib.Path) -> list[tuple[str, Kernel, list[pathlib.Path]]]:
    """(name, stand-in for a kernel, objects) of the selftests whose BTF is made to be a kernel's."""
    found = []
    for target in sorted(folder.glob("btf__core_reloc_*.bpf.o")):
        name = target.name.removesuffix(".bpf.o").removeprefix("btf__core_reloc_")
        topic = name.split("__")[0]
        objects = [path for path in sorted(folder.glob(f"test_core_reloc_{topic}*.bpf.o"))
                   if path.name.removesuffix(".bpf.o").removeprefix(f"test_core_reloc_{topic}")[:1] in ("", "_")]
        raw = target.with_name(f"{target.name}.btf")
        if not raw.is_file():
            subprocess.run([OBJCOPY, "--dump-section", f".BTF={raw}", str(target), "/dev/null"], check=True)
        if objects:
            found.append((name, Kernel("core", platform.release(), raw, pathlib.Path("/dev/null")), objects))
    return found


def compare_core(arguments: argparse.Namespace, oracle: pathlib.Path,
                 folder: pathlib.Path) -> tuple[Kernel, int, collections.Counter, list[Difference]]:
    counts: collections.Counter = collections.Counter()
    differences: list[Difference] = []
    pairs = 0
    for name, target, objects in core_targets(folder):
        more, found = compare_kernel(arguments, oracle, target, objects)
        pairs += len(objects)
        counts += more
        differences += [dataclasses.replace(one, object=f"{one.object} for {name}") for one in found]
    return Kernel("core", "(the selftests' own targets)", folder, folder), pairs, counts, differences


def report(kernel: Kernel, objects: int, counts: collections.Counter, differences: list[Difference],
           known: list[Known]) -> tuple[int, int]:
    """Prints the kernel's part; returns (listed, unlisted)."""
    unlisted = []
    for difference in differences:
        line = next((line for line in known if line.explains(difference)), None)
        if line is None:
            unlisted.append(difference)
        else:
            line.kernels[kernel.label] += 1
    listed = len(differences) - len(unlisted)
    print(f"{kernel.label:8} {kernel.release:28} {counts.total()} programs of {objects} objects: {counts['same']} same, "
          f"{counts['both refuse']} both refuse, {listed} listed, {len(unlisted)} different", flush=True)
    for one in unlisted:
        print(f"  {one.object}: {one.program}: {one.kind}: {one.text}")
    return listed, len(unlisted)


def ensure_few(jobs: int) -> list[pathlib.Path]:
    return selftests.ensure(jobs, FEW_SERIES, selftests.SERIES[FEW_SERIES].few)[1]


def find_objects(arguments: argparse.Namespace) -> list[pathlib.Path]:
    if arguments.folder:
        return sorted(arguments.folder.rglob("*.bpf.o"))
    own = sorted(path for folder in ("fixtures", "examples") for path in (arguments.build / folder).rglob("*.bpf.o"))
    if arguments.selftests:
        found = selftests.ensure(arguments.jobs, arguments.selftests)[1]
    elif not own:
        raise kernel_source.SourceError(f"{arguments.build} holds no objects: ./dev build")
    elif arguments.own:
        found = own
    else:
        found = [*own, *selftests.ensure(arguments.jobs)[1], *ensure_few(arguments.jobs)]
    return [path for path in found if fnmatch.fnmatch(path.name.removesuffix(".bpf.o"), arguments.objects)]


def run(arguments: argparse.Namespace) -> int:
    known = read_known(LIST)
    oracle = libbpf.ensure(jobs=arguments.jobs)
    series = arguments.selftests or selftests.DEFAULT
    folder = None if arguments.own or arguments.folder else selftests.ensure(arguments.jobs, series)[0]
    if folder and not arguments.selftests:
        ensure_few(arguments.jobs)
    chosen = find_kernels([label for label in arguments.kernels if label != "core"])
    if arguments.prepare:
        return 0
    objects = find_objects(arguments)
    passed = failed = skipped = 0
    results = ((kernel, len(objects), *compare_kernel(arguments, oracle, kernel, objects)) for kernel in chosen)
    if "core" in arguments.kernels and folder:
        results = itertools.chain(results, [compare_core(arguments, oracle, folder)])
    for kernel, count, counts, differences in results:
        listed, unlisted = report(kernel, count, counts, differences, known)
        passed, failed, skipped = passed + counts["same"] + counts["both refuse"], failed + unlisted, skipped + listed
    for line in known:
        if line.kernels:
            print(f"SKIP: oracle: {line.reason}: {line.kernels.total()} programs "
                  f"({', '.join(f'{label} {count}' for label, count in line.kernels.items())})")
    if arguments.objects == "*" and folder and set(ALL) <= set(arguments.kernels):
        for line in known:
            if not line.kernels and line.series() == series:
                failed += 1
                print(f"{LIST.name}:{line.line}: explains nothing any more: take it out")
    print(f"[oracle] programs: {passed + failed + skipped} | {passed} passed | {failed} failed | {skipped} skipped")
    return 1 if failed else 0


def main(argv: list[str]) -> int:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("kernels", nargs="*", metavar="KERNEL", default=[*ALL])
    parser.add_argument("--build", type=pathlib.Path, default=ROOT / "build")
    parser.add_argument("--objects", default="*", metavar="GLOB", help="names without .bpf.o")
    parser.add_argument("--own", action="store_true", help="only this project's objects")
    parser.add_argument("--selftests", metavar="SERIES", choices=[*selftests.SERIES],
                        help=f"all the selftests of this Linux instead: {', '.join(selftests.SERIES)}")
    parser.add_argument("--folder", type=pathlib.Path, help="the objects below this folder instead")
    parser.add_argument("--prepare", action="store_true", help="only make what the comparison needs")
    parser.add_argument("-j", "--jobs", type=int, default=os.cpu_count() or 1)
    arguments = parser.parse_args(argv)
    arguments.bpfld = arguments.build / "cli" / "bpfld"
    try:
        return run(arguments)
    except (kernel_source.SourceError, subprocess.CalledProcessError, fetch.FetchError, kernels.NotFound, OSError,
            ValueError) as error:
        print(f"compare: {error}", file=sys.stderr)
        return 1


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
