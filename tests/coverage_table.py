#!/usr/bin/env python3
# SPDX-License-Identifier: Apache-2.0
"""A table of line coverage: the summary that `llvm-cov export` writes, on standard input.

Only files of the product count: tests, fuzzers and benchmarks are left out. With a folder as the argument,
only that folder's; the last line is their sum.
"""

import json
import pathlib
import sys

ROOT = pathlib.Path(__file__).resolve().parent.parent
NOT_PRODUCT = ("tests", "fuzz", "bench")


def rows(summary: dict, folder: str) -> list[tuple[str, int, int]]:
    """File, lines, lines that ran; by name."""
    out = []
    for file in summary["data"][0]["files"]:
        path = pathlib.Path(file["filename"])
        if not path.is_relative_to(ROOT):
            continue
        name = path.relative_to(ROOT)
        inside = name.is_relative_to(folder) if folder else name.parts[0] not in NOT_PRODUCT
        if inside:
            out.append((str(name), file["summary"]["lines"]["count"], file["summary"]["lines"]["covered"]))
    return sorted(out)


def main() -> int:
    table = rows(json.load(sys.stdin), sys.argv[1].rstrip("/") if len(sys.argv) > 1 else "")
    if not table:
        print("coverage: no file was looked at", file=sys.stderr)
        return 1
    table.append(("all", sum(row[1] for row in table), sum(row[2] for row in table)))
    print(f"{'file':<32} {'lines':>6} {'missed':>7} {'reached':>8}")
    for name, lines, covered in table:
        print(f"{name:<32} {lines:>6} {lines - covered:>7} {100 * covered / max(lines, 1):>6.1f} %")
    return 0


if __name__ == "__main__":
    sys.exit(main())
