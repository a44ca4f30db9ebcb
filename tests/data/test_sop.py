import pytest

from gnn_dml.data import read_sop
from gnn_dml.errors import UserError


def test_the_two_lists_are_the_two_halves(trees, tmp_path):
    top = trees.write_sop(tmp_path)
    data = read_sop(tmp_path, strict=False)
    lists = [
        line.split() for part in ("train", "test") for line in (top / f"Ebay_{part}.txt").read_text().splitlines()[1:]
    ]
    assert data.image_names == tuple(words[3] for words in lists)
    assert [data.class_names[label] for label in data.labels] == [words[1] for words in lists]
    assert data.roles == ("train",) * 60 + ("test",) * 60
    assert read_sop(top, strict=False).image_names == data.image_names


def test_the_published_counts_pass(trees, tmp_path):
    trees.write_sop(tmp_path, trees.spread(59551, 11318), trees.spread(60502, 11316), same=True)
    data = read_sop(tmp_path)
    assert [(len(data.split(name)), data.split(name).num_classes) for name in ("train", "test")] == [
        (59551, 11318),
        (60502, 11316),
    ]


def test_other_counts_lists_and_lines_are_told(trees, tmp_path):
    top = trees.write_sop(tmp_path)
    with pytest.raises(UserError, match="train has 60 images of 20 classes, and 59551 of 11318 are expected"):
        read_sop(tmp_path)
    with (top / "Ebay_test.txt").open("a") as file:
        file.write("121 41 1\n")
    with pytest.raises(UserError, match=r"Ebay_test\.txt, line 62: 4 words are expected, not '121 41 1'"):
        read_sop(tmp_path, strict=False)
    (top / "Ebay_test.txt").write_text("1 1 1 a.JPG\n")
    with pytest.raises(UserError, match=r"Ebay_test\.txt, line 1: 'image_id class_id"):
        read_sop(tmp_path, strict=False)
    (top / "Ebay_test.txt").unlink()
    with pytest.raises(UserError, match=r"cannot read .*Ebay_test\.txt"):
        read_sop(tmp_path, strict=False)


def test_a_class_in_both_lists_is_named(trees, tmp_path):
    top = trees.write_sop(tmp_path)
    lines = (top / "Ebay_test.txt").read_text().splitlines()
    words = lines[1].split()
    lines[1] = " ".join([words[0], "1", *words[2:]])
    (top / "Ebay_test.txt").write_text("\n".join(lines))
    with pytest.raises(UserError, match="the class '1' has images in train and in test"):
        read_sop(tmp_path, strict=False)
