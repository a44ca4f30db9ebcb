import numpy as np
import torch

from gnn_dml.data import EmojiDataset
from gnn_dml.engine.neighbours import write_neighbours


def test_what_is_written_is_the_ranking(tiny_archive, tmp_path):
    split = EmojiDataset(tiny_archive).split("test")
    x = torch.nn.functional.normalize(torch.randn(25, 6, generator=torch.Generator().manual_seed(0)), dim=1)
    write_neighbours(tmp_path / "n.npz", x, split, queries=4, k=3)
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
    split = EmojiDataset(tiny_archive).split("val")
    write_neighbours(tmp_path / "n.npz", torch.eye(20), split, queries=50, k=50)
    with np.load(tmp_path / "n.npz") as found:
        assert found["correct"].shape == (20, 19)
