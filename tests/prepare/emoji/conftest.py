"""Tiny npm packages in the layout of the real ones."""

import hashlib
import io
import json
import tarfile
from collections.abc import Mapping
from dataclasses import replace
from pathlib import Path

import pytest

from gnn_dml.prepare.emoji.recipe import Recipe
from gnn_dml.prepare.emoji.sources import Source

SUBGROUPS = [(f"group {g}", f"subgroup {g}{s}") for g in "ab" for s in "123456"]
PER_SUBGROUP = 3


def write_tarball(path: Path, members: Mapping[str, object]) -> str:
    """Write a gzipped tarball of texts and JSON documents; returns its sha256."""
    with tarfile.open(path, "w:gz") as archive:
        for name, content in members.items():
            data = (content if isinstance(content, str) else json.dumps(content)).encode()
            info = tarfile.TarInfo(f"package/{name}")
            info.size = len(data)
            archive.addfile(info, io.BytesIO(data))
    return hashlib.sha256(path.read_bytes()).hexdigest()


def package(cache: Path, source: Source, members: Mapping[str, object]) -> Source:
    """Put a package into the cache; returns the source with the checksum that it has."""
    return replace(source, sha256=write_tarball(cache / source.tarball, members))


def body(number: int, vendor: int) -> str:
    """A rectangle of its own place and size for every emoji, in a colour of the vendor."""
    x, y = number % 8, number // 8
    return f'<rect x="{x}" y="{y}" width="{4 + x}" height="{3 + y}" fill="#{vendor * 25:02x}80c0"/>'


@pytest.fixture
def recipe(tmp_path: Path) -> Recipe:
    """36 emoji in 12 subgroups, drawn by three vendors, the second of which gives no codepoints."""
    cache = tmp_path / "cache"
    cache.mkdir()
    listing = []
    for i in range(len(SUBGROUPS) * PER_SUBGROUP):
        group, subgroup = SUBGROUPS[i // PER_SUBGROUP]
        entry = {"codes": f"{0x1F400 + i:X}", "name": f"thing {i}", "group": group, "subgroup": subgroup}
        listing.append(entry)
        listing.append({**entry, "codes": f"{entry['codes']} 1F3FD", "name": f"thing {i}: medium skin tone"})
    listing.append({"codes": "1F3FD", "name": "medium skin tone", "group": "Component", "subgroup": "skin-tone"})
    plain = [entry for entry in listing if "skin" not in entry["name"]]
    sources = []
    for vendor in range(4):
        icons = {f"thing-{i}": {"body": body(i, vendor)} for i in range(len(plain))}
        icons["thing-0-medium-skin-tone"] = {"body": body(60, vendor)}
        chars = {entry["codes"].lower(): f"thing-{i}" for i, entry in enumerate(plain)}
        chars["1f400-1f3fd"] = "thing-0-medium-skin-tone"
        chars["1f3fd"] = "thing-0-medium-skin-tone"
        licence = "CC-BY-SA-4.0" if vendor == 3 else "MIT"
        source = Source(f"@sets/v{vendor}", "1.0.0", "", licence, "A", "https://a.example", embedded=vendor < 3)
        members = {"icons.json": {"width": 16, "height": 16, "icons": icons}, "chars.json": chars}
        if vendor == 1:
            del members["chars.json"]
        sources.append(package(cache, source, members))
    names = Source("names", "1.0.0", "", "MIT", "B", "https://b.example")
    names = package(cache, names, {"emoji.json": listing})
    wanted = {"train": 15, "val": 15, "test": 15}
    return Recipe(tuple(sources[:3]), min_drawings=3, wanted=wanted, names=names)
