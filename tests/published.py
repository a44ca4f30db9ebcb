"""Small networks with random weights, and their weights under the names of the published code."""

from functools import partial

from gnn_dml.layers import DotProductAttention
from gnn_dml.models import Embedder, Refiner

LAYER = "gnn_model.node_model.layers.0."
REFINER_NAMES = {
    "reduce.": "dim_red.",
    "blocks.0.attention.out.": f"{LAYER}att.out.",
    "blocks.0.attention.q.": f"{LAYER}att.q_linear.",
    "blocks.0.attention.k.": f"{LAYER}att.k_linear.",
    "blocks.0.attention.v.": f"{LAYER}att.v_linear.",
    "blocks.0.feed_forward.0.": f"{LAYER}linear1.",
    "blocks.0.feed_forward.3.": f"{LAYER}linear2.",
    "blocks.0.": LAYER,
    "necks.0.norm.": "bottleneck.0.",
    "necks.0.classifier.": "fc.0.",
}


def make_cnn():
    """A ResNet-18 with an auxiliary classifier of 5 classes."""
    embedder = Embedder("resnet18", dim=None, num_classes=5).eval()
    return embedder, _renamed(embedder.state_dict(), {"backbone.": "", "classifier.": "fc."})


def make_refiner(channels=512):
    """One layer of two heads."""
    refiner = Refiner(channels, 5, partial(DotProductAttention, num_heads=2, quiet=True)).eval()
    return refiner, _renamed(refiner.state_dict(), REFINER_NAMES)


def _renamed(state, names):
    out = {}
    for name, tensor in state.items():
        ours = next(prefix for prefix in names if name.startswith(prefix))
        out[names[ours] + name.removeprefix(ours)] = tensor
    return out
