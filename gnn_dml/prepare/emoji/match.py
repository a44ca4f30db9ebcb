"""Which icon of which set draws which emoji."""

from __future__ import annotations

import re
import unicodedata
from collections.abc import Iterable, Sequence
from dataclasses import dataclass

from gnn_dml.prepare.emoji.corrections import CORRECTIONS
from gnn_dml.prepare.emoji.icons import Icon, IconSet

SKIN_TONES = frozenset(f"{code:x}" for code in range(0x1F3FB, 0x1F400))
VARIATION_SELECTOR = "fe0f"


@dataclass(frozen=True)
class Emoji:
    """One class: an emoji as Unicode lists it."""

    codepoints: str
    name: str
    group: str
    subgroup: str


def normalise(codes: str) -> str:
    """Codepoints in one spelling: lower-case hexadecimal, joined by '-', without variation selector 16."""
    parts = [f"{int(part, 16):x}" for part in re.split(r"[\s_-]+", codes.strip())]
    return "-".join(part for part in parts if part != VARIATION_SELECTOR)


def slug(name: str) -> str:
    """An emoji's name as icon sets write it: ASCII, lower case, words joined by '-'."""
    plain = unicodedata.normalize("NFKD", name).encode("ascii", "ignore").decode()
    return re.sub(r"[^a-z0-9]+", "-", plain.replace("'", "").lower()).strip("-")


def unicode_emoji(entries: Iterable[dict[str, str]]) -> list[Emoji]:
    """The emoji of a Unicode listing, by codepoints, without skin tones and without components.

    Of several spellings of one emoji (with and without variation selector) the first counts.
    """
    found: dict[str, Emoji] = {}
    for entry in entries:
        codepoints = normalise(entry["codes"])
        if entry["group"] == "Component" or SKIN_TONES & set(codepoints.split("-")):
            continue
        found.setdefault(codepoints, Emoji(codepoints, entry["name"], entry["group"], entry["subgroup"]))
    return [found[key] for key in sorted(found)]


def name_table(emoji: Sequence[Emoji], sets: Sequence[IconSet]) -> dict[str, str]:
    """Icon name -> codepoints.

    Three kinds of names, the first that knows a name decides: the emoji's names of today; the names under
    which the sets that give codepoints draw it, aliases among them, which keep older names; the names of
    the Unicode characters. A name that one kind uses for two emoji is left out.
    """
    known = {item.codepoints for item in emoji}
    today = [(slug(item.name), item.codepoints) for item in emoji]
    drawn = [pair for icons in sets for pair in _drawn_names(icons, known)]
    single = [item.codepoints for item in emoji if "-" not in item.codepoints]
    characters = [(slug(unicodedata.name(chr(int(codes, 16)), "")), codes) for codes in single]
    return _unambiguous(characters) | _unambiguous(drawn) | _unambiguous(today)


def _drawn_names(icons: IconSet, known: set[str]) -> list[tuple[str, str]]:
    by_icon = {name: normalise(codes) for codes, name in icons.chars.items() if normalise(codes) in known}
    aliases = {
        name: by_icon[item["parent"]]
        for name, item in icons.raw.get("aliases", {}).items()
        if item["parent"] in by_icon and not {"hFlip", "vFlip", "rotate"} & set(item)
    }
    return [*(aliases | by_icon).items()]


def _unambiguous(pairs: Iterable[tuple[str, str]]) -> dict[str, str]:
    meanings: dict[str, set[str]] = {}
    for name, codepoints in pairs:
        meanings.setdefault(name, set()).add(codepoints)
    return {name: min(found) for name, found in meanings.items() if name and len(found) == 1}


def match_set(icons: IconSet, emoji: Sequence[Emoji], table: dict[str, str]) -> dict[str, Icon]:
    """Codepoints -> drawing, for every emoji that the set draws."""
    known = {item.codepoints for item in emoji}
    if icons.chars:
        pairs = [(normalise(codes), name) for codes, name in icons.chars.items()]
    else:
        pairs = _pairs_by_name(icons, table)
    matched: dict[str, Icon] = {}
    for codepoints, name in pairs:
        icon = icons.icon(name)
        if icon is not None and codepoints in known:
            matched.setdefault(codepoints, icon)
    return matched


def _pairs_by_name(icons: IconSet, table: dict[str, str]) -> list[tuple[str, str]]:
    if icons.compact_names:
        table = _unambiguous((name.replace("-", ""), codes) for name, codes in table.items())
        spelled = [(name, name.replace("-", "")) for name in icons.names()]
    else:
        spelled = [(name, name.replace("flag-for-", "flag-")) for name in icons.names()]
    corrected = CORRECTIONS.get(icons.vendor, {})
    pairs = [(corrected.get(name, table.get(spelling)), name) for name, spelling in spelled]
    return [(codepoints, name) for codepoints, name in pairs if codepoints is not None]
