# SPDX-License-Identifier: Apache-2.0
"""Boots one guest in QEMU, runs one command in it, and decides whether the machine stayed well.

Only QEMU's own instruction translator is used (`-accel tcg`): it works wherever QEMU does, in
containers and inside other virtual machines, and a boot takes seconds. The guest has no network and
no disk. Four virtio-serial ports carry what comes back, each into a file of a private directory,
which is read while it grows. QEMU dies with this process, however this process ends.
"""

import ctypes
import io
import pathlib
import shutil
import signal
import subprocess
import tarfile
import tempfile
import time
from dataclasses import dataclass, field
from typing import BinaryIO

import console
import guest

PORTS = ("status", "stdout", "stderr", "files")

# no_timer_check: on a busy host an emulated timer tick can come too late for the kernel's own test of it.
# lsm=: Debian's default list on 5.10 has no "bpf", and naming the list is the only way to add it.
# loglevel=5: warnings and worse reach the console, boot chatter does not. oops=panic: an oops ends
# the run at once instead of leaving half a kernel to time out.
KERNEL_ARGUMENTS = ("console=ttyS0", "loglevel=5", "panic=-1", "oops=panic", "no_timer_check", "rdinit=/init",
                    "lsm=capability,landlock,lockdown,yama,bpf", "random.trust_cpu=on")


# Every feature the translator knows, less one. QEMU 7.2 leaves rubbish in EFLAGS after cmpxchg16b,
# which the kernel's slab allocator executes all the time; an interrupt right after it then restores
# that rubbish: double faults and NULL pointers, in one boot of four on 6.12. Without the feature the
# kernel takes the path it has for older processors.
CPU = "max,cx16=off"


@dataclass
class Options:
    timeout: float = 120.0
    memory: int = 1024   # MiB
    cpus: int = 2
    append: str = ""     # more kernel arguments


@dataclass
class Result:
    """What came back. `failure` is empty if the machine did its part, whatever the command's `code`."""
    code: int = -1
    stdout: bytes = b""
    stderr: bytes = b""
    files: bytes = b""   # /out as a tar archive
    console: str = ""
    facts: dict[str, str] = field(default_factory=dict)
    failure: str = ""
    boot_seconds: float = 0.0
    seconds: float = 0.0


def _die_with_parent() -> None:
    """prctl(PR_SET_PDEATHSIG, SIGKILL): a killed runner must leave no QEMU behind."""
    ctypes.CDLL(None).prctl(1, signal.SIGKILL)


def _qemu_arguments(directory: pathlib.Path, kernel: pathlib.Path, options: Options) -> list[str]:
    arguments = [
        "qemu-system-x86_64", "-accel", "tcg", "-cpu", CPU, "-smp", str(options.cpus), "-m", str(options.memory),
        "-nodefaults", "-no-user-config", "-no-reboot", "-display", "none", "-monitor", "none",
        "-kernel", str(kernel), "-initrd", str(directory / "initramfs"),
        "-append", " ".join((*KERNEL_ARGUMENTS, options.append)).strip(),
        "-chardev", f"file,id=console,path={directory / 'console'}", "-serial", "chardev:console",
        "-object", "rng-random,id=entropy,filename=/dev/urandom", "-device", "virtio-rng-pci,rng=entropy",
        "-device", "virtio-serial-pci",
    ]
    for port in PORTS:
        arguments += ["-chardev", f"file,id={port},path={directory / port}",
                      "-device", f"virtserialport,chardev={port},name={port}"]
    return arguments


class _Growing:
    """A file that another process writes; `read_more` returns what is new, and passes it on."""

    def __init__(self, path: pathlib.Path, copy_to: BinaryIO | None = None):
        self._path = path
        self._copy_to = copy_to
        self.data = b""

    def read_more(self) -> None:
        if not self._path.exists():
            return
        with self._path.open("rb") as file:
            file.seek(len(self.data))
            new = file.read()
        self.data += new
        if new and self._copy_to:
            self._copy_to.write(new)
            self._copy_to.flush()


def run(kernel_dir: pathlib.Path, release: str, command: guest.Command, options: Options,
        stdout: BinaryIO | None = None, stderr: BinaryIO | None = None) -> Result:
    """Runs `command` on the kernel in `kernel_dir`; its output is copied to the streams as it comes.

    Raises guest.GuestError if no guest could be made; everything that goes wrong later is in the result.
    """
    if not shutil.which("qemu-system-x86_64"):
        raise guest.GuestError("qemu-system-x86_64 is missing: apt-get install qemu-system-x86")
    with tempfile.TemporaryDirectory(prefix="bpfld-vm-") as name:
        directory = pathlib.Path(name)
        guest.write_initramfs(directory / "initramfs", kernel_dir, release, command)
        streams = {port: _Growing(directory / port) for port in ("console", "status", "files")}
        streams["stdout"] = _Growing(directory / "stdout", stdout)
        streams["stderr"] = _Growing(directory / "stderr", stderr)
        result = Result()
        failure = _watch(_qemu_arguments(directory, kernel_dir / "vmlinuz", options), streams, options, result)
        conclude(result, {name: stream.data for name, stream in streams.items()}, release, failure)
        return result


def _watch(arguments: list[str], streams: dict[str, _Growing], options: Options, result: Result) -> str:
    """Runs QEMU until it ends, its time is up or its kernel panics; returns why it had to be ended."""
    started = time.monotonic()
    failure = ""
    with subprocess.Popen(arguments, stdin=subprocess.DEVNULL, stdout=subprocess.DEVNULL, stderr=subprocess.PIPE,
                          preexec_fn=_die_with_parent) as qemu:
        try:
            while True:
                try:
                    qemu.wait(timeout=0.05)
                    ended = True
                except subprocess.TimeoutExpired:
                    ended = False
                for stream in streams.values():
                    stream.read_more()
                result.seconds = time.monotonic() - started
                if not result.boot_seconds and b"\nready " in streams["status"].data:
                    result.boot_seconds = result.seconds
                if ended:
                    break
                if result.seconds > options.timeout:
                    failure = f"timed out after {options.timeout:g} s"
                    break
        finally:
            if qemu.poll() is None:
                qemu.kill()
        complaint = qemu.stderr.read().decode(errors="replace").strip() if qemu.stderr else ""
        if not failure and qemu.wait() != 0:
            failure = f"qemu ended with status {qemu.returncode}: {complaint or 'no message'}"
    return failure


def conclude(result: Result, streams: dict[str, bytes], release: str, failure: str) -> None:
    """Fills the result from the ports; what explains most names the failure: the kernel's own words,
    then the runner's (`failure`), then what is missing or odd in the status."""
    result.stdout, result.stderr, result.files = streams["stdout"], streams["stderr"], streams["files"]
    result.console = streams["console"].decode(errors="replace")
    for line in streams["status"].decode(errors="replace").splitlines():
        key, _, value = line.partition(" ")
        result.facts[key] = value
    troubles = console.troubles(result.console)
    before, _, after = result.facts.get("taint", "").partition(" ")
    running = result.facts.get("release", "")
    if troubles:
        kind, line = troubles[0]
        failure = f"kernel {kind}: {line}" + (f" ({failure})" if failure else "")
    elif not failure and not running:
        failure = "the guest ended before it could report"
    elif not failure and "exit" not in result.facts:
        failure = "the guest ended before the command did"
    elif not failure and before != after:
        failure = f"the kernel's taint changed from {before} to {after}"
    elif not failure and result.facts.get("modules-failed"):
        failure = f"modules could not be loaded: {result.facts['modules-failed']}"
    elif not failure and release and running != release:
        failure = f"the guest runs {running}, not {release}"
    result.failure = failure
    if result.facts.get("exit", "").isdigit():
        result.code = int(result.facts["exit"])


def unpack_files(archive: bytes, directory: pathlib.Path) -> list[pathlib.Path]:
    """Writes the regular files of a guest's /out under `directory`; names that leave it are refused."""
    written = []
    with tarfile.open(fileobj=io.BytesIO(archive)) as tar:
        for member in tar:
            name = pathlib.PurePosixPath(member.name)
            if not member.isfile() or name.is_absolute() or ".." in name.parts:
                continue
            target = directory / name
            target.parent.mkdir(parents=True, exist_ok=True)
            source = tar.extractfile(member)
            target.write_bytes(source.read() if source else b"")
            written.append(target)
    return written
