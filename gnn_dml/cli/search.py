"""`gnn-dml search`: the images of a split that are nearest to some images, printed and drawn."""

from __future__ import annotations

import argparse
from typing import TYPE_CHECKING

from gnn_dml.cli.models import images_and_device, load_named
from gnn_dml.cli.parser.models import split_targets
from gnn_dml.errors import UserError
from gnn_dml.experiments.output import check_input, check_output
from gnn_dml.text import typed_path

if TYPE_CHECKING:
    from gnn_dml.experiments.search_models import Search


def run(arguments: argparse.Namespace) -> int:
    """Search, print and draw."""
    words, settings = split_targets(arguments.targets)
    if len(words) < 2:
        raise UserError("name a run and an image, for instance: gnn-dml search runs/<study>/<run-id> photo.jpg")
    out = check_output("--out", typed_path(arguments.out), (".png",))
    if arguments.embeddings is not None:
        check_input("--embeddings", typed_path(arguments.embeddings))
    (model,) = load_named(arguments, words[:1], settings)
    from gnn_dml.experiments.search_models import REFINED, search_file, search_models

    if arguments.embeddings is None:
        found = search_models(model, words[1:], k=arguments.k, **images_and_device(arguments))
        where = f"the {arguments.split} classes"
    else:
        if arguments.refined:
            raise UserError(REFINED)
        found = search_file(model, words[1:], typed_path(arguments.embeddings), k=arguments.k, device=arguments.device)
        where = str(arguments.embeddings)
    print(model.describe(refined=arguments.refined))
    if arguments.embeddings is None and words[0] == "packaged" and arguments.split == "test":
        print("  searched are the test classes alone; --split all takes every image")
    for row in range(len(found.queries)):
        print(f"\n{_format_neighbours(found, row, where)}")
    if found.member is None:
        print("\nnothing is drawn: a file of embeddings holds no images")
    else:
        found.draw(out)
        print(f"\ndrawn: {out}")
    return 0


def _format_neighbours(found: Search, row: int, where: str) -> str:
    """The neighbours of one image, a line each."""
    own = found.query_class(row)
    known = "" if own is None else f", an image of {where}: {own}"
    rows = found.rows(row)
    width = max(len("class"), *(len(one["class"]) for one in rows))
    lines = [f"{found.queries.names[row]}{known}", f"{'rank':>4}  {'similarity':>10}  {'class':<{width}}  path"]
    lines += [f"{one['rank']:>4}  {one['similarity']:>10.3f}  {one['class']:<{width}}  {one['path']}" for one in rows]
    return "\n".join(lines)
