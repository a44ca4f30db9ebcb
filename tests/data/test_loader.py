import pytest
import torch

from gnn_dml.data import (
    DistinctSampler,
    DrawingTransforms,
    GroupSampler,
    ImageSplit,
    PhotoTransforms,
    RedrawnGroupSampler,
    TrainImages,
    TrainLoader,
    emoji_archive,
    evaluation_batches,
    read_folder,
)
from gnn_dml.errors import UserError


def loader(path, workers, seed=3):
    split = emoji_archive(path).split("train")
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
    split = emoji_archive(tiny_archive).split("test")
    batches = list(evaluation_batches(split.images, DrawingTransforms().evaluate, batch_size=7))
    assert [len(batch) for batch in batches] == [7, 7, 7, 4]
    assert torch.equal(torch.cat(batches), split.images)


@pytest.mark.parametrize("sampler", [GroupSampler, RedrawnGroupSampler, DistinctSampler])
def test_photographs_give_the_same_batches_with_0_1_and_4_workers(trees, tmp_path, sampler):
    split = read_folder(trees.write_folder(tmp_path, classes=6, images=5)).split("train")
    seen = []
    for workers in (0, 1, 4):
        images = TrainImages(split, PhotoTransforms(24, 28).train, seed=7)
        seen.append(list(TrainLoader(images, sampler(split.labels, 2, 3, seed=7), workers=workers).epoch(3)))
    assert len(seen[0]) > 1
    for other in seen[1:]:
        for (images, labels), (more_images, more_labels) in zip(seen[0], other, strict=True):
            assert torch.equal(images, more_images)
            assert torch.equal(labels, more_labels)


@pytest.mark.parametrize("workers", [0, 2])
def test_an_image_that_cannot_be_read_is_one_plain_sentence(trees, tmp_path, workers):
    """From another process, too: no traceback of its inside the message."""
    broken = trees.write_folder(tmp_path, classes=4, images=4) / "class 1" / "2.jpg"
    broken.write_bytes(broken.read_bytes()[:-400])
    split = read_folder(tmp_path).split("train")
    loader = TrainLoader(
        TrainImages(split, PhotoTransforms(24, 28).train, seed=0),
        GroupSampler(split.labels, 2, 4, seed=0),
        workers=workers,
    )
    for batches in (
        loader.epoch(0),
        evaluation_batches(split.images, PhotoTransforms(24, 28).evaluate, workers=workers),
    ):
        with pytest.raises(UserError) as told:
            list(batches)
        assert str(told.value).startswith(f"cannot read the image {broken}: ")
        assert "Traceback" not in str(told.value)


def test_steps_of_epochs_of_different_lengths():
    labels = torch.arange(40) // 4
    images = TrainImages(
        ImageSplit(torch.zeros(40, 3, 8, 8), labels, ("",) * 10, ("",) * 40), lambda image: image, seed=0
    )
    loader = TrainLoader(images, RedrawnGroupSampler(labels, 3, 4, seed=1))
    lengths = [len(list(loader.epoch(epoch))) for epoch in range(1, 9)]
    assert len(set(lengths)) > 1
    assert [loader.steps(epochs) for epochs in range(9)] == [sum(lengths[:epochs]) for epochs in range(9)]
