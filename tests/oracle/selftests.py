#!/usr/bin/env python3
# SPDX-License-Identifier: Apache-2.0
"""Compiles the BPF selftests of a Linux: 500 (6.1) or 800 (6.12) small programs, every corner of a loader.

Their source comes from Debian's linux-source-6.1 or -6.12 (kernel_source.py), their vmlinux.h from the BTF of
the kernel matrix's kernel of that name. The objects are kept in <cache>/selftests-SERIES/<key>/, where the key
stands for all that goes into them: source, vmlinux.h, compiler, flags. A run that was interrupted goes on
where it was; of a series of which a run compares only some, only these are compiled.
What does not compile (most of it wants types of a test module, or of a kernel configured otherwise) is
kept too, as NAME.error, whose first line is the compiler's first error.
"""

import argparse
import concurrent.futures
import hashlib
import os
import pathlib
import shutil
import subprocess
import sys
from dataclasses import dataclass

import kernel_source

HERE = pathlib.Path(__file__).resolve().parent
CLANG = "clang-19"
# As the selftests' Makefile has them, without -Werror: the compiler is newer than they are.
COMMON = ("-mlittle-endian", "-D__TARGET_ARCH_x86", "-DENABLE_ATOMICS_TESTS",
          "-Wno-compare-distinct-pointer-types", "-w")
PAIRS = {name: (f"{name}1", f"{name}2") for name in ("test_static_linked", "linked_funcs", "linked_vars", "linked_maps")}


@dataclass(frozen=True)
class Series:
    """`name` is that of the source package and of the kernel of the matrix; `linked` are objects that the
    selftests link from others."""
    name: str
    flags: tuple[str, ...]
    more_flags: dict[str, tuple[str, ...]]
    linked: dict[str, tuple[str, ...]]
    few: tuple[str, ...] = ()  # what a short run compares


NO_INLINE = {"test_l4lb_noinline": ("-fno-inline",), "test_xdp_noinline": ("-fno-inline",)}
# What those of 6.1 do not have: arenas, iterators that are loops, exceptions, work queues, kptrs, sessions,
# struct_ops in several versions, tcx and netkit, the instructions of v4.
FEW_NEWER = (
    "arena_atomics", "arena_htab", "arena_list", "bad_struct_ops2", "changes_pkt_data_freplace", "cpumask_failure",
    "crypto_basic", "exceptions", "exceptions_assert", "exceptions_ext", "exceptions_fail", "iters",
    "iters_task_vma", "iters_testmod_seq", "kfunc_module_order", "kprobe_multi_session_cookie", "linked_list",
    "linked_usdt", "local_kptr_stash", "lsm_tailcall", "mmap_inner_array", "percpu_alloc_array", "pro_epilogue",
    "raw_tp_null", "rbtree", "refcounted_kptr", "struct_ops_autocreate2", "struct_ops_module",
    "struct_ops_nulled_out_cb", "tcp_ca_kfunc", "test_global_func_ctx_args", "test_netfilter_link_attach",
    "test_tc_link", "uprobe_multi_pid_filter", "uprobe_multi_usdt", "verifier_arena", "verifier_arena_large",
    "verifier_bpf_fastcall", "verifier_cgroup_storage", "verifier_gotol", "verifier_ldsx", "verifier_map_ret_val",
    "wq", "xdp_flowtable")
DEFAULT = "6.1"
SERIES = {series.name: series for series in (
    Series("6.1", ("-g", "-O2", "-target", "bpf", "-mcpu=v3", *COMMON), NO_INLINE, PAIRS),
    # Their cpuv4 flavour: the instructions that 6.1 has not. Some may not assume strict aliasing, so none does.
    Series("6.12", ("-g", "-O2", "-target", "bpf", "-mcpu=v4", "-fno-strict-aliasing", *COMMON), NO_INLINE, {
        **PAIRS,
        "linked_subskeleton": ("test_subskeleton_lib2", "test_subskeleton_lib", "test_subskeleton"),
        "linked_usdt": ("test_usdt", "test_usdt_multispec"),
    }, FEW_NEWER),
)}
SYSTEM_INCLUDES = ("-idirafter", "/usr/include/x86_64-linux-gnu", "-idirafter", "/usr/include")


def output(command: list[str]) -> str:
    return subprocess.run(command, check=True, text=True, stdin=subprocess.DEVNULL, stdout=subprocess.PIPE).stdout


def kernel_btf(label: str) -> pathlib.Path:
    return pathlib.Path(output([sys.executable, str(HERE.parent / "vm" / "vm.py"), "btf", label]).strip())


def vmlinux_header(btf: pathlib.Path) -> str:
    return output(["bpftool", "btf", "dump", "file", str(btf), "format", "c"])


def key(series: Series, source: pathlib.Path, btf: pathlib.Path) -> str:
    parts = (source.joinpath("version").read_text(), output([CLANG, "--version"]),
             repr((series.flags, series.more_flags, series.linked)))
    return hashlib.sha256("\0".join(parts).encode() + btf.read_bytes()).hexdigest()[:16]


def prepare(source: pathlib.Path, btf: pathlib.Path, folder: pathlib.Path) -> None:
    """Writes the headers that the selftests' Makefile generates."""
    include = folder / "include" / "bpf"
    if (folder / "include" / "ready").is_file():
        return
    include.mkdir(parents=True, exist_ok=True)
    for header in sorted(source.glob("tools/lib/bpf/*.h")):
        shutil.copyfile(header, include / header.name)
    generator = [sys.executable, str(source / "scripts/bpf_doc.py"), "--header", "--file",
                 str(source / "tools/include/uapi/linux/bpf.h")]
    (include / "bpf_helper_defs.h").write_text(output(generator))
    (folder / "include" / "vmlinux.h").write_text(vmlinux_header(btf))
    (folder / "include" / "ready").touch()


def compile_one(series: Series, source: pathlib.Path, folder: pathlib.Path, program: pathlib.Path) -> None:
    name = program.stem
    target, error = folder / f"{name}.bpf.o", folder / f"{name}.error"
    if target.is_file() or error.is_file():
        return
    selftests = source / "tools/testing/selftests/bpf"
    unfinished = folder / f"{name}.unfinished"
    command = [CLANG, *series.flags, *series.more_flags.get(name, ()), "-I", str(folder / "include"), "-I", str(selftests),
               "-I", str(source / "tools/include/uapi"), *SYSTEM_INCLUDES, "-c", f"progs/{program.name}",
               "-o", str(unfinished)]
    result = subprocess.run(command, cwd=selftests, check=False, text=True, stdin=subprocess.DEVNULL,
                            stdout=subprocess.PIPE, stderr=subprocess.STDOUT, errors="replace")
    if result.returncode == 0:
        unfinished.rename(target)
        return
    lines = result.stdout.splitlines()
    first = next((line for line in lines if "error:" in line), lines[0] if lines else f"status {result.returncode}")
    error.write_text("\n".join([first, *lines]) + "\n")


def link_one(folder: pathlib.Path, name: str, parts: tuple[str, ...]) -> None:
    """A statically linked object; not made if a part did not compile, which is reported already."""
    target, inputs = folder / f"{name}.bpf.o", [folder / f"{part}.bpf.o" for part in parts]
    if target.is_file() or not all(path.is_file() for path in inputs):
        return
    unfinished = folder / f"{name}.unfinished"
    subprocess.run(["bpftool", "gen", "object", str(unfinished), *map(str, inputs)], check=True,
                   stdin=subprocess.DEVNULL)
    unfinished.rename(target)


def ensure(jobs: int = os.cpu_count() or 1, name: str = DEFAULT, only: tuple[str, ...] = ()
           ) -> tuple[pathlib.Path, list[pathlib.Path], list[pathlib.Path]]:
    """(folder, objects, errors) of the series `name`, or of those of its objects that are called as in `only`; all
    of it built. Errors: SourceError, CalledProcessError."""
    series = SERIES[name]
    source, btf = kernel_source.ensure(name), kernel_btf(name)
    root = kernel_source.cache_root() / f"selftests-{name}"
    folder = root / key(series, source, btf)
    linked = {target: parts for target, parts in series.linked.items() if not only or target in only}
    wanted = {*only, *(part for parts in linked.values() for part in parts)}
    if not (folder / "complete").is_file():
        prepare(source, btf, folder)
        programs = [program for program in sorted((source / "tools/testing/selftests/bpf/progs").glob("*.c"))
                    if not only or program.stem in wanted]
        with concurrent.futures.ThreadPoolExecutor(jobs) as pool:
            list(pool.map(lambda program: compile_one(series, source, folder, program), programs))
        for target, parts in linked.items():
            link_one(folder, target, parts)
        if not only:
            (folder / "complete").touch()
        for other in root.iterdir():
            if other != folder:
                shutil.rmtree(other)
    objects, errors = (sorted(path for path in folder.glob(f"*{ending}")
                              if not only or path.name.removesuffix(ending) in only) for ending in (".bpf.o", ".error"))
    return folder, objects, errors


def main(argv: list[str]) -> int:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("series", nargs="?", choices=[*SERIES], default=DEFAULT)
    parser.add_argument("-j", "--jobs", type=int, default=os.cpu_count() or 1)
    parser.add_argument("--errors", action="store_true", help="list what does not compile")
    arguments = parser.parse_args(argv)
    try:
        folder, objects, errors = ensure(arguments.jobs, arguments.series)
    except (kernel_source.SourceError, subprocess.CalledProcessError, OSError) as error:
        print(f"selftests: {error}", file=sys.stderr)
        return 1
    if arguments.errors:
        for path in errors:
            print(f"{path.stem}: {path.read_text().splitlines()[0]}")
    print(f"{len(objects)} objects in {folder}; {len(errors)} sources do not compile")
    return 0


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
