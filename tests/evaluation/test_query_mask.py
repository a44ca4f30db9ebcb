"""A mask of other images than there are is refused by every function that takes one."""

import pytest
import torch

from gnn_dml.errors import UserError
from gnn_dml.evaluation.diffusion import diffuse
from gnn_dml.evaluation.expand import choose_expansion, expand
from gnn_dml.evaluation.query_expansion import Sides, query_expansion, score_sides
from gnn_dml.evaluation.rerank import rerank
from gnn_dml.evaluation.score import score_embedding
from gnn_dml.evaluation.training_free import METHODS, measure_training_free

X = torch.randn(6, 4, generator=torch.Generator().manual_seed(0))
LABELS = torch.tensor([0, 0, 1, 1, 0, 1])
CALLS = {
    "expand": lambda query: expand(X, neighbours=2, temperature=0.1, weight=1.0, query=query),
    "choose_expansion": lambda query: choose_expansion(X, LABELS, query),
    "query_expansion": lambda query: query_expansion(X, neighbours=2, alpha=1.0, query=query),
    "score_sides": lambda query: score_sides(Sides(X[:2], X[2:]), LABELS, query),
    "rerank": lambda query: list(rerank(X, k1=2, k2=1, query=query)),
    "diffuse": lambda query: list(diffuse(X, query=query)),
    "score_embedding": lambda query: score_embedding(X, LABELS, query),
}


@pytest.mark.parametrize("call", CALLS.values(), ids=CALLS)
@pytest.mark.parametrize(
    ("query", "said"),
    [
        (torch.tensor([True, False, True]), r"query must be bool \(6,\), .*, not torch\.bool \(3,\)"),
        (torch.arange(9) < 2, r"query must be bool \(6,\), .*, not torch\.bool \(9,\)"),
        (torch.tensor([1, 0, 0, 0, 0, 1]), r"query must be bool \(6,\), .*, not torch\.int64 \(6,\)"),
        (torch.ones(6, 1, dtype=torch.bool), r"query must be bool \(6,\), .*, not torch\.bool \(6, 1\)"),
    ],
)
def test_another_number_or_kind_is_refused(call, query, said):
    with pytest.raises(ValueError, match=said):
        call(query)
    call(torch.arange(6) < 2)


@pytest.mark.parametrize("method", METHODS)
def test_every_method_says_so_as_a_sentence(method):
    with pytest.raises(UserError, match=rf"embeddings, {method}: query must be bool \(6,\)"):
        measure_training_free(X, LABELS, torch.tensor([True, False]), methods=[method])


@pytest.mark.parametrize("labels", [LABELS[:4], torch.cat([LABELS, LABELS])])
def test_labels_of_other_images_are_refused(labels):
    query = torch.arange(6) < 2
    for call in (
        lambda: score_embedding(X, labels, query),
        lambda: choose_expansion(X, labels, query),
        lambda: score_sides(Sides(X[:2], X[2:]), labels, query),
    ):
        with pytest.raises(ValueError, match=rf"labels must be \(6,\), one for each image, not \({len(labels)},\)"):
            call()
