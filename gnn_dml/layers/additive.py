r"""The scores of GATv2: a . LeakyReLU(target_i + source_j) for every pair, without the (N, N, H, d) tensor on a CPU.

With s the negative slope, LeakyReLU(z) = (1 + s) / 2 * z + (1 - s) / 2 * |z|. The first part splits into a number for
the target and one for the source. The second, summed over channels with the sign of a, is a difference of two L1
distances, which torch computes from the vectors alone:

.. math:: \sum_c a_c |t_c + s_c| = \sum_{a_c > 0} |a_c t_c + a_c s_c| - \sum_{a_c < 0} |a_c t_c + a_c s_c|

Legend: N sources, b targets, H heads, d channels per head, `...` batch dimensions.
"""

from __future__ import annotations

import torch
from torch import Tensor
from torch.nn.functional import leaky_relu

from gnn_dml.layers.edges import is_symbolic


def additive_scores(target: Tensor, source: Tensor, a: Tensor, slope: float) -> Tensor:
    """Score every pair.

    By L1 distances where `by_distance` says so; else by broadcasting, which holds (..., H, b, N, d) numbers. At z = 0,
    where LeakyReLU has no derivative, the former takes the mean of both slopes and the latter the negative one.

    Args:
        target: (..., H, b, d).
        source: (..., H, N, d).
        a: (H, d).
        slope: Of LeakyReLU below 0.

    Returns:
        (..., H, b, N).
    """
    return (scores_by_distance if by_distance(a) else scores_by_broadcasting)(target, source, a, slope)


def by_distance(a: Tensor) -> bool:
    """Whether L1 distances give the scores: on a CPU, unless a weight is 0, whose gradient no distance would carry.

    A compiler fuses the formula as it stands.
    """
    return a.device.type == "cpu" and not is_symbolic() and bool((a != 0).all())


def scores_by_broadcasting(
    target: Tensor, source: Tensor, a: Tensor, slope: float, added: Tensor | None = None
) -> Tensor:
    """The scores as their formula stands; arguments as in `additive_scores`.

    What is `added` to target and source, (..., H, b, N, d), comes from the edge between them.
    """
    hidden = target.unsqueeze(-2) + source.unsqueeze(-3)  # (..., H, b, N, d)
    hidden = leaky_relu(hidden if added is None else hidden + added, slope)
    return (hidden @ a[:, None, :, None]).squeeze(-1)


def scores_by_distance(target: Tensor, source: Tensor, a: Tensor, slope: float) -> Tensor:
    """The scores by two L1 distances, at least in float32; arguments as in `additive_scores`, no weight being 0."""
    dtype = target.dtype
    target, source, a = (t.float() if t.dtype in (torch.float16, torch.bfloat16) else t for t in (target, source, a))
    linear = target @ a.unsqueeze(-1) + (source @ a.unsqueeze(-1)).mT
    # Channels with a falling weight: those of positive weight are the first, those of negative weight the last.
    a, order = a.sort(dim=-1, descending=True)
    target, source = (t.gather(-1, order.unsqueeze(-2).expand_as(t)) for t in (target, source))
    positive, negative = int((a > 0).sum(-1).max()), int((a < 0).sum(-1).max())
    first, last = slice(0, positive), slice(a.size(-1) - negative, None)
    bent = torch.zeros_like(linear)
    for sign, part, count in ((1.0, first, positive), (-1.0, last, negative)):
        if count:
            scale = (sign * a[:, None, part]).relu()  # 0 on the channels of the other sign in a head that has fewer
            bent = bent + sign * torch.cdist(target[..., part] * scale, -source[..., part] * scale, p=1.0)
    return ((1 + slope) / 2 * linear + (1 - slope) / 2 * bent).to(dtype)
