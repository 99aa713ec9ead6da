# SPDX-License-Identifier: Apache-2.0
"""Tests of the parity comparison's own judgement: that no way of differing looks like being the same."""

import contextlib
import io
import json
import pathlib
import sys
import tempfile
import unittest
import unittest.mock

HERE = pathlib.Path(__file__).resolve().parent
sys.path[:0] = [str(HERE / "parity"), str(HERE / "oracle"), str(HERE / "vm")]

import asking  # noqa: E402
import fetch  # noqa: E402
import kernels  # noqa: E402
import parity  # noqa: E402
import selftests  # noqa: E402


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


def row(object_, program, ok=True):
    return json.dumps({"object": object_, "program": program, "ok": ok, "errno": 0, "reason": None}) + "\n"


class Reading(unittest.TestCase):
    def test_a_batch_that_ended_well_is_known(self):
        answers = asking.read("@ before prog 1\n@ ask x y\n" + row("x", "a") + row("end", None, False)
                              + "@ left 0 3 prog 1\n@ done 9\n@ end\n")
        self.assertEqual((list(answers.found), answers.answered, answers.left), ([("x", "a")], {"x", "y"}, {}))
        self.assertEqual(asking.batches(["x", "y", "z"], answers), [["z"]])

    def test_of_a_batch_that_did_not_end_each_object_is_asked_alone(self):
        for end in ("{\"object\":\"y\"", "@ done 139\n", "\n@ died kernel panic\n"):
            answers = asking.read("@ before prog\n@ ask x y\n" + row("x", "a") + end)
            self.assertEqual((answers.found, answers.died), ({}, {}))
            self.assertEqual(asking.batches(["x", "y", "z"], answers), [["x"], ["y"], ["z"]])

    def test_what_is_asked_alone_and_does_not_end_is_what_did_it(self):
        answers = asking.read("@ ask x\n" + row("x", "a") + "@ done 139\n@ ask y\n\n@ died kernel panic\n")
        self.assertEqual(answers.died, {"x": "status 139, after a", "y": "kernel panic"})
        self.assertEqual(asking.batches(["x", "y"], answers), [])

    def test_what_was_interrupted_is_asked_again_and_then_known(self):
        log = "@ ask x\n" + row("x", "a")
        self.assertEqual(asking.batches(["x"], asking.read(log)), [["x"]])
        answers = asking.read(log + "@ before\n@ ask x\n" + row("x", "a") + "@ done 0\n")
        self.assertEqual((answers.answered, answers.died), ({"x"}, {}))

    def test_whatever_is_left_behind_is_said(self):
        def left(text):
            return asking.read(f"@ before prog 1\n@ ask x y\n@ left {text}\n@ done 0\n").left

        self.assertEqual(left("0 4 prog 1"), {})
        self.assertEqual(left("1 4 prog 1"), {"x to y": "1 descriptors of BPF objects"})
        self.assertEqual(left("0 5 prog 1"), {"x to y": "5 descriptors"})
        self.assertEqual(left("0 3 prog 1 2"), {"x to y": "ids were prog 1, are prog 1 2"})
        self.assertEqual(left("0 0 prog 1"), {"x to y": "the process ended before it could be looked at"})
        self.assertEqual(left("ls: no"), {"x to y": "it was not to be found out"})

    def test_a_leak_that_is_not_told_is_missed(self):
        told = "3 descriptors of BPF objects, ids were prog 1 map link btf 4, are prog 1 2 map 7 link 1 btf 4 5"
        self.assertEqual(parity.unseen_leaks(told), [])
        self.assertEqual(parity.unseen_leaks(told.replace("link 1", "link")), ["link"])
        self.assertEqual(parity.unseen_leaks(told.replace("prog 1 2", "prog 1")), ["prog"])
        self.assertEqual(parity.unseen_leaks(""), ["prog", "map", "link", "btf", "descriptor"])

    def test_a_tool_that_died_and_what_is_left_are_differences(self):
        ours = asking.Answers(died={"x": "status 139"}, left={"y to z": "5 descriptors"})
        differences, _ = parity.compare("6.1", ["x"], ours, asking.Answers())
        self.assertEqual([(d.kind, d.object, d.text) for d in differences],
                         [("crash", "x", "bpfld: status 139"), ("left", "y to z", "5 descriptors")])


class Choosing(unittest.TestCase):
    def test_a_folder_of_objects_has_a_name_that_changes_with_them(self):
        with tempfile.TemporaryDirectory() as name:
            folder = pathlib.Path(name)
            with self.assertRaises(ValueError):
                parity.choose(folder, selftests.DEFAULT, 1)
            (folder / "a.bpf.o").write_bytes(b"a")
            (folder / "README").write_bytes(b"")
            first, objects = parity.choose(folder, selftests.DEFAULT, 1)
            self.assertEqual([path.name for path in objects], ["a.bpf.o"])
            self.assertEqual(parity.choose(folder, selftests.DEFAULT, 1)[0], first)
            (folder / "a.bpf.o").write_bytes(b"b")
            self.assertNotEqual(parity.choose(folder, selftests.DEFAULT, 1)[0], first)
            (folder / "b c.bpf.o").write_bytes(b"")
            with self.assertRaises(ValueError):
                parity.choose(folder, selftests.DEFAULT, 1)


class List(unittest.TestCase):
    def test_the_list_can_be_read_and_a_line_of_another_form_cannot(self):
        parity.read_known(parity.LIST)
        with tempfile.TemporaryDirectory() as name:
            path = pathlib.Path(name) / "list"
            path.write_text("refused | * | x | y | reason\n")
            with self.assertRaises(ValueError):
                parity.read_known(path)

    def report(self, series, text):
        with tempfile.TemporaryDirectory() as name:
            path = pathlib.Path(name) / "list"
            path.write_text(text)
            known = parity.read_known(path)
        difference = parity.Difference("6.12", "wq.bpf.o", "p", "errno", "x")
        with contextlib.redirect_stdout(io.StringIO()) as out:
            status = parity.report("6.12", series, [difference], 1, known, True)
        return status, out.getvalue()

    def test_an_object_of_another_series_is_listed_with_the_series(self):
        lines = "errno | * | 6.12/wq.bpf.o | p | x | why\n", "errno | * | wq.bpf.o | p | x | why\n"
        self.assertEqual(self.report("6.12", lines[0])[0], 0)
        self.assertEqual(self.report(selftests.DEFAULT, lines[1])[0], 0)
        self.assertIn("errno: 6.12/wq.bpf.o: p", self.report("6.12", lines[1])[1])
        self.assertIn("errno: wq.bpf.o: p", self.report(selftests.DEFAULT, lines[0])[1])

    def test_a_line_is_stale_only_where_its_series_was_compared(self):
        both = "errno | * | * | p | x | why\n"
        self.assertEqual(self.report("6.12", both + "errno | * | other.bpf.o | p | x | why\n")[0], 0)
        status, text = self.report("6.12", both + "errno | * | 6.12/other.bpf.o | p | x | why\n")
        self.assertEqual(status, 1)
        self.assertIn(":2: explains nothing any more", text)

    def test_the_answers_about_one_series_do_not_displace_those_about_another(self):
        with tempfile.TemporaryDirectory() as name:
            root = pathlib.Path(name)
            (root / "tool").write_text("tool")
            kernel = kernels.find("6.12", {"6.12": "6.12.1"})
            with (unittest.mock.patch.object(fetch, "ensure", lambda _: {"release": "6.12.1"}),
                  unittest.mock.patch.object(fetch, "cache_root", lambda: root / "kernels")):
                paths = [asking.log_path(kernel, "libbpf", root / "tool", "key", series) for series in ("", "6.12")]
                for path in paths:
                    path.touch()
                for series in ("", "6.12"):
                    asking.log_path(kernel, "libbpf", root / "tool", "key", series)
                self.assertTrue(all(path.is_file() for path in paths))
                asking.log_path(kernel, "libbpf", root / "tool", "other key", "6.12")
                self.assertEqual([path.is_file() for path in paths], [True, False])


if __name__ == "__main__":
    unittest.main()
