# SPDX-License-Identifier: Apache-2.0
"""Tests of the differential oracle's own judgement: that no way of differing looks like being the same."""

import copy
import pathlib
import sys
import tempfile
import unittest
import unittest.mock

HERE = pathlib.Path(__file__).resolve().parent
sys.path.insert(0, str(HERE / "oracle"))

import compare  # noqa: E402
import kernel_source  # noqa: E402
import selftests  # noqa: E402

KERNEL = compare.Kernel("6.1", "6.1.0", pathlib.Path("btf"), pathlib.Path("config"))
THEIRS = {
    "name": "on_exec", "section": "tp/x", "type": 5, "expected_attach_type": 0,
    "insns": ["18110000000000000", "0000000000000000", "9500000000000000"],
    "refs": [{"insn": 0, "kind": "map", "name": "events"}, {"insn": 1, "kind": "map_value", "name": "objec.bss", "offset": 8}],
    "func_info": [[0, 3]], "line_info": [[0, 1, 2, 1024]],
}
OURS = {**copy.deepcopy(THEIRS), "core": []}
OURS["refs"][1]["name"] = ".bss"


def changed(**fields: object) -> dict:
    return {**copy.deepcopy(OURS), **fields}


def kind(theirs: dict | None, ours: dict | None) -> str:
    return compare.compare_program(theirs, ours)[0]


class Programs(unittest.TestCase):
    def test_equal_programs_are_the_same_though_libbpf_names_data_maps_after_the_object(self):
        self.assertEqual(kind(THEIRS, OURS), "same")

    def test_a_data_section_of_its_own_is_named_by_libbpf_as_far_as_a_kernel_keeps_it(self):
        theirs, ours = copy.deepcopy(THEIRS), changed()
        theirs["refs"][1]["name"], ours["refs"][1]["name"] = ".bss.MASK_NESTE", ".bss.MASK_NESTED"
        self.assertEqual(kind(theirs, ours), "same")
        theirs["refs"][1]["name"] = ".bss.MASK_NEST"
        self.assertEqual(kind(theirs, ours), "refs")

    def test_every_part_of_a_program_is_compared(self):
        self.assertEqual(kind(THEIRS, changed(insns=OURS["insns"][:2])), "insns")
        self.assertEqual(kind(THEIRS, changed(type=6)), "type")
        self.assertEqual(kind(THEIRS, changed(expected_attach_type=1)), "type")
        self.assertEqual(kind(THEIRS, changed(section="tp/y")), "type")
        self.assertEqual(kind(THEIRS, changed(func_info=[])), "info")
        self.assertEqual(kind(THEIRS, changed(line_info=[[0, 1, 2, 1025]])), "info")
        self.assertEqual(kind(THEIRS, changed(refs=OURS["refs"][:1])), "refs")
        other = changed()
        other["refs"][1]["offset"] = 0
        self.assertEqual(kind(THEIRS, other), "refs")

    def test_the_question_mark_of_a_program_left_out_is_not_part_of_libbpfs_section(self):
        self.assertEqual(kind(THEIRS, changed(section="?tp/x")), "same")

    def test_a_refusal_of_one_side_is_a_difference_and_of_both_is_not(self):
        refused, error = {"refused": "on_exec", "why": "w"}, {"name": "on_exec", "error": "e"}
        self.assertEqual(kind(refused, OURS), "accepted")
        self.assertEqual(kind(THEIRS, error), "refused")
        self.assertEqual(kind(refused, error), "both refuse")
        self.assertEqual(kind(None, OURS), "missing")
        self.assertEqual(kind(THEIRS, None), "missing")

    def test_the_first_differing_instruction_is_shown_with_what_we_know_about_it(self):
        ours = changed(core=[{"insn": 2, "text": "core byte_off"}])
        ours["insns"][2] = "9500000000000001"
        text = compare.compare_program(THEIRS, ours)[1]
        self.assertEqual(text, "insn 2: libbpf 9500000000000000, bpfld 9500000000000001; core byte_off")


class Objects(unittest.TestCase):
    def compare(self, theirs: dict, ours: dict) -> tuple[dict, list[str]]:
        counts, differences = compare.compare_object(KERNEL, "object", theirs, ours)
        return dict(counts), [difference.kind for difference in differences]

    def test_an_object_refused_as_a_whole_stands_for_all_of_its_programs(self):
        self.assertEqual(self.compare({"on_exec": THEIRS}, {"": {"error": "e"}}), ({"refused": 1}, ["refused"]))
        self.assertEqual(self.compare({"": {"refused": "", "why": "w"}}, {"on_exec": OURS}),
                         ({"accepted": 1}, ["accepted"]))
        self.assertEqual(self.compare({"": {"refused": "", "why": "w"}}, {"": {"error": "e"}}),
                         ({"both refuse": 1}, []))

    def test_an_object_without_programs_must_be_accepted_by_both_or_neither(self):
        self.assertEqual(self.compare({}, {}), ({}, []))
        self.assertEqual(self.compare({}, {"": {"error": "e"}}), ({"missing": 1}, ["missing"]))

    def test_a_program_that_only_one_side_has_is_a_difference(self):
        self.assertEqual(self.compare({"on_exec": THEIRS}, {}), ({"missing": 1}, ["missing"]))


class KnownDifferences(unittest.TestCase):
    def read(self, text: str) -> list[compare.Known]:
        with tempfile.TemporaryDirectory() as directory:
            path = pathlib.Path(directory) / "list.txt"
            path.write_text(text)
            return compare.read_known(path)

    def test_a_line_explains_its_kind_object_program_and_text_only(self):
        line = self.read("# comment\n\nrefused | a* | p | no maps | why\n")[0]
        self.assertTrue(line.explains(compare.Difference("6.1", "abc", "p", "refused", "has no maps here")))
        for difference in (compare.Difference("6.1", "abc", "p", "insns", "no maps"),
                           compare.Difference("6.1", "bcd", "p", "refused", "no maps"),
                           compare.Difference("6.1", "abc", "q", "refused", "no maps"),
                           compare.Difference("6.1", "abc", "p", "refused", "no programs")):
            self.assertFalse(line.explains(difference))

    def test_a_line_without_reason_or_of_an_unknown_kind_is_refused(self):
        for text in ("refused | * | * | text |\n", "strange | * | * | text | why\n", "refused | * | *\n"):
            with self.assertRaises(ValueError):
                self.read(text)

    def test_objects_of_another_series_have_a_name_of_their_own_in_the_list(self):
        folder = pathlib.Path("cache")
        self.assertEqual([compare.object_name(folder / path) for path in (
            "selftests-6.12/key/wq.bpf.o", f"selftests-{selftests.DEFAULT}/key/wq.bpf.o", "fixtures/x/wq.bpf.o")],
            ["6.12/wq", "wq", "wq"])
        lines = self.read("refused | 6.12/wq | * | x | why\nrefused | * | * | x | why\nrefused | a/wq | * | x | why\n")
        self.assertEqual([line.series() for line in lines], ["6.12", selftests.DEFAULT, selftests.DEFAULT])

    def test_the_projects_own_list_can_be_read(self):
        self.assertTrue(compare.read_known(compare.LIST))


class Selftests(unittest.TestCase):
    """Which sources are compiled, with a compiler that is a function."""

    def setUp(self):
        self.cache = pathlib.Path(self.enterContext(tempfile.TemporaryDirectory()))
        progs = self.cache / "source" / "tools/testing/selftests/bpf/progs"
        progs.mkdir(parents=True)
        for name in ("a", "b", "linked_funcs1", "linked_funcs2"):
            (progs / f"{name}.c").touch()
        (self.cache / "source" / "version").write_text("1")
        (self.cache / "btf").write_bytes(b"types")
        self.compiled: list[str] = []

        def compile_one(series, source, folder, program):
            if not (folder / f"{program.stem}.bpf.o").is_file():
                self.compiled.append(f"{series.name}:{program.stem}")
                (folder / f"{program.stem}.bpf.o").touch()

        for target, name, value in (
                (kernel_source, "cache_root", lambda: self.cache), (kernel_source, "ensure", lambda _: self.cache / "source"),
                (selftests, "kernel_btf", lambda _: self.cache / "btf"), (selftests, "output", lambda _: "clang"),
                (selftests, "prepare", lambda source, btf, folder: folder.mkdir(parents=True, exist_ok=True)),
                (selftests, "compile_one", compile_one),
                (selftests, "link_one", lambda folder, name, parts: (folder / f"{name}.bpf.o").touch())):
            self.enterContext(unittest.mock.patch.object(target, name, value))

    def test_of_a_series_only_what_is_wanted_is_compiled_and_the_rest_when_it_is(self):
        found = selftests.ensure(1, "6.12", ("a", "linked_funcs"))[1]
        self.assertEqual([path.name for path in found], ["a.bpf.o", "linked_funcs.bpf.o"])
        self.assertEqual(self.compiled, ["6.12:a", "6.12:linked_funcs1", "6.12:linked_funcs2"])
        selftests.ensure(1, "6.12")
        self.assertEqual(self.compiled[3:], ["6.12:b"])
        selftests.ensure(1, "6.12")
        self.assertEqual(len(self.compiled), 4)

    def test_the_series_do_not_share_a_folder(self):
        self.assertNotEqual(selftests.ensure(1)[0], selftests.ensure(1, "6.12")[0])
        self.assertTrue(selftests.ensure(1)[0].is_dir())


if __name__ == "__main__":
    unittest.main()
