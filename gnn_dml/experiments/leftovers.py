"""What a process that was killed at the end of a run leaves in its folder, and the picture that it did not draw."""

from __future__ import annotations

from pathlib import Path

from gnn_dml.atomic import is_partial, sweep_partials
from gnn_dml.columns import FAILED
from gnn_dml.experiments.claim import generations
from gnn_dml.experiments.failed import TRACEBACK, forget_failed
from gnn_dml.experiments.finished import finished_row

RESUME = "resume.pt"
DIVERGED = "diverged.txt"


def has_leftovers(folder: Path, *, pictures: bool = True) -> bool:
    """Whether the folder of a finished run holds more than the run, or lacks the picture of its queries.

    That is also so for a moment while a living process ends the run, which holds the claim then.

    Args:
        folder: Of a finished run.
        pictures: Whether it should have one.

    Raises:
        UserError: If the folder cannot be read.
    """
    if generations(folder) or any((folder / name).is_file() for name in (RESUME, FAILED, TRACEBACK)):
        return True
    if (pictures and _lacks_picture(folder)) or _is_refuted(folder):
        return True
    return any(is_partial(path) for path in folder.iterdir())


def remove_leftovers(folder: Path) -> None:
    """Remove them.

    Args:
        folder: Of a finished run that this process has claimed: nobody else writes there.
    """
    (folder / RESUME).unlink(missing_ok=True)
    forget_failed(folder)
    if _is_refuted(folder):
        (folder / DIVERGED).unlink(missing_ok=True)
    sweep_partials(folder, age=0.0)


def draw_neighbours(folder: Path, *, again: bool = False) -> None:
    """The picture of a run's queries, where there is none yet.

    Args:
        folder: Of a finished run.
        again: Also where there is one.
    """
    neighbours = folder / "neighbours.npz"
    if neighbours.is_file() and (again or _lacks_picture(folder)):
        from gnn_dml.results import gallery

        gallery(neighbours, folder / "neighbours.png")


def _lacks_picture(folder: Path) -> bool:
    return (folder / "neighbours.npz").is_file() and not (folder / "neighbours.png").is_file()


def _is_refuted(folder: Path) -> bool:
    """Whether a word about a divergence stands beside a row that says otherwise."""
    if not (folder / DIVERGED).is_file():
        return False
    row = finished_row(folder)
    return row is not None and row["status"] != "diverged"
