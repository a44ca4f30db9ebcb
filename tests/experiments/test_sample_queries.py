from dataclasses import replace

import numpy as np
import torch
from torchvision.transforms import v2

from gnn_dml.data import emoji_archive
from gnn_dml.experiments.sample_queries import write_neighbours


def as_it_is(image):
    return image


def test_what_is_written_is_the_ranking(tiny_archive, tmp_path):
    split = emoji_archive(tiny_archive).split("test")
    x = torch.nn.functional.normalize(torch.randn(25, 6, generator=torch.Generator().manual_seed(0)), dim=1)
    write_neighbours(tmp_path / "n.npz", x, split, as_it_is, queries=4, k=3)
    with np.load(tmp_path / "n.npz") as found:
        assert found["query_images"].shape == (4, 64, 64, 3)
        assert found["neighbour_images"].shape == (4, 3, 64, 64, 3)
        for row, query in enumerate([0, 8, 16, 24]):
            ranked = sorted((-float(x[query] @ x[j]), j) for j in range(25) if j != query)[:3]
            for column, (similarity, j) in enumerate(ranked):
                assert np.array_equal(found["neighbour_images"][row, column], split.images[j].permute(1, 2, 0))
                assert found["correct"][row, column] == (split.labels[j] == split.labels[query])
                assert abs(found["similarity"][row, column] + similarity) < 1e-6
                assert found["neighbour_names"][row, column] == split.class_names[int(split.labels[j])]
            assert found["query_names"][row] == split.class_names[int(split.labels[query])]


def test_fewer_images_than_asked_for(tiny_archive, tmp_path):
    split = emoji_archive(tiny_archive).split("val")
    write_neighbours(tmp_path / "n.npz", torch.eye(20), split, as_it_is, queries=50, k=50)
    with np.load(tmp_path / "n.npz") as found:
        assert found["correct"].shape == (20, 19)


def test_queries_find_images_of_the_gallery(tiny_archive, tmp_path):
    split = replace(emoji_archive(tiny_archive).split("val"), query=torch.arange(20) % 3 == 0)
    x = torch.nn.functional.normalize(torch.randn(20, 6, generator=torch.Generator().manual_seed(0)), dim=1)
    write_neighbours(tmp_path / "n.npz", x, split, v2.Resize(16), queries=3, k=2)
    with np.load(tmp_path / "n.npz") as found:
        assert found["query_images"].shape == (3, 16, 16, 3)
        for row, query in enumerate([0, 9, 18]):  # evenly among 0, 3, .. 18
            best = max((float(x[query] @ x[j]), j) for j in range(20) if j % 3)[1]
            shown = v2.functional.resize(split.images[best], [16]).permute(1, 2, 0)
            assert np.array_equal(found["neighbour_images"][row, 0], shown)


def test_fewer_gallery_images_than_asked_for(tiny_archive, tmp_path):
    split = replace(emoji_archive(tiny_archive).split("val"), query=torch.arange(20) >= 4)
    write_neighbours(tmp_path / "n.npz", torch.eye(20), split, as_it_is, k=50)
    with np.load(tmp_path / "n.npz") as found:
        assert found["correct"].shape == (12, 3)
