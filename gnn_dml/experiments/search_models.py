"""Find the images of a split that are nearest to some images, by the embeddings of trained weights."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from os import PathLike
from pathlib import Path
from typing import TYPE_CHECKING, Any

import torch
from torch.nn.functional import normalize

from gnn_dml.data import read_image
from gnn_dml.errors import UserError
from gnn_dml.evaluation.embedding_files import read_embeddings
from gnn_dml.evaluation.ensemble import Member, check_refiners
from gnn_dml.evaluation.neighbour_picture import Arrays, neighbour_arrays
from gnn_dml.evaluation.search import Neighbours, Queries, as_split, find_neighbours, rank_images, read_queries
from gnn_dml.experiments.load_models import Name, choose_device, load_models
from gnn_dml.experiments.output import check_output
from gnn_dml.experiments.trained import Trained
from gnn_dml.results import gallery
from gnn_dml.text import show_name, typed_path

if TYPE_CHECKING:
    import pandas as pd


REFINED = "--refined goes with a split: an image that is looked up in a file of embeddings has no graph there"


@dataclass(frozen=True)
class Search:
    """The neighbours of some images in a split, or in a file of embeddings.

    Attributes:
        model: By whose embeddings.
        classes: Of every image that was searched.
        names: Likewise.
        queries: The images.
        neighbours: Of each.
        member: The model with the split; None where a file was searched, which holds no images to draw.
    """

    model: Trained
    classes: Sequence[str]
    names: Sequence[str]
    queries: Queries
    neighbours: Neighbours
    member: Member | None = None

    def query_class(self, row: int) -> str | None:
        """The class of a query that is one of the images that were searched."""
        place = self.queries.places[row]
        return None if place is None else self.classes[place]

    def rows(self, row: int) -> list[dict[str, Any]]:
        """The neighbours of a query, nearest first: `rank`, `similarity`, `class`, `path`."""
        places, similarity = self.neighbours.places[row].tolist(), self.neighbours.similarity[row].tolist()
        return [
            {
                "rank": rank,
                "similarity": value,
                "class": self.classes[place],
                "path": self.names[place],
            }
            for rank, (place, value) in enumerate(zip(places, similarity, strict=True), start=1)
        ]

    def frame(self) -> pd.DataFrame:
        """A row per query and neighbour."""
        import pandas as pd

        return pd.DataFrame(
            [
                {"query": show_name(name), "query_class": self.query_class(number), **row}
                for number, name in enumerate(self.queries.names)
                for row in self.rows(number)
            ]
        )

    def arrays(self) -> Arrays:
        """What `draw` draws; see `gnn_dml.evaluation.neighbour_picture.neighbour_arrays`.

        Raises:
            UserError: If a file of embeddings was searched.
        """
        if self.member is None:
            raise UserError("a file of embeddings holds no images that could be drawn")
        return neighbour_arrays(self.queries, self.neighbours, self.member.split, self.member.transforms.evaluate)

    def draw(self, path: Path) -> Path:
        """Draw the queries with their neighbours as a PNG file."""
        return gallery(self.arrays(), path, rows=len(self.queries))


def search_images(
    run: Name,
    images: Name | Sequence[Name],
    *,
    k: int = 8,
    out: Name | None = None,
    settings: Sequence[str] = (),
    split: str = "test",
    embeddings: Name | None = None,
    last: bool = False,
    dataset: str | None = None,
    refiners: Sequence[Name] = (),
    refined: bool = False,
    device: str | None = None,
    workers: int | None = None,
    trust: Sequence[str] = (),
    config_dirs: Sequence[str] = (),
) -> pd.DataFrame:
    """Find the images of a split (of the gallery, where there is one) nearest to some images, as `gnn-dml search` does.

    Args:
        run: See `gnn_dml.experiments.load_models.load_models`, as `settings`, `last`, `dataset`, `refiners`, `trust`.
        images: Files, or names of images of the split, which do not find themselves.
        k: How many neighbours; fewer where there are not as many.
        out: A .png file to draw; None draws none.
        settings: See `run`.
        split: "train", "val" or "test"; several with commas between; "all".
        embeddings: A file that `gnn-dml embed` wrote with this run: it is searched in the place of a split, without
            any image being read but those that are looked up.
        last: See `run`.
        dataset: Likewise.
        refiners: Likewise.
        refined: By the refined embedding instead of the backbone's.
        device: "auto", "cpu", "cuda" or "mps"; None as a setting says, or automatically.
        workers: Processes that load images; None as the run has it.
        trust: See `run`.
        config_dirs: Likewise.

    Returns:
        A row per image and neighbour: `query`, `query_class` (None for an image from outside), `rank`, `similarity`,
        `class`, `path`.

    Raises:
        UserError: If something is missing, unreadable, or does not fit, or the picture cannot be written.
    """
    path = None if out is None else check_output("out", typed_path(out), (".png",))
    (model,) = load_models(
        [run], settings=settings, last=last, dataset=dataset, refiners=refiners, trust=trust, config_dirs=config_dirs
    )
    names = [images] if isinstance(images, (str, PathLike)) else images
    if embeddings is not None and refined:
        raise UserError(REFINED)
    if embeddings is None:
        found = search_models(model, names, split=split, k=k, refined=refined, device=device, workers=workers)
    else:
        found = search_file(model, names, Path(embeddings), k=k, device=device)
    if path is not None:
        found.draw(path)
    return found.frame()


def search_models(
    model: Trained,
    images: Sequence[Name],
    *,
    split: str = "test",
    k: int = 8,
    refined: bool = False,
    device: str | None = None,
    workers: int | None = None,
) -> Search:
    """Find the images nearest to some images; see `search_images`."""
    if refined:
        check_refiners({model.name: model.learner})
    computing = choose_device([model], device)
    member = model.read_split(split, workers=workers, labelled=False)
    split_images = member.split
    queries = read_queries([str(image) for image in images], split_images)
    found = find_neighbours(member, queries, computing, k=k, refined=refined)
    classes = [split_images.class_names[label] for label in split_images.labels.tolist()]
    return Search(model, classes, split_images.image_names, queries, found, member)


def search_file(model: Trained, images: Sequence[Name], path: Path, *, k: int = 8, device: str | None = None) -> Search:
    """Find the embeddings in a file that are nearest to some images.

    An image whose file is not there may be one of the file of embeddings, by its name: then it does not find itself.

    Args:
        model: Whose embeddings the file holds.
        images: See `search_images`.
        path: The file.
        k: How many neighbours.
        device: Where to embed.

    Raises:
        UserError: If the file cannot be used, is of refined embeddings or of another number of channels, or all its
            embeddings are zero; if an image cannot be read.
    """
    table = read_embeddings(path, labelled=False)
    if table.about.get("embedding") == "refined":
        raise UserError(f"{path} holds refined embeddings, and an image alone has none: embed without --refined")
    if not table.vectors.any():
        raise UserError(f"{path}: all {len(table)} embeddings are zero, so none is nearer to another than the rest")
    names = [str(number) for number in range(len(table))] if table.paths is None else list(table.paths)
    by_name = {name: place for place, name in enumerate(names)}
    asked = [str(image) for image in images]
    places = [None if Path(name).is_file() else by_name.get(name) for name in asked]
    for name, place in zip(asked, places, strict=True):
        if place is None and not Path(name).is_file():
            raise UserError(
                f"{name} is no image file, and no image in {path} has that name; names there are like {names[0]}"
            )
    outside = [name for name, place in zip(asked, places, strict=True) if place is None]
    pixels = [read_image(Path(name)) for name in outside]
    vectors = normalize(torch.from_numpy(table.vectors).float(), dim=1)
    x = torch.zeros(len(asked), vectors.size(1))
    if outside:
        own = model.member(as_split(pixels, outside), workers=0).embed(choose_device([model], device), refine=False)
        if own.backbone.size(1) != vectors.size(1):
            raise UserError(
                f"{path} holds embeddings of {vectors.size(1)} channels, and those of {model.name} have "
                f"{own.backbone.size(1)}: search in embeddings of the same run"
            )
        x[[row for row, place in enumerate(places) if place is None]] = own.backbone
    inside = [row for row, place in enumerate(places) if place is not None]
    x[inside] = vectors[[place for place in places if place is not None]]
    candidates = torch.ones(len(table), dtype=torch.bool) if table.query is None else torch.from_numpy(~table.query)
    found = rank_images(x, vectors, places, candidates, k)
    shown = iter(pixels)
    queries = Queries(asked, [next(shown) if place is None else torch.empty(0) for place in places], places)
    return Search(model, table.labels, names, queries, found)
