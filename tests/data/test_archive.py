import zipfile

import pytest
import torch

from gnn_dml.data import emoji_archive
from gnn_dml.data.images import join
from gnn_dml.errors import UserError


def test_splits_are_read_whole(tiny_archive):
    data = emoji_archive(tiny_archive)
    train, test = data.split("train"), data.split("test")
    assert (len(train), train.num_classes, len(test), test.num_classes) == (40, 8, 25, 5)
    assert train.images.shape == (40, 3, 64, 64)
    assert train.images.dtype == torch.uint8
    assert train.labels.unique().tolist() == list(range(8))
    assert test.labels.unique().tolist() == list(range(5))
    assert not set(train.class_names) & set(test.class_names)
    assert [test.class_names[i] for i in test.labels[::5]] == [f"class {i}" for i in range(12, 17)]


def test_joined_splits_keep_their_classes_apart(tiny_archive):
    data = emoji_archive(tiny_archive)
    train, val = data.split("train"), data.split("val")
    both = join([train, val])
    assert len(both) == len(train) + len(val)
    assert [both.class_names[i] for i in both.labels] == [
        *(train.class_names[i] for i in train.labels),
        *(val.class_names[i] for i in val.labels),
    ]


def test_embedded_data_are_found_without_a_path():
    assert emoji_archive().split("val").num_classes > 10


def test_wrong_files_are_named(tiny_archive, tmp_path):
    with pytest.raises(UserError, match=r"no file .*nowhere\.zip"):
        emoji_archive(tmp_path / "nowhere.zip")
    (tmp_path / "text.zip").write_text("hello")
    with pytest.raises(UserError, match=r"text\.zip is no emoji archive"):
        emoji_archive(tmp_path / "text.zip")


def test_an_index_without_its_columns_is_named(tmp_path):
    with zipfile.ZipFile(tmp_path / "bad.zip", "w") as archive:
        archive.writestr("index.csv", "path,label\na.png,0\n")
    with pytest.raises(UserError, match="lacks class_name, split"):
        emoji_archive(tmp_path / "bad.zip")


def test_a_damaged_image_is_named(tiny_archive, tmp_path):
    """One byte of a stored image flipped: the zip's checksum of it fails."""
    content = bytearray(tiny_archive.read_bytes())
    with zipfile.ZipFile(tiny_archive) as archive:
        content[archive.getinfo("images/001/0.png").header_offset + 80] ^= 255
    (tmp_path / "damaged.zip").write_bytes(content)
    with pytest.raises(UserError, match=r"images/001/0\.png"):
        emoji_archive(tmp_path / "damaged.zip")


def test_a_broken_image_is_named(tiny_archive, tmp_path):
    broken = tmp_path / "broken.zip"
    with zipfile.ZipFile(tiny_archive) as old, zipfile.ZipFile(broken, "w") as new:
        for name in old.namelist():
            content = old.read(name)
            new.writestr(name, content[:100] if name == "images/003/2.png" else content)
    with pytest.raises(UserError, match=r"images/003/2\.png"):
        emoji_archive(broken)
