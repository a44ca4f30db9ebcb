"""Published weights of the paper into the modules of this package."""

from gnn_dml.models.weights_file import read_weights
from gnn_dml.official.embedder import load_embedder
from gnn_dml.official.refiner import load_refiner

__all__ = ["load_embedder", "load_refiner", "read_weights"]
