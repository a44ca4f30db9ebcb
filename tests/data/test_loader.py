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

SAMPLERS = [GroupSampler, RedrawnGroupSampler, DistinctSampler]


def loader(path, workers, seed=3, sampler=GroupSampler, seed_by="batch", **ranks):
    split = emoji_archive(path).split("train")
    images = TrainImages(split, DrawingTransforms(jitter=0.2, erase=0.3).train, seed=seed, seed_by=seed_by)
    return TrainLoader(images, sampler(split.labels, 4, 4, seed=seed), workers=workers, **ranks)


@pytest.mark.parametrize("workers", [1, 2])
def test_the_same_batches_on_every_number_of_workers(tiny_archive, workers):
    for epoch in (1, 2):
        expected = list(loader(tiny_archive, 0).epoch(epoch))
        found = list(loader(tiny_archive, workers).epoch(epoch))
        assert len(found) == len(expected) == 4
        for one, other in zip(expected, found, strict=True):
            assert all(map(torch.equal, one, other))


def test_positions_say_which_images_a_batch_holds(tiny_archive):
    split = emoji_archive(tiny_archive).split("train")
    still = TrainLoader(TrainImages(split, lambda image: image, seed=0), DistinctSampler(split.labels, 4, 3, seed=0))
    for images, labels, positions in still.epoch(1):
        assert (positions.dtype, positions.shape) == (torch.long, (12,))
        assert torch.equal(images, split.images[positions])
        assert torch.equal(labels, split.labels[positions])


def test_by_default_the_augmentation_is_seeded_by_the_positions_of_the_whole_batch(tiny_archive):
    """As it was before there was a choice."""
    split = emoji_archive(tiny_archive).split("train")
    sampler = GroupSampler(split.labels, 4, 4, seed=3)
    sampler.set_epoch(2)
    transform = DrawingTransforms(jitter=0.2, erase=0.3).train
    for indices, (images, _, _) in zip(sampler, loader(tiny_archive, 0).epoch(2), strict=True):
        torch.manual_seed(hash((3, 2, *indices)))
        assert torch.equal(images, torch.stack([transform(split.images[i]) for i in indices]))


@pytest.mark.parametrize("sampler", SAMPLERS)
@pytest.mark.parametrize(("world", "workers"), [(1, 1), (2, 0), (3, 2)])
def test_seeded_by_image_the_ranks_together_see_what_one_process_sees(tiny_archive, sampler, world, workers):
    settings = {"sampler": sampler, "seed_by": "image"}
    whole = list(loader(tiny_archive, 0, **settings).epoch(2))
    ranks = [
        list(loader(tiny_archive, workers if rank == 0 else 0, rank=rank, world_size=world, **settings).epoch(2))
        for rank in range(world)
    ]
    assert len(whole) > 1
    for batch, *parts in zip(whole, *ranks, strict=True):
        sizes = [len(labels) for _, labels, _ in parts]
        assert sizes == sorted(sizes, reverse=True)
        assert sizes[0] - sizes[-1] <= 1
        for expected, found in zip(batch, zip(*parts, strict=True), strict=True):
            assert torch.equal(torch.cat(found), expected)


def test_seeded_by_batch_the_ranks_see_the_same_images_in_other_crops(tiny_archive):
    whole = list(loader(tiny_archive, 0).epoch(1))
    ranks = [list(loader(tiny_archive, 0, rank=rank, world_size=2).epoch(1)) for rank in (0, 1)]
    for batch, *parts in zip(whole, *ranks, strict=True):
        assert torch.equal(torch.cat([positions for _, _, positions in parts]), batch[2])
        assert not torch.equal(torch.cat([images for images, _, _ in parts]), batch[0])


def test_seeded_by_image_an_image_looks_new_every_time_it_comes():
    """Three images of each of two classes, drawn again and again in one epoch: no two crops of one are alike."""
    labels = torch.tensor([0, 0, 0, 1, 1, 1])
    stored = torch.randint(256, (6, 3, 40, 40), dtype=torch.uint8, generator=torch.Generator().manual_seed(0))
    split = ImageSplit(stored, labels, ("a", "b"), tuple("abcdef"))
    images = TrainImages(split, PhotoTransforms(16, 16).train, seed=0, seed_by="image")
    for sampler in (GroupSampler(labels, 2, 8, seed=0), DistinctSampler(labels, 2, 8, seed=0)):
        for batch, _, positions in TrainLoader(images, sampler).epoch(1):
            for position in range(6):
                of_one = batch[positions == position]
                assert len(of_one) >= 2
                assert len({image.numpy().tobytes() for image in of_one}) == len(of_one)


def test_what_seeds_the_augmentation_is_one_of_two():
    split = ImageSplit(torch.zeros(1, 3, 2, 2), torch.zeros(1), ("a",), ("a",))
    with pytest.raises(UserError, match="augmentation_seed must be one of batch, image, not 'epoch'"):
        TrainImages(split, lambda image: image, seed=0, seed_by="epoch")


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


@pytest.mark.parametrize("sampler", SAMPLERS)
def test_photographs_give_the_same_batches_with_0_1_and_4_workers(trees, tmp_path, sampler):
    split = read_folder(trees.write_folder(tmp_path, classes=6, images=5)).split("train")
    seen = []
    for workers in (0, 1, 4):
        images = TrainImages(split, PhotoTransforms(24, 28).train, seed=7)
        seen.append(list(TrainLoader(images, sampler(split.labels, 2, 3, seed=7), workers=workers).epoch(3)))
    assert len(seen[0]) > 1
    for other in seen[1:]:
        for one, another in zip(seen[0], other, strict=True):
            assert all(map(torch.equal, one, another))


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
