# SPDX-License-Identifier: Apache-2.0
"""Tests of the kernel matrix that need neither a network nor a virtual machine.

The boots themselves are tested by using them: `./dev test vm-6.1` fails if any part of a run does.
"""

import io
import os
import pathlib
import sys
import tarfile
import tempfile
import unittest

sys.path.insert(0, str(pathlib.Path(__file__).resolve().parent))

import console  # noqa: E402
import cpio  # noqa: E402
import fetch  # noqa: E402
import guest  # noqa: E402
import kernels  # noqa: E402
import machine  # noqa: E402
import modules  # noqa: E402
import sources  # noqa: E402
import vm  # noqa: E402

DEB822 = """\
# a comment
Types: deb deb-src
URIs: http://mirror.example/debian
Suites: bookworm bookworm-updates
Components: main contrib
Signed-By: /usr/share/keyrings/debian-archive-keyring.gpg

Types: deb
URIs: http://mirror.example/security
Suites: bookworm-security
Components: main
Signed-By: /usr/share/keyrings/debian-archive-keyring.gpg

Types: deb
URIs: http://other.example/debian
Suites: bookworm
Components: main
Enabled: no

Types: deb
URIs: http://vendor.example/apt
Suites: bookworm
Components: main
Signed-By:
 -----BEGIN PGP PUBLIC KEY BLOCK-----
 .
 vendor
"""


class Sources(unittest.TestCase):
    def test_every_uri_and_suite_of_an_enabled_stanza_is_an_entry(self):
        found = [(entry.uri, entry.suite) for entry in sources.parse_deb822(DEB822)]
        self.assertEqual(found, [("http://mirror.example/debian", "bookworm"),
                                 ("http://mirror.example/debian", "bookworm-updates"),
                                 ("http://mirror.example/security", "bookworm-security"),
                                 ("http://vendor.example/apt", "bookworm")])

    def test_a_one_line_entry_has_options_and_a_comment(self):
        text = ("deb [ arch=amd64 signed-by=/usr/share/keyrings/debian-archive-keyring.gpg ] "
                "http://mirror.example/debian bookworm main contrib # why\n"
                "deb-src http://mirror.example/debian bookworm main\n#deb http://off.example/debian sid main\n")
        self.assertEqual(sources.parse_one_line(text),
                         [sources.Entry("http://mirror.example/debian", "bookworm", ("main", "contrib"),
                                        "/usr/share/keyrings/debian-archive-keyring.gpg")])

    def test_an_archive_signed_by_somebody_else_is_not_debian(self):
        self.assertEqual(sources.archives(sources.parse_deb822(DEB822)),
                         [sources.Archive("http://mirror.example/debian", "http://mirror.example/security")])

    def test_an_archive_with_suites_of_its_own_is_not_debian(self):
        text = "deb http://a.example/apt tools-bookworm main\ndeb http://b.example/linux/debian bookworm stable\n"
        self.assertEqual(sources.archives(sources.parse_one_line(text)), [])

    def test_an_entry_that_names_debians_key_goes_before_one_that_names_none(self):
        text = ("deb http://a.example/debian bookworm main\n"
                "deb [signed-by=/usr/share/keyrings/debian-archive-keyring.gpg] http://b.example/debian sid main\n")
        self.assertEqual([archive.main for archive in sources.archives(sources.parse_one_line(text))],
                         ["http://b.example/debian", "http://a.example/debian"])

    def test_only_files_that_apt_reads_are_read(self):
        with tempfile.TemporaryDirectory() as name:
            root = pathlib.Path(name)
            (root / "sources.list.d").mkdir()
            (root / "sources.list").write_text("deb http://a.example/debian sid main\n")
            (root / "sources.list.d/b.sources").write_text(DEB822)
            (root / "sources.list.d/c.list.bak").write_text("deb http://c.example/debian sid main\n")
            uris = [entry.uri for entry in sources.read_entries(root)]
        self.assertEqual(uris[0], "http://a.example/debian")
        self.assertEqual(len(uris), 5)
        self.assertNotIn("http://c.example/debian", uris)


TRIXIE = """\
Package: linux-image-cloud-amd64
Version: 6.12.107-1
Depends: linux-image-6.12.107+deb13-cloud-amd64 (= 6.12.107-1)

Package: linux-image-cloud-amd64
Version: 6.12.9-1
Depends: linux-image-6.12.9+deb13-cloud-amd64 (= 6.12.9-1)

Package: linux-image-6.12.107+deb13-cloud-amd64
Version: 6.12.107-1
Depends: kmod, initramfs-tools (>= 0.120+deb8u2) | linux-initramfs-tool
Pre-Depends: linux-base (>= 4.12~)
"""

SID = """\
Package: linux-image-cloud-amd64
Version: 7.2.13-1
Depends: linux-base-cloud-amd64 (= 7.2.13-1), linux-image-7.2.13+deb14-cloud-amd64 (= 7.2.13-1)

Package: linux-image-7.2.13+deb14-cloud-amd64
Depends: dracut | linux-initramfs-tool, linux-binary-7.2.13+deb14-cloud-amd64 (= 7.2.13-1),
 linux-modules-7.2.13+deb14-cloud-amd64 (= 7.2.13-1)
Pre-Depends: linux-base (>= 4.17~)

Package: linux-binary-7.2.13+deb14-cloud-amd64
Depends: linux-image-7.2.13+deb14-cloud-amd64

Package: linux-modules-7.2.13+deb14-cloud-amd64
"""


class Resolution(unittest.TestCase):
    def test_one_package_holds_a_trixie_kernel_and_the_first_version_shown_wins(self):
        self.assertEqual(kernels.resolve(kernels.read_index(TRIXIE)),
                         ("6.12.107-1", ["linux-image-6.12.107+deb13-cloud-amd64"]))

    def test_a_split_kernel_is_followed_to_its_parts_and_a_cycle_ends(self):
        version, packages = kernels.resolve(kernels.read_index(SID))
        self.assertEqual(version, "7.2.13-1")
        self.assertEqual(packages, ["linux-image-7.2.13+deb14-cloud-amd64", "linux-binary-7.2.13+deb14-cloud-amd64",
                                    "linux-modules-7.2.13+deb14-cloud-amd64"])

    def test_an_index_without_the_kernel_is_an_error_that_names_the_package(self):
        with self.assertRaisesRegex(kernels.NotFound, "no package linux-image-cloud-amd64"):
            kernels.resolve({})
        with self.assertRaisesRegex(kernels.NotFound, r"no package linux-image-6\.12\.107"):
            kernels.resolve(kernels.read_index(TRIXIE.split("\n\n", maxsplit=1)[0]))

    def test_a_kernel_is_found_by_label_and_by_its_cached_release(self):
        releases = {"newest": "7.2.13+deb14-cloud-amd64"}
        self.assertEqual(kernels.find("6.1", releases).suite, "bookworm")
        self.assertEqual(kernels.find("7.2", releases).label, "newest")
        for wrong in ("", "7", "7.3", "7.2.1", "6.1x"):
            with self.subTest(wrong), self.assertRaises(kernels.NotFound):
                kernels.find(wrong, releases)


class Modules(unittest.TestCase):
    def test_a_module_is_loaded_after_what_it_needs(self):
        needs = {"a": ["b", "c"], "b": ["c"], "c": [], "virtio_rng": []}
        self.assertEqual(modules.in_load_order(("virtio-rng", "a", "built_in"), needs), ["virtio_rng", "c", "b", "a"])

    def test_modules_that_need_each_other_still_end(self):
        self.assertEqual(sorted(modules.in_load_order(("a",), {"a": ["b"], "b": ["a"]})), ["a", "b"])

    def test_the_needs_are_read_from_modinfo(self):
        self.assertEqual(modules.depends(b"x\0license=GPL\0depends=virtio,virtio_ring\0intree=Y\0"),
                         ["virtio", "virtio_ring"])
        self.assertEqual(modules.depends(b"x\0depends=\0"), [])

    def test_compressed_modules_are_unpacked_with_their_dependencies(self):
        import lzma
        with tempfile.TemporaryDirectory() as name:
            tree = pathlib.Path(name) / "lib/modules/1.0/kernel"
            tree.mkdir(parents=True)
            (tree / "virtio-rng.ko.xz").write_bytes(lzma.compress(b"\0depends=rng-core\0"))
            (tree / "rng-core.ko").write_bytes(b"\0depends=\0")
            (tree / "unused.ko").write_bytes(b"")
            self.assertEqual(modules.collect(pathlib.Path(name), ("virtio-rng", "veth")),
                             [("rng_core", b"\0depends=\0"), ("virtio_rng", b"\0depends=rng-core\0")])


class Cpio(unittest.TestCase):
    def test_an_archive_reads_back_entry_by_entry(self):
        out = io.BytesIO()
        writer = cpio.Writer(out)
        writer.file("/a/b/file", b"hello", 0o755)
        writer.symlink("/a/link", "b/file")
        writer.char_device("/dev/console", 5, 1)
        writer.directory("/a/b")  # made already, for the file
        writer.close()
        self.assertEqual(read_cpio(out.getvalue()), [
            ("a", 0o040755, b"", (0, 0)), ("a/b", 0o040755, b"", (0, 0)), ("a/b/file", 0o100755, b"hello", (0, 0)),
            ("a/link", 0o120777, b"b/file", (0, 0)), ("dev", 0o040755, b"", (0, 0)),
            ("dev/console", 0o020600, b"", (5, 1))])


def read_cpio(data: bytes) -> list[tuple[str, int, bytes, tuple[int, int]]]:
    """An independent reader of newc, strict about alignment and the trailer."""
    entries, at = [], 0
    while True:
        assert at % 4 == 0 and data[at:at + 6] == b"070701"
        field = [int(data[at + 6 + 8 * i:at + 14 + 8 * i], 16) for i in range(13)]
        name = data[at + 110:at + 110 + field[11] - 1].decode()
        at = (at + 110 + field[11] + 3) & ~3
        if name == "TRAILER!!!":
            assert at == len(data)
            return entries
        entries.append((name, field[1], data[at:at + field[6]], (field[9], field[10])))
        at = (at + field[6] + 3) & ~3


class Console(unittest.TestCase):
    def test_each_kind_of_trouble_is_seen(self):
        for kind, message in (
                ("panic", "Kernel panic - not syncing: sysrq triggered crash"),
                ("oops", "Oops: 0002 [#1] PREEMPT SMP NOPTI"),
                ("oops", "general protection fault, probably for non-canonical address 0x1: 0000 [#1] SMP"),
                ("bug", "BUG: kernel NULL pointer dereference, address: 0000000000000000"),
                ("bug", "kernel BUG at mm/slub.c:305!"),
                ("lockup", "watchdog: BUG: soft lockup - CPU#1 stuck for 22s! [live_test:77]"),
                ("warning", "WARNING: CPU: 0 PID: 77 at kernel/bpf/core.c:12 bpf_check+0x1/0x2"),
                ("warning", "WARNING: kernel/bpf/core.c:12 at bpf_check+0x1/0x2, CPU#0: live_test/77"),
                ("rcu stall", "rcu: INFO: rcu_preempt self-detected stall on CPU"),
                ("rcu stall", "rcu: INFO: rcu_preempt detected stalls on CPUs/tasks:"),
                ("hung task", "INFO: task live_test:77 blocked for more than 120 seconds."),
                ("undefined behaviour", "UBSAN: array-index-out-of-bounds in net/core/filter.c:1"),
                ("out of memory", "Out of memory: Killed process 77 (live_test) total-vm:1kB")):
            with self.subTest(message):
                for stamp in ("[    2.346144] ", "[    2.346144][   T77] "):
                    self.assertEqual([found for found, _ in console.troubles(stamp + message)], [kind])

    def test_a_healthy_boot_is_not_trouble(self):
        text = ("[    0.620323] mtrr: your CPUs had inconsistent fixed MTRR settings\n"
                "[    0.032000] tsc: Unable to calibrate against PIT\n"
                "[    1.844255] Unstable clock detected, switching default tracing clock to \"global\"\n"
                "[    2.100000] live_test[77]: segfault at 0 ip 0000 sp 0000 error 4 in live_test\n"
                "[    0.100000] Spectre V2 : WARNING: Unprivileged eBPF is enabled with eIBRS on\n"
                "WARNING: a program's own words\n")
        self.assertEqual(console.troubles(text), [])

    def test_the_tail_has_no_control_bytes(self):
        self.assertEqual(console.tail("\x1bc\x1b[?7l\x1b[2Jold\nline\x07 one\r\n\nline two\n", 2), "line one\nline two")


def concluded(failure: str = "", **streams: bytes) -> machine.Result:
    empty = {name: b"" for name in ("console", *machine.PORTS)}
    result = machine.Result()
    machine.conclude(result, {**empty, **streams}, "6.1.0-50-cloud-amd64", failure)
    return result


GOOD_STATUS = b"release 6.1.0-50-cloud-amd64\nready 2.80\ntaint 0 0\nexit 3\n"


class Conclusion(unittest.TestCase):
    def test_the_commands_status_comes_back_and_is_no_failure_of_the_machine(self):
        result = concluded(status=GOOD_STATUS, stdout="é\n".encode())
        self.assertEqual((result.failure, result.code, result.stdout.decode()), ("", 3, "é\n"))

    def test_what_went_wrong_is_named(self):
        for expected, arguments in (
                ("ended before it could report", {}),
                ("ended before the command did", {"status": b"release 6.1.0-50-cloud-amd64\nready 2\n"}),
                ("taint changed from 0 to 512", {"status": GOOD_STATUS.replace(b"taint 0 0", b"taint 0 512")}),
                ("could not be loaded: veth", {"status": GOOD_STATUS + b"modules-failed veth\n"}),
                ("runs 6.2, not 6.1.0-50", {"status": GOOD_STATUS.replace(b"6.1.0-50-cloud-amd64", b"6.2")}),
                ("timed out after 9 s", {"failure": "timed out after 9 s", "status": b"release x\n"}),
                ("kernel warning: .*x at y", {"status": GOOD_STATUS, "console": b"[    1.000000] WARNING: x at y\n"}),
                ("kernel panic: .*timed out", {"failure": "timed out", "status": b"",
                                               "console": b"[    1.000000] Kernel panic - not syncing: x\n"})):
            with self.subTest(expected):
                self.assertRegex(concluded(**arguments).failure, expected)


class Files(unittest.TestCase):
    def test_a_dynamic_program_is_recognised(self):
        self.assertIn("/ld-", guest.interpreter(pathlib.Path(os.path.realpath(sys.executable)).read_bytes()))
        self.assertEqual(guest.interpreter(b"#!/bin/sh\n"), "")
        self.assertEqual(guest.interpreter(b"\x7fELF\x02\x01" + b"\0" * 58), "")

    def test_a_dynamic_program_comes_with_its_libraries(self):
        program = pathlib.Path(os.path.realpath(sys.executable))
        files = dict(guest.with_libraries(program))
        self.assertEqual(files[program], str(program))
        self.assertIn(guest.interpreter(program.read_bytes()), files.values())

    def test_a_directory_is_copied_with_its_relative_paths(self):
        with tempfile.TemporaryDirectory() as name:
            root = pathlib.Path(name)
            (root / "a/b").mkdir(parents=True)
            (root / "a/b/x.o").write_bytes(b"x")
            self.assertEqual(guest.expand([(root / "a", "/to")]), [(root / "a/b/x.o", "/to/b/x.o")])
            with self.assertRaises(guest.GuestError):
                guest.expand([(root / "missing", "/to")])

    def test_names_that_leave_the_directory_are_not_written(self):
        archive = io.BytesIO()
        with tarfile.open(fileobj=archive, mode="w") as tar:
            for name in ("./good/x", "../bad", "/bad"):
                member = tarfile.TarInfo(name)
                member.size = 1
                tar.addfile(member, io.BytesIO(b"y"))
        with tempfile.TemporaryDirectory() as name:
            inner = pathlib.Path(name) / "inner"
            inner.mkdir()
            self.assertEqual(machine.unpack_files(archive.getvalue(), inner), [inner / "good/x"])
            self.assertEqual(sorted(path.name for path in pathlib.Path(name).rglob("*")), ["good", "inner", "x"])

    def test_the_command_is_quoted_for_the_guests_shell(self):
        command = guest.Command(["/x", "a b", "$HOME"], cwd="/it's", env={"A": "b c"})
        self.assertEqual(command.script(), "export A='b c'\ncd '/it'\"'\"'s' || exit 126\nexec /x 'a b' '$HOME'\n")


class CommandLine(unittest.TestCase):
    def test_what_follows_two_dashes_belongs_to_the_command(self):
        arguments = vm.parse_arguments(["run", "6.1", "--file", "a:/b", "--timeout", "9", "--", "x", "--file", "--"])
        self.assertEqual((arguments.label, arguments.timeout, arguments.command), ("6.1", 9.0, ["x", "--file", "--"]))
        self.assertEqual(vm.file_pair("dir/a"), (pathlib.Path("dir/a"), "/a"))
        self.assertEqual(vm.file_pair("a:/b/c"), (pathlib.Path("a"), "/b/c"))

    def test_the_cache_goes_where_the_environment_says(self):
        saved = dict(os.environ)
        try:
            os.environ.update(XDG_CACHE_HOME="/x")
            os.environ.pop("BPFLD_CACHE", None)
            self.assertEqual(fetch.cache_root(), pathlib.Path("/x/bpfld/kernels"))
            os.environ["BPFLD_CACHE"] = "/y"
            self.assertEqual(fetch.cache_root(), pathlib.Path("/y/kernels"))
        finally:
            os.environ.clear()
            os.environ.update(saved)


if __name__ == "__main__":
    unittest.main()
