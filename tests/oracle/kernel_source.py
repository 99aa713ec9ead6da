# SPDX-License-Identifier: Apache-2.0
"""Gets parts of the Linux source out of Debian's linux-source-* packages, and keeps them.

The oracle compiles the kernel's own BPF selftests and a libbpf newer than Debian's. Both are in these
packages; none of it is ever committed. apt fetches and checks the package, only the wanted folders are
unpacked, and they stay in <cache>/source-<series>/ with the package's version in `version` and what was
unpacked in `folders`. What is cached is used as it is, without a network.
"""

import os
import pathlib
import shutil
import subprocess
import tempfile


class SourceError(Exception):
    """The source cannot be had; the message says why."""


def cache_root() -> pathlib.Path:
    if os.environ.get("BPFLD_CACHE"):
        return pathlib.Path(os.environ["BPFLD_CACHE"])
    base = os.environ.get("XDG_CACHE_HOME") or os.path.join(os.path.expanduser("~"), ".cache")
    return pathlib.Path(base) / "bpfld"


# What is unpacked, by series.
FOLDERS = {
    "6.1": ("tools/testing/selftests/bpf", "tools/lib/bpf", "tools/include", "scripts/bpf_doc.py"),
    "6.12": ("tools/testing/selftests/bpf", "tools/lib/bpf", "tools/include", "tools/arch/x86/include",
             "scripts/bpf_doc.py"),
}


def _download(series: str, directory: pathlib.Path) -> pathlib.Path:
    """The package, from the mirror that the machine is set up with."""
    # apt's own user must be able to write there.
    directory.chmod(0o755)
    command = ["apt-get", "-q", "-o", "Acquire::Retries=3", "-o", "APT::Sandbox::User=root",
               "download", f"linux-source-{series}"]
    run = {"cwd": directory, "text": True, "stdin": subprocess.DEVNULL, "stdout": subprocess.PIPE,
           "stderr": subprocess.STDOUT}
    result = subprocess.run(command, check=False, **run)
    if result.returncode != 0 and os.geteuid() == 0:  # a fresh machine has no package lists yet
        subprocess.run(["apt-get", "-q", "update"], check=False, **run)
        result = subprocess.run(command, check=False, **run)
    found = sorted(directory.glob("*.deb"))
    if result.returncode != 0 or not found:
        raise SourceError(f"cannot download linux-source-{series}:\n{result.stdout.strip()}")
    return found[0]


def _unpack(package: pathlib.Path, series: str, into: pathlib.Path) -> None:
    """The wanted folders of the tar.xz within the package's tar; nothing else is written."""
    top = f"linux-source-{series}"
    stages = (["dpkg-deb", "--fsys-tarfile", str(package)],
              ["tar", "-xO", f"./usr/src/{top}.tar.xz"],
              ["xz", "-dc"],
              ["tar", "-x", "-C", str(into), "--strip-components=1", *(f"{top}/{name}" for name in FOLDERS[series])])
    running: list[subprocess.Popen[bytes]] = []
    for stage in stages:
        previous = running[-1].stdout if running else subprocess.DEVNULL
        running.append(subprocess.Popen(stage, stdin=previous,
                                        stdout=subprocess.PIPE if stage is not stages[-1] else None))
        if running[1:]:
            running[-2].stdout.close()  # so that a stage ends when the one after it has
    if any([process.wait() for process in running]):
        raise SourceError(f"cannot unpack {package.name}")


def ensure(series: str) -> pathlib.Path:
    """The folder of the unpacked source. Errors: SourceError."""
    final = cache_root() / f"source-{series}"
    if (final / "folders").is_file() and set(FOLDERS[series]) <= set((final / "folders").read_text().split()):
        return final
    final.parent.mkdir(parents=True, exist_ok=True)
    with tempfile.TemporaryDirectory(prefix=f".source-{series}-", dir=final.parent) as name:
        root = pathlib.Path(name)
        package = _download(series, root)
        tree = root / "tree"
        tree.mkdir()
        _unpack(package, series, tree)
        version = subprocess.run(["dpkg-deb", "-f", str(package), "Version"], check=True, text=True,
                                 stdout=subprocess.PIPE).stdout
        (tree / "version").write_text(version)
        (tree / "folders").write_text("".join(f"{name}\n" for name in FOLDERS[series]))
        shutil.rmtree(final, ignore_errors=True)
        tree.rename(final)
    return final
