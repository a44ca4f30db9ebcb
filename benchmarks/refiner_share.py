"""What a refiner block adds to a training step of the CNN in front of it.

    python benchmarks/refiner_share.py                     # 54 images of 227 px through ResNet-50: 2 minutes
    python benchmarks/refiner_share.py --device cuda

The step is forward and backward of the embedder with its own classifier, as in the paper. The block (attention,
residual, norm, feed-forward; 512 channels) is timed alone on as many nodes: it is far below the noise of the whole
step.
"""

from __future__ import annotations

import argparse
from pathlib import Path

import pandas as pd
import torch
from measure import describe, interleaved, pick, training_step, write_rows
from torch.nn.functional import cross_entropy, normalize

from gnn_dml.layers import DotProductAttention, GATConv, GATv2Conv, TransformerConv
from gnn_dml.models import Embedder, RefinerBlock

DIM, HEADS = 512, 8


def main() -> None:
    """Measure, print a table, write a CSV."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--nodes", type=int, default=54, help="images of a batch (%(default)s)")
    parser.add_argument("--pixels", type=int, default=227, help="side of an image (%(default)s)")
    parser.add_argument("--backbone", default="resnet50", help="(%(default)s)")
    parser.add_argument("--device", default="cuda" if torch.cuda.is_available() else "cpu", help="(%(default)s)")
    parser.add_argument("--seconds", type=float, default=120.0, help="about how long to measure (%(default)s)")
    parser.add_argument("--out", type=Path, default=None, help="CSV (benchmarks/results/refiner_share-DEVICE.csv)")
    arguments = parser.parse_args()
    device = pick(arguments.device)
    embedder = Embedder(arguments.backbone, dim=DIM, num_classes=100).to(device, memory_format=torch.channels_last)
    images = torch.randn(arguments.nodes, 3, arguments.pixels, arguments.pixels, device=device)
    images = images.contiguous(memory_format=torch.channels_last)
    labels = torch.arange(arguments.nodes, device=device) % 100
    x = normalize(torch.randn(arguments.nodes, DIM, device=device), dim=1).requires_grad_()
    layers = {
        "DotProductAttention": DotProductAttention(DIM, HEADS),
        **{made.__name__: made.for_dim(DIM, num_heads=HEADS) for made in (TransformerConv, GATConv, GATv2Conv)},
    }

    def embed() -> torch.Tensor:
        logits = embedder(images).logits
        assert logits is not None
        return cross_entropy(logits, labels)

    step = training_step(embed, list(embedder.parameters()))
    blocks = {name: RefinerBlock(layer, DIM).to(device) for name, layer in layers.items()}
    steps = {
        name: training_step(lambda block=block: block(x), [x, *block.parameters()]) for name, block in blocks.items()
    }
    whole = interleaved({"step": step}, device, seconds=arguments.seconds * 0.8)["step"]
    parts = interleaved(steps, device, seconds=arguments.seconds * 0.2)
    print(
        f"{describe(device)}; torch {torch.__version__}; {arguments.backbone}, {arguments.nodes} images of "
        f"{arguments.pixels} px: {whole:.0f} ms a step\n\n{'refiner block with':<22}{'ms':>8}{'of the step':>13}"
    )
    for name, found in parts.items():
        print(f"{name:<22}{found:>8.1f}{100 * found / whole:>12.2f}%")
    rows = pd.DataFrame(
        {
            "backbone": arguments.backbone,
            "nodes": arguments.nodes,
            "pixels": arguments.pixels,
            "layer": list(parts),
            "step_ms": round(whole, 2),
            "block_ms": [round(found, 3) for found in parts.values()],
            "share": [round(found / whole, 5) for found in parts.values()],
        }
    )
    write_rows(rows, arguments.out, "refiner_share", device)


if __name__ == "__main__":
    main()
