# SPDX-License-Identifier: Apache-2.0
"""The kernels of the matrix, and how a suite's index answers "which packages are that kernel today?".

The name `linux-image-cloud-amd64` is stable; the versions behind it are not: sid moves every week.
Up to trixie one package holds image, configuration and modules. From 7.x on the image package is
empty and depends on linux-{base,binary,modules}-<version>, so the dependencies are followed.
"""

import re
from dataclasses import dataclass

from sources import parse_stanzas

META_PACKAGE = "linux-image-cloud-amd64"
VERSIONED = re.compile(r"^linux-(?:image|base|binary|modules)-\d\S*-cloud-amd64$")


@dataclass(frozen=True)
class Kernel:
    label: str
    suite: str


KERNELS = (
    Kernel("5.10", "bullseye"),
    Kernel("6.1", "bookworm"),
    Kernel("6.12", "trixie"),
    Kernel("newest", "sid"),
)


# What a guest loads, in this order, where the kernel has it as a module. The first group is the way
# out of the machine: nothing can be reported before its ports exist.
MODULES = (
    "virtio_pci", "virtio_console",
    "virtio-rng", "virtio_blk",                  # entropy; disks
    "veth", "dummy", "tun",                      # interfaces for XDP, tc and their packets
    "sch_ingress", "cls_bpf", "act_bpf",         # clsact and BPF filters
    "overlay",                                   # a file system with an inode of its own under uprobes
    "nf_defrag_ipv4", "nf_defrag_ipv6", "nf_conntrack",  # netfilter links, module kfuncs and their BTF
)


class NotFound(Exception):
    """The index does not hold what the matrix needs."""


def find(label: str, cached_releases: dict[str, str]) -> Kernel:
    """A kernel by label, or by the major.minor of a cached one (`7.2` for today's `newest`)."""
    for kernel in KERNELS:
        if kernel.label == label:
            return kernel
    for kernel in KERNELS:
        if label and label == ".".join(cached_releases.get(kernel.label, "").split(".")[:2]):
            return kernel
    known = ", ".join(kernel.label for kernel in KERNELS)
    raise NotFound(f"no kernel is called {label!r}: the matrix has {known}, and the major.minor of "
                   f"what `fetch` has cached")


def dependencies(stanza: dict[str, str]) -> list[str]:
    """Package names of Depends and Pre-Depends; the first of alternatives, versions dropped."""
    text = ",".join(stanza.get(field, "") for field in ("pre-depends", "depends"))
    names = [part.split("|")[0].split("(")[0].strip() for part in text.split(",")]
    return [name for name in names if name]


def resolve(index: dict[str, dict[str, str]]) -> tuple[str, list[str]]:
    """(version, packages) of the index's current cloud kernel.

    `index` maps a package's name to its newest stanza. The walk follows versioned kernel packages
    only, so it ends: each name is visited once.
    """
    if META_PACKAGE not in index:
        raise NotFound(f"the index has no package {META_PACKAGE}")
    packages: list[str] = []
    waiting = [name for name in dependencies(index[META_PACKAGE]) if VERSIONED.match(name)]
    while waiting:
        name = waiting.pop(0)
        if name in packages:
            continue
        if name not in index:
            raise NotFound(f"the index has no package {name}, which {META_PACKAGE} depends on")
        packages.append(name)
        waiting += [more for more in dependencies(index[name]) if VERSIONED.match(more)]
    if not packages:
        raise NotFound(f"{META_PACKAGE} depends on no versioned kernel package")
    return index[META_PACKAGE].get("version", "?"), packages


def read_index(text: str) -> dict[str, dict[str, str]]:
    """`apt-cache show` output by package name; apt prints the newest version first, so it wins."""
    index: dict[str, dict[str, str]] = {}
    for stanza in parse_stanzas(text):
        index.setdefault(stanza.get("package", ""), stanza)
    return index
