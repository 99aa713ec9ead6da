# SPDX-License-Identifier: Apache-2.0
"""Reads how many tests passed, failed and were skipped out of a runner's output.

Every runner says it in its own words. A live test that cannot run here prints `SKIP: <test>: <reason>`
and returns, which doctest counts as passed; such a test is moved from passed to skipped, so that a
number in the summary never hides that something was not tested.
"""

import re
from dataclasses import dataclass

ESCAPES = re.compile(r"\x1b\[[0-9;]*m")


@dataclass(frozen=True)
class Counts:
    passed: int = 0
    failed: int = 0
    skipped: int = 0

    @property
    def total(self) -> int:
        return self.passed + self.failed + self.skipped


def skips(output: str) -> list[str]:
    """`<test>: <reason>` of each skipped test, once. A test may say so several times (one for each
    of doctest's subcases): lines that continue an earlier line's test are dropped."""
    found: list[str] = []
    tests: list[str] = []
    for match in re.finditer(r"^SKIP: (.+)$", output, re.MULTILINE):
        line = match[1].strip()
        if not any(line.startswith(test + ": ") for test in tests):
            found.append(line)
            tests.append(line.rpartition(": ")[0] or line)
    return found


def read_summary(output: str, status: int) -> Counts:
    """`[name] things: 4 | 3 passed | 1 failed | 0 skipped`, as this project's own scripts print it."""
    del status
    matches = re.findall(r"^\[\w+\] [\w ]+: +\d+ \| +(\d+) passed \| +(\d+) failed \| +(\d+) skipped",
                         ESCAPES.sub("", output), re.MULTILINE)
    return Counts(*map(int, matches[-1])) if matches else Counts()


def read_doctest(output: str, status: int) -> Counts:
    """doctest's summary; its line is the one above with the name `doctest`, but for assertions too."""
    del status
    matches = re.findall(r"^\[doctest\] test cases: +\d+ \| +(\d+) passed \| +(\d+) failed \| +(\d+) skipped",
                         ESCAPES.sub("", output), re.MULTILINE)
    if not matches:
        return Counts()
    counts = Counts(*map(int, matches[-1]))
    moved = min(len(skips(output)), counts.passed)
    return Counts(counts.passed - moved, counts.failed, counts.skipped + moved)


def read_unittest(output: str, status: int) -> Counts:
    """`Ran 9 tests in 0.1s`, then `OK` or `FAILED`, with counts in parentheses; sums over several runs."""
    del status
    passed = failed = skipped = 0
    for match in re.finditer(r"^Ran (\d+) tests? in .*\n\n(?:OK|FAILED)(?: \(([^)]*)\))?", output, re.MULTILINE):
        details = dict(re.findall(r"(\w[a-z ]*)=(\d+)", match[2] or ""))
        bad = sum(int(details.get(key, 0)) for key in ("failures", "errors", "unexpected successes"))
        skip = int(details.get("skipped", 0))
        passed += max(0, int(match[1]) - bad - skip)
        failed += bad
        skipped += skip
    return Counts(passed, failed, skipped)


def read_status(output: str, status: int) -> Counts:
    """For a command that is one test: it passed if it ended with status 0."""
    del output
    return Counts(passed=1) if status == 0 else Counts(failed=1)


READERS = {"doctest": read_doctest, "summary": read_summary, "unittest": read_unittest, "status": read_status}
