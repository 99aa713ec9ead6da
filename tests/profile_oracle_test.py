# SPDX-License-Identifier: Apache-2.0
"""What profile_oracle.py makes of a guest's output."""

import unittest

import profile_oracle

OUTPUT = """bpfld: no configuration
@ a.bpf.o
{"program":"f"}
@ feature
{"kind":"program","name":"xdp","answer":"yes"}
{"kind":"attach","name":"f","answer":"yes"}
{"kind":"verdict","name":"a.bpf.o","answer":"yes","exit":0}
@ verify
{"program":"f","section":"xdp","ok":true}
@ b.bpf.o
"""


def said(verdict: str, status: int, *accepted: bool) -> profile_oracle.Said:
    return profile_oracle.Said(
        feature=[f'{{"kind":"verdict","name":"x","answer":"{verdict}","exit":{status}}}'],
        verify=[f'{{"program":"p","section":"xdp","ok":{str(ok).lower()},"reason":"why"}}' for ok in accepted])


class Reading(unittest.TestCase):
    def test_parts_belong_to_their_object(self):
        found = profile_oracle.read(OUTPUT)
        self.assertEqual(sorted(found), ["a.bpf.o", "b.bpf.o"])
        self.assertEqual(found["a.bpf.o"].linked, ['{"program":"f"}'])
        self.assertEqual(len(found["a.bpf.o"].feature), 3)
        self.assertEqual(len(found["a.bpf.o"].verify), 1)
        self.assertEqual(found["b.bpf.o"], profile_oracle.Said())

    def test_answers_are_compared_by_what_they_are_about(self):
        there = profile_oracle.read(OUTPUT)["a.bpf.o"].feature
        self.assertEqual(profile_oracle.differing_answers(there, there), "")
        other = [line.replace('"xdp","answer":"yes"', '"xdp","answer":"no"') for line in there]
        self.assertEqual(profile_oracle.differing_answers(there, other), "program xdp: yes there, no from its profile")
        unsaid = [line.replace('"f","answer":"yes"', '"f","answer":"-"') for line in there]
        self.assertEqual(profile_oracle.differing_answers(there, unsaid), "")
        self.assertIn("nothing from its profile", profile_oracle.differing_answers(there, there[1:]))
        self.assertIn("only from its profile", profile_oracle.differing_answers(there[1:], there))


class Judging(unittest.TestCase):
    def test_what_is_foretold_must_happen(self):
        for verdict, status, accepted, right in (("yes", 0, (True, True), True), ("yes", 0, (True, False), False),
                                                 ("no", 4, (True, False), True), ("no", 4, (True, True), False),
                                                 ("no", profile_oracle.EXIT_ATTACH, (True,), True),
                                                 ("perhaps", 0, (True,), False)):
            with self.subTest(verdict=verdict, accepted=accepted):
                self.assertEqual(profile_oracle.judge_verdict(said(verdict, status, *accepted))[1] == "", right)

    def test_exceptions_are_patterns_and_are_noted(self):
        used: set = set()
        table = {("6.*", "a.bpf.o"): "why"}
        self.assertFalse(profile_oracle.listed(table, ("5.10", "a.bpf.o"), used))
        self.assertEqual(used, set())
        self.assertTrue(profile_oracle.listed(table, ("6.1", "a.bpf.o"), used))
        self.assertEqual(used, {("6.*", "a.bpf.o")})


if __name__ == "__main__":
    unittest.main()
