"""Models: the embedder (image to embedding) and the refiner (embeddings and a graph to refined embeddings)."""

from gnn_dml.models.backbone import SmallCNN, build_backbone, torchvision_names
from gnn_dml.models.block import RefinerBlock
from gnn_dml.models.embedder import Embedder, EmbedderOutput, PixelEmbedder
from gnn_dml.models.neck import Neck
from gnn_dml.models.refiner import Refiner, RefinerOutput

__all__ = [
    "Embedder",
    "EmbedderOutput",
    "Neck",
    "PixelEmbedder",
    "Refiner",
    "RefinerBlock",
    "RefinerOutput",
    "SmallCNN",
    "build_backbone",
    "torchvision_names",
]
