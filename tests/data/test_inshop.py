import pytest

from gnn_dml.data import read_inshop
from gnn_dml.errors import UserError


@pytest.fixture
def tree(trees, tmp_path):
    return trees.write_inshop(tmp_path)


def test_queries_and_gallery_are_apart(tree):
    data = read_inshop(tree, strict=False)
    assert data.roles[:60] == ("train",) * 60
    test = data.split("test")
    assert (len(test), test.num_classes, int(test.query.sum())) == (60, 20, 20)
    assert test.query.tolist() == [True, False, False] * 20
    assert data.images[0].shape[0] == 3


def test_images_may_lie_beside_the_list(tree):
    before = read_inshop(tree, strict=False)
    (tree / "Img" / "img").rename(tree / "img")
    (tree / "Eval" / "list_eval_partition.txt").rename(tree / "list_eval_partition.txt")
    assert read_inshop(tree, strict=False).image_names == before.image_names


def test_the_published_counts_pass(trees, tmp_path):
    trees.write_inshop(
        tmp_path, trees.spread(25882, 3997), trees.spread(14218, 3985), trees.spread(12612, 3985), same=True
    )
    data = read_inshop(tmp_path)
    assert (len(data.split("train")), data.split("train").num_classes) == (25882, 3997)
    test = data.split("test")
    assert (int(test.query.sum()), int((~test.query).sum()), test.num_classes) == (14218, 12612, 3985)


def test_other_counts_and_lines_are_told(tree):
    with pytest.raises(
        UserError, match=r"query has 20 images of 20 classes, and 14218 of 3985 are expected; gallery has"
    ):
        read_inshop(tree)
    path = tree / "Eval" / "list_eval_partition.txt"
    lines = path.read_text().splitlines()
    path.write_text("\n".join(lines[:-1]))
    with pytest.raises(UserError, match="promises 120 images, and 119 follow"):
        read_inshop(tree)
    for wrong, said in (
        ("img/a.jpg id_1 validation", "line 121: an image, an item and one of train, query, gallery"),
        ("img/a.jpg id_1", "line 121"),
    ):
        path.write_text("\n".join([*lines[:120], wrong]))
        with pytest.raises(UserError, match=said):
            read_inshop(tree, strict=False)
    path.write_text("\n".join(["many", *lines[1:]]))
    with pytest.raises(UserError, match="line 1: a whole number"):
        read_inshop(tree)
    path.write_text("\n".join([lines[0], "name id status", *lines[2:]]))
    with pytest.raises(UserError, match="line 2: 'image_name item_id evaluation_status' is expected"):
        read_inshop(tree)
    path.unlink()
    with pytest.raises(UserError, match=r"holds no Eval/list_eval_partition\.txt.*prepare inshop"):
        read_inshop(tree)
