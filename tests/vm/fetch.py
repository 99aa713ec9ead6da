# SPDX-License-Identifier: Apache-2.0
"""Gets a kernel of the matrix from the machine's own Debian mirror and keeps it, ready to boot.

apt does the fetching, with its own signature checks, but on a private configuration and state in a
temporary directory, so the system's lists and packages are never touched. The keyring of Debian 12
signs for every suite of the matrix: each suite's Release file is signed with several keys, one of
them the bookworm key (checked for bullseye, trixie and sid). Nothing is installed; packages are
unpacked, and what a guest needs is copied to <cache>/<label>/:

    vmlinuz  config  modules/*.ko  modules.order  vmlinux.btf  kernel.json

The kernel's BTF is read from the first guest that boots it: the kernel's own answer, not a tool's.
A cached kernel is used as it is, without a network; `update` asks the mirror again.
"""

import contextlib
import fcntl
import json
import os
import pathlib
import shutil
import subprocess
import sys
import tempfile
import time

import guest
import kernels
import machine
import modules
import sources

KEYRING = pathlib.Path("/usr/share/keyrings/debian-archive-keyring.gpg")
MIRROR_VARIABLE = "BPFLD_DEBIAN_MIRROR"

# The system's hooks belong to the system's apt; the rest (proxies, time-outs) is wanted here too.
# sid's index says it expires after a week: a mirror that lags, or a machine whose clock is off, would
# lose the newest kernel. Its signature is checked all the same; an older kernel is no danger to a test.
APT_CONFIGURATION = """\
Dir::Etc::SourceList "{root}/sources.list";
Dir::Etc::SourceParts "/dev/null";
Dir::State "{root}/state";
Dir::State::status "{root}/state/status";
Dir::Cache "{root}/cache";
Acquire::Languages "none";
Acquire::Check-Valid-Until "false";
Acquire::Retries "3";
Acquire::http::Timeout "30";
APT::Architecture "amd64";
#clear APT::Update::Pre-Invoke;
#clear APT::Update::Post-Invoke;
#clear APT::Update::Post-Invoke-Success;
"""


class FetchError(Exception):
    """A kernel cannot be had; the message says which, why, and what to try."""


def cache_root() -> pathlib.Path:
    if os.environ.get("BPFLD_CACHE"):
        return pathlib.Path(os.environ["BPFLD_CACHE"]) / "kernels"
    base = os.environ.get("XDG_CACHE_HOME") or os.path.join(os.path.expanduser("~"), ".cache")
    return pathlib.Path(base) / "bpfld" / "kernels"


def cached(label: str) -> dict[str, str] | None:
    """kernel.json of a complete cached kernel; it is written last, so its presence means all is there."""
    try:
        return json.loads((cache_root() / label / "kernel.json").read_text())
    except (OSError, ValueError):
        return None


def cached_releases() -> dict[str, str]:
    facts = {kernel.label: cached(kernel.label) for kernel in kernels.KERNELS}
    return {label: known["release"] for label, known in facts.items() if known}


def ensure(kernel: kernels.Kernel, update: bool = False) -> dict[str, str]:
    """The cached kernel's facts, fetching it first if it is absent, or newer on the mirror with `update`."""
    known = cached(kernel.label)
    if known and not update:
        return known
    with _lock(kernel.label):
        known = cached(kernel.label)  # another process may have fetched it meanwhile
        if known and not update:
            return known
        try:
            return _fetch(kernel, known)
        except FetchError as error:
            if not known:
                raise
            print(f"vm: {error}\nvm: keeping the cached {known['release']}", file=sys.stderr)
            return known


@contextlib.contextmanager
def _lock(label: str):
    root = cache_root()
    root.mkdir(parents=True, exist_ok=True)
    with open(root / f".{label}.lock", "w", encoding="ascii") as file:
        fcntl.flock(file, fcntl.LOCK_EX)
        yield


def _fetch(kernel: kernels.Kernel, known: dict[str, str] | None) -> dict[str, str]:
    for tool, package in (("apt-get", "apt"), ("dpkg-deb", "dpkg")):
        if not shutil.which(tool):
            raise FetchError(f"kernel {kernel.label}: {tool} is missing (Debian's {package}); "
                             f"fetch on a Debian machine and copy {cache_root()} here")
    started = time.monotonic()
    reasons = []
    for archive, suite in _places(kernel):
        with tempfile.TemporaryDirectory(prefix="bpfld-apt-") as name:
            root = pathlib.Path(name)
            root.chmod(0o755)  # apt downloads as its own user
            try:
                version, packages = _resolve(root, archive, suite)
                if known and known["version"] == version:
                    return known
                _say(kernel, f"fetching {version} from {suite}")
                _download(root, packages)
                facts = _install(kernel, suite, version, packages, root)
                _say(kernel, f"{facts['release']} is ready after {time.monotonic() - started:.1f} s")
                return facts
            except (kernels.NotFound, subprocess.CalledProcessError, OSError) as error:
                reasons.append(f"suite {suite} at {archive}: {_explain(error)}")
    raise FetchError(f"kernel {kernel.label} could not be fetched: " + "\n  ".join(reasons) +
                     f"\n  try: apt-get update (does the mirror answer?), apt-get install debian-archive-keyring "
                     f"(a key is missing?),\n       or name another Debian mirror in {MIRROR_VARIABLE}")


def _say(kernel: kernels.Kernel, text: str) -> None:
    print(f"vm: {kernel.label}: {text}", file=sys.stderr, flush=True)


def _explain(error: Exception) -> str:
    if isinstance(error, subprocess.CalledProcessError):
        lines = [line for line in (error.output or "").splitlines() if line.startswith(("E:", "W:", "Err:"))]
        return f"{' '.join(error.cmd[:1])} failed: {' '.join(lines) or 'exit status ' + str(error.returncode)}"
    return str(error)


def _places(kernel: kernels.Kernel) -> list[tuple[str, str]]:
    """(URI, suite) pairs to try. An old suite may have left the mirror while its security branch stays."""
    override = os.environ.get(MIRROR_VARIABLE)
    found = [sources.Archive(override)] if override else sources.archives(sources.read_entries())
    if not found:
        raise FetchError(f"kernel {kernel.label}: the machine's apt sources name no Debian archive; "
                         f"name one in {MIRROR_VARIABLE}")
    places = [(archive.main, kernel.suite) for archive in found]
    places += [(archive.security, f"{kernel.suite}-security") for archive in found if archive.security]
    return places


def _apt(root: pathlib.Path, tool: str, *arguments: str) -> str:
    environment = {**os.environ, "LC_ALL": "C", "DEBIAN_FRONTEND": "noninteractive"}
    result = subprocess.run([tool, "-c", str(root / "apt.conf"), "-q", *arguments], check=True, text=True, cwd=root,
                            stdin=subprocess.DEVNULL, stdout=subprocess.PIPE, stderr=subprocess.STDOUT, env=environment)
    return result.stdout


def _resolve(root: pathlib.Path, archive: str, suite: str) -> tuple[str, list[str]]:
    """Makes the private apt in `root` and asks its fresh index which packages are the kernel."""
    for directory in ("state/lists/partial", "cache/archives/partial"):
        (root / directory).mkdir(parents=True)
    (root / "state/status").touch()
    (root / "apt.conf").write_text(APT_CONFIGURATION.format(root=root))
    options = f"[arch=amd64 signed-by={KEYRING}]" if KEYRING.is_file() else "[arch=amd64]"
    (root / "sources.list").write_text(f"deb {options} {archive} {suite} main\n")
    # Without this, apt-get update calls a mirror that does not answer a warning, and succeeds.
    _apt(root, "apt-get", "-o", "APT::Update::Error-Mode=any", "update")
    index = kernels.read_index(_apt(root, "apt-cache", "show", kernels.META_PACKAGE))
    waiting = [kernels.META_PACKAGE]
    while waiting:  # the index is large; ask only for what the walk in kernels.resolve() will want
        names = [name for name in kernels.dependencies(index.get(waiting.pop(), {}))
                 if kernels.VERSIONED.match(name) and name not in index]
        if names:
            index.update(kernels.read_index(_apt(root, "apt-cache", "show", *names)))
            waiting += names
    return kernels.resolve(index)


def _download(root: pathlib.Path, packages: list[str]) -> None:
    _apt(root, "apt-get", "download", *packages)
    for deb in sorted(root.glob("*.deb")):
        subprocess.run(["dpkg-deb", "-x", str(deb), str(root / "tree")], check=True, text=True,
                       stdout=subprocess.PIPE, stderr=subprocess.STDOUT)
        deb.unlink()


def _one(tree: pathlib.Path, *patterns: str) -> pathlib.Path:
    for pattern in patterns:
        for path in sorted(tree.glob(pattern)):
            return path
    raise kernels.NotFound(f"the packages hold no {' or '.join(patterns)}")


def _install(kernel: kernels.Kernel, suite: str, version: str, packages: list[str],
             root: pathlib.Path) -> dict[str, str]:
    """Copies what a guest needs, boots it once for its BTF, then replaces the cached kernel in one step."""
    tree, fresh, final = root / "tree", cache_root() / f".{kernel.label}.new", cache_root() / kernel.label
    shutil.rmtree(fresh, ignore_errors=True)
    (fresh / "modules").mkdir(parents=True)
    shutil.copyfile(_one(tree, "boot/vmlinuz-*", "usr/lib/modules/*/vmlinuz"), fresh / "vmlinuz")
    shutil.copyfile(_one(tree, "boot/config-*", "usr/lib/modules/*/config"), fresh / "config")
    loaded = modules.collect(tree, kernels.MODULES)
    for name, data in loaded:
        (fresh / "modules" / f"{name}.ko").write_bytes(data)
    (fresh / "modules.order").write_text("".join(f"{name}\n" for name, _ in loaded))
    release = _read_btf(kernel, fresh)
    facts = {"label": kernel.label, "suite": suite, "version": version, "release": release,
             "packages": " ".join(packages)}
    (fresh / "kernel.json").write_text(json.dumps(facts, indent=1) + "\n")
    shutil.rmtree(final, ignore_errors=True)
    fresh.rename(final)
    return facts


def _read_btf(kernel: kernels.Kernel, directory: pathlib.Path) -> str:
    command = guest.Command(["cp", "/sys/kernel/btf/vmlinux", "/out/vmlinux.btf"])
    try:
        result = machine.run(directory, "", command, machine.Options())
    except guest.GuestError as error:
        raise FetchError(f"kernel {kernel.label}: {error}") from error
    if result.failure or result.code != 0:
        raise FetchError(f"kernel {kernel.label} was fetched but does not boot: "
                         f"{result.failure or result.stderr.decode(errors='replace').strip()}\n"
                         f"{machine.console.tail(result.console)}")
    machine.unpack_files(result.files, directory)
    btf = (directory / "vmlinux.btf").read_bytes()
    if btf[:2] not in (b"\x9f\xeb", b"\xeb\x9f"):
        raise FetchError(f"kernel {kernel.label}: /sys/kernel/btf/vmlinux does not begin with BTF's magic")
    return result.facts["release"]
