"""Experiments: settings to objects, a run from settings to a row, trained runs, studies.

What a command does can be done from Python in one call; these names load torch when they are first used.
"""

from importlib import import_module
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from gnn_dml.experiments.api import run_study, train
    from gnn_dml.experiments.embed_models import embed_runs
    from gnn_dml.experiments.evaluate_file import evaluate_embeddings
    from gnn_dml.experiments.evaluate_models import evaluate
    from gnn_dml.experiments.search_models import search_images
    from gnn_dml.experiments.tune import tune, tuned_study

_MODULES = {
    "embed_runs": "embed_models",
    "evaluate": "evaluate_models",
    "evaluate_embeddings": "evaluate_file",
    "run_study": "api",
    "search_images": "search_models",
    "train": "api",
    "tune": "tune",
    "tuned_study": "tune",
}

__all__ = [
    "embed_runs",
    "evaluate",
    "evaluate_embeddings",
    "run_study",
    "search_images",
    "train",
    "tune",
    "tuned_study",
]


def __getattr__(name: str) -> Any:
    if name not in _MODULES:
        raise AttributeError(f"module {__name__!r} has no attribute {name!r}")
    return getattr(import_module(f"{__name__}.{_MODULES[name]}"), name)


def __dir__() -> list[str]:
    return sorted({*globals(), *__all__})
