"""Published weights of the paper into the modules of this package."""

from gnn_dml.official.refiner import load_refiner

__all__ = ["load_refiner"]
