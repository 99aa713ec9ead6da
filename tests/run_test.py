# SPDX-License-Identifier: Apache-2.0
"""Tests of the test runner: how it counts, and that no way of failing looks like passing."""

import contextlib
import io
import pathlib
import sys
import tempfile
import unittest

sys.path.insert(0, str(pathlib.Path(__file__).resolve().parent))

import counts  # noqa: E402
import on_kernel  # noqa: E402
import run  # noqa: E402
import suites  # noqa: E402
from counts import Counts  # noqa: E402

DOCTEST = """\
[doctest] doctest version is "2.4.9"
===============================================================================
[doctest] test cases:  12 |  {passed} passed | {failed} failed | 2 skipped
[doctest] assertions: 120 | 119 passed | 1 failed |
[doctest] Status: FAILURE!
"""


class Reading(unittest.TestCase):
    def test_doctests_cases_are_counted_and_not_its_assertions(self):
        self.assertEqual(counts.read_doctest(DOCTEST.format(passed=11, failed=1), 1), Counts(11, 1, 2))

    def test_colours_do_not_matter(self):
        text = "\x1b[0;36m[doctest] \x1b[0mtest cases: 3 | \x1b[0;32m3 passed\x1b[0m | 0 failed\x1b[0m | 0 skipped\n"
        self.assertEqual(counts.read_doctest(text, 0), Counts(3, 0, 0))

    def test_a_live_test_that_says_skip_is_moved_from_passed_to_skipped(self):
        text = "SKIP: live: fentry attaches: no trampolines here\nSKIP: live: kprobe fires: no kprobes\n"
        self.assertEqual(counts.read_doctest(text + DOCTEST.format(passed=12, failed=0), 0), Counts(10, 0, 4))

    def test_a_test_that_skips_twice_is_one_test(self):
        text = ("SKIP: live: fentry attaches: no trampolines\nSKIP: live: fentry attaches: no BTF\n"
                "SKIP: live: fentry attaches: no trampolines: EPERM\n")
        self.assertEqual(counts.skips(text), ["live: fentry attaches: no trampolines"])

    def test_no_summary_is_no_test(self):
        for reader in (counts.read_doctest, counts.read_unittest, counts.read_summary):
            self.assertEqual(reader("Segmentation fault\n", 139).total, 0)

    def test_unittests_runs_are_added_up(self):
        text = ("....\n\nRan 26 tests in 0.036s\n\nOK (skipped=2)\n"
                "F.\n\nRan 10 tests in 0.1s\n\nFAILED (failures=1, errors=2, skipped=1)\n")
        self.assertEqual(counts.read_unittest(text, 1), Counts(30, 3, 3))

    def test_our_own_summaries_are_read(self):
        self.assertEqual(counts.read_summary("x\n[layers] rules: 6 | 5 passed | 1 failed | 0 skipped (9 files)\n", 1),
                         Counts(5, 1, 0))


GOOD = "[doctest] test cases: 2 | 2 passed | 0 failed | 0 skipped\n"
SUITE = suites.Suite("x", ("true",))


class Judging(unittest.TestCase):
    def test_a_good_run_is_good(self):
        outcome = run.judge(SUITE, 0, GOOD, 1.0)
        self.assertEqual((outcome.failed, outcome.counts), (False, Counts(2, 0, 0)))

    def test_every_odd_ending_is_a_failed_test(self):
        for trouble, status, output in (
                ("ran no test", 0, ""),
                ("ran no test", 0, GOOD.replace("2", "0")),
                ("ran no test", 1, "error: cannot open\n"),
                ("could not be started", 127, ""),
                ("killed by SIGSEGV", -11, GOOD),
                ("timed out after 300 s", -9, GOOD + "\nrun: timed out after 300 s\n"),
                ("exit status 125, though no test failed", 125, GOOD),
                ("exit status 0, though a test failed", 0, GOOD.replace("0 failed", "1 failed"))):
            with self.subTest(trouble):
                outcome = run.judge(SUITE, status, output, 1.0)
                self.assertIn(trouble, outcome.trouble)
                self.assertTrue(outcome.failed)
                self.assertEqual(outcome.counts.failed, 1)

    def test_a_missing_program_and_a_hanging_one_are_told_apart(self):
        status, output, _ = run.run_command(("./no-such-program",), 5)
        self.assertEqual(run.judge(SUITE, status, output, 0).trouble, "could not be started")
        status, output, seconds = run.run_command(("sleep", "60"), 0.2)
        self.assertIn("timed out", run.judge(SUITE, status, output, seconds).trouble)

    def test_a_suite_whose_need_is_unmet_fails_without_running(self):
        suite = suites.Suite("x", ("./no-such-program",), needs=("build",))
        outcome = run.run_suite(suite, {"build": "could not get: build"})
        self.assertEqual((outcome.trouble, outcome.counts), ("could not get: build", Counts(0, 1, 0)))

    def test_a_suite_after_others_gets_the_names_of_those_that_ran_and_may_be_shown(self):
        last = suites.Suite("last", ("echo", "[x] rows: 1 | 1 passed | 0 failed | 0 skipped"), reader="summary",
                            after=("first", "absent"), shown=True)
        first = suites.Suite("first", ("echo", "[x] rows: 1 | 1 passed | 0 failed | 0 skipped"), reader="summary")
        text, logs = io.StringIO(), run.LOGS
        with tempfile.TemporaryDirectory(dir=run.ROOT) as name, contextlib.redirect_stdout(text):
            run.LOGS = pathlib.Path(name)
            try:
                outcomes = run.run_all([last, first], {})
            finally:
                run.LOGS = logs
        self.assertEqual([(o.name, o.failed) for o in outcomes], [("first", False), ("last", False)])
        self.assertIn("\n  [x] rows: 1 | 1 passed | 0 failed | 0 skipped first\n", text.getvalue())
        self.assertNotIn("absent", text.getvalue())

    def test_an_unknown_suite_is_refused(self):
        message = io.StringIO()
        with contextlib.redirect_stderr(message):
            self.assertEqual(run.main(["unit", "nonsense"]), 2)
        self.assertIn('no suite "nonsense"', message.getvalue())


class Table(unittest.TestCase):
    def test_names_are_unique_and_every_need_and_reader_exists(self):
        names = [suite.name for suite in suites.SUITES]
        self.assertEqual(len(names), len(set(names)))
        for suite in suites.SUITES:
            self.assertIn(suite.reader, counts.READERS)
            for need in suite.needs:
                self.assertIn(need, suites.NEEDS)

    def test_suites_are_chosen_by_name_and_vm_means_every_kernel(self):
        self.assertEqual([suite.name for suite in suites.choose(["golden", "unit"])], ["unit", "golden"])
        chosen = [suite.name for suite in suites.choose(["vm"])]
        self.assertEqual(chosen, [suite.name for suite in suites.SUITES if suite.name.startswith("vm-")])
        self.assertLessEqual({"vm-5.10", "vm-6.1", "vm-6.12", "vm-newest", "vm-features"}, set(chosen))
        self.assertEqual(suites.choose([]), list(suites.SUITES))


class Staging(unittest.TestCase):
    def test_what_a_guest_gets_keeps_its_relative_path(self):
        with tempfile.TemporaryDirectory() as name:
            root, to = pathlib.Path(name) / "root", pathlib.Path(name) / "to"
            for path in ("build/cli/bpfld", "build/examples/a/b/x.bpf.o", "build/fixtures/y.bpf.o",
                         "build/tests/unit_test"):
                (root / path).parent.mkdir(parents=True, exist_ok=True)
                (root / path).write_text("not ELF")
            staged = on_kernel.stage(root, to)
            self.assertEqual(staged, ["build/cli/bpfld", "build/fixtures/y.bpf.o", "build/examples/a/b/x.bpf.o"])
            self.assertEqual(sorted(str(path.relative_to(to)) for path in to.rglob("*") if path.is_file()),
                             sorted(staged))


if __name__ == "__main__":
    unittest.main()
