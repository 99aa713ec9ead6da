# SPDX-License-Identifier: Apache-2.0
"""Picks the modules a guest needs out of an unpacked kernel, dependencies first.

A package carries no modules.dep (depmod makes it on installation), but every module names what it
needs in its `.modinfo` section, as NUL-terminated `depends=a,b`. Compressed modules are unpacked
here, so the guest's insmod needs no decompressor.
"""

import lzma
import pathlib
import re
import subprocess


def canonical(name: str) -> str:
    """Module names treat '-' and '_' alike; file names use either."""
    return name.replace("-", "_")


def read_module(path: pathlib.Path) -> bytes:
    data = path.read_bytes()
    if path.suffix == ".xz":
        return lzma.decompress(data)
    if path.suffix == ".zst":
        return subprocess.run(["zstd", "-dcq", str(path)], check=True, stdout=subprocess.PIPE).stdout
    return data


def depends(module: bytes) -> list[str]:
    match = re.search(rb"\0depends=([^\0]*)\0", module)
    return [name for name in match[1].decode("ascii", "replace").split(",") if name] if match else []


def in_load_order(wanted: tuple[str, ...], needs: dict[str, list[str]]) -> list[str]:
    """`wanted` and all they need, each after what it needs. Names absent from `needs` are built in."""
    order: list[str] = []
    stack = [(canonical(name), False) for name in reversed(wanted)]
    while stack:
        name, needs_loaded = stack.pop()
        if name in order or name not in needs:
            continue
        if needs_loaded:
            order.append(name)
            continue
        stack.append((name, True))
        pending = [other for other, done in stack if done]
        stack += [(canonical(need), False) for need in needs[name] if canonical(need) not in pending]
    return order


def collect(tree: pathlib.Path, wanted: tuple[str, ...]) -> list[tuple[str, bytes]]:
    """(name, uncompressed module) in load order, from a directory holding lib/modules/<release>."""
    paths = {}
    for path in tree.rglob("*.ko*"):
        if path.name.endswith((".ko", ".ko.xz", ".ko.zst")):
            paths[canonical(path.name.split(".ko")[0])] = path
    contents: dict[str, bytes] = {}
    waiting = [canonical(name) for name in wanted]
    while waiting:
        name = waiting.pop()
        if name in paths and name not in contents:
            contents[name] = read_module(paths[name])
            waiting += map(canonical, depends(contents[name]))
    needs = {name: depends(data) for name, data in contents.items()}
    return [(name, contents[name]) for name in in_load_order(wanted, needs)]
