"""`gnn-dml data`: list, prepare and verify data sets, whichever there are."""

from __future__ import annotations

import argparse
from collections.abc import Sequence
from pathlib import Path
from textwrap import fill

from gnn_dml.config.names import groups, open_config_dirs, suggestion
from gnn_dml.errors import UserError
from gnn_dml.prepare.card import Card, load_function
from gnn_dml.prepare.cards import find_cards
from gnn_dml.prepare.embedded import find_embedded
from gnn_dml.prepare.look import exists, is_file, is_folder
from gnn_dml.text import typed_path


def run(arguments: argparse.Namespace) -> int:
    """Do what `arguments.action` says."""
    known = groups(open_config_dirs(arguments.config_dir))["dataset"]
    if arguments.name is not None and arguments.name not in known:
        raise UserError(
            f"there is no data set {arguments.name!r}; there are {', '.join(known)}.{suggestion(arguments.name, known)}"
        )
    if arguments.action == "list":
        print(_list_cards(arguments.name, known))
        return 0
    if arguments.name is None:
        raise UserError(f"which data set? write for instance: gnn-dml data {arguments.action} cub")
    # A data set without a card is its user's own.
    card = find_cards().get(arguments.name) or Card(arguments.name, arguments.name)
    if arguments.action == "prepare":
        return _prepare(card, arguments) if card.builder is None else _build(card, arguments)
    return _verify(card, arguments)


def _list_cards(name: str | None, known: Sequence[str]) -> str:
    """A table of all data sets that are known, or one card."""
    cards = find_cards()
    found = [cards.get(one) or Card(one, "no card") for one in known if name in (None, one)]
    if name is not None and not found[0].is_own:
        return _show_card(found[0])
    lines = [f"{'name':<9}{'images':>8}{'classes':>9}  {'how to get it':<15}card"]
    for card in sorted(found, key=lambda card: card.is_own):
        images, classes = ("any" if count is None else count for count in (card.images, card.classes))
        where = f"{card.title}: dataset.root={card.root}" if card.is_own else f"datasets/{card.name}/README.md"
        lines.append(f"{card.name:<9}{images:>8}{classes:>9}  {card.availability:<15}{where}")
    if name is None:
        lines += ["", "One in detail: gnn-dml data list cub"]
    return "\n".join(lines)


def _show_card(card: Card) -> str:
    """A card, for people."""
    files = [
        f"{s.file} ({f'{s.size:,} bytes' if s.size else 'size not published'}, "
        f"{f'md5 {s.md5}' if s.md5 else 'no checksum published'})"
        for s in card.sources
    ]
    said = {
        "images": f"{card.images:,} in {card.classes:,} classes",
        "split": card.split,
        "from": card.homepage,
        "terms": card.terms,
        "cite": card.citation,
        "files": "; ".join(files) or f"{card.embedded}, which comes with the package",
        "to get it": card.by_hand or ("nothing to do" if card.embedded else f"gnn-dml data prepare {card.name}"),
    }
    indent = " " * 12
    return "\n".join(
        [card.title, *(fill(f"{key:<12}{text}", 110, subsequent_indent=indent) for key, text in said.items())]
    )


def _prepare(card: Card, arguments: argparse.Namespace) -> int:
    """Download, check and extract."""
    from gnn_dml.prepare import prepare

    if card.is_own:
        raise UserError(f"dataset={card.name} is your own: there is nothing to prepare, only dataset.root to name")
    root = _default_root(card) if arguments.root is None else typed_path(arguments.root)
    prepare(
        card,
        root,
        archives=[typed_path(path) for path in arguments.archive],
        url=arguments.url,
        checked=not arguments.unchecked,
    )
    print(f"check it: gnn-dml data verify {card.name} --root {root}")
    print(f"use it:   gnn-dml train dataset={card.name} dataset.root={root}")
    return 0


def _build(card: Card, arguments: argparse.Namespace) -> int:
    """Write a data file anew, with the function that the card names."""
    assert card.builder is not None
    if arguments.out is None:
        file = card.embedded or f"{card.name}.zip"
        raise UserError(f"say where the file goes, for instance: gnn-dml data prepare {card.name} --out {file}")
    out = typed_path(arguments.out)
    if is_folder(out) or not is_folder(out.absolute().parent):
        raise UserError(f"--out {out} must be a file in an existing folder")
    cache = None if arguments.cache is None else typed_path(arguments.cache)
    load_function(card.builder)(out, full=arguments.full, cache=cache)
    print(f"written: {out} ({out.stat().st_size / 1e6:.1f} MB); use it with dataset.root={out}")
    return 0


def _verify(card: Card, arguments: argparse.Namespace) -> int:
    """Read the lists, then every image; or what the card says instead."""
    root = _find_root(card, arguments)
    if card.verifier is not None:
        found = load_function(card.verifier)(root)
        if found:
            more = f"; and {len(found) - 5} more" if len(found) > 5 else ""
            raise UserError(f"{root}: {'; '.join(found[:5])}{more}")
        print(f"{root}: whole")
        return 0
    from gnn_dml.experiments.verify import verify_dataset

    verified = verify_dataset(
        card.name,
        root,
        strict=not arguments.subset,
        workers=arguments.workers,
        config_dirs=arguments.config_dir,
    )
    *details, counts = verified.lines()
    print("\n".join([*details, f"{root}: {counts}"]))
    return 0


def _find_root(card: Card, arguments: argparse.Namespace) -> Path:
    """What to verify: as typed, or where the data set is by default."""
    if arguments.file is not None:
        root = typed_path(arguments.file)
        if not is_file(root):
            raise UserError(f"there is no file {root}")
        return root
    if arguments.root is None and card.is_own:
        raise UserError(f"data verify {card.name} needs --root {card.root}")
    root = _default_root(card) if arguments.root is None else typed_path(arguments.root)
    if not exists(root):
        hint = f"; 'gnn-dml data prepare {card.name}' says how to get it" if card.sources else ""
        raise UserError(f"--root {root} does not exist{hint}")
    return root


def _default_root(card: Card) -> Path:
    return Path("datasets") / card.name if card.embedded is None else find_embedded(card.name, card.embedded)
