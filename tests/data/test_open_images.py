import pytest
import torch
from PIL import Image

from gnn_dml.data import ImageDataset, ImageFiles
from gnn_dml.data.open_images import open_images
from gnn_dml.data.readable import find_unreadable
from gnn_dml.errors import UserError


@pytest.fixture
def damaged(tmp_path):
    """Six images of three classes; the second and the last are cut off, which is all of the last class's test half."""
    paths = []
    for i in range(6):
        paths.append(tmp_path / f"{i}.jpg")
        Image.new("RGB", (40, 30), (40 * i, 0, 0)).save(paths[-1])
    for i in (1, 5):
        paths[i].write_bytes(paths[i].read_bytes()[:-200])
    return ImageDataset(
        ImageFiles(paths),
        torch.tensor([0, 0, 1, 1, 2, 2]),
        ("a", "b", "c"),
        tuple(path.name for path in paths),
        ("train", "train", "train", "train", "test", "test"),
    )


@pytest.mark.parametrize("workers", [0, 2])
def test_every_unreadable_file_is_found(damaged, workers):
    found = find_unreadable(damaged.images.paths, workers=workers)
    assert list(found) == [1, 5]
    assert "1.jpg" in found[1]
    assert "5.jpg" in found[5]


@pytest.mark.parametrize("with_cache", [False, True])
def test_skip_leaves_them_out_and_counts_them(damaged, tmp_path, with_cache):
    cache = tmp_path / "cache" if with_cache else None
    for _ in range(2):
        left, skipped = open_images(damaged, policy="skip", cache=cache, cache_side=20)
        assert skipped == 2
        assert left.image_names == ("0.jpg", "2.jpg", "3.jpg", "4.jpg")
        assert left.labels.tolist() == [0, 1, 1, 2]
        assert [round(float(left.images[i][0].float().mean()), -1) for i in range(4)] == [0, 80, 120, 160]
        assert left.images[0].shape == ((3, 20, 26) if with_cache else (3, 30, 40))


def test_error_stops_where_they_are_read(damaged, tmp_path):
    untouched, skipped = open_images(damaged)
    assert skipped == 0
    assert len(untouched) == 6
    with pytest.raises(UserError, match=r"1\.jpg"):
        untouched.images[1]
    with pytest.raises(UserError, match=r"1\.jpg.* \(and 1 more\); dataset\.unreadable=skip"):
        open_images(damaged, cache=tmp_path / "cache")


def test_nothing_left_is_an_error(damaged):
    with pytest.raises(UserError, match="none of the 2 images can be read"):
        open_images(damaged.only([1, 5]), policy="skip")


def test_images_in_memory_are_left_alone(tiny_archive, tmp_path):
    from gnn_dml.data import emoji_archive

    data = emoji_archive(tiny_archive)
    assert open_images(data, policy="skip", cache=tmp_path / "cache") == (data, 0)
    with pytest.raises(ValueError, match="one of error, skip, not 'ignore'"):
        open_images(data, policy="ignore")


@pytest.mark.parametrize("with_cache", [False, True])
def test_images_are_turned_upright_or_left_as_they_are_stored(tmp_path, with_cache):
    """Stored lying, to be shown a quarter turned; both ways one after another from one cache folder."""
    exif = Image.Exif()
    exif[0x0112] = 6
    Image.new("RGB", (40, 30), "red").save(tmp_path / "a.png", exif=exif)
    data = ImageDataset(ImageFiles([tmp_path / "a.png"]), torch.tensor([0]), ("a",), ("a.png",), ("train",))
    cache = tmp_path / "cache" if with_cache else None
    for _ in range(2):
        upright = open_images(data, cache=cache, cache_side=100)
        stored = open_images(data, cache=cache, cache_side=100, orientation="stored")
        assert upright.dataset.images[0].shape == (3, 40, 30)
        assert stored.dataset.images[0].shape == stored.dataset.images.only([0])[0].shape == (3, 30, 40)


def test_an_unknown_orientation_is_refused(damaged):
    with pytest.raises(ValueError, match="orientation must be one of exif, stored, not 'sideways'"):
        open_images(damaged, orientation="sideways")
