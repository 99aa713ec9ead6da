# SPDX-License-Identifier: Apache-2.0
"""Tests of the layer rules: every rule is broken once, and the nearest legal thing is not reported."""

import pathlib
import sys
import unittest

sys.path.insert(0, str(pathlib.Path(__file__).resolve().parent))

import layers  # noqa: E402

HEADER = "// SPDX-License-Identifier: Apache-2.0"


def broken(path: str, *lines: str, opening: str = HEADER) -> list[str]:
    """What the rules say about a file with these lines after its opening line."""
    return [line for _, line in layers.check([layers.File(path, [opening, *lines])])]


class Arrows(unittest.TestCase):
    def test_every_arrow_of_the_table_holds_and_every_other_is_reported(self):
        for source, allowed in layers.MAY_INCLUDE.items():
            for target in layers.MAY_INCLUDE:
                with self.subTest(f"{source} -> {target}"):
                    found = broken(f"{source}/x.cc", f'#include "{target}/y.h"')
                    legal = target == source or target in allowed
                    self.assertEqual(found, [] if legal else
                                     [f"{source}/x.cc:2: arrows: {source}/ may not include {target}/"])

    def test_the_three_readers_never_include_each_other(self):
        readers = {"elf", "btf", "bpf"}
        for reader in readers:
            self.assertFalse(readers & set(layers.MAY_INCLUDE[reader]))

    def test_the_product_does_not_include_its_tests(self):
        self.assertEqual(broken("btf/x.cc", '#include "tests/support/builder.h"'),
                         ["btf/x.cc:2: arrows: btf/ may not include tests/"])
        self.assertEqual(broken("tests/btf/x_test.cc", '#include "tests/support/builder.h"', '#include "elf/x.h"'), [])

    def test_an_include_without_its_folder_is_reported(self):
        self.assertEqual(broken("btf/x.cc", '#  include "view.h"'),
                         ['btf/x.cc:2: arrows: write "view.h" with its folder, "btf/view.h"'])


class Twice(unittest.TestCase):
    @staticmethod
    def found(*files: tuple[str, list[str]]) -> list[str]:
        return [what for _, _, what in layers.twice([layers.File(path, lines) for path, lines in files])]

    def test_a_type_that_two_files_define_is_reported(self):
        one, other = ["namespace bpfld::bpf {", "struct MapInfo {"], ["namespace bpfld::bpf {", "class MapInfo final {"]
        self.assertEqual(self.found(("bpf/a.h", one), ("bpf/b.cc", other)),
                         ["bpfld::bpf::MapInfo is also defined in bpf/a.h"])

    def test_a_file_may_have_its_own_and_declare_anothers(self):
        one = ["namespace bpfld::bpf {", "struct MapInfo {"]
        for other in (["namespace bpfld::bpf {", "namespace {", "struct MapInfo {"],
                      ["namespace bpfld::btf {", "struct MapInfo {"],
                      ["namespace bpfld::bpf {", "struct MapInfo;"],
                      ["namespace bpfld::bpf {", "struct Other {", "  struct MapInfo {"]):
            with self.subTest(other):
                self.assertEqual(self.found(("bpf/a.h", one), ("bpf/b.cc", other)), [])


class Shell(unittest.TestCase):
    def test_a_pure_file_may_not_reach_the_system(self):
        for header in ("unistd.h", "fcntl.h", "fstream", "poll.h", "sys/mman.h", "linux/perf_event.h", "iostream"):
            for path in ("btf/view.cc", "loader/plan.cc", "loader/attach_tc.cc", "loader/pin.cc", "bpf/encode.cc", "base/bytes.h"):
                with self.subTest(f"{path} {header}"):
                    self.assertEqual(broken(path, f"#include <{header}>"),
                                     [f"{path}:2: shell: <{header}> reaches the system, and this is no shell file"])

    def test_a_shell_file_may(self):
        for path in ("base/mapped_file.cc", "base/fd.h", "bpf/linux_kernel.cc", "bpf/linux_pins.cc", "perf/event.cc",
                     "loader/capture.cc", "loader/execute.cc", "loader/session.h", "cli/main.cc",
                     "tests/live/xdp_test.cc"):
            with self.subTest(path):
                self.assertEqual(broken(path, "#include <unistd.h>", "#include <sys/mman.h>"), [])

    def test_the_standard_librarys_pure_headers_are_free(self):
        self.assertEqual(broken("btf/view.cc", "#include <span>", "#include <system_error>", "#include <cerrno>"), [])

    def test_boost_has_one_door(self):
        include = "#include <boost/program_options.hpp>"
        self.assertEqual(broken("cli/options.cc", include), [])
        self.assertEqual(broken("cli/main.cc", include),
                         ["cli/main.cc:2: doors: <boost/program_options.hpp>: only cli/options.* may include boost/"])


class Files(unittest.TestCase):
    def test_a_file_past_the_limit_fails_and_a_long_one_is_a_warning(self):
        for lines, failures, warned in ((450, 0, 0), (451, 0, 1), (600, 0, 1), (601, 1, 0)):
            with self.subTest(lines):
                file = layers.File("btf/x.cc", [HEADER] * lines)
                self.assertEqual((len(layers.check([file])), len(layers.warnings([file]))), (failures, warned))

    def test_a_file_that_is_not_source_may_be_long(self):
        self.assertEqual(layers.check([layers.File("tests/golden/x.txt", ["text"] * 9000)]), [])

    def test_a_source_file_opens_with_its_licence(self):
        found = ["btf/x.cc:1: licence: the file does not open with SPDX-License-Identifier:"]
        self.assertEqual(broken("btf/x.cc", HEADER, opening="// something else"), found)
        self.assertEqual([line for _, line in layers.check([layers.File("btf/x.cc", [])])], found)

    def test_a_scripts_licence_follows_its_interpreter(self):
        self.assertEqual(broken("dev", "# SPDX-License-Identifier: Apache-2.0", opening="#!/usr/bin/env bash"), [])
        self.assertEqual(broken("dev", "set -e", opening="#!/usr/bin/env bash"),
                         ["dev:2: licence: the file does not open with SPDX-License-Identifier:"])

    def test_what_belongs_to_one_machine_is_reported_wherever_it_is(self):
        shared, work = layers.PRIVATE
        self.assertEqual(len(broken("docs/x.md", f"see {shared}/notes.md")), 1)
        self.assertEqual(broken("README.md", f"cd {work}main"),
                         [f'README.md:2: private: "{work}" is of one machine only'])
        self.assertEqual(broken("docs/x.md", f"the path kernel{work}queue.c and share{shared[2:]}"), [])

    def test_the_hosts_come_from_the_machines_package_sources(self):
        entries = [layers.sources.Entry("http://mirror.example:8080/debian", "sid", ("main",)),
                   layers.sources.Entry("file:/srv/debian", "sid", ("main",)),
                   layers.sources.Entry("http://localhost/debian", "sid", ("main",))]
        self.assertEqual(layers.machine_hosts(entries), ("mirror.example",))


if __name__ == "__main__":
    unittest.main()
