#!/usr/bin/env python3
# SPDX-License-Identifier: Apache-2.0
"""Tests of include/gen_helper_defs.py: both spellings of the id list, the types, broken headers.

Headers are built here, a few lines each; one more test runs on the system's <linux/bpf.h> if there
is one, because what the script must cope with in the end is a real header.
"""

import contextlib
import importlib.util
import io
import pathlib
import re
import tempfile
import unittest

SCRIPT = pathlib.Path(__file__).resolve().parent.parent / "include" / "gen_helper_defs.py"
SYSTEM_HEADER = pathlib.Path("/usr/include/linux/bpf.h")

spec = importlib.util.spec_from_file_location("gen_helper_defs", SCRIPT)
gen = importlib.util.module_from_spec(spec)
spec.loader.exec_module(gen)


def header(prototypes, entries, macro="#define __BPF_FUNC_MAPPER(FN)"):
    """A <linux/bpf.h> with these documented prototypes and these list entries."""
    about = " * \tDescription\n * \t\tSee **bpf_x**\\ ().\n *\n"
    comment = "".join(f" * {text}\n{about}" for text in prototypes)
    listed = "\\\n".join(f"\t{entry}\t\t" for entry in entries)
    return (
        f"/*\n * Start of BPF helper function descriptions:\n *\n{comment} */\n"
        f"{macro}\\\n{listed}\n\nenum e {{}};\n"
    )


def numbered(prototypes, names):
    return header(
        prototypes,
        [f"FN({name}, {number}, ##ctx)" for name, number in names],
        "#define ___BPF_FUNC_MAPPER(FN, ctx...)",
    )


def line_of(text, name):
    lines = [line for line in text.splitlines() if f"bpf_{name})" in line]
    assert len(lines) == 1, (name, lines)
    return lines[0]


class Ids(unittest.TestCase):
    def test_an_unnumbered_list_gives_ids_by_order(self):
        text = header([], ["FN(unspec),", "FN(map_lookup_elem),", "FN(map_update_elem),"])
        self.assertEqual(gen.helper_ids(text), {"map_lookup_elem": 1, "map_update_elem": 2})

    def test_a_numbered_list_gives_the_numbers_written_even_out_of_order(self):
        text = numbered([], [("unspec", 0), ("b", 7), ("a", 3)])
        self.assertEqual(gen.helper_ids(text), {"b": 7, "a": 3})

    def test_comments_inside_the_list_are_not_entries(self):
        text = header([], ["FN(unspec),", "/* FN(gone), */", "FN(a),"])
        self.assertEqual(gen.helper_ids(text), {"a": 1})

    def test_the_list_ends_with_its_last_continued_line(self):
        text = header([], ["FN(unspec),", "FN(a)"]) + "\tFN(not_a_helper),\n"
        self.assertEqual(gen.helper_ids(text), {"a": 1})

    def test_the_one_argument_alias_of_a_numbered_list_is_not_the_list(self):
        alias = "#define __BPF_FUNC_MAPPER(FN) ___BPF_FUNC_MAPPER(__BPF_FUNC_MAPPER_APPLY, FN)\n"
        text = numbered([], [("unspec", 0), ("a", 1)]) + alias
        self.assertEqual(gen.helper_ids(text), {"a": 1})

    def test_two_helpers_with_one_id_are_refused(self):
        text = numbered([], [("unspec", 0), ("a", 3), ("b", 3)])
        with self.assertRaisesRegex(gen.HeaderError, "same id"):
            gen.helper_ids(text)

    def test_a_helper_listed_twice_is_refused(self):
        with self.assertRaisesRegex(gen.HeaderError, "helper a is listed twice"):
            gen.helper_ids(header([], ["FN(unspec),", "FN(a),", "FN(a),"]))

    def test_a_list_that_does_not_start_at_unspec_is_refused(self):
        with self.assertRaisesRegex(gen.HeaderError, "unspec"):
            gen.helper_ids(header([], ["FN(a),", "FN(b),"]))

    def test_a_header_without_a_list_is_refused(self):
        with self.assertRaisesRegex(gen.HeaderError, "no list of helpers"):
            gen.helper_ids("int x;\n")


class Prototypes(unittest.TestCase):
    def declared(self, *prototypes):
        names = dict.fromkeys(re.search(r"bpf_(\w+)\(", text)[1] for text in prototypes)
        listed = [("unspec", 0)] + [(name, order + 1) for order, name in enumerate(names)]
        return gen.generate(numbered(prototypes, listed))

    def test_a_helper_is_a_constant_pointer_whose_value_is_its_id(self):
        self.assertEqual(
            line_of(self.declared("u64 bpf_ktime_get_ns(void)"), "ktime_get_ns"),
            "static __u64 (*const bpf_ktime_get_ns)(void) = (void *)1;",
        )

    def test_kernel_types_become_the_types_a_program_sees(self):
        self.assertEqual(
            line_of(self.declared("s64 bpf_f(struct sk_buff *s, const struct bpf_map *m, u16 n)"), "f"),
            "static __s64 (*const bpf_f)(struct __sk_buff *s, const void *m, __u16 n) = (void *)1;",
        )

    def test_a_pointer_result_and_a_pointer_to_pointer_keep_their_stars(self):
        self.assertEqual(
            line_of(self.declared("struct tcp_sock *bpf_f(void **slots)"), "f"),
            "static struct tcp_sock *(*const bpf_f)(void **slots) = (void *)1;",
        )

    def test_a_variadic_helper_stays_variadic(self):
        self.assertEqual(
            line_of(self.declared("long bpf_f(const char *fmt, u32 fmt_size, ...)"), "f"),
            "static long (*const bpf_f)(const char *fmt, __u32 fmt_size, ...) = (void *)1;",
        )

    def test_a_two_word_integer_type_keeps_both_words(self):
        text = self.declared("long bpf_f(unsigned long n)")
        self.assertIn("(unsigned long n)", line_of(text, "f"))

    def test_size_t_needs_no_header(self):
        self.assertIn("(unsigned long n)", line_of(self.declared("long bpf_f(size_t n)"), "f"))

    def test_structs_are_declared_once_each_before_the_helpers(self):
        text = self.declared("long bpf_f(struct file *a)", "long bpf_g(struct file *c)")
        self.assertEqual(text.count("\nstruct file;\n"), 1)
        self.assertLess(text.index("struct file;"), text.index("bpf_f"))

    def test_a_context_described_with_several_types_is_any_pointer(self):
        text = self.declared(
            "u64 bpf_f(struct sk_buff *skb, void *p)", "u64 bpf_f(struct bpf_sock_ops *ops, struct file *p)"
        )
        self.assertEqual(
            line_of(text, "f"), "static __u64 (*const bpf_f)(void *ctx, void *p) = (void *)1;"
        )

    def test_descriptions_that_differ_in_shape_are_refused(self):
        with self.assertRaisesRegex(gen.HeaderError, "helper f is described twice"):
            self.declared("u64 bpf_f(struct sk_buff *skb)", "u64 bpf_f(struct sk_buff *skb, u32 n)")

    def test_descriptions_that_disagree_about_a_number_are_refused(self):
        with self.assertRaisesRegex(gen.HeaderError, "parameter n has two types"):
            self.declared("u64 bpf_f(u32 n)", "u64 bpf_f(u64 n)")

    def test_a_prototype_may_continue_on_the_next_line(self):
        text = self.declared("long bpf_f(u32 a,\n *             u32 b)")
        self.assertIn("(__u32 a, __u32 b)", line_of(text, "f"))

    def test_indented_text_that_looks_like_a_prototype_is_not_one(self):
        text = numbered(["long bpf_f(u32 a)"], [("unspec", 0), ("f", 1)])
        text = text.replace("See **bpf_x**\\ ().", "int res = bpf_g(buf, size);")
        self.assertEqual(list(gen.helper_prototypes(gen.documented_prototypes(text))), ["f"])

    def test_a_parameter_without_a_name_is_refused(self):
        with self.assertRaisesRegex(gen.HeaderError, "parameter without a name"):
            self.declared("long bpf_f(u32)")

    def test_a_described_helper_that_is_not_listed_is_refused(self):
        with self.assertRaisesRegex(gen.HeaderError, "described but not listed: g"):
            gen.generate(numbered(["long bpf_g(void)"], [("unspec", 0), ("f", 1)]))

    def test_a_listed_helper_that_is_not_described_is_a_comment(self):
        text = gen.generate(numbered([], [("unspec", 0), ("f", 1)]))
        self.assertIn("/* bpf_f, 1: this header does not describe it. */", text)
        self.assertNotIn("bpf_f)", text)

    def test_a_header_without_descriptions_is_refused(self):
        text = numbered([], [("unspec", 0), ("f", 1)]).replace("Start of BPF", "Nothing about")
        with self.assertRaisesRegex(gen.HeaderError, "older than v4.18"):
            gen.generate(text)


class LastHelpers(unittest.TestCase):
    def test_an_older_header_is_completed(self):
        text = gen.generate(numbered([], [("unspec", 0)]))
        self.assertTrue(line_of(text, "cgrp_storage_get").endswith("(void *)210;"))
        self.assertTrue(line_of(text, "cgrp_storage_delete").endswith("(void *)211;"))

    def test_a_header_that_has_them_is_believed(self):
        prototype = "int bpf_cgrp_storage_delete(struct bpf_map *map)"
        listed = [("unspec", 0), ("cgrp_storage_delete", 211)]
        text = gen.generate(numbered([prototype], listed))
        self.assertIn("static int ", line_of(text, "cgrp_storage_delete"))


class CommandLine(unittest.TestCase):
    def test_a_bad_header_is_reported_by_name_and_writes_nothing(self):
        with tempfile.TemporaryDirectory() as folder:
            source = pathlib.Path(folder, "bpf.h")
            output = pathlib.Path(folder, "defs.h")
            source.write_text("int x;\n")
            errors = io.StringIO()
            with contextlib.redirect_stderr(errors):
                self.assertEqual(gen.main([str(source), str(output)]), 1)
            self.assertEqual(errors.getvalue(), f"{source}: no list of helpers (__BPF_FUNC_MAPPER)\n")
            self.assertFalse(output.exists())

    @unittest.skipUnless(SYSTEM_HEADER.exists(), "no <linux/bpf.h> on this machine")
    def test_the_system_header_gives_every_helper_it_lists(self):
        with tempfile.TemporaryDirectory() as folder:
            output = pathlib.Path(folder, "defs.h")
            self.assertEqual(gen.main([str(SYSTEM_HEADER), str(output)]), 0)
            text = output.read_text()
        listed = gen.helper_ids(SYSTEM_HEADER.read_text())
        self.assertGreater(len(listed), 80)  # v4.18, the first header with descriptions, has 81
        for name, number in listed.items():
            self.assertTrue(line_of(text, name).endswith(f" = (void *){number};"), name)
        self.assertNotIn("struct sk_buff", text)
        self.assertNotRegex(text, r"\b[us](8|16|32|64)\b")


if __name__ == "__main__":
    unittest.main()
