"""The training loss: named terms, each on its branch, and their weighted sum."""

from __future__ import annotations

from collections.abc import Mapping

from torch import Tensor, nn

from gnn_dml.losses.term import LossTerm
from gnn_dml.models import EmbedderOutput, RefinerOutput


class Losses(nn.Module):
    """Named loss terms.

    Args:
        terms: By name, in the order of their sum. A name is an identifier: it becomes part of a column
            (`loss_backbone`), of an optimiser group and of a state dict.

    Raises:
        ValueError: If there is no term, or a name is none.
        TypeError: If a term is no `LossTerm`.

    Example:
        >>> from gnn_dml.losses import CrossEntropy
        >>> losses = Losses({"backbone": CrossEntropy(), "refined": CrossEntropy(branch="refined", weight=0.5)})
        >>> list(losses.active(refined=False))
        ['backbone']
    """

    def __init__(self, terms: Mapping[str, LossTerm]) -> None:
        super().__init__()
        if not terms:
            raise ValueError("a training loss needs at least one term")
        self.terms = nn.ModuleDict()
        for name, term in terms.items():
            if not isinstance(term, LossTerm):
                raise TypeError(
                    f"the loss term {name} must be a gnn_dml.losses.LossTerm, not {type(term).__name__}; "
                    "gnn_dml.losses.EmbeddingLoss makes one of any loss called as loss(embeddings, labels)"
                )
            if not name.isidentifier() or hasattr(self.terms, name):
                raise ValueError(f"{name!r} cannot be the name of a loss term: choose another word of letters")
            self.terms[name] = term

    def named_terms(self) -> dict[str, LossTerm]:
        """Every term by its name."""
        return {name: term for name, term in self.terms.items() if isinstance(term, LossTerm)}

    def active(self, *, refined: bool) -> dict[str, LossTerm]:
        """The terms that have something to work on, given whether there is a refiner."""
        return {name: term for name, term in self.named_terms().items() if term.is_active(refined=refined)}

    def forward(self, backbone: EmbedderOutput, refined: RefinerOutput | None, labels: Tensor) -> dict[str, Tensor]:
        """Every active term of a mini-batch: scalars on the device, before their weights.

        Args:
            backbone: Of the embedder.
            refined: Of the refiner, or None without one.
            labels: (N,), class indices.
        """
        active = self.active(refined=refined is not None)
        return {name: term(backbone, refined, labels) for name, term in active.items()}

    def total(self, terms: Mapping[str, Tensor]) -> Tensor:
        """The weighted sum of what `forward` returned, in the order of the terms; to be differentiated.

        Raises:
            ValueError: If no term is there.
        """
        known = self.named_terms()
        weighted = [known[name].weight * term for name, term in terms.items()]
        if not weighted:
            raise ValueError("no loss term is active: every one works on the refined branch, and there is no refiner")
        total = weighted[0]
        for term in weighted[1:]:
            total = total + term
        return total
