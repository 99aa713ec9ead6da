# SPDX-License-Identifier: Apache-2.0
"""Asks one tool, in a guest, about many objects, and keeps what it said.

Objects go to the tool in batches: a process for each object would cost more than loading does. What comes
back is appended to a log in the cache while the guest runs, under a name that stands for the tool, the
objects and the kernel; so a run that was interrupted goes on where it was, and what libbpf says is asked
once. A batch that a tool, or the kernel under it, did not survive is asked again object by object, until it
is known which it was.

After each batch, while the process still lives, it is looked at: no descriptor of a BPF object may be left
in it, and no program, map, link or BTF in the kernel that was not there before.
"""

import hashlib
import json
import pathlib
import sys
from dataclasses import dataclass, field

import fetch
import guest
import kernels
import machine

FOLDER = "folder-"
BATCH = 25
LARGEST_RESTARTS = 30
HELD = "end"  # no object; see SCRIPT
# What a guest runs. The rows about `held`, which fill more than a pipe, keep a process that has answered
# everything from ending: nobody reads them until it has been looked at. libbpf-verify is not held.
SCRIPT = """#!/bin/sh
verifier="/parity/libbpf-verify"
held=$(i=0; while [ $i -lt 600 ]; do echo end; i=$((i + 1)); done)
ids() { "$verifier" --ids; }
ask_bpfld() {
    timeout $((120 + $# * 60)) /parity/bpfld verify -o json "$@" $held 2>/dev/null >/tmp/rows &
    pid=$!
    exec 7</tmp/rows
    sed '/^{"object":"end"/q' <&7
    tries=0
    while [ "$(ids)" != "$before" ] && [ $tries -lt 50 ]; do usleep 100000; tries=$((tries + 1)); done
    echo "@ left $(ls -l /proc/$pid/fd | grep -c anon_inode) $(ls /proc/$pid/fd | wc -l) $(ids)"
    exec 7<&-
    wait $pid
}
ask_libbpf() { timeout $((120 + $# * 60)) "$verifier" "$@" 2>/dev/null; }
mkfifo /tmp/rows
: >end
before=$(ids)
echo "@ before $before"
while read -r objects; do
    echo "@ ask $objects"
    ask_"$1" $objects
    echo "@ done $?"
done </parity/list
echo "@ end"
"""
# Stands for a bpfld that leaves everything behind: it holds a loaded and attached object, and says meanwhile
# what one that did its work would say.
LEAKY = """#!/bin/sh
shift 3
before=$(/parity/libbpf-verify --ids)
(
    while [ "$(/parity/libbpf-verify --ids)" = "$before" ]; do usleep 100000; done
    sleep 1
    for object in "$1" end; do
        echo '{"object":"'$object'","program":null,"ok":true,"errno":0,"reason":null}'
    done
) &
exec /parity/bpfld-real run "$1" --duration 30s >/dev/null
"""
LARGEST_STATUS = 123  # of a tool that ended by itself: timeout says 124, a shell 128 and the signal
FEW_DESCRIPTORS = 4   # standard input, output, error, and the file being read


@dataclass
class Answers:
    """What a tool said: {(object, program): entry}, "" for the object itself; objects that it did not survive,
    and how; what a batch left behind, by its first and last object."""
    found: dict[tuple[str, str], dict] = field(default_factory=dict)
    answered: set[str] = field(default_factory=set)
    died: dict[str, str] = field(default_factory=dict)
    left: dict[str, str] = field(default_factory=dict)
    doubtful: list[str] = field(default_factory=list)  # of batches that came to no end


def remains(words: list[str], before: str) -> str:
    """What `@ left DESCRIPTORS-OF-OBJECTS DESCRIPTORS IDS` says is left; empty if nothing is."""
    if len(words) < 2 or not words[0].isdigit() or not words[1].isdigit():
        return "it was not to be found out"
    objects, descriptors, ids = int(words[0]), int(words[1]), " ".join(words[2:])
    parts = []
    if descriptors == 0:
        parts.append("the process ended before it could be looked at")
    if objects:
        parts.append(f"{objects} descriptors of BPF objects")
    if descriptors > FEW_DESCRIPTORS:
        parts.append(f"{descriptors} descriptors")
    if ids != before:
        parts.append(f"ids were {before}, are {ids}")
    return ", ".join(parts)


def read(log: str) -> Answers:
    """A log of any number of runs. Rows of a batch that did not end well are not used, but for one that was
    asked about a single object, which died of it."""
    answers = Answers()
    asked: list[str] = []
    rows: list[dict] = []
    before = left = ""

    def conclude(how: str) -> None:
        if how:
            answers.doubtful += [name for name in asked if name not in answers.doubtful]
        if not how:
            answers.answered.update(asked)
            answers.found.update({(row["object"], row["program"] or ""): row for row in rows})
            if left and asked:
                answers.left[" to ".join(dict.fromkeys((asked[0], asked[-1])))] = left
        elif len(asked) == 1 and how != "interrupted":
            last = f", after {rows[-1]['program']}" if rows else ""
            answers.died[asked[0]] = how + last
        asked.clear()
        rows.clear()

    for line in log.splitlines():
        words = line.split(" ")
        if words[:2] == ["@", "before"]:
            before = " ".join(words[2:])
        elif words[:2] == ["@", "ask"]:
            conclude("interrupted")
            asked, left = words[2:], ""
        elif words[:2] == ["@", "left"]:
            left = remains(words[2:], before)
        elif words[:2] == ["@", "done"]:
            conclude("" if int(words[2]) <= LARGEST_STATUS else f"status {words[2]}")
        elif words[:2] == ["@", "died"]:
            conclude(" ".join(words[2:]))
        elif line.startswith("{"):
            try:
                row = json.loads(line)
            except ValueError:  # cut off by the end of the machine
                continue
            if row["object"] != HELD:
                rows.append(row)
    conclude("interrupted")
    return answers


def batches(objects: list[str], answers: Answers) -> list[list[str]]:
    """What is still to be asked: alone what was in a batch that came to no end, and those first."""
    rest = [name for name in objects if name not in answers.answered and name not in answers.died]
    alone = [[name] for name in rest if name in answers.doubtful]
    fresh = [name for name in rest if name not in answers.doubtful]
    return alone + [fresh[i:i + BATCH] for i in range(0, len(fresh), BATCH)]


def run_guest(kernel: kernels.Kernel, folder: pathlib.Path, tool: str, todo: list[list[str]], timeout: float,
              log: pathlib.Path) -> str:
    """Asks, and appends what comes to the log; returns why the machine failed, empty if it did not."""
    (folder / "list").write_text("".join(f"{' '.join(objects)}\n" for objects in todo))
    facts = fetch.ensure(kernel)
    command = guest.Command(["sh", "/parity/run.sh", tool], [(folder, "/parity")], "/parity", {})
    with log.open("ab") as out:
        out.write(b"\n")  # the last line may be one that was cut off
        result = machine.run(fetch.cache_root() / kernel.label, facts["release"], command,
                             machine.Options(timeout=timeout, memory=2048), out)
        is_complete = result.stdout.endswith(b"@ end\n")
        failure = "" if is_complete else result.failure or f"status {result.code}"
        if failure:
            out.write(f"\n@ died {failure}\n".encode())
    return failure


def log_path(kernel: kernels.Kernel, tool: str, program: pathlib.Path, objects_key: str,
             series: str = "") -> pathlib.Path:
    """In the cache; logs of the same tool in other states, about the same series of selftests, are removed.
    Those of a folder of the user's, whose key starts with FOLDER, stand apart."""
    parts = (fetch.ensure(kernel)["release"], objects_key, SCRIPT)
    key = hashlib.sha256("\0".join(parts).encode() + program.read_bytes()).hexdigest()[:16]
    root = fetch.cache_root().parent / "parity" / kernel.label
    if objects_key.startswith(FOLDER):
        root /= "folder"
    root.mkdir(parents=True, exist_ok=True)
    name = f"{series}-{tool}" if series else tool
    path = root / f"{name}-{key}.log"
    for other in root.glob(f"{name}-*.log"):
        if other != path:
            other.unlink()
    return path


def ask(kernel: kernels.Kernel, folder: pathlib.Path, tool: str, log: pathlib.Path, objects: list[str],
        timeout: float) -> Answers:
    """What the log does not say yet is asked of a guest; `folder` holds all that it gets. Errors: GuestError."""
    answers = read(log.read_text(errors="replace")) if log.is_file() else Answers()
    for _ in range(LARGEST_RESTARTS):
        todo = batches(objects, answers)
        if not todo:
            return answers
        failure = run_guest(kernel, folder, tool, todo, timeout, log)
        known = len(answers.answered) + len(answers.died) + len(answers.doubtful)
        answers = read(log.read_text(errors="replace"))
        if not failure:
            continue
        print(f"parity: {kernel.label}: {tool}: {failure}", file=sys.stderr)
        if len(answers.answered) + len(answers.died) + len(answers.doubtful) == known:
            raise guest.GuestError(f"{kernel.label}: {failure}")
    raise guest.GuestError(f"{kernel.label}: {tool} brought {LARGEST_RESTARTS} guests down")
