import io
import zipfile

import pytest
import torch
from PIL import Image

from gnn_dml.data import emoji_archive
from gnn_dml.data.images import join
from gnn_dml.errors import UserError
from gnn_dml.prepare.emoji.verify import verify


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
    with pytest.raises(UserError, match="lacks the column class_name, split"):
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


def packed(path, index, **members):
    with zipfile.ZipFile(path, "w", zipfile.ZIP_DEFLATED) as archive:
        archive.writestr("index.csv", "path,label,class_name,split\n" + index)
        for name, content in members.items():
            archive.writestr(name, content)
    return path


def png(size):
    buffer = io.BytesIO()
    Image.new("RGB", size).save(buffer, "PNG")
    return buffer.getvalue()


@pytest.mark.parametrize(
    ("index", "members", "said"),
    [
        ("", {}, "its index.csv lists no images"),
        ("a,0,a,train\na,0,a,train\n", {"a": png((4, 4))}, "lists a 2 times"),
        (f"a,{'9' * 5000},a,train\n", {}, "has the label '999.*no whole number of 9 digits"),
        ("a,-1,a,train\n", {}, "has the label '-1'"),
        ("a,0,a\n", {}, "line 2: 3 cells, and the header has 4"),
        ('a,0,"a,train\n', {}, "line 2: it cannot be read as CSV"),
        ("a,0,a,train\n", {"a": png((1100, 4))}, "a has 1100 x 4 pixels"),
        ("a,0,a,train\n", {"a": b"%!PS-Adobe-3.0 EPSF-3.0\n%%BoundingBox: 0 0 9 9\n"}, "a cannot be read"),
        ("a,0,a,train\n", {"a": bytes(5_000_000)}, "a would unfold to 5,000,000 bytes"),
        ("a,0,a,train\nb,1,b,test\n", {"a": png((4, 4)), "b": png((4, 5))}, "b has 4 x 5 pixels, and a has 4 x 4"),
        ("".join(f"{i},0,a,train\n" for i in range(2000)), {"0": png((1024, 1024))}, "2,000 images .* fill the memory"),
        ("a,0,a,train\n", {}, "a is missing"),
    ],
)
def test_an_archive_that_is_wrong_or_would_fill_the_memory_is_refused(tmp_path, index, members, said):
    path = packed(tmp_path / "x.zip", index, **members)
    with pytest.raises(UserError, match=rf"x\.zip is no emoji archive: .*{said}"):
        emoji_archive(path)
    assert verify(path)


def test_a_list_of_gigabytes_is_not_unpacked(tmp_path):
    with (
        zipfile.ZipFile(tmp_path / "x.zip", "w", zipfile.ZIP_DEFLATED, compresslevel=1) as archive,
        archive.open("index.csv", "w", force_zip64=True) as member,
    ):
        for _ in range(65):
            member.write(b"," * 2**20)
    with pytest.raises(UserError, match=r"index\.csv would unfold to 68,157,440 bytes"):
        emoji_archive(tmp_path / "x.zip")
    assert "would unfold" in verify(tmp_path / "x.zip")[0]
