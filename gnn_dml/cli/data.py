"""`gnn-dml data`: list, prepare and verify data sets."""

from __future__ import annotations

import argparse
from pathlib import Path
from textwrap import fill

from gnn_dml.errors import UserError
from gnn_dml.prepare.cards import CARDS, Card

EMOJI = ("emoji", 4500, 597, "embedded")


def run(arguments: argparse.Namespace) -> int:
    """Do what `arguments.action` says."""
    if arguments.action == "list":
        print(_cards(arguments.name))
        return 0
    if arguments.name is None:
        raise UserError(f"which data set? write for instance: gnn-dml data {arguments.action} cub")
    if arguments.action == "prepare":
        return _prepare_emoji(arguments) if arguments.name == "emoji" else _prepare(arguments)
    return _verify_emoji(arguments) if arguments.name == "emoji" else _verify(arguments)


def _cards(name: str | None) -> str:
    """A table of all data sets, or one card."""
    if name in CARDS:
        return _card(CARDS[name])
    rows = [EMOJI, *((c.name, c.images, c.classes, "by hand" if c.by_hand else "downloaded") for c in CARDS.values())]
    lines = [f"{'name':<9}{'images':>8}{'classes':>9}  {'how to get it':<15}card"]
    lines += [f"{n:<9}{i:>8}{c:>9}  {how:<15}datasets/{n}/README.md" for n, i, c, how in rows if name in (None, n)]
    if name is None:
        lines += ["folder           any       any  yours          a folder per class: dataset.root=FOLDER"]
        lines += ["table            any       any  yours          CSV with path, label[, split]: dataset.root=FILE.csv"]
        lines += ["", "One in detail: gnn-dml data list cub"]
    return "\n".join(lines)


def _card(card: Card) -> str:
    """A card, for people."""
    said = {
        "images": f"{card.images:,} in {card.classes:,} classes",
        "split": card.split,
        "from": card.homepage,
        "terms": card.terms,
        "cite": card.citation,
        "files": "; ".join(
            f"{s.file} ({f'{s.size:,} bytes' if s.size else 'size not published'}, "
            f"{f'md5 {s.md5}' if s.md5 else 'no checksum published'})"
            for s in card.sources
        ),
        "to get it": card.by_hand or f"gnn-dml data prepare {card.name}",
    }
    indent = " " * 12
    return "\n".join(
        [card.title, *(fill(f"{key:<12}{text}", 110, subsequent_indent=indent) for key, text in said.items())]
    )


def _root(arguments: argparse.Namespace) -> Path:
    return Path("datasets") / arguments.name if arguments.root is None else Path(arguments.root)


def _prepare(arguments: argparse.Namespace) -> int:
    from gnn_dml.prepare import prepare

    if arguments.name not in CARDS:
        raise UserError(f"dataset={arguments.name} is your own: there is nothing to prepare, only dataset.root to name")
    root = _root(arguments)
    prepare(
        CARDS[arguments.name],
        root,
        archives=[Path(path) for path in arguments.archive],
        url=arguments.url,
        checked=not arguments.unchecked,
    )
    print(f"check it: gnn-dml data verify {arguments.name} --root {root}")
    print(f"use it:   gnn-dml train dataset={arguments.name} dataset.root={root}")
    return 0


def _verify(arguments: argparse.Namespace) -> int:
    """Read the lists, then every image."""
    if arguments.root is None and arguments.name not in CARDS:
        what = "FILE.csv" if arguments.name == "table" else "FOLDER"
        raise UserError(f"data verify {arguments.name} needs --root {what}")
    root = _root(arguments)
    if not root.exists():
        hint = f"; 'gnn-dml data prepare {arguments.name}' says how to get it" if arguments.name in CARDS else ""
        raise UserError(f"--root {root} does not exist{hint}")
    from gnn_dml import data
    from gnn_dml.data.readable import find_unreadable

    options = {"strict": not arguments.subset} if arguments.name in CARDS else {}
    dataset = getattr(data, f"read_{arguments.name}")(root, **options)
    found = find_unreadable(dataset.images.paths, workers=arguments.workers)
    if found:
        shown = "\n".join(f"  {said}" for said in list(found.values())[:10])
        more = f"\n  and {len(found) - 10} more" if len(found) > 10 else ""
        raise UserError(f"{len(found)} of {len(dataset)} images cannot be read:\n{shown}{more}")
    roles = ", ".join(f"{dataset.roles.count(role):,} {role}" for role in dict.fromkeys(dataset.roles))
    print(f"{root}: whole; {len(dataset):,} images ({roles}), {len(dataset.class_names):,} classes, all readable")
    return 0


def _prepare_emoji(arguments: argparse.Namespace) -> int:
    from gnn_dml.prepare.emoji import build

    if arguments.out is None:
        raise UserError("say where the file goes, for instance: gnn-dml data prepare emoji --out emoji.zip")
    out = Path(arguments.out)
    if out.is_dir() or not out.absolute().parent.is_dir():
        raise UserError(f"--out {out} must be a file in an existing folder")
    build(out, full=arguments.full, cache=None if arguments.cache is None else Path(arguments.cache))
    print(f"written: {out} ({out.stat().st_size / 1e6:.1f} MB); use it with dataset.root={out}")
    return 0


def _verify_emoji(arguments: argparse.Namespace) -> int:
    from gnn_dml.prepare.embedded import find_embedded
    from gnn_dml.prepare.emoji import verify

    path = find_embedded("emoji", "emoji.zip") if arguments.file is None else Path(arguments.file)
    if not path.is_file():
        raise UserError(f"there is no file {path}")
    found = verify(path)
    if found:
        raise UserError(f"{path}: {'; '.join(found[:5])}{f'; and {len(found) - 5} more' if len(found) > 5 else ''}")
    print(f"{path}: whole")
    return 0
