# SPDX-License-Identifier: Apache-2.0
"""What `bpfld run` asks of the kernel, seen from outside by strace: no call that the plan does not need.

An object without CO-RE never opens the kernel's BTF, one with it opens it once; no feature is probed on a
kernel that has everything; every bpf(2) call is one that the object's maps, programs and links account for.
As root, on the running kernel.
"""

import os
import re
import subprocess
import tempfile
import unittest
from collections import Counter

ROOT = os.path.dirname(os.path.dirname(os.path.abspath(__file__)))
BUILD = os.environ.get("BPFLD_BUILD", os.path.join(ROOT, "build"))
BPFLD = os.path.join(BUILD, "cli", "bpfld")
CALL = re.compile(r"^(?:\d+ +)?(?:\[pid +\d+\] )?(bpf|perf_event_open|openat|open)\((.*)$")


def trace(obj: str) -> list[tuple[str, str]]:
    """The (call, arguments) that strace saw of a short run of the object."""
    with tempfile.NamedTemporaryFile("r", suffix=".strace") as log:
        done = subprocess.run(
            ["strace", "-f", "-e", "trace=bpf,perf_event_open,openat,open", "-o", log.name, BPFLD, "run",
             os.path.join(BUILD, obj), "--duration", "100ms"],
            stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True, timeout=60, check=False)
        if done.returncode != 0:
            raise AssertionError(f"bpfld run {obj} gave {done.returncode}:\n{done.stderr}")
        found = (CALL.match(line) for line in log)
        return [(m.group(1), m.group(2)) for m in found if m]


def commands(calls: list[tuple[str, str]]) -> Counter:
    return Counter(arguments.split(",")[0] for name, arguments in calls if name == "bpf")


def opened(calls: list[tuple[str, str]], part: str) -> int:
    return sum(1 for name, arguments in calls if name.startswith("open") and part in arguments)


class Calls(unittest.TestCase):
    def test_an_object_without_core_relocations_never_opens_kernel_btf(self):
        calls = trace("fixtures/minimal.bpf.o")
        self.assertEqual(opened(calls, "btf"), 0)
        self.assertEqual(opened(calls, "kallsyms"), 0)
        self.assertEqual(opened(calls, "config"), 0)

    def test_minimal_makes_the_calls_of_its_two_maps_and_one_program(self):
        # .bss and .rodata (the printk format: filled, frozen), the program, its link.
        self.assertEqual(commands(trace("fixtures/minimal.bpf.o")), Counter({
            "BPF_BTF_LOAD": 1, "BPF_MAP_CREATE": 2, "BPF_MAP_UPDATE_ELEM": 1, "BPF_MAP_FREEZE": 1,
            "BPF_PROG_LOAD": 1, "BPF_LINK_CREATE": 1}))

    def test_execsnoop_opens_kernel_btf_once_and_probes_nothing(self):
        calls = trace("examples/execsnoop/execsnoop.bpf.o")
        self.assertEqual(opened(calls, "/sys/kernel/btf/vmlinux"), 1)
        cpus = os.cpu_count() or 1
        self.assertEqual(commands(calls), Counter({
            "BPF_BTF_LOAD": 1, "BPF_MAP_CREATE": 3, "BPF_MAP_UPDATE_ELEM": 1 + cpus, "BPF_MAP_FREEZE": 1,
            "BPF_PROG_LOAD": 4, "BPF_LINK_CREATE": 4}))
        # One event per CPU for the buffer, one per tracepoint.
        self.assertEqual(sum(1 for name, _ in calls if name == "perf_event_open"), cpus + 4)

    def test_what_the_kernels_own_btf_answers_asks_no_module_and_no_configuration(self):
        # One relocates against the kernel's types, one is bound to a function of the kernel.
        for obj in ("examples/execsnoop/execsnoop.bpf.o", "fixtures/bound.bpf.o"):
            with self.subTest(obj):
                calls = trace(obj)
                # The folder itself is listed: whether there are modules at all.
                files = [a for name, a in calls if name.startswith("open") and re.search(r"/kernel/btf/\w", a)]
                self.assertEqual(len(files), 1, files)
                self.assertEqual(opened(calls, "config"), 0)
                self.assertEqual(opened(calls, "kallsyms"), 0)
                self.assertEqual(commands(calls)["BPF_BTF_GET_NEXT_ID"], 0)
                self.assertEqual(commands(calls)["BPF_BTF_GET_FD_BY_ID"], 0)

    def test_an_object_with_externs_reads_what_it_names_and_no_more(self):
        calls = trace("fixtures/externs.bpf.o")
        self.assertGreaterEqual(opened(calls, "config"), 1)
        self.assertEqual(opened(calls, "kallsyms"), 1)
        self.assertEqual(commands(calls)["BPF_BTF_GET_NEXT_ID"], 0)


if __name__ == "__main__":
    unittest.main()
