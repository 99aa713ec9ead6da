#!/usr/bin/env python3
# SPDX-License-Identifier: Apache-2.0
"""Loads a kernel's selftests one program at a time, once with bpfld and once with libbpf, and compares.

On a kernel of the matrix, in a guest, `bpfld verify -o json` and libbpf-verify load each program of each object
alone (asking.py). What libbpf gets accepted we must get accepted; what both are refused must be refused with
the same errno, where 0 means that the loader itself refused. A difference must be listed with its reason in
known-differences.txt; a line of the list that explains nothing any more is a failure, too, when all objects
were compared. An object that brings a tool or the guest down is named, and the run goes on behind it. So is
what bpfld leaves behind in its process or in the kernel.
"""

import argparse
import concurrent.futures
import dataclasses
import fnmatch
import hashlib
import os
import pathlib
import re
import subprocess
import sys
import tempfile
from dataclasses import dataclass, field

HERE = pathlib.Path(__file__).resolve().parent
ROOT = HERE.parent.parent
sys.path[:0] = [str(HERE.parent / "oracle"), str(HERE.parent / "vm")]

import asking  # noqa: E402
import fetch  # noqa: E402
import guest  # noqa: E402
import kernel_source  # noqa: E402
import kernels  # noqa: E402
import libbpf  # noqa: E402
import selftests  # noqa: E402

LIST = HERE / "known-differences.txt"
VERIFY = libbpf.Program("libbpf-verify", "libbpf-verify-6.12", (HERE / "libbpf_verify.c",), ("syscall",), ("-static",))
# refused: only we are refused; accepted: only libbpf is; errno: both, with another errno; missing: only one of
# the two knows the program; crash: the loader, or the kernel under it, did not survive the object; left:
# something stayed in the process or in the kernel.
KINDS = ("refused", "accepted", "errno", "missing", "crash", "left")
# A few of everything that loads differently: maps, types of other kernels, externs, kfuncs, struct_ops, static
# linking, refusals. For a run of a minute.
FEW = ("atomics", "bpf_dctcp", "bpf_iter_task", "cgroup_skb_sk_lookup_kern", "dynptr_fail", "fentry_test",
       "for_each_array_map_elem", "kfunc_call_test", "linked_funcs", "linked_maps", "linked_vars", "lsm", "map_kptr",
       "skb_pkt_end", "tailcall_bpf2bpf4", "test_btf_map_in_map", "test_core_extern", "test_core_reloc_kernel",
       "test_core_retro", "test_global_func1", "test_ksyms", "test_ksyms_btf", "test_ksyms_weak", "test_map_in_map",
       "test_sk_lookup", "test_spin_lock", "test_static_linked", "test_xdp_bpf2bpf", "timer", "user_ringbuf_success")
STRIP = "llvm-strip-19"


@dataclass(frozen=True)
class Difference:
    kernel: str
    object: str
    program: str
    kind: str
    text: str


@dataclass
class Known:
    """A line of known-differences.txt: kind | kernels | object | program | part of the text | reason."""
    kind: str
    kernels: str
    object: str
    program: str
    text: str
    reason: str
    line: int
    hits: int = 0

    def is_about(self, kernel: str) -> bool:
        return self.kernels == "*" or kernel in self.kernels.split()

    def series(self) -> str:
        """Whose selftests it is about: objects of another series than the default are called SERIES/NAME."""
        series = self.object.partition("/")[0]
        return series if series in selftests.SERIES else selftests.DEFAULT

    def explains(self, difference: Difference) -> bool:
        return (self.kind == difference.kind and self.is_about(difference.kernel)
                and fnmatch.fnmatchcase(difference.object, self.object)
                and fnmatch.fnmatchcase(difference.program, self.program) and self.text in difference.text)


def read_known(path: pathlib.Path) -> list[Known]:
    known = []
    for number, line in enumerate(path.read_text().splitlines(), 1):
        if not line.strip() or line.startswith("#"):
            continue
        parts = [part.strip() for part in line.split("|")]
        if len(parts) != 6 or parts[0] not in KINDS or not all(parts[i] for i in (1, 2, 3, 5)):
            raise ValueError(f"{path.name}:{number}: want `kind | kernels | object | program | text | reason`")
        known.append(Known(*parts, line=number))
    return known


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


def compare(kernel: str, objects: list[str], ours: asking.Answers, theirs: asking.Answers
            ) -> tuple[list[Difference], int]:
    differences, programs = [], 0
    for path in objects:
        died = [(tool, answers.died[path]) for tool, answers in (("bpfld", ours), ("libbpf", theirs))
                if path in answers.died]
        for tool, how in died:
            differences.append(Difference(kernel, path, "*", "crash", f"{tool}: {how}"))
        if died:
            programs += 1
            continue
        found, count = compare_programs(kernel, *({program: entry for (name, program), entry in answers.found.items()
                                                   if name == path} for answers in (ours, theirs)))
        differences += found
        programs += count
    for batch, text in ours.left.items():
        differences.append(Difference(kernel, batch, "*", "left", text))
        programs += 1
    return differences, programs


def choose(folder: pathlib.Path | None, series: str, jobs: int) -> tuple[str, list[pathlib.Path]]:
    """The objects, and a name for them all that changes with any of them. Errors: ValueError."""
    if folder is None:
        tests, objects, _ = selftests.ensure(jobs, series)
        return tests.name, objects
    objects = sorted(folder.glob("*.bpf.o"))
    if not objects or any(" " in path.name for path in objects):
        raise ValueError(f"{folder}: want *.bpf.o in it, with no blanks in their names")
    digest = hashlib.sha256(b"".join(hashlib.sha256(path.name.encode() + path.read_bytes()).digest()
                                     for path in objects))
    return f"{asking.FOLDER}{digest.hexdigest()[:16]}", objects


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
    (into / "run.sh").write_text(asking.SCRIPT)


def control(kernel: kernels.Kernel, bpfld: pathlib.Path, oracle: pathlib.Path, timeout: float) -> int:
    """Whether what stays behind would be seen: asks asking.LEAKY, and wants each kind of object and the
    descriptors to be named."""
    subject = bpfld.parent.parent / "fixtures" / "minimal.bpf.o"
    with tempfile.TemporaryDirectory(prefix="bpfld-parity-") as name:
        folder = pathlib.Path(name)
        stage([subject], bpfld, oracle, folder, 1)
        (folder / "bpfld").rename(folder / "bpfld-real")
        (folder / "bpfld").write_text(asking.LEAKY)
        (folder / "bpfld").chmod(0o755)
        answers = asking.ask(kernel, folder, "bpfld", folder / "log", [subject.name], timeout)
    left = answers.left.get(subject.name, "")
    unseen = unseen_leaks(left)
    print(f"seen of a tool that leaves things: {left or 'nothing'}")
    for kind in unseen:
        print(f"left: {subject.name}: it was not seen that a {kind} is left")
    print(f"[parity] leaks: 5 | {5 - len(unseen)} passed | {len(unseen)} failed | 0 skipped")
    return 1 if unseen else 0


def unseen_leaks(left: str) -> list[str]:
    """Of the kinds of things that asking.LEAKY leaves, those that `left` does not tell."""
    ids = re.search(r"ids were (.*), are (.*)", left)
    kinds = ("prog", "map", "link", "btf")
    counts = [{kind: len((re.search(rf"{kind}((?: \d+)*)", text) or [""])[0].split()) for kind in kinds}
              for text in (ids.groups() if ids else ("", ""))]
    unseen = [kind for kind in kinds if counts[1][kind] <= counts[0][kind]]
    return unseen + ([] if re.search(r"[1-9]\d* descriptors of BPF objects", left) else ["descriptor"])


# ---- the report


def report(kernel: str, series: str, differences: list[Difference], programs: int, known: list[Known],
           is_all: bool) -> int:
    unknown = []
    for difference in differences:
        if series != selftests.DEFAULT:
            difference = dataclasses.replace(difference, object=f"{series}/{difference.object}")
        line = next((line for line in known if line.explains(difference)), None)
        if line is None:
            unknown.append(difference)
        else:
            line.hits += 1
    stale = [line for line in known if is_all and line.hits == 0 and line.is_about(kernel)
             and line.series() == series]
    for difference in unknown:
        print(f"{difference.kind}: {difference.object}: {difference.program}: {difference.text}")
    for line in stale:
        print(f"{LIST.name}:{line.line}: explains nothing any more: {line.kind} | {line.object} | {line.program}")
    listed = len(differences) - len(unknown)
    failed = len(unknown) + len(stale)
    print(f"[parity] programs: {programs + len(stale)} | {programs - len(differences)} passed | "
          f"{failed} failed | {listed} skipped")
    return 1 if failed else 0


def main(argv: list[str]) -> int:
    parser = argparse.ArgumentParser(prog="./dev parity", description=__doc__.splitlines()[0])
    parser.add_argument("kernel", metavar="KERNEL", help="5.10, 6.1, 6.12, newest")
    parser.add_argument("objects", nargs="*", metavar="GLOB", help="objects to compare (all by default)")
    parser.add_argument("--few", action="store_true", help="compare a small choice of objects")
    parser.add_argument("--objects", dest="folder", type=pathlib.Path, metavar="DIR",
                        help="compare the *.bpf.o of DIR instead of the selftests")
    parser.add_argument("--control", action="store_true",
                        help="only see whether a tool that leaves things behind would be found out")
    parser.add_argument("--selftests", metavar="SERIES", choices=[*selftests.SERIES], default=selftests.DEFAULT,
                        help=f"of which Linux: {', '.join(selftests.SERIES)} ({selftests.DEFAULT} by default)")
    parser.add_argument("--timeout", type=float, default=3000.0, metavar="SECONDS", help="of one guest")
    parser.add_argument("-j", "--jobs", type=int, default=os.cpu_count() or 1)
    arguments = parser.parse_args(argv)
    few = FEW if arguments.selftests == selftests.DEFAULT else selftests.SERIES[arguments.selftests].few
    globs = list(arguments.objects) + ([f"{name}.bpf.o" for name in few] if arguments.few else [])
    bpfld = pathlib.Path(os.environ.get("BPFLD_BUILD", ROOT / "build")) / "cli/bpfld"
    try:
        known = read_known(LIST)
        kernel = kernels.find(arguments.kernel, fetch.cached_releases())
        oracle = libbpf.ensure(VERIFY, arguments.jobs)
        if arguments.control:
            return control(kernel, bpfld, oracle, arguments.timeout)
        folder, objects = choose(arguments.folder, arguments.selftests, arguments.jobs)
        chosen = [path for path in objects
                  if not globs or any(fnmatch.fnmatchcase(path.name, glob) for glob in globs)]
        # Small ones first: most of them take a moment, and the largest a minute each.
        names = [path.name for path in sorted(chosen, key=lambda path: path.stat().st_size)]
        with tempfile.TemporaryDirectory(prefix="bpfld-parity-") as name:
            stage(chosen, bpfld, oracle, pathlib.Path(name), arguments.jobs)
            series = "" if arguments.selftests == selftests.DEFAULT else arguments.selftests
            logs = {tool: asking.log_path(kernel, tool, program, folder, series)
                    for tool, program in (("libbpf", oracle), ("bpfld", bpfld))}
            theirs, ours = (asking.ask(kernel, pathlib.Path(name), tool, log, names, arguments.timeout)
                            for tool, log in logs.items())
    except (kernel_source.SourceError, guest.GuestError, kernels.NotFound, fetch.FetchError, ValueError,
            subprocess.CalledProcessError, OSError) as error:
        print(f"parity: {error}", file=sys.stderr)
        return 1
    differences, programs = compare(kernel.label, names, ours, theirs)
    for tool, answers in (("bpfld", ours), ("libbpf", theirs)):
        entries = [entry for (name, _), entry in answers.found.items() if name in names]
        print(f"{tool}: {sum(entry['ok'] for entry in entries)} of {len(entries)} accepted")
    print(f"left behind by bpfld: {'; '.join(ours.left.values()) or 'nothing'}")
    is_all = not globs and arguments.folder is None
    return report(kernel.label, arguments.selftests, differences, programs, known, is_all)


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
