#!/usr/bin/env python3
# SPDX-License-Identifier: Apache-2.0
"""Runs a static program on another Linux kernel, in a small virtual machine without a network.

The matrix is the Debian cloud kernels 5.10, 6.1, 6.12 and newest; each is fetched once from the
machine's own Debian mirror and cached. The program runs as root with BPF LSM on, and with tracefs,
debugfs, bpffs and cgroup2 mounted. See init.sh for the machine it finds, machine.py for what counts
as a kernel in trouble.
"""

import argparse
import pathlib
import sys

import console
import fetch
import guest
import kernels
import machine

MACHINE_FAILED = 125  # like timeout(1) and env(1): the runner failed, not the command

EPILOG = """\
The exit status of `run` is the command's own (126 and 127: it could not be run; 128+N: signal N ended
it), or 125 if the machine failed: it did not boot, timed out, or its kernel warned, oopsed or panicked.
"""


def parse_arguments(argv: list[str]) -> argparse.Namespace:
    parser = argparse.ArgumentParser(prog="vm.py", description=__doc__.splitlines()[0], epilog=EPILOG,
                                     formatter_class=argparse.RawDescriptionHelpFormatter)
    commands = parser.add_subparsers(dest="action", required=True)
    fetching = commands.add_parser("fetch", help="fetch kernels that are not cached (all of them by default)")
    fetching.add_argument("labels", nargs="*", metavar="LABEL")
    fetching.add_argument("--update", action="store_true", help="ask the mirror for newer versions")
    commands.add_parser("list", help="list the matrix and what is cached")
    commands.add_parser("btf", help="print the path of a kernel's BTF").add_argument("label", metavar="LABEL")
    running = commands.add_parser("run", help="run a command on a kernel", epilog=EPILOG,
                                  usage="vm.py run LABEL [OPTION...] -- CMD [ARG...]")
    running.add_argument("label", metavar="LABEL")
    running.add_argument("--file", action="append", default=[], metavar="HOST[:GUEST]",
                         help="copy a file or directory into the guest (default: to / under its own name)")
    running.add_argument("--out", type=pathlib.Path, metavar="DIR", help="where the guest's /out is copied to")
    running.add_argument("--cwd", default="/", help="the command's directory in the guest")
    running.add_argument("--env", action="append", default=[], metavar="NAME=VALUE")
    running.add_argument("--timeout", type=float, default=120.0, metavar="SECONDS")
    running.add_argument("--memory", type=int, default=1024, metavar="MIB")
    running.add_argument("--cpus", type=int, default=2)
    running.add_argument("--append", default="", metavar="ARGS", help="more kernel arguments")
    running.add_argument("--verbose", action="store_true", help="say which kernel ran, how long, and show its console")
    # What follows the first "--" is the command's, options and all: argparse must not look at it.
    own, command = (argv[:argv.index("--")], argv[argv.index("--") + 1:]) if "--" in argv else (argv, [])
    arguments = parser.parse_args(own)
    if arguments.action == "run" and not command:
        parser.error("run needs a command: vm.py run LABEL [OPTION...] -- CMD [ARG...]")
    arguments.command = command
    return arguments


def file_pair(text: str) -> tuple[pathlib.Path, str]:
    """HOST[:GUEST]; without GUEST the file goes to the root directory under its own name."""
    host, colon, inside = text.partition(":")
    return pathlib.Path(host), inside if colon else "/" + pathlib.Path(host).name


def run(arguments: argparse.Namespace, kernel: kernels.Kernel) -> int:
    facts = fetch.ensure(kernel)
    command = guest.Command(arguments.command, [file_pair(text) for text in arguments.file], arguments.cwd,
                            dict(pair.split("=", 1) for pair in arguments.env if "=" in pair))
    options = machine.Options(arguments.timeout, arguments.memory, arguments.cpus, arguments.append)
    result = machine.run(fetch.cache_root() / kernel.label, facts["release"], command, options,
                         sys.stdout.buffer, sys.stderr.buffer)
    if arguments.out and result.files:
        machine.unpack_files(result.files, arguments.out)
    if result.failure or arguments.verbose:
        print(console.tail(result.console, 60), file=sys.stderr)
    if arguments.verbose:
        print(f"vm: {facts['release']} booted in {result.boot_seconds:.1f} s, ended after {result.seconds:.1f} s",
              file=sys.stderr)
    if result.failure:
        print(f"vm: {kernel.label} ({facts['release']}): {result.failure}", file=sys.stderr)
        return MACHINE_FAILED
    return result.code


def list_kernels() -> None:
    for kernel in kernels.KERNELS:
        facts = fetch.cached(kernel.label)
        print(f"{kernel.label:8} {kernel.suite:10} {facts['release'] if facts else 'not fetched'}")


def main(argv: list[str]) -> int:
    arguments = parse_arguments(argv)
    try:
        if arguments.action == "list":
            list_kernels()
            return 0
        if arguments.action == "fetch":
            labels = arguments.labels or [kernel.label for kernel in kernels.KERNELS]
            for kernel in [kernels.find(label, fetch.cached_releases()) for label in labels]:
                fetch.ensure(kernel, arguments.update)
            return 0
        kernel = kernels.find(arguments.label, fetch.cached_releases())
        if arguments.action == "btf":
            fetch.ensure(kernel)
            print(fetch.cache_root() / kernel.label / "vmlinux.btf")
            return 0
        return run(arguments, kernel)
    except (kernels.NotFound, fetch.FetchError, guest.GuestError) as error:
        print(f"vm: {error}", file=sys.stderr)
        return MACHINE_FAILED


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
