import pytest
import torch

from gnn_dml.data import DrawingTransforms, EmojiDataset, GroupSampler, TrainImages, TrainLoader, evaluation_batches


def loader(path, workers, seed=3):
    split = EmojiDataset(path).split("train")
    images = TrainImages(split, DrawingTransforms(jitter=0.2, erase=0.3).train, seed=seed)
    return TrainLoader(images, GroupSampler(split.labels, 4, 4, seed=seed), workers=workers)


@pytest.mark.parametrize("workers", [1, 2])
def test_the_same_batches_on_every_number_of_workers(tiny_archive, workers):
    for epoch in (1, 2):
        expected = list(loader(tiny_archive, 0).epoch(epoch))
        found = list(loader(tiny_archive, workers).epoch(epoch))
        assert len(found) == len(expected) == 4
        for (images, labels), (more_images, more_labels) in zip(expected, found, strict=True):
            assert torch.equal(images, more_images)
            assert torch.equal(labels, more_labels)


def test_epochs_and_seeds_differ(tiny_archive):
    first, second = (next(iter(loader(tiny_archive, 0).epoch(epoch)))[0] for epoch in (1, 2))
    other = next(iter(loader(tiny_archive, 0, seed=4).epoch(1)))[0]
    assert not torch.equal(first, second)
    assert not torch.equal(first, other)


def test_loading_leaves_the_global_random_state_alone(tiny_archive):
    torch.manual_seed(0)
    expected = torch.randn(3)
    torch.manual_seed(0)
    next(iter(loader(tiny_archive, 0).epoch(1)))
    assert torch.equal(torch.randn(3), expected)


def test_evaluation_batches_hold_every_image_in_order(tiny_archive):
    split = EmojiDataset(tiny_archive).split("test")
    batches = list(evaluation_batches(split, DrawingTransforms().evaluate, batch_size=7))
    assert [len(batch) for batch in batches] == [7, 7, 7, 4]
    assert torch.equal(torch.cat(batches), split.images)
