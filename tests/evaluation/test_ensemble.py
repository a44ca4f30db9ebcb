"""Ensembles: the cosine of the whole is the mean of the members' cosines, and all members see the same images."""

from dataclasses import replace

import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st
from torch.nn.functional import normalize

from gnn_dml.data import ImageSplit
from gnn_dml.errors import UserError
from gnn_dml.evaluation.embed import Embeddings
from gnn_dml.evaluation.ensemble import Member, check_finite, check_same_images, concatenate, join_embeddings


def drawn(n, d, seed):
    return torch.randn(n, d, generator=torch.Generator().manual_seed(seed))


@settings(max_examples=25, deadline=None)
@given(st.integers(1, 6), st.lists(st.integers(1, 5), min_size=2, max_size=4))
def test_cosines_of_the_whole_are_the_means_of_the_members(n, widths):
    members = [normalize(drawn(n, d, seed), dim=1) for seed, d in enumerate(widths)]
    whole = concatenate(members)
    assert whole.shape == (n, sum(widths))
    torch.testing.assert_close(whole.norm(dim=1), torch.ones(n))
    for i in range(n):
        for j in range(n):
            mean = sum(float(x[i] @ x[j]) for x in members) / len(members)
            assert float(whole[i] @ whole[j]) == pytest.approx(mean, abs=1e-5)


def test_members_weigh_alike_whatever_their_length():
    a, b = drawn(3, 2, 0), drawn(3, 4, 1)
    torch.testing.assert_close(concatenate([a, b]), concatenate([5 * a, normalize(b, dim=1)]))


def test_one_member_is_itself():
    a = drawn(3, 2, 0)
    assert concatenate([a]) is a


def test_refined_needs_all_members_refined():
    a, b = normalize(drawn(3, 2, 0), dim=1), normalize(drawn(3, 4, 1), dim=1)
    both = join_embeddings([Embeddings(a, b), Embeddings(b, a)])
    torch.testing.assert_close(both.refined, torch.cat([b, a], dim=1) / 2**0.5)
    one = join_embeddings([Embeddings(a, b), Embeddings(b, None)])
    assert one.refined is None
    torch.testing.assert_close(one.backbone, torch.cat([a, b], dim=1) / 2**0.5)


def test_images_without_numbers_are_counted():
    x = drawn(4, 2, 0)
    check_finite("run", Embeddings(x, x))
    check_finite("run", Embeddings(x, None))
    broken = x.clone()
    broken[1, 0], broken[3, 1] = torch.nan, torch.inf
    with pytest.raises(UserError, match=r"run: the refined embeddings of 2 of 4 images hold NaN.*first is image 1,"):
        check_finite("run", Embeddings(x, broken))


SPLIT = ImageSplit(
    torch.zeros(4, 3, 2, 2), torch.tensor([0, 0, 1, 1]), ("x", "y"), ("a", "b", "c", "d"), torch.arange(4) < 2
)


def members(names, splits):
    return [Member(name, None, split, None, None) for name, split in zip(names, splits, strict=True)]


def test_the_same_images_pass():
    check_same_images(members(["one"], [SPLIT]))
    other = replace(SPLIT, images=torch.ones(4, 3, 8, 8), labels=SPLIT.labels.clone(), query=SPLIT.query.clone())
    check_same_images(members(["one", "two"], [SPLIT, other]))
    apart = replace(SPLIT, query=None)
    check_same_images(members(["one", "two"], [apart, apart]))


@pytest.mark.parametrize(
    ("change", "message"),
    [
        ({"labels": torch.tensor([0]), "image_names": ("a",)}, "the numbers of images differ: 4 and 1"),
        ({"image_names": ("a", "c", "b", "d")}, "2 of 4 images differ"),
        ({"labels": torch.tensor([0, 1, 1, 1])}, "the classes of the images differ"),
        ({"class_names": ("x", "z")}, "the classes of the images differ"),
        ({"query": None}, "the queries differ"),
        ({"query": torch.tensor([True, False, True, False])}, "the queries differ"),
    ],
)
def test_other_images_are_refused(change, message):
    with pytest.raises(UserError, match=f"must embed the same images, and between one and two {message}$"):
        check_same_images(members(["one", "again", "two"], [SPLIT, SPLIT, replace(SPLIT, **change)]))
