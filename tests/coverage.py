#!/usr/bin/env python3
# SPDX-License-Identifier: Apache-2.0
"""The table of SEC() rows and kernels in docs/coverage.md: made from what the live tests print, and checked.

    coverage.py write [LABEL=FILE...]    replaces these columns; by default those of .cache/test/
    coverage.py check [SUITE...]         the table, and the logs of these suites, which have just run

A live test prints `COVERED: ROW HOW`, where HOW is `triggered` (a program of that row was attached and ran)
or `attached`. check fails for a row of `bpfld list sec` that was triggered on no kernel and has no reason
below, for a reason that is not needed, for a table that is not what the logs say, and for a live test that
skips without proving that the kernel lacks what it needs.
"""

import os
import pathlib
import re
import subprocess
import sys

ROOT = pathlib.Path(__file__).resolve().parent.parent
TABLE = ROOT / "docs" / "coverage.md"
LOGS = ROOT / ".cache" / "test"
BUILD = pathlib.Path(os.environ.get("BPFLD_BUILD", ROOT / "build"))

SIGNS = {"triggered": "●", "attached": "○"}
NOTHING = "–"
# A suite and its column; the live suite's is the running kernel's version.
COLUMNS = {"vm-5.10": "5.10", "vm-6.1": "6.1", "vm-6.12": "6.12", "vm-newest": "newest"}

# Why no kernel of the matrix can run a row. A row that one can must not be here.
REASONS = {
    "lirc_mode2": "no kernel of the matrix has infrared receivers (CONFIG_RC_CORE)",
}

HEAD = """# Which programs were attached on which kernels

Made by `tests/coverage.py` out of what the live tests print: ● attached and called, ○ attached,
– not there, or not seen in the last run. `./dev test` checks it against every row of `bpfld list sec`.
"""
REASONS_HEAD = """
Not called on any of them:
"""

Rows = dict[str, str]  # row -> "triggered" or "attached"


def rows_of(text: str) -> Rows:
    """The best that was seen of each row."""
    rows: Rows = {}
    for line in text.splitlines():
        words = line.split()
        if len(words) == 3 and words[0] == "COVERED:" and words[2] in SIGNS and rows.get(words[1]) != "triggered":
            rows[words[1]] = words[2]
    return rows


def read_table(text: str) -> dict[str, Rows]:
    """The columns of a table that write_table() wrote."""
    hows = {sign: how for how, sign in SIGNS.items()}
    columns: dict[str, Rows] = {}
    for line in text.splitlines():
        cells = [cell.strip() for cell in line.strip().strip("|").split("|")]
        if cells[0] == "SEC()":
            columns = {label: {} for label in cells[1:]}
        elif columns and cells[0].startswith("`") and len(cells) == len(columns) + 1:
            for label, sign in zip(columns, cells[1:]):
                if sign in hows:
                    columns[label][cells[0].strip("`")] = hows[sign]
    return columns


def in_order(columns: dict[str, Rows]) -> dict[str, Rows]:
    """By version, `newest` last."""
    def key(label: str) -> tuple[int, ...]:
        return tuple(map(int, label.split("."))) if re.fullmatch(r"\d+(\.\d+)*", label) else (sys.maxsize,)
    return {label: columns[label] for label in sorted(columns, key=key)}


def write_table(columns: dict[str, Rows], sections: list[str], reasons: dict[str, str]) -> str:
    lines = [HEAD, "| SEC() | " + " | ".join(columns) + " |", "|---" * (len(columns) + 1) + "|"]
    for name in sections:
        cells = [SIGNS.get(rows.get(name, ""), NOTHING) for rows in columns.values()]
        lines.append(f"| `{name}` | " + " | ".join(cells) + " |")
    missing = [f"- `{name}`: {reasons[name]}." for name in sections if name in reasons]
    if missing:
        lines += [REASONS_HEAD, *missing]
    return "\n".join(lines) + "\n"


def table_problems(columns: dict[str, Rows], sections: list[str], reasons: dict[str, str]) -> dict[str, str]:
    """What is wrong with each row, by its name."""
    problems = {}
    for name in sections:
        called = [label for label, rows in columns.items() if rows.get(name) == "triggered"]
        if not called and name not in reasons:
            problems[name] = "was called on no kernel, and tests/coverage.py has no reason for it"
        elif called and name in reasons:
            problems[name] = f"was called on {', '.join(called)}: the reason in tests/coverage.py is stale"
    for name in sorted({name for rows in columns.values() for name in rows} | set(reasons)):
        if name not in sections:
            problems[name] = "is no row of `bpfld list sec`"
    return problems


def column_problems(label: str, written: Rows, seen: Rows) -> dict[str, str]:
    """Where a column is not what its kernel's tests have just said."""
    return {name: f"{label}: the table says {written.get(name, 'nothing')}, the tests {seen.get(name, 'nothing')}"
            for name in sorted(set(written) | set(seen)) if written.get(name) != seen.get(name)}


# A skip is an excuse, and somebody must have looked whether it is true: near it the kernel, the CPU or the
# refusal is asked. test::skip() and its like in support.cc do.
PROOF = re.compile(r"CHECK|REQUIRE|cpu_has\(|has_function\(|access\(|has_value\(")
PROOF_LINES = 8  # before and after the line that prints it


def skip_problems(folder: pathlib.Path) -> dict[str, str]:
    """Live tests that print a skip without anything near that would fail if the feature is there."""
    problems = {}
    for path in sorted(folder.glob("*.cc")):
        lines = path.read_text().splitlines()
        for i, line in enumerate(lines):
            around = lines[max(0, i - PROOF_LINES):i] + lines[i + 1:i + 1 + PROOF_LINES]
            if '"SKIP:' in line and path.name != "support.cc" and not any(map(PROOF.search, around)):
                problems[f"{path.name}:{i + 1}"] = "skips without a proof that the feature is missing: test::skip()"
    return problems


def section_names() -> list[str]:
    """The rows of `bpfld list sec`, in the table's order."""
    output = subprocess.run([BUILD / "cli" / "bpfld", "list", "sec"], check=True, capture_output=True, text=True).stdout
    return [line.split()[0].removesuffix("[/...]") for line in output.splitlines()[1:] if line.strip()]


def host_label() -> str:
    return ".".join(os.uname().release.split(".")[:2])


def label_of(suite: str) -> str:
    return host_label() if suite == "live" else COLUMNS[suite]


def log_of(suite: str) -> Rows:
    return rows_of((LOGS / f"{suite}.log").read_text(errors="replace"))


def write(arguments: list[str]) -> int:
    columns = read_table(TABLE.read_text()) if TABLE.exists() else {}
    if arguments:
        new = {}
        for word in arguments:
            label, separator, path = word.partition("=")
            if not separator:
                print("usage: coverage.py write [LABEL=FILE...]", file=sys.stderr)
                return 2
            new[label] = rows_of(pathlib.Path(path).read_text(errors="replace"))
    else:
        new = {label_of(suite): log_of(suite) for suite in ("live", *COLUMNS) if (LOGS / f"{suite}.log").exists()}
    columns.update(new)
    TABLE.write_text(write_table(in_order(columns), section_names(), REASONS))
    return 0


def check(suites: list[str]) -> int:
    columns = read_table(TABLE.read_text())
    sections = section_names()
    problems = table_problems(columns, sections, REASONS)
    for suite in suites:
        # What the machine's own kernel can do is not the project's to say: only guests are the same everywhere.
        if suite in COLUMNS:
            problems.update(column_problems(COLUMNS[suite], columns.get(COLUMNS[suite], {}), log_of(suite)))
    problems.update(skip_problems(ROOT / "tests" / "live"))
    if TABLE.read_text() != write_table(in_order(columns), sections, REASONS):
        problems.setdefault("docs/coverage.md", "is not as `python3 tests/coverage.py write` writes it")
    for name, problem in problems.items():
        print(f"{name}: {problem}")
    called = {label: sum(how == "triggered" for how in rows.values()) for label, rows in columns.items()}
    reached = {name for rows in columns.values() for name, how in rows.items() if how == "triggered"}
    print(f"coverage: {len(reached)} of {len(sections)} SEC() rows were attached and called: "
          + ", ".join(f"{label} {count}" for label, count in called.items()))
    for name in sections:
        if name not in reached:
            print(f"coverage: not {name}: {REASONS.get(name, 'nobody knows why')}")
    print(f"[coverage] rows: {len(sections)} | {len(sections) - min(len(problems), len(sections))} passed | "
          f"{len(problems)} failed | 0 skipped")
    return 1 if problems else 0


def main(argv: list[str]) -> int:
    if argv[:1] == ["write"]:
        return write(argv[1:])
    if argv[:1] == ["check"] and all(suite == "live" or suite in COLUMNS for suite in argv[1:]):
        return check(argv[1:])
    print(__doc__, file=sys.stderr)
    return 2


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
