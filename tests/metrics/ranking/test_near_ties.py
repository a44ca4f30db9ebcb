import torch
from hypothesis import given, settings
from hypothesis import strategies as st

from gnn_dml.metrics.ranking.near_ties import settle, split_between
from gnn_dml.metrics.ranking.space import make_space


@given(
    n=st.integers(2, 25),
    dim=st.integers(1, 4),
    seed=st.integers(0, 999),
    metric=st.sampled_from(["cosine", "euclidean"]),
)
@settings(deadline=None, max_examples=30)
def test_any_scores_within_their_error_come_out_in_the_true_order(n, dim, seed, metric):
    generator = torch.Generator().manual_seed(seed)
    x = torch.randint(-2, 3, (n, dim), generator=generator).float()
    space = make_space(x, x, metric, own=True)
    query = torch.arange(n)
    exact = space.exact(*torch.cartesian_prod(query, query).T).view(n, n)
    error = torch.rand(n, n, generator=generator, dtype=torch.float64)
    score = exact + error * (2 * torch.rand(n, n, generator=generator, dtype=torch.float64) - 1) * 0.999
    score, item = score.sort(dim=1, descending=True, stable=True)
    found = settle(space, query, item, split_between(score, error.gather(1, item), stable=True))
    for i in range(n):
        assert found[i].tolist() == sorted(range(n), key=lambda j: (-exact[i, j].item(), j))


def test_scores_without_error_are_certain_and_keep_their_ties():
    score = torch.tensor([[3.0, 3.0, 1.0]]).double()
    assert split_between(score, torch.zeros_like(score), stable=True).all()
    assert not split_between(score, torch.zeros_like(score), stable=False)[0, 0]
    assert split_between(score, torch.full_like(score, 0.5), stable=True).tolist() == [[False, True]]
