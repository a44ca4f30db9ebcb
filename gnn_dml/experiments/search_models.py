"""Find the images of a split that are nearest to some images, by the embeddings of trained weights."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from os import PathLike
from pathlib import Path
from typing import TYPE_CHECKING, Any

from gnn_dml.evaluation.ensemble import Member, check_refiners
from gnn_dml.evaluation.neighbour_picture import Arrays, neighbour_arrays
from gnn_dml.evaluation.search import Neighbours, Queries, find_neighbours, read_queries
from gnn_dml.experiments.load_models import Name, choose_device, load_models
from gnn_dml.experiments.output import check_output
from gnn_dml.experiments.trained import Trained
from gnn_dml.results import gallery
from gnn_dml.text import show_name, typed_path

if TYPE_CHECKING:
    import pandas as pd


@dataclass(frozen=True)
class Search:
    """The neighbours of some images in a split.

    Attributes:
        model: By whose embeddings.
        member: The same model with the split.
        queries: The images.
        neighbours: Of each.
    """

    model: Trained
    member: Member
    queries: Queries
    neighbours: Neighbours

    def query_class(self, row: int) -> str | None:
        """The class of a query that is an image of the split."""
        split, place = self.member.split, self.queries.places[row]
        return None if place is None else split.class_names[int(split.labels[place])]

    def rows(self, row: int) -> list[dict[str, Any]]:
        """The neighbours of a query, nearest first: `rank`, `similarity`, `class`, `path`."""
        split = self.member.split
        places, similarity = self.neighbours.places[row].tolist(), self.neighbours.similarity[row].tolist()
        return [
            {
                "rank": rank,
                "similarity": value,
                "class": split.class_names[int(split.labels[place])],
                "path": split.image_names[place],
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
        """What `draw` draws; see `gnn_dml.evaluation.neighbour_picture.neighbour_arrays`."""
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
        split: "train", "val" or "test".
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
    found = search_models(model, names, split=split, k=k, refined=refined, device=device, workers=workers)
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
    member = model.read_split(split, workers=workers)
    queries = read_queries([str(image) for image in images], member.split)
    return Search(model, member, queries, find_neighbours(member, queries, computing, k=k, refined=refined))
