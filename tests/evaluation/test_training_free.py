"""All methods of one embedding: their names, their figures, what they may look at."""

import numpy as np
import pytest
import torch

from gnn_dml.errors import UserError
from gnn_dml.evaluation.diffusion import DiffusionOptions, diffuse
from gnn_dml.evaluation.expand import ExpansionOptions, expand
from gnn_dml.evaluation.measurement import to_rows
from gnn_dml.evaluation.query_expansion import query_expansion, score_sides
from gnn_dml.evaluation.rerank import rerank
from gnn_dml.evaluation.training_free import METHODS, TrainingFreeOptions, measure_training_free
from gnn_dml.metrics import retrieval
from gnn_dml.metrics.score_chunks import retrieval_by_scores

GENERATOR = torch.Generator().manual_seed(0)
LABELS = torch.arange(90) % 9
X = torch.randn(9, 12, generator=GENERATOR)[LABELS] + torch.randn(90, 12, generator=GENERATOR)
QUERY = torch.arange(90) % 4 == 1
OPTIONS = TrainingFreeOptions(
    neighbours=3,
    alpha=2.0,
    k1=6,
    k2=3,
    original=0.4,
    diffusion=DiffusionOptions(neighbours=5, nearest=20),
    expansion=ExpansionOptions(2, 0.2, 0.7),
)


MORE = ("mrr", "map@7")


def of(query):
    found = measure_training_free(X, LABELS, query, (1, 3), options=OPTIONS, more=MORE)
    return {one.embedding: one for one in found}


def check(found, expected):
    assert found.unmatched == expected.pop("unmatched")
    assert found.scores == pytest.approx(expected)


@pytest.mark.parametrize("query", [None, QUERY])
def test_every_method_is_what_its_function_gives(query):
    found = of(query)
    asked, others = (LABELS, None) if query is None else (LABELS[query], LABELS[~query])
    gallery = {} if query is None else {"gallery_labels": others}

    def embedded(x):
        if query is None:
            return retrieval(x, LABELS, ks=(1, 3), more=MORE)
        return retrieval(x[query], asked, gallery=x[~query], gallery_labels=others, ks=(1, 3), more=MORE)

    def expanded(alpha, database):
        sides = query_expansion(X, neighbours=3, alpha=alpha, database=database, query=query)
        return score_sides(sides, LABELS, query, ks=(1, 3), more=MORE)

    check(found["plain"], embedded(X))
    check(found["expanded"], embedded(expand(X, neighbours=2, temperature=0.2, weight=0.7, query=query)))
    check(found["average_qe"], expanded(0.0, False))
    check(found["alpha_qe"], expanded(2.0, False))
    check(found["alpha_qe_dba"], expanded(2.0, True))
    chunks = rerank(X, k1=6, k2=3, original=0.4, query=query)
    check(found["k_reciprocal"], retrieval_by_scores(chunks, asked, **gallery, ks=(1, 3), more=MORE))
    chunks = diffuse(X, OPTIONS.diffusion, query=query)
    check(found["diffusion"], retrieval_by_scores(chunks, asked, **gallery, ks=(1, 3), more=MORE))


def test_they_become_rows_of_a_table():
    rows = to_rows(measure_training_free(X, LABELS, model="ours"))
    assert [row["embedding"] for row in rows] == list(METHODS)
    assert {row["model"] for row in rows} == {"ours"}
    assert len({row["map@r"] for row in rows}) == len(rows)


def test_another_name_for_a_class_changes_nothing():
    one, other = measure_training_free(X, LABELS), measure_training_free(X, 70 - 3 * LABELS)
    assert one == other


@pytest.mark.parametrize("query", [None, QUERY])
def test_the_order_of_the_images_does_not_matter(query):
    order = torch.randperm(90, generator=torch.Generator().manual_seed(1))
    mixed = measure_training_free(X[order], LABELS[order], query if query is None else query[order])
    for one, other in zip(measure_training_free(X, LABELS, query), mixed, strict=True):
        assert one.scores == pytest.approx(other.scores, abs=1e-9), one.embedding


def test_only_the_methods_asked_for():
    found = measure_training_free(X, LABELS, methods=["alpha_qe", "plain"])
    assert [one.embedding for one in found] == ["alpha_qe", "plain"]
    assert measure_training_free(X, LABELS, methods=[]) == []


def test_what_cannot_be_done_is_said():
    with pytest.raises(UserError, match="there is no method magic; there are plain, average_qe, "):
        measure_training_free(X, LABELS, methods=["magic"])
    x = X.index_fill(0, torch.tensor([5]), torch.nan)
    with pytest.raises(UserError, match="mine, alpha_qe: 1 of 90 features hold NaN or infinity; the first is row 5"):
        measure_training_free(x, LABELS, model="mine", methods=["alpha_qe"])


def test_the_unit_of_the_embeddings_makes_no_difference():
    """Each row in its own, as far as float64 goes."""
    generator = torch.Generator().manual_seed(0)
    x, y = torch.randn(21, 5, generator=generator, dtype=torch.float64), torch.arange(21) % 5
    powers = torch.linspace(-1000, 1000, 21).round().double()
    moved = torch.from_numpy(np.ldexp(x.numpy(), powers[:, None].numpy().astype(int)))
    for query in (None, torch.arange(21) < 8):
        assert measure_training_free(moved, y, query) == measure_training_free(x, y, query)


@pytest.mark.parametrize(
    ("x", "labels"),
    [
        (torch.ones(9, 4), torch.arange(9) // 3),
        (torch.randn(3, 20), torch.tensor([0, 0, 1])),
        (torch.randn(5, 3), torch.zeros(5).long()),
        (torch.randn(1, 3), torch.zeros(1).long()),
        (torch.randn(0, 3), torch.zeros(0).long()),
    ],
)
def test_few_images_and_copies_have_figures_or_none(x, labels):
    for found in measure_training_free(x, labels):
        answered = len(labels) > found.unmatched
        assert all((value is not None) == answered for value in found.scores.values())


@pytest.mark.parametrize(
    ("row", "message"), [(0.0, "all zero"), (float("nan"), "NaN or infinity"), (float("inf"), "NaN or infinity")]
)
@pytest.mark.parametrize("method", [name for name in METHODS if name != "plain"])
def test_a_row_without_a_direction_is_refused(method, row, message):
    x = torch.randn(6, 3)
    x[4] = row
    with pytest.raises(UserError, match=f"{message}.*row 4"):
        measure_training_free(x, torch.arange(6) // 2, methods=[method])
