"""An icon set as its package holds it: SVG bodies by name, aliases, and codepoints where it gives them."""

from __future__ import annotations

import json
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from gnn_dml.prepare.emoji.sources import Source
from gnn_dml.prepare.emoji.tarball import read_members

MAX_ALIAS_DEPTH = 8


@dataclass(frozen=True)
class Icon:
    """One drawing: the inside of an `<svg>` element, its view box, and how an alias turns it."""

    body: str
    left: float
    top: float
    width: float
    height: float
    hflip: bool = False
    vflip: bool = False
    rotate: int = 0


@dataclass(frozen=True)
class IconSet:
    """All icons of one vendor.

    Attributes:
        vendor: Short name of the set.
        raw: What `icons.json` holds.
        chars: Codepoints as the set writes them -> icon name; empty where the set gives none.
        compact_names: Whether the set writes icon names without anything between the words.
    """

    vendor: str
    raw: dict[str, Any]
    chars: dict[str, str]
    compact_names: bool = False

    def names(self) -> list[str]:
        """Every name of an icon or an alias, icons first."""
        return [*self.raw["icons"], *self.raw.get("aliases", {})]

    def icon(self, name: str) -> Icon | None:
        """The drawing behind an icon's or an alias's name; None if there is none."""
        hflip = vflip = False
        rotate = 0
        chain: list[dict[str, Any]] = []
        for _ in range(MAX_ALIAS_DEPTH):
            alias = self.raw.get("aliases", {}).get(name)
            if name in self.raw["icons"] or alias is None:
                break
            chain.append(alias)
            name = alias["parent"]
        base = self.raw["icons"].get(name)
        if base is None:
            return None
        chain.append(base)
        for item in chain:
            hflip ^= bool(item.get("hFlip", False))
            vflip ^= bool(item.get("vFlip", False))
            rotate = (rotate + int(item.get("rotate", 0))) % 4
        box = {"left": 0, "top": 0, "width": 16, "height": 16}
        for item in (self.raw, *reversed(chain)):
            box.update({key: item[key] for key in box if key in item})
        return Icon(base["body"], hflip=hflip, vflip=vflip, rotate=rotate, **box)


def load_icon_set(source: Source, tarball: Path) -> IconSet:
    """Read an icon set from its npm tarball.

    Raises:
        UserError: If the tarball cannot be read or misses `icons.json`.
    """
    members = read_members(tarball, ("package/icons.json",), optional=("package/chars.json",))
    raw = json.loads(members["package/icons.json"])
    chars = json.loads(members.get("package/chars.json", b"{}"))
    return IconSet(source.vendor, raw, chars, source.compact_names)
