#!/usr/bin/env python3
# SPDX-License-Identifier: Apache-2.0
"""Gathers `COVERED: ROW HOW` lines of live tests into a Markdown table of SEC() rows and kernels.

    coverage.py 6.18=host.txt 6.1=vm-6.1.txt ... > docs/coverage.md

HOW is `triggered` (the program was attached and ran) or `attached`. A row without any line is not there.
"""

import pathlib
import sys

SIGNS = {"triggered": "●", "attached": "○"}
HEAD = """# Which programs were attached on which kernels

Made by `tests/coverage.py` out of what the live tests print: ● attached and called, ○ attached,
– not there, or not seen in the last run.
"""


def rows_of(text: str) -> dict[str, str]:
    """The best that was seen of each row."""
    rows: dict[str, str] = {}
    for line in text.splitlines():
        words = line.split()
        if len(words) == 3 and words[0] == "COVERED:" and words[2] in SIGNS and rows.get(words[1]) != "triggered":
            rows[words[1]] = words[2]
    return rows


def table(kernels: dict[str, dict[str, str]]) -> str:
    names = sorted({name for rows in kernels.values() for name in rows})
    lines = [HEAD, "| SEC() | " + " | ".join(kernels) + " |", "|---" * (len(kernels) + 1) + "|"]
    for name in names:
        cells = [SIGNS.get(rows.get(name, ""), "–") for rows in kernels.values()]
        lines.append(f"| `{name}` | " + " | ".join(cells) + " |")
    return "\n".join(lines) + "\n"


def main(argv: list[str]) -> int:
    kernels = {}
    for word in argv:
        label, separator, path = word.partition("=")
        if not separator:
            print("usage: coverage.py LABEL=FILE...", file=sys.stderr)
            return 2
        kernels[label] = rows_of(pathlib.Path(path).read_text(errors="replace"))
    sys.stdout.write(table(kernels))
    return 0


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
