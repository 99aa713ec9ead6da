#!/usr/bin/env python3
# SPDX-License-Identifier: Apache-2.0
"""`bpfld map` against `bpftool map`, on maps that neither of the two tools' users has to know: maps that
bpftool created, which have no BTF, and those of an object that it loaded, which have. Both must show the
same bytes and the same values, and what one writes the other must read. As root, on the running kernel, in a
mount namespace with a BPF file system of its own, which is gone with this process.
"""

import ctypes
import json
import os
import pathlib
import subprocess
import sys
import tempfile
import unittest

ROOT = pathlib.Path(__file__).resolve().parent.parent
BUILD = pathlib.Path(os.environ.get("BPFLD_BUILD", ROOT / "build"))
CLONE_NEWNS = 0x20000
PINS = pathlib.Path("/sys/fs/bpf")

# Maps without BTF: type, key and value size, flags, the elements' first bytes of key and value.
PLAIN = (
    ("hash", 4, 8, 0, ((1, 2), (3, 4))),
    ("hash", 16, 4, 0, ((1, 2), (255, 4))),
    ("array", 4, 8, 0, ((0, 7), (3, 9))),
    ("percpu_hash", 4, 8, 0, ((1, 2), (3, 4))),
    ("percpu_array", 4, 4, 0, ((2, 5),)),
    ("lru_hash", 4, 4, 0, ((9, 1), (8, 2))),
    ("lru_percpu_hash", 4, 16, 0, ((9, 1),)),
    ("lpm_trie", 8, 4, 1, ((32, 1), (8, 2))),
    ("devmap", 4, 4, 0, ((0, 1),)),
    ("devmap_hash", 4, 4, 0, ((5, 1),)),
    ("cpumap", 4, 4, 0, ((0, 64),)),
    ("stack_trace", 4, 1016, 0, ()),
)
# Of fixtures/maps_all.bpf.c: the elements' bytes of key and value, and what both tools make of them.
SH = list(b"sh".ljust(16, b"\0"))
VALUE = [42, 0, 0, 0, 0, 0, 0, 0, 7, 0, 0, 0, 0, 0, 0, 0]
VALUE_TEXT = {"count": 42, "last": 7}
TYPED = (
    ("hash", [1, 0, 0, 0, *SH], VALUE, {"pid": 1, "comm": "sh"}, VALUE_TEXT),
    ("hash_on_demand", [2, 0, 0, 0], VALUE, 2, VALUE_TEXT),
    ("array", [7, 0, 0, 0], VALUE, 7, VALUE_TEXT),
    ("array_for_mmap", [1, 0, 0, 0], [5] + [0] * 7, 1, 5),
    ("lru_hash", [9, 0, 0, 0], VALUE, 9, VALUE_TEXT),
    ("lpm_trie", [32, 0, 0, 0, 10, 0, 0, 1], VALUE, {"bits": 32, "address": [10, 0, 0, 1]}, VALUE_TEXT),
    ("percpu_hash", [3, 0, 0, 0], VALUE, 3, VALUE_TEXT),
    ("percpu_array", [4, 0, 0, 0], VALUE, 4, VALUE_TEXT),
    ("lru_percpu_hash", [6, 0, 0, 0], VALUE, 6, VALUE_TEXT),
)


def run(*command: object) -> str:
    done = subprocess.run([str(word) for word in command], stdin=subprocess.DEVNULL, stdout=subprocess.PIPE,
                          stderr=subprocess.PIPE, text=True, timeout=60, check=False)
    if done.returncode != 0:
        raise AssertionError(f"{' '.join(map(str, command))}: {done.returncode}: {done.stderr}{done.stdout}")
    return done.stdout


def bpftool(*words: object) -> object:
    text = run("bpftool", "-j", "map", *words)
    return json.loads(text) if text.strip() else None


def bpfld(*words: object) -> list[dict]:
    return [json.loads(line) for line in run(BUILD / "cli" / "bpfld", "map", *words, "-o", "json").splitlines()]


def hexadecimal(data: list[int]) -> list[str]:
    return ["hex", *(f"{byte:02x}" for byte in data)]


def as_bytes(words: list[str]) -> bytes:
    """bpftool's ["0x01", ...]."""
    return bytes(int(word, 16) for word in words)


def our_bytes(value: object, size: int) -> bytes:
    """What we show of bytes without a type: a number of four bytes, or "hex:...". """
    if isinstance(value, int):
        return value.to_bytes(size, sys.byteorder)
    assert value.startswith("hex:"), value
    return bytes.fromhex(value[4:])


class Maps(unittest.TestCase):
    count = 0

    @classmethod
    def setUpClass(cls) -> None:
        if ctypes.CDLL(None, use_errno=True).unshare(CLONE_NEWNS) != 0:
            raise OSError(ctypes.get_errno(), "unshare")
        run("mount", "--make-rprivate", "/")
        run("mount", "-t", "bpf", "bpffs", PINS)

    def create(self, kind: str, key: int, value: int, flags: int, *words: object) -> pathlib.Path:
        Maps.count += 1
        path = PINS / f"map{Maps.count}"
        run("bpftool", "map", "create", path, "type", kind, "key", key, "value", value, "entries", 8, "name",
            f"m{Maps.count}", "flags", flags, *words)
        return path

    def fill(self, path: pathlib.Path, key: list[int], value: list[int]) -> None:
        run("bpftool", "map", "update", "pinned", path, "key", *hexadecimal(key), "value", *hexadecimal(value))

    def same_bytes(self, path: pathlib.Path, key_size: int, value_size: int) -> int:
        """Compares all elements of a map without BTF; how many there are."""
        theirs, ours = bpftool("dump", "pinned", path), bpfld("dump", path)
        found = {}
        for element in theirs:
            if "error" in element.get("value", {}):
                continue
            values = [one["value"] for one in element["values"]] if "values" in element else [element["value"]]
            found[as_bytes(element["key"])] = [as_bytes(one) for one in values]
        mine = {our_bytes(element["key"], key_size):
                [our_bytes(one, value_size) for one in element.get("values", [element.get("value")])]
                for element in ours if "error" not in element}
        self.assertEqual(mine, found, path)
        return len(found)

    def test_maps_without_btf_have_the_same_bytes(self):
        for kind, key_size, value_size, flags, elements in PLAIN:
            with self.subTest(kind=kind, key=key_size):
                path = self.create(kind, key_size, value_size, flags)
                for key, value in elements:
                    self.fill(path, [key] + [0] * (key_size - 1), [value] + [0] * (value_size - 1))
                count = self.same_bytes(path, key_size, value_size)
                if kind not in ("array", "percpu_array"):
                    self.assertEqual(count, len(elements))

    def test_maps_of_maps_have_the_same_ids(self):
        inner = self.create("hash", 4, 4, 0)
        for kind in ("array_of_maps", "hash_of_maps"):
            with self.subTest(kind=kind):
                path = self.create(kind, 4, 4, 0, "inner_map", "pinned", inner)
                run("bpftool", "map", "update", "pinned", path, "key", *hexadecimal([1, 0, 0, 0]), "value",
                    "pinned", inner)
                ours = bpfld("dump", path)
                self.assertEqual([(e["key"], e["value"]) for e in ours],
                                 [(1, bpftool("show", "pinned", inner)["id"])])

    def test_a_queue_and_a_stack_give_the_same_next_element(self):
        for kind in ("queue", "stack"):
            with self.subTest(kind=kind):
                path = self.create(kind, 0, 4, 0)
                for value in ("hex:01000000", "hex:02000000"):
                    run(BUILD / "cli" / "bpfld", "map", "update", path, "value", value)
                theirs = bpftool("peek", "pinned", path)
                self.assertEqual(our_bytes(bpfld("lookup", path)[0]["value"], 4), as_bytes(theirs["value"]))

    def test_maps_of_another_loader_are_shown_by_their_types(self):
        pins = PINS / "loaded"
        run("bpftool", "prog", "loadall", BUILD / "fixtures/maps_all.bpf.o", PINS / "programs", "pinmaps", pins)
        cpus = None
        for name, key, value, key_text, value_text in TYPED:
            with self.subTest(map=name):
                path = pins / name
                self.fill(path, key, value)
                theirs = next(e for e in bpftool("dump", "pinned", path) if as_bytes(e["key"]) == bytes(key))
                ours = bpfld("lookup", path, "key", "hex:" + bytes(key).hex())
                self.assertEqual(ours, [e for e in bpfld("dump", path) if e["key"] == key_text])
                self.assertEqual(theirs["formatted"]["key"], key_text)
                if "values" in theirs:
                    cpus = len(theirs["values"])
                    self.assertEqual([one["value"] for one in theirs["formatted"]["values"]], ours[0]["values"])
                    self.assertEqual(ours[0]["values"], [value_text] * cpus)
                else:
                    self.assertEqual(theirs["formatted"]["value"], value_text)
                    self.assertEqual(ours[0]["value"], value_text)
        self.assertIsNotNone(cpus)

    def test_what_we_write_by_types_they_read(self):
        pins = PINS / "written"
        run("bpftool", "prog", "loadall", BUILD / "fixtures/maps_all.bpf.o", PINS / "others", "pinmaps", pins)
        for name, key, value, key_text, value_text in TYPED:
            with self.subTest(map=name):
                run(BUILD / "cli" / "bpfld", "map", "update", pins / name, "key", json.dumps(key_text), "value",
                    json.dumps(value_text))
                found = bpftool("lookup", "pinned", pins / name, "key", *hexadecimal(key))
                values = [one["value"] for one in found["values"]] if "values" in found else [found["value"]]
                self.assertEqual({as_bytes(one)[:12] for one in values}, {bytes(value)[:12]})


if __name__ == "__main__":
    unittest.main()
