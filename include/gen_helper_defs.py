#!/usr/bin/env python3
# SPDX-License-Identifier: Apache-2.0
"""Writes bpf_helper_defs.h, the C declarations of the BPF helpers, from a kernel's <linux/bpf.h>.

A helper is called by number: to C it is a constant function pointer whose value is the helper's id.
<linux/bpf.h> holds both halves, apart from each other:

  - the ids, as a macro list: `FN(map_lookup_elem),` in order (v4.8 to v6.1) or with the number
    written out, `FN(map_lookup_elem, 1, ##ctx)` (since v6.2);
  - the prototypes, in one long comment, "Start of BPF helper function descriptions", structured
    since v4.18: ` * long bpf_x(struct bpf_map *map, u64 flags)`, then indented text.

The prototypes use the kernel's internal types. A BPF program sees other ones (`struct __sk_buff`
for `struct sk_buff`), and a helper documented more than once accepts any of those types there.
"""

import argparse
import re
import sys

# The kernel's name for an integer type → the one <linux/types.h> and vmlinux.h export.
INTEGERS = {f"{sign}{bits}": f"__{sign}{bits}" for sign in "us" for bits in (8, 16, 32, 64)}
INTEGERS["size_t"] = "unsigned long"  # which neither of them exports

# The kernel's internal struct → what a BPF program's context or argument is declared as. A map is
# passed by its address, whatever anonymous struct describes it, hence void.
STRUCTS = {
    "struct bpf_map": "void",
    "struct bpf_perf_event_data_kern": "struct bpf_perf_event_data",
    "struct bpf_sk_lookup_kern": "struct bpf_sk_lookup",
    "struct bpf_sock_addr_kern": "struct bpf_sock_addr",
    "struct bpf_sock_ops_kern": "struct bpf_sock_ops",
    "struct bpf_sysctl_kern": "struct bpf_sysctl",
    "struct sk_buff": "struct __sk_buff",
    "struct sk_msg_buff": "struct sk_msg_md",
    "struct sk_reuseport_kern": "struct sk_reuseport_md",
    "struct xdp_buff": "struct xdp_md",
}

# The list is closed since v6.2 (new functions are kfuncs): these two complete an older header.
LAST_HELPERS = {
    "cgrp_storage_get": (
        210,
        "void *bpf_cgrp_storage_get"
        "(struct bpf_map *map, struct cgroup *cgroup, void *value, u64 flags)",
    ),
    "cgrp_storage_delete": (
        211,
        "long bpf_cgrp_storage_delete(struct bpf_map *map, struct cgroup *cgroup)",
    ),
}

PROTOTYPE = re.compile(
    r"^(?P<result>[A-Za-z_][\w\s]*?[\s*]+)bpf_(?P<name>\w+)\s*\((?P<params>[^()]*)\)$"
)
LIST_HEAD = re.compile(r"^#\s*define\s+___?_?BPF_FUNC_MAPPER\s*\(\s*FN\b[^)]*\)")
LIST_ENTRY = re.compile(r"\bFN\s*\(\s*(\w+)\s*(?:,\s*(\d+)\s*)?(?:,\s*##\s*\w+\s*)?\)")


class HeaderError(Exception):
    """The header does not have the shape this script knows."""


def helper_ids(header):
    """name → id, from the macro list; the header may spell the ids or only the order."""
    lines = header.splitlines()
    for start, line in enumerate(lines):
        head = LIST_HEAD.match(line)
        if head:
            break
    else:
        raise HeaderError("no list of helpers (__BPF_FUNC_MAPPER)")
    body = [line[head.end() :]]
    while lines[start].rstrip().endswith("\\") and start + 1 < len(lines):
        start += 1
        body.append(lines[start])
    text = re.sub(r"/\*.*?\*/", " ", " ".join(part.rstrip().removesuffix("\\") for part in body))
    ids = {}
    for order, (name, number) in enumerate(LIST_ENTRY.findall(text)):
        if name in ids:
            raise HeaderError(f"helper {name} is listed twice")
        ids[name] = int(number) if number else order
    if ids.pop("unspec", None) != 0:
        raise HeaderError("the list of helpers does not start with unspec")
    if len(set(ids.values())) != len(ids):
        raise HeaderError("two helpers have the same id")
    return ids


def documented_prototypes(header):
    """The prototypes of the description comment as one-line strings, in order, repeats included."""
    start = header.find("Start of BPF helper function descriptions")
    if start < 0:
        raise HeaderError("no helper descriptions (the header is older than v4.18)")
    end = header.find("*/", start)
    if end < 0:
        raise HeaderError("the helper descriptions have no end")
    found, pending = [], None
    for line in header[start:end].splitlines()[1:]:
        # A prototype is flush left; a description is indented by a tab.
        text = re.sub(r"^\s*\*", "", line)
        if pending is not None:
            pending += " " + text.strip()
        elif re.match(r" [A-Za-z_][\w\s*]*?\bbpf_\w+\s*\(", text):
            pending = text.strip()
        if pending is not None and ")" in pending:
            found.append(" ".join(pending.split()))
            pending = None
    return found


def to_program_type(text):
    """A kernel type, without the name it declares, as a BPF program declares it."""
    stars = text.count("*")
    words = text.replace("*", " ").split()
    const = "const " if "const" in words else ""
    base = " ".join(word for word in words if word != "const")
    base = STRUCTS.get(base, INTEGERS.get(base, base))
    return f"{const}{base} " + "*" * stars if stars else f"{const}{base}"


def parse_prototype(text):
    """One prototype → (name, result type, [(type, parameter name)], variadic)."""
    match = PROTOTYPE.match(text)
    if not match:
        raise HeaderError(f"not a prototype: {text}")
    params, variadic = [], False
    given = match["params"].strip()
    for part in given.split(",") if given not in ("", "void") else []:
        part = part.strip()
        if part == "...":
            variadic = True
            continue
        declared = re.match(r"^(?P<type>.*?[\s*])(?P<name>[A-Za-z_]\w*)$", part)
        if not declared:
            raise HeaderError(f"parameter without a name in: {text}")
        params.append((to_program_type(declared["type"]), declared["name"]))
    return match["name"], to_program_type(match["result"]), params, variadic


def merge(first, second):
    """Two descriptions of one helper: a pointer they disagree about becomes void *."""
    name, result, params, variadic = first
    _, other_result, other_params, other_variadic = second
    if result != other_result or len(params) != len(other_params) or variadic != other_variadic:
        raise HeaderError(f"helper {name} is described twice, with different shapes")
    merged = []
    for index, ((kind, label), (other_kind, _)) in enumerate(zip(params, other_params)):
        if kind == other_kind:
            merged.append((kind, label))
        elif "*" in kind and "*" in other_kind:
            both_const = kind.startswith("const ") and other_kind.startswith("const ")
            merged.append(("const void *" if both_const else "void *", label if index else "ctx"))
        else:
            raise HeaderError(f"helper {name}: parameter {label} has two types")
    return name, result, merged, variadic


def helper_prototypes(texts):
    """name → prototype, one per helper."""
    table = {}
    for text in texts:
        prototype = parse_prototype(text)
        name = prototype[0]
        table[name] = merge(table[name], prototype) if name in table else prototype
    return table


def declaration(prototype, number):
    name, result, params, variadic = prototype
    joined = [kind + label if kind.endswith("*") else f"{kind} {label}" for kind, label in params]
    if variadic:
        joined.append("...")
    space = "" if result.endswith("*") else " "
    listed = ", ".join(joined) or "void"
    return f"static {result}{space}(*const bpf_{name})({listed}) = (void *){number};"


def generate(header):
    """The text of bpf_helper_defs.h for the text of a <linux/bpf.h>."""
    ids = helper_ids(header)
    texts = documented_prototypes(header)
    for name, (number, prototype) in LAST_HELPERS.items():
        if name not in ids and number not in ids.values():
            ids[name] = number
            texts.append(prototype)
    prototypes = helper_prototypes(texts)
    unlisted = sorted(set(prototypes) - set(ids))
    if unlisted:
        raise HeaderError(f"described but not listed: {', '.join(unlisted)}")

    body = []
    for name, number in sorted(ids.items(), key=lambda item: item[1]):
        if name in prototypes:
            body.append(declaration(prototypes[name], number))
        else:
            body.append(f"/* bpf_{name}, {number}: this header does not describe it. */")
    structs = sorted({found for line in body for found in re.findall(r"\bstruct \w+", line)})
    return "\n".join(
        [
            "/* SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause */",
            "/* Generated by gen_helper_defs.py from <linux/bpf.h>: do not edit. */",
            "#pragma once",
            "",
            *(f"{struct};" for struct in structs),
            "",
            *body,
            "",
        ]
    )


def main(arguments):
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("header", help="the kernel's <linux/bpf.h>")
    parser.add_argument("output", help="the file to write")
    options = parser.parse_args(arguments)
    try:
        with open(options.header, encoding="utf-8") as file:
            text = generate(file.read())
    except HeaderError as error:
        print(f"{options.header}: {error}", file=sys.stderr)
        return 1
    with open(options.output, "w", encoding="utf-8") as file:
        file.write(text)
    return 0


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
