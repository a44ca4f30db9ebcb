"""Scores of a split with queries and a gallery apart, and of images that are read one by one."""

from functools import partial

import pytest
import torch
from torch.nn.functional import normalize
from torchvision.transforms import v2

from gnn_dml.data import DrawingTransforms, ImageSplit
from gnn_dml.errors import UserError
from gnn_dml.evaluation.embed import Embeddings, embed, with_plain_gallery
from gnn_dml.evaluation.neighbourhoods import NearestNeighbourhoods
from gnn_dml.evaluation.score import score
from gnn_dml.graphs import Complete
from gnn_dml.layers import DotProductAttention
from gnn_dml.metrics import retrieval
from gnn_dml.models import Embedder, Refiner
from gnn_dml.training.learner import Learner


def split(n=12, query=None):
    labels = torch.arange(n) % 4
    images = torch.randint(256, (n, 3, 64, 64), generator=torch.Generator().manual_seed(0)).to(torch.uint8)
    names = tuple(map(str, range(n)))
    return ImageSplit(images, labels, tuple("abcd"), names, query)


def test_queries_are_looked_up_in_the_gallery():
    query = torch.arange(12) < 5
    data = split(query=query)
    x = normalize(torch.randn(12, 6, generator=torch.Generator().manual_seed(1)), dim=1)
    found = score(Embeddings(x, None), data, ks=(1, 2), cluster_seed=0)
    right = 0
    for i in range(5):
        best = max(range(5, 12), key=lambda j: float(x[i] @ x[j]))
        right += int(data.labels[best] == data.labels[i])
    assert found["backbone_recall@1"] == pytest.approx(right / 5)
    assert found["backbone_recall@1"] != retrieval(x, data.labels)["recall@1"]
    assert found["refined_recall@1"] is None


class OneByOne:
    """Images of several sizes, not a tensor."""

    def __init__(self, images):
        self.images = images

    def __len__(self):
        return len(self.images)

    def __getitem__(self, index):
        return v2.functional.resize(self.images[index], [64 + index, 64], antialias=True)


@pytest.mark.parametrize("workers", [0, 2])
def test_images_read_one_by_one_give_what_each_gives_alone(workers):
    data, transforms = split(), DrawingTransforms()
    torch.manual_seed(0)
    learner = Learner(Embedder("small_cnn", width=4, dim=8)).eval()
    images = OneByOne(data.images)
    lazy = ImageSplit(images, data.labels, data.class_names, data.image_names)
    found = embed(
        learner, lazy, transforms, torch.device("cpu"), neighbourhoods=NearestNeighbourhoods(3), workers=workers
    )
    with torch.no_grad():
        for i in range(12):
            alone = learner.embedder(transforms.finish(transforms.evaluate(images[i])[None])).features[0]
            torch.testing.assert_close(found.backbone[i], alone, atol=1e-5, rtol=0)


def test_a_gallery_that_is_not_refined():
    query = torch.tensor([True, False, True, False])
    refined, features = torch.rand(4, 3), torch.rand(4, 3)
    found = with_plain_gallery(refined, features, query)
    assert torch.equal(found[query], refined[query])
    assert torch.equal(found[~query], features[~query])
    with pytest.raises(UserError, match=r"3 beside 5; set protocol\.refine_gallery=true"):
        with_plain_gallery(refined, torch.rand(4, 5), query)


def test_weights_that_have_diverged_give_no_neighbours_and_say_so():
    torch.manual_seed(0)
    embedder = Embedder("small_cnn", width=4, dim=8)
    refiner = Refiner(8, num_classes=3, layer=partial(DotProductAttention, num_heads=2))
    learner = Learner(embedder, refiner, Complete()).eval()
    with torch.no_grad():
        embedder.projection.weight[0, 0] = torch.nan
    found = embed(learner, split(), DrawingTransforms(), torch.device("cpu"), neighbourhoods=NearestNeighbourhoods(3))
    assert not found.finite
    assert found.refined is None


@pytest.mark.parametrize("number", [1, 15, 40, 300])
def test_a_cpu_is_given_few_images_at_once_and_never_very_few(number):
    data, sizes = split(number), []
    learner = Learner(Embedder("small_cnn", width=4, dim=8)).eval()
    learner.embedder.register_forward_pre_hook(lambda module, given: sizes.append(len(given[0])))
    found = embed(learner, data, DrawingTransforms(), torch.device("cpu"), neighbourhoods=NearestNeighbourhoods(3))
    assert sum(sizes) == len(found.backbone) == number
    assert max(sizes) < 32
    assert min(sizes) >= min(number, 16)
    whole = learner.embedder(DrawingTransforms().finish(DrawingTransforms().evaluate(data.images))).features
    torch.testing.assert_close(found.backbone, whole, atol=1e-5, rtol=0)
