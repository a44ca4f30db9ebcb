"""`gnn-dml search`: the images of a split that are nearest to some images, printed and drawn."""

from __future__ import annotations

import argparse
from pathlib import Path
from typing import TYPE_CHECKING

from gnn_dml.cli.models import described, device_of, parted, read_members
from gnn_dml.cli.output import check_output
from gnn_dml.errors import UserError

if TYPE_CHECKING:
    from gnn_dml.data.images import ImageSplit
    from gnn_dml.experiments.search import Asked, Found


def run(arguments: argparse.Namespace) -> int:
    """Search, print and draw."""
    words, settings = parted(arguments.targets)
    if len(words) < 2:
        raise UserError("name a run and an image, for instance: gnn-dml search runs/<study>/<run-id> photo.jpg")
    out = check_output("--out", Path(arguments.out), (".png",))
    (trained,) = read_members(arguments, words[:1], settings)
    from gnn_dml.experiments.ensemble import check_refined
    from gnn_dml.experiments.search import find_nearest, picture, read_asked
    from gnn_dml.results import gallery

    if arguments.refined:
        check_refined([trained])
    device = device_of(arguments, [trained])
    split, transforms = trained.split(arguments.split)
    asked = read_asked(words[1:], split)
    found = find_nearest(
        trained,
        split,
        transforms,
        asked,
        device,
        k=arguments.k,
        refined=arguments.refined,
        workers=arguments.workers,
    )
    print(described(trained, refined=arguments.refined))
    for row in range(len(asked)):
        print(f"\n{_listed(asked, found, split, row, arguments.split)}")
    gallery(picture(asked, found, split, transforms), out, rows=len(asked))
    print(f"\ndrawn: {out}")
    return 0


def _listed(asked: Asked, found: Found, split: ImageSplit, row: int, split_name: str) -> str:
    """The neighbours of one image, a line each."""
    place = asked.places[row]
    own = None if place is None else int(split.labels[place])
    known = "" if own is None else f", an image of the {split_name} classes: {split.class_names[own]}"
    labels = split.labels[found.places[row]].tolist()
    names = [split.class_names[label] for label in labels]
    width = max(len("class"), *map(len, names))
    lines = [f"{asked.names[row]}{known}", f"{'rank':>4}  {'similarity':>10}  {'class':<{width}}  path"]
    for rank, (index, similarity, name) in enumerate(
        zip(found.places[row].tolist(), found.similarity[row].tolist(), names, strict=True), start=1
    ):
        lines.append(f"{rank:>4}  {similarity:>10.3f}  {name:<{width}}  {split.image_names[index]}")
    return "\n".join(lines)
