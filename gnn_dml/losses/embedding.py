"""Any loss of embeddings and labels as a term: those of pytorch-metric-learning, or one of yours."""

from __future__ import annotations

import inspect
from collections.abc import Callable
from functools import partial
from typing import Any

from torch import Tensor

from gnn_dml.losses.term import Branch, BranchOutput, LossTerm, OverLayers


class EmbeddingLoss(LossTerm):
    """A loss called as `loss(embeddings, labels)` and giving a scalar, on the L2-normalised embeddings of a branch.

    If the loss is a module with parameters of its own (proxies, class centres), they are trained by a group of the
    optimiser named `loss_NAME`, and go to the device and into checkpoints with the term.

    Args:
        loss: The loss: a module or a function; or its class, or a `functools.partial` of its class, which is then
            called with `num_classes`, and `dim` or `embedding_size`, as far as its signature takes them and they are
            not given yet.
        branch: See `LossTerm`; on "both", one loss with one set of parameters sees the embeddings of each in turn.
        weight: See `LossTerm`.
        rate: See `LossTerm`; proxies are often given 10 to 100 times the rate of the CNN.
        num_classes: Training classes.
        dim: Channels of the embeddings.
        layers: See `LossTerm`.

    Raises:
        ValueError: If a name or number is out of range.
        TypeError: If the loss cannot be called.

    Example:
        In a YAML of the group `loss`, under `terms`::

            proxies:
              _target_: gnn_dml.losses.EmbeddingLoss
              branch: backbone
              weight: 1.0
              rate: 100.0
              loss:
                _target_: pytorch_metric_learning.losses.ProxyAnchorLoss
                _partial_: true
    """

    def __init__(
        self,
        loss: Callable[..., Any],
        *,
        branch: Branch = "backbone",
        weight: float = 1.0,
        rate: float = 1.0,
        num_classes: int | None = None,
        dim: int | None = None,
        layers: OverLayers = "mean",
    ) -> None:
        super().__init__(branch=branch, weight=weight, rate=rate, layers=layers)
        if not callable(loss):
            raise TypeError(f"loss must be called as loss(embeddings, labels), and {loss!r} cannot be called")
        known = {"num_classes": num_classes, "dim": dim, "embedding_size": dim}
        self.loss = _built(loss, {name: value for name, value in known.items() if value is not None})

    def compute(self, output: BranchOutput, labels: Tensor) -> Tensor:
        """The loss of the embeddings (N, D) and labels (N,).

        Raises:
            ValueError: If it gives no scalar tensor.
        """
        found = self.loss(output.features, labels)
        if not isinstance(found, Tensor) or found.dim() != 0:
            what = f"a tensor of shape {tuple(found.shape)}" if isinstance(found, Tensor) else type(found).__name__
            raise ValueError(f"a loss of embeddings must give one number as a tensor, not {what}")
        return found


def _built(loss: Callable[..., Any], known: dict[str, Any]) -> Callable[..., Any]:
    """The loss itself: what is still a class is called with what its signature takes of `known`."""
    cls = loss.func if isinstance(loss, partial) else loss
    if not isinstance(cls, type):
        return loss
    given = loss.keywords if isinstance(loss, partial) else {}
    takes = inspect.signature(cls).parameters
    built: Callable[..., Any] = loss(
        **{name: value for name, value in known.items() if name in takes and name not in given}
    )
    return built
