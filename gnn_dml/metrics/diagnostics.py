"""What an embedding space looks like, beside how well it retrieves.

Legend: N embeddings x of length 1, D channels, C classes.
"""

from __future__ import annotations

import math

import torch
from torch import Tensor

from gnn_dml.metrics.retrieval import Array, check_arrays
from gnn_dml.metrics.scale import directions

NAMES = ("alignment", "uniformity", "spectral_decay", "intra_inter_ratio")

MOST = 2**13
"""Embeddings of which all pairs are looked at; of more, so many are drawn."""


@torch.no_grad()
def diagnostics(embeddings: Array, labels: Array, *, seed: int = 0) -> dict[str, float]:
    """Four numbers about the L2-normalised embeddings.

    * alignment: mean of |x - x'|^2 over pairs of a class; lower is tighter (Wang & Isola, ICML 2020).
    * uniformity: log of the mean of exp(-2 |x - x'|^2) over all pairs; lower is more even. Of more than 8,192
      embeddings so many are drawn with `seed` (the same paper).
    * spectral_decay: Kullback-Leibler divergence of the uniform distribution from the min(N, D) singular values divided
      by their sum; 0 if all directions are used alike, higher the fewer carry the variance (Roth et al., ICML 2020,
      rho). N embeddings span N directions at most, so fewer embeddings than channels are no decay.
    * intra_inter_ratio: mean distance of pairs of a class / mean distance of the classes' means (the same, pi_ratio).

    Pairs of a class weigh alike, whatever their class; an embedding and itself are no pair.

    Args:
        embeddings: (N, D), finite.
        labels: (N,).
        seed: Of the draw for `uniformity`.

    Returns:
        The four; NaN where there is nothing to take a mean of, and all four where an embedding is all zero and has no
        direction; infinity for the decay of a spectrum with zeros.

    Raises:
        ValueError: If an embedding is not finite, a label no whole number, or shapes do not fit.

    Example:
        >>> found = diagnostics(torch.tensor([[1.0, 0.0], [0.8, 0.6], [0.0, 1.0]]), torch.tensor([0, 0, 1]))
        >>> round(found["alignment"], 3), round(found["uniformity"], 3)
        (0.4, -1.5)
    """
    tensor, y = check_arrays("embeddings", embeddings, labels)
    x = directions(tensor)
    if not x.numel() or not bool(x.any(dim=1).all()):
        return dict.fromkeys(NAMES, math.nan)
    classes, inverse, counts = torch.unique(y, return_inverse=True, return_counts=True)
    order = inverse.argsort(stable=True)
    distance = square = 0.0
    for members in torch.split(order, counts.tolist()):
        total, squares = _distances(x[members])
        distance, square = distance + total, square + squares
    pairs = int((counts * (counts - 1) // 2).sum())
    means = torch.zeros(len(classes), x.size(1), device=x.device).index_add(0, inverse, x) / counts[:, None]
    centres = len(classes) * (len(classes) - 1) // 2
    inter = _distances(means)[0] / centres if centres else math.nan
    intra = distance / pairs if pairs else math.nan
    return {
        "alignment": square / pairs if pairs else math.nan,
        "uniformity": _uniformity(x, seed),
        "spectral_decay": _spectral_decay(x),
        "intra_inter_ratio": intra / inter if inter else math.nan,
    }


def _distances(x: Tensor) -> tuple[float, float]:
    """Sums over all pairs of the distance and of its square; a part of the rows at once."""
    total = squares = 0.0
    step = max(1, 2**22 // max(1, len(x)))
    for start in range(0, len(x), step):
        d = torch.cdist(x[start : start + step], x[start:], compute_mode="donot_use_mm_for_euclid_dist")
        later = d.triu(1)  # entry (a, b) is the pair (start + a, start + b)
        total += float(later.sum(dtype=torch.float64))
        squares += float(later.square().sum(dtype=torch.float64))
    return total, squares


def _uniformity(x: Tensor, seed: int) -> float:
    if len(x) > MOST:
        drawn = torch.randperm(len(x), generator=torch.Generator().manual_seed(seed))[:MOST]
        x = x[drawn.to(x.device)]
    if len(x) < 2:
        return math.nan
    found = 0.0
    for start in range(0, len(x), 1024):
        # |x - x'|^2 = 2 - 2 x.x' for unit vectors; a pair at distance 0 may come out below.
        square = (2 - 2 * x[start : start + 1024] @ x[start:].T).clamp(min=0)
        found += float((-2 * square).exp().triu(1).sum(dtype=torch.float64))
    return math.log(found / (len(x) * (len(x) - 1) / 2))


def _spectral_decay(x: Tensor) -> float:
    if len(x) < 2:
        return math.nan
    # The singular values are the roots of the eigenvalues of the smaller Gram matrix; float64 keeps half of its digits
    # there, and an eigenvalue below its rounding is 0, of whichever sign it came out.
    if len(x) < x.size(1):
        gram = x.double() @ x.double().T
    else:
        gram = torch.zeros(x.size(1), x.size(1), dtype=torch.float64, device=x.device)
        for part in torch.split(x, 2**14):
            gram += part.double().T @ part.double()
    squares = torch.linalg.eigvalsh(gram)
    rounding = len(squares) * torch.finfo(torch.float64).eps * squares.max()
    values = torch.where(squares > rounding, squares, 0.0).sqrt()
    share = values / values.sum()
    uniform = 1 / len(share)
    return float((uniform * (uniform / share).log()).sum())
