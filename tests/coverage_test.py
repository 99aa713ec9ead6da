# SPDX-License-Identifier: Apache-2.0
"""Tests of the table of covered rows: what is written is read back, and what is missing is noticed."""

import pathlib
import sys
import tempfile
import unittest

sys.path.insert(0, str(pathlib.Path(__file__).resolve().parent))

import coverage  # noqa: E402

SECTIONS = ["socket", "xdp", "lirc_mode2"]
REASONS = {"lirc_mode2": "no receiver"}
COLUMNS = {"5.10": {"xdp": "triggered"}, "newest": {"xdp": "attached", "socket": "triggered"}}


class Table(unittest.TestCase):
    def test_the_best_that_a_log_says_of_a_row_counts(self):
        log = "COVERED: xdp attached\nCOVERED: xdp triggered\nCOVERED: xdp attached\nCOVERED: tc maybe\nCOVERED:\n"
        self.assertEqual(coverage.rows_of(log), {"xdp": "triggered"})

    def test_what_is_written_is_read_back(self):
        self.assertEqual(coverage.read_table(coverage.write_table(COLUMNS, SECTIONS, REASONS)), COLUMNS)

    def test_columns_are_in_the_order_of_versions(self):
        self.assertEqual(list(coverage.in_order({"newest": {}, "6.12": {}, "6.1": {}, "5.10": {}})),
                         ["5.10", "6.1", "6.12", "newest"])


class Check(unittest.TestCase):
    def test_a_full_table_has_no_problem(self):
        self.assertEqual(coverage.table_problems(COLUMNS, SECTIONS, REASONS), {})

    def test_a_row_that_no_kernel_called_needs_a_reason(self):
        self.assertEqual(list(coverage.table_problems(COLUMNS, [*SECTIONS, "tc"], REASONS)), ["tc"])
        attached = {"6.1": {"xdp": "triggered", "socket": "attached"}}
        self.assertEqual(list(coverage.table_problems(attached, SECTIONS, REASONS)), ["socket"])

    def test_a_reason_that_is_not_needed_is_stale(self):
        self.assertEqual(list(coverage.table_problems(COLUMNS, SECTIONS, {**REASONS, "xdp": "why?"})), ["xdp"])

    def test_a_row_or_a_reason_without_a_section_is_stale(self):
        problems = coverage.table_problems({**COLUMNS, "6.1": {"old": "triggered"}}, SECTIONS, {**REASONS, "gone": "x"})
        self.assertEqual(list(problems), ["gone", "old"])

    def test_a_column_that_is_not_what_the_tests_say_is_noticed_both_ways(self):
        self.assertEqual(list(coverage.column_problems("5.10", {"xdp": "triggered"}, {"tc": "triggered"})), ["tc", "xdp"])
        self.assertEqual(coverage.column_problems("5.10", {"xdp": "triggered"}, {"xdp": "triggered"}), {})

    def test_a_live_test_that_skips_without_a_proof_is_found(self):
        with tempfile.TemporaryDirectory() as name:
            folder = pathlib.Path(name)
            (folder / "support.cc").write_text('std::printf("SKIP: ...");')
            (folder / "good_test.cc").write_text('test::skip(...);\nCHECK(refused);\nstd::printf("SKIP: me");\n')
            (folder / "bad_test.cc").write_text('if (!ok)\n  std::printf("SKIP: me");\n')
            self.assertEqual(list(coverage.skip_problems(folder)), ["bad_test.cc:2"])


if __name__ == "__main__":
    unittest.main()
