#!/usr/bin/env python3
# SPDX-License-Identifier: Apache-2.0
"""Runs the test suites of suites.py and closes with one line, `N passed, N failed, N skipped`.

What a suite needs is made first; a suite whose needs cannot be met has failed, and the others still
run. A suite also fails if its program is missing, crashes, times out or runs no test at all. Small
suites run two at a time (see PARALLEL), those marked `alone` by themselves. The full output of each is
in .cache/test/; what failed is shown here, and so is every skipped test with its reason.
"""

import concurrent.futures
import os
import pathlib
import signal
import subprocess
import sys
import textwrap
import threading
import time
from dataclasses import dataclass

import counts
import suites

ROOT = pathlib.Path(__file__).resolve().parent.parent
LOGS = ROOT / ".cache" / "test"
SHOWN_LINES = 150  # of a failing suite's output; the log has the rest

# A guest keeps about one core busy, so two at once use this project's two-core machines well:
# measured, four kernels take 18 s one after the other, 13 s by twos, 12 s all at once.
PARALLEL = 2


@dataclass
class Outcome:
    name: str
    seconds: float
    counts: counts.Counts
    skips: list[str]
    trouble: str  # why the suite failed, beyond failing tests; empty if nothing is wrong
    output: str

    @property
    def failed(self) -> bool:
        return bool(self.trouble) or self.counts.failed > 0


def run_command(command: tuple[str, ...], timeout: float) -> tuple[int, str, float]:
    """(status, output, seconds); 127 if there is no such program, -9 if it was killed for its time."""
    started = time.monotonic()
    try:
        process = subprocess.Popen(command, cwd=ROOT, stdin=subprocess.DEVNULL, stdout=subprocess.PIPE,
                                   stderr=subprocess.STDOUT, start_new_session=True)
    except OSError as error:
        return 127, f"{command[0]}: {error.strerror}\n", 0.0
    timed_out = threading.Event()

    def kill() -> None:
        timed_out.set()
        os.killpg(process.pid, signal.SIGKILL)

    timer = threading.Timer(timeout, kill)
    timer.start()
    try:
        data, _ = process.communicate()
    finally:
        timer.cancel()
    output = data.decode(errors="replace")
    if timed_out.is_set():
        output += f"\nrun: timed out after {timeout:g} s\n"
    return process.returncode, output, time.monotonic() - started


def judge(suite: suites.Suite, status: int, output: str, seconds: float) -> Outcome:
    """The outcome of a suite that ran; whatever is odd about it becomes one failed test, at least."""
    found = counts.READERS[suite.reader](output, status)
    trouble = ""
    if "\nrun: timed out after " in output:
        trouble = f"timed out after {suite.timeout:g} s"
    elif status == 127:
        trouble = "could not be started"
    elif status < 0:
        trouble = f"killed by {signal.Signals(-status).name}"
    elif found.total == 0:
        trouble = f"ran no test (exit status {status})"
    elif status != 0 and found.failed == 0:
        trouble = f"exit status {status}, though no test failed"
    elif status == 0 and found.failed:
        trouble = "exit status 0, though a test failed"
    if trouble and not found.failed:
        found = counts.Counts(found.passed, 1, found.skipped)
    return Outcome(suite.name, seconds, found, counts.skips(output), trouble, output)


def describe(outcome: Outcome) -> str:
    found = outcome.counts
    line = (f"{outcome.name:<17}{outcome.seconds:7.1f} s {found.passed:6} passed {found.failed:5} failed "
            f"{found.skipped:5} skipped")
    return f"{line}   {outcome.trouble}" if outcome.trouble else line


def write_log(name: str, output: str) -> pathlib.Path:
    LOGS.mkdir(parents=True, exist_ok=True)
    path = LOGS / f"{name.replace(' ', '-')}.log"
    path.write_text(output)
    return path.relative_to(ROOT)


def show_output(name: str, output: str) -> None:
    path = write_log(name, output)
    lines = output.splitlines()
    print(f"--- {name}: " + (f"last {SHOWN_LINES} of {len(lines)} lines, all in {path}"
                             if len(lines) > SHOWN_LINES else str(path)))
    print("\n".join(lines[-SHOWN_LINES:]), flush=True)
    print(f"--- end of {name}")


def meet_needs(chosen: list[suites.Suite]) -> dict[str, str]:
    """Makes what the suites need; returns the needs that could not be met, with why."""
    unmet: dict[str, str] = {}
    for need in dict.fromkeys(need for suite in chosen for need in suite.needs):
        status, output, seconds = run_command(suites.NEEDS[need], suites.NEEDS_TIMEOUT)
        print(f"{need:<17}{seconds:7.1f} s" + ("" if status == 0 else f"   FAILED with status {status}"), flush=True)
        if status != 0:
            show_output(need, output)
            unmet[need] = f"could not get: {need}"
    return unmet


def run_suite(suite: suites.Suite, unmet: dict[str, str], ran: tuple[str, ...] = ()) -> Outcome:
    """`ran`: the suites that have run; see Suite.after."""
    for need in suite.needs:
        if need in unmet:
            return Outcome(suite.name, 0.0, counts.Counts(failed=1), [], unmet[need], "")
    logs = tuple(name for name in suite.after if name in ran)
    status, output, seconds = run_command((*suite.command, *logs), suite.timeout)
    return judge(suite, status, output, seconds)


def run_all(chosen: list[suites.Suite], unmet: dict[str, str]) -> list[Outcome]:
    """Runs the suites in the table's order, `alone` ones first, those `after` others last; reports each as soon as it is done."""
    outcomes = []

    def done(outcome: Outcome) -> None:
        outcomes.append(outcome)
        write_log(outcome.name, outcome.output)
        print(describe(outcome), flush=True)
        if outcome.failed and outcome.output:
            show_output(outcome.name, outcome.output)
        elif outcome.name in shown:
            print(textwrap.indent(outcome.output.rstrip(), "  "), flush=True)

    shown = {suite.name for suite in chosen if suite.shown}
    for suite in chosen:
        if suite.alone:
            done(run_suite(suite, unmet))
    with concurrent.futures.ThreadPoolExecutor(PARALLEL) as pool:
        running = [pool.submit(run_suite, suite, unmet) for suite in chosen
                   if not suite.alone and not suite.after]
        for future in concurrent.futures.as_completed(running):
            done(future.result())
    ran = tuple(outcome.name for outcome in outcomes)
    for suite in chosen:
        if suite.after:
            done(run_suite(suite, unmet, ran))
    return outcomes


def main(argv: list[str]) -> int:
    if argv == ["--list"]:
        for suite in suites.SUITES:
            print(f"{suite.name:<18}{' '.join(suite.command)}")
        return 0
    try:
        chosen = suites.choose(argv)
    except ValueError as error:
        print(f"run: {error}", file=sys.stderr)
        return 2
    started = time.monotonic()
    outcomes = run_all(chosen, meet_needs(chosen))
    skipped = [f"{outcome.name}: {skip}" for outcome in outcomes for skip in outcome.skips]
    if skipped:
        print("skipped:")
        print("\n".join(f"  {line}" for line in skipped))
    failing = [outcome.name for outcome in outcomes if outcome.failed]
    if failing:
        print(f"failing suites: {' '.join(failing)}")
    print(f"{len(outcomes)} suites in {time.monotonic() - started:.1f} s")
    totals = [sum(getattr(outcome.counts, key) for outcome in outcomes) for key in ("passed", "failed", "skipped")]
    print("{} passed, {} failed, {} skipped".format(*totals), flush=True)
    return 1 if failing else 0


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
