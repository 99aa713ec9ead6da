# SPDX-License-Identifier: Apache-2.0
"""Reads a guest's console for signs that the kernel itself is unwell.

A test that passes on a kernel that has just printed a WARNING has not passed. The patterns are one
fact a line; they apply only to lines that begin with printk's time stamp, so that text which merely
passes over the console cannot fail a run.
"""

import re

STAMP = re.compile(r"^(?:<\d+>)?\[ *\d+\.\d+\](?:\[ *[TC]\d+\])? ")

TROUBLES = tuple((name, re.compile(pattern)) for name, pattern in (
    ("panic",         r"Kernel panic - not syncing"),
    ("oops",          r"\bOops\b|general protection fault|[Uu]nable to handle (?:kernel|page fault)|divide error:"),
    ("lockup",        r"soft lockup|hard LOCKUP"),
    ("bug",           r"\bBUG: |kernel BUG at"),
    ("warning",       r"^WARNING: "),
    ("rcu stall",     r"rcu.*detected (?:expedited )?stall|rcu.*self-detected stall|rcu.*detected stalls"),
    ("hung task",     r"INFO: task .* blocked for more than"),
    ("undefined behaviour", r"^UBSAN: "),
    ("out of memory", r"Out of memory: Killed process|invoked oom-killer"),
    ("lock order",    r"possible (?:circular locking|recursive locking|deadlock)"),
))


def troubles(text: str) -> list[tuple[str, str]]:
    """(kind, line) of every line that tells of trouble; a line is reported once, as its first kind."""
    found = []
    for line in text.splitlines():
        stamp = STAMP.match(line)
        if not stamp:
            continue
        message = line[stamp.end():]
        for name, pattern in TROUBLES:
            if pattern.search(message):
                found.append((name, line.strip()))
                break
    return found


def tail(text: str, lines: int = 40) -> str:
    """The console's last lines, without the escape sequences and control bytes firmware leaves there."""
    clean = re.sub(r"\x1b(?:\[[0-9;?=]*[ -/]*[@-~]|[@-_c])", "", text)
    clean = re.sub(r"[^\t\n\x20-\x7e\u00a0-\uffff]", "", clean)
    return "\n".join([line for line in clean.splitlines() if line.strip()][-lines:])
