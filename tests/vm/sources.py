# SPDX-License-Identifier: Apache-2.0
"""Finds the Debian archive in the machine's own apt sources.

The kernel matrix needs packages of other Debian suites, and the one mirror known to answer on this
machine is the one its administrator wrote down. Both formats of sources.list(5) are read: one-line
entries and deb822 stanzas. Only entries that look like the Debian archive itself are kept; whether
they really are is for the archive's signature to say when apt fetches them.
"""

import pathlib
import re
from dataclasses import dataclass

# A sources.list(5) suite of the archive proper, of its updates or of its security branch.
SUITE = re.compile(
    r"^(?:oldoldstable|oldstable|stable|testing|unstable|sid|buster|bullseye|bookworm|trixie|forky|duke)"
    r"(?P<branch>-updates|-security|/updates)?$")


@dataclass(frozen=True)
class Entry:
    """One (URI, suite) pair of the apt configuration."""
    uri: str
    suite: str
    components: tuple[str, ...]
    signed_by: str = ""


@dataclass(frozen=True)
class Archive:
    """Where packages can be asked for; `security` is empty if the machine names no such archive."""
    main: str
    security: str = ""


def parse_one_line(text: str) -> list[Entry]:
    """Entries of a `.list` file: `deb [option=value ...] uri suite component...`."""
    entries = []
    for line in text.splitlines():
        line = line.split("#", 1)[0].strip()
        match = re.match(r"deb\s+(?:\[(?P<options>[^\]]*)\]\s*)?(?P<rest>\S.*)$", line)
        if not match:
            continue
        words = match["rest"].split()
        if len(words) < 3:
            continue
        options = dict(word.split("=", 1) for word in (match["options"] or "").split() if "=" in word)
        entries.append(Entry(words[0], words[1], tuple(words[2:]), options.get("signed-by", "")))
    return entries


def parse_stanzas(text: str) -> list[dict[str, str]]:
    """deb822: `Field: value` lines, continued by indentation; an empty line ends a stanza."""
    stanzas: list[dict[str, str]] = [{}]
    field = ""
    for line in text.splitlines():
        if line.startswith("#"):
            continue
        if not line.strip():
            stanzas.append({})
            field = ""
        elif line[0] in " \t":
            if field:
                stanzas[-1][field] += "\n" + line.strip()
        elif ":" in line:
            name, value = line.split(":", 1)
            field = name.strip().lower()
            stanzas[-1][field] = value.strip()
    return [stanza for stanza in stanzas if stanza]


def parse_deb822(text: str) -> list[Entry]:
    """Entries of a `.sources` file, one for each URI and suite of each enabled `deb` stanza."""
    entries = []
    for stanza in parse_stanzas(text):
        if "deb" not in stanza.get("types", "").split():
            continue
        if stanza.get("enabled", "yes").lower() in ("no", "false", "0", "off", "without", "disable"):
            continue
        components = tuple(stanza.get("components", "").split())
        for uri in stanza.get("uris", "").split():
            for suite in stanza.get("suites", "").split():
                entries.append(Entry(uri, suite, components, stanza.get("signed-by", "")))
    return entries


def is_debian(entry: Entry) -> bool:
    """Third-party archives reuse Debian's suite names, but sign with a key of their own."""
    return (bool(SUITE.match(entry.suite)) and "main" in entry.components
            and not entry.uri.startswith("cdrom:")
            and (not entry.signed_by or "debian-archive" in entry.signed_by))


def archives(entries: list[Entry]) -> list[Archive]:
    """Candidates, best first: entries that name Debian's keyring, then those that name no key."""
    debian = sorted(filter(is_debian, entries), key=lambda entry: not entry.signed_by)
    security = [entry.uri for entry in debian if SUITE.match(entry.suite)["branch"] in ("-security", "/updates")]
    mains = [entry.uri for entry in debian if entry.uri not in security]
    return [Archive(uri, security[0] if security else "") for uri in dict.fromkeys(mains)]


def read_entries(root: pathlib.Path = pathlib.Path("/etc/apt")) -> list[Entry]:
    """Every entry apt itself would read under `root`."""
    entries = []
    for path in [root / "sources.list", *sorted(root.glob("sources.list.d/*"))]:
        if not path.is_file() or path.suffix not in (".list", ".sources"):
            continue
        text = path.read_text(encoding="utf-8", errors="replace")
        entries += parse_deb822(text) if path.suffix == ".sources" else parse_one_line(text)
    return entries
