#!/usr/bin/env python3
# SPDX-License-Identifier: Apache-2.0
"""Checks the rules about files that no compiler knows: who may include whom, who may talk to the
system, how long a file may be, how it opens, and what must not be written into the project.

    cli -> loader -> perf -> bpf -> base     elf, btf and bpf never include each other;
             loader -> btf -> base           the loader is the only place where they meet
             loader -> elf -> base           (ARCHITECTURE.md says why)

Each rule is a function from one file to its violations, with its facts in a table above it. Prints
`file:line: rule: what is wrong` for each violation and fails if there is one. A file that is getting
long is a warning first.
"""

import fnmatch
import pathlib
import re
import subprocess
import sys
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from urllib.parse import urlsplit

ROOT = pathlib.Path(__file__).resolve().parent.parent
sys.path.insert(0, str(ROOT / "tests" / "vm"))

import sources  # noqa: E402

# The layers, and the folders whose headers each may include besides its own.
MAY_INCLUDE = {
    "base":   (),
    "elf":    ("base",),
    "btf":    ("base",),
    "bpf":    ("base",),
    "perf":   ("base", "bpf"),
    "loader": ("base", "elf", "btf", "bpf", "perf"),
    "cli":    ("base", "elf", "btf", "bpf", "perf", "loader"),
}

# The only files that may reach the system; everything else is a function of its arguments.
SHELL_FILES = (
    "base/fd.*", "base/mapped_file.*",
    "bpf/linux_kernel*", "bpf/linux_pins.*",
    "perf/*",
    "loader/capture*", "loader/execute*", "loader/session*",
    "loader/find_file.*", "loader/kernel_functions.*",
    "cli/*",
)

# Headers that reach the system: POSIX, Linux, and the standard library's files and processes.
SYSTEM_HEADERS = re.compile(
    r"^(?:unistd\.h|fcntl\.h|poll\.h|dirent\.h|dlfcn\.h|signal\.h|csignal|sched\.h|spawn\.h|syscall\.h|pthread\.h"
    r"|ftw\.h|glob\.h|termios\.h|pwd\.h|grp\.h|netdb\.h|ifaddrs\.h|libgen\.h|mntent\.h"
    r"|(?:sys|linux|asm|net|netinet|netpacket|arpa)/.*|fstream|iostream|filesystem|thread|cstdio|stdio\.h)$")

# Libraries with one door each.
DOORS = {"boost/": "cli/options.*"}

SOURCES = (".h", ".cc", ".c", ".py", ".sh")
SCRIPTS = ("dev", ".ci/run")
LONG, TOO_LONG = 450, 600  # lines
SPDX = "SPDX-License-Identifier: "

# Written in two halves, so that this file passes its own rule.
PRIVATE = (".." "/shared", "/" "work/")

INCLUDE = re.compile(r"^\s*#\s*include\s*(?P<quote>[<\"])(?P<name>[^>\"]+)[>\"]")


@dataclass(frozen=True)
class File:
    """A text file of the project: its path from the root, and its lines."""
    path: str
    lines: list[str]

    @property
    def folder(self) -> str:
        return self.path.split("/")[0] if "/" in self.path else ""

    @property
    def is_source(self) -> bool:
        return self.path.endswith(SOURCES) or self.path in SCRIPTS

    def includes(self) -> Iterator[tuple[int, str, str]]:
        """(line, quote, name) of every #include."""
        if self.path.endswith((".h", ".cc", ".c")):
            for number, line in enumerate(self.lines, 1):
                match = INCLUDE.match(line)
                if match:
                    yield number, match["quote"], match["name"]


Violations = Iterator[tuple[int, str]]  # line, what is wrong


def matches(path: str, patterns: tuple[str, ...]) -> bool:
    return any(fnmatch.fnmatchcase(path, pattern) for pattern in patterns)


def arrows(file: File) -> Violations:
    if file.folder not in MAY_INCLUDE:
        return
    for line, quote, name in file.includes():
        target = name.split("/")[0]
        if quote == '"' and "/" not in name:
            yield line, f'write "{name}" with its folder, "{file.folder}/{name}"'
        elif quote == '"' and target != file.folder and target not in MAY_INCLUDE[file.folder]:
            yield line, f"{file.folder}/ may not include {target}/"
        elif quote == "<" and target in MAY_INCLUDE and (ROOT / name).is_file():
            yield line, f'write "{name}" with quotes: it is ours'


def shell(file: File) -> Violations:
    if file.folder not in MAY_INCLUDE or matches(file.path, SHELL_FILES):
        return
    for line, quote, name in file.includes():
        if quote == "<" and SYSTEM_HEADERS.match(name):
            yield line, f"<{name}> reaches the system, and this is no shell file"


def doors(file: File) -> Violations:
    for line, _, name in file.includes():
        for prefix, only in DOORS.items():
            if name.startswith(prefix) and not matches(file.path, (only,)):
                yield line, f"<{name}>: only {only} may include {prefix}"


def length(file: File) -> Violations:
    if file.is_source and len(file.lines) > TOO_LONG:
        yield len(file.lines), f"{len(file.lines)} lines; {TOO_LONG} is the limit, about 500 the aim"


def licence(file: File) -> Violations:
    if not file.is_source:
        return
    first = 1 if file.lines and file.lines[0].startswith("#!") else 0
    if len(file.lines) <= first or SPDX not in file.lines[first]:
        yield first + 1, f"the file does not open with {SPDX.strip()}"


def machine_hosts(entries: list[sources.Entry]) -> tuple[str, ...]:
    """Host names of this machine's package sources, which are nobody else's business."""
    hosts = {urlsplit(entry.uri).hostname or "" for entry in entries}
    return tuple(sorted(host for host in hosts if "." in host))


HOSTS = machine_hosts(sources.read_entries())


def private(file: File) -> Violations:
    for number, line in enumerate(file.lines, 1):
        for word in (*PRIVATE, *HOSTS):
            # "/x/y" inside a longer path such as a/x/y is another path.
            if re.search(r"(?<![\w.~-])" + re.escape(word), line):
                yield number, f'"{word}" is of one machine only'


NAMESPACE = re.compile(r"^namespace (?P<name>[\w:]+) \{")
TYPE = re.compile(r"^(?:struct|class|enum class|union) (?P<name>\w+)(?: final)?(?: : [^{;]*)? \{")


def types(file: File) -> Iterator[tuple[int, str]]:
    """(line, "bpfld::bpf::MapInfo") of every type that other files could see: not those of unnamed namespaces."""
    namespace, unnamed = "", False
    for number, line in enumerate(file.lines, 1):
        if line.startswith("namespace {"):
            unnamed = True
        elif unnamed and line.startswith("}  // namespace") and line.strip() == "}  // namespace":
            unnamed = False
        elif named := NAMESPACE.match(line):
            namespace = named["name"]
        elif not unnamed and (found := TYPE.match(line)):
            yield number, f"{namespace}::{found['name']}"


def twice(files: list[File]) -> Iterator[tuple[File, int, str]]:
    """Types of one name in two files link without a word, and then one file works on the other's layout."""
    first: dict[str, str] = {}
    for file in files:
        if file.folder in MAY_INCLUDE and file.path.endswith((".h", ".cc")):
            for line, name in types(file):
                if first.setdefault(name, file.path) != file.path:
                    yield file, line, f"{name} is also defined in {first[name]}"


RULES: dict[str, Callable[[File], Violations]] = {
    "arrows": arrows, "shell": shell, "doors": doors, "length": length, "licence": licence, "private": private,
}


def check(files: list[File]) -> list[tuple[str, str]]:
    """(rule, "file:line: rule: what is wrong") of every violation, file by file."""
    found = [(rule, f"{file.path}:{line}: {rule}: {what}")
             for file in files for rule, function in RULES.items() for line, what in function(file)]
    return found + [("twice", f"{file.path}:{line}: twice: {what}") for file, line, what in twice(files)]


def warnings(files: list[File]) -> list[str]:
    return [f"{file.path}:{len(file.lines)}: warning: {len(file.lines)} lines, is it still one thing?"
            for file in files if file.is_source and LONG < len(file.lines) <= TOO_LONG]


def project_files(root: pathlib.Path) -> list[File]:
    """What git tracks or would; files that are not text are left out."""
    command = ["git", "-C", str(root), "ls-files", "-z", "--cached", "--others", "--exclude-standard"]
    names = subprocess.run(command, check=True, stdout=subprocess.PIPE).stdout.decode().split("\0")
    files = []
    for name in sorted(set(filter(None, names))):
        path = root / name
        if path.is_file() and not path.is_symlink():
            data = path.read_bytes()
            if b"\0" not in data:
                files.append(File(name, data.decode(errors="replace").splitlines()))
    return files


def main() -> int:
    files = project_files(ROOT)
    for line in warnings(files):
        print(line)
    violations = check(files)
    for _, line in violations:
        print(line)
    failed = len({rule for rule, _ in violations})
    rules = len(RULES) + 1  # and `twice`, which looks at all files together
    print(f"[layers] rules: {rules} | {rules - failed} passed | {failed} failed | 0 skipped "
          f"({len(files)} files, {len(violations)} violations)")
    return 1 if violations else 0


if __name__ == "__main__":
    sys.exit(main())
