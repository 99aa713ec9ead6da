# SPDX-License-Identifier: Apache-2.0
"""Tests of the parity comparison's own judgement: that no way of differing looks like being the same."""

import json
import pathlib
import sys
import tempfile
import unittest

HERE = pathlib.Path(__file__).resolve().parent
sys.path[:0] = [str(HERE / "parity"), str(HERE / "oracle")]

import parity  # noqa: E402


def entry(program, ok, errno=0, reason=None):
    return {"object": "x.bpf.o", "program": program, "ok": ok, "errno": errno, "reason": reason}


def kinds(ours, theirs):
    found, _ = parity.compare_programs("6.1", {e["program"] or "": e for e in ours},
                                       {e["program"] or "": e for e in theirs})
    return [(difference.kind, difference.program) for difference in found]


class Comparing(unittest.TestCase):
    def test_the_same_verdict_and_errno_is_the_same(self):
        self.assertEqual(kinds([entry("a", True), entry("b", False, 13, "x")],
                               [entry("a", True), entry("b", False, 13, "y")]), [])

    def test_each_way_of_differing_has_its_kind(self):
        self.assertEqual(kinds([entry("a", False, 22)], [entry("a", True)]), [("refused", "a")])
        self.assertEqual(kinds([entry("a", True)], [entry("a", False, 22)]), [("accepted", "a")])
        self.assertEqual(kinds([entry("a", False, 0)], [entry("a", False, 22)]), [("errno", "a")])
        self.assertEqual(kinds([entry("a", True)], [entry("a", True), entry("b", True)]), [("missing", "b")])

    def test_an_object_that_is_refused_is_each_of_its_programs(self):
        self.assertEqual(kinds([entry(None, False, 0, "no")], [entry("a", True), entry("b", False, 22)]),
                         [("refused", "a"), ("errno", "b")])


class Reading(unittest.TestCase):
    def test_a_line_that_was_cut_off_is_no_answer_and_the_last_mark_is_known(self):
        answers = parity.Answers()
        parity.read_answers("@ bpfld x.bpf.o\n" + json.dumps(entry("a", True)) + "\n{\"object\":\"x.b", answers)
        self.assertEqual(list(answers.found["bpfld"]), [("x.bpf.o", "a")])
        self.assertEqual((answers.at, answers.complete), (("bpfld", "x.bpf.o"), False))

    def test_a_tool_that_died_is_a_difference(self):
        answers = parity.Answers()
        parity.read_answers("@ bpfld x.bpf.o\n@ died 139\n@ libbpf x.bpf.o\n"
                            + json.dumps(entry("a", True)) + "\n@ end\n", answers)
        differences, _ = parity.compare("6.1", ["x.bpf.o"], answers)
        self.assertEqual([(d.kind, d.text) for d in differences],
                         [("crash", "bpfld: status 139, after the first program")])


class List(unittest.TestCase):
    def test_the_list_can_be_read_and_a_line_of_another_form_cannot(self):
        parity.read_known(parity.LIST)
        with tempfile.TemporaryDirectory() as name:
            path = pathlib.Path(name) / "list"
            path.write_text("refused | * | x | y | reason\n")
            with self.assertRaises(ValueError):
                parity.read_known(path)


if __name__ == "__main__":
    unittest.main()
