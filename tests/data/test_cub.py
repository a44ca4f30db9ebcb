import pytest

from gnn_dml.data import read_cub
from gnn_dml.errors import UserError


@pytest.fixture
def tree(trees, tmp_path):
    return trees.write_cub(tmp_path)


def test_classes_are_halved_in_the_order_of_the_lists(tree):
    data = read_cub(tree.parent, strict=False)
    lines = (tree / "images.txt").read_text().splitlines()
    assert data.image_names == tuple(f"images/{line.split()[1]}" for line in lines)
    assert data.class_names[0] == "001.Bird_1"
    assert [data.class_names[label] for label in data.labels[::2]] == [f"{i:03}.Bird_{i}" for i in range(1, 201)]
    assert data.roles == ("train",) * 200 + ("test",) * 200
    assert data.images[0].shape == (3, 32, 40)
    assert read_cub(tree, strict=False).image_names == data.image_names


def test_the_published_counts_pass_and_others_are_told(trees, tmp_path):
    top = trees.write_cub(tmp_path, trees.spread(5864, 100) + trees.spread(5924, 100), same=True)
    data = read_cub(tmp_path)
    assert (len(data.split("train")), data.split("train").num_classes) == (5864, 100)
    assert (len(data.split("test")), data.split("test").num_classes) == (5924, 100)
    gone = sorted(top.glob("images/150.*/*"))
    for path in gone[:7]:
        path.unlink()
    with pytest.raises(UserError) as told:
        read_cub(tmp_path)
    said = str(told.value)
    assert "test has 5917 images of 100 classes, and 5924 of 100 are expected" in said
    assert "7 of 11788 files are missing: images/150.Bird_150/" in said
    assert "and 2 more" in said
    assert "dataset.strict=false" in said
    assert len(read_cub(tmp_path, strict=False)) == 11788 - 7


def test_fewer_images_than_published_are_told(tree):
    with pytest.raises(UserError, match="train has 200 images of 100 classes, and 5864 of 100 are expected"):
        read_cub(tree)


@pytest.mark.parametrize("name", ["images.txt", "image_class_labels.txt", "classes.txt"])
def test_a_missing_list_is_named(tree, name):
    (tree / name).unlink()
    with pytest.raises(UserError, match=name):
        read_cub(tree, strict=False)


@pytest.mark.parametrize(
    ("name", "line", "said"),
    [
        ("images.txt", "12", r"images\.txt, line 401: 2 words are expected, not '12'"),
        ("images.txt", "99999 a/b.jpg", r"images\.txt, line 401: the image 99999 has no class"),
        (
            "image_class_labels.txt",
            "1 201",
            r"labels\.txt, line 401: a whole number from 1 to 200 is expected, not '201'",
        ),
        ("image_class_labels.txt", "1 bird", "not 'bird'"),
        ("classes.txt", "0 none", r"classes\.txt, line 201: .* not '0'"),
    ],
)
def test_a_wrong_line_is_named(tree, name, line, said):
    with (tree / name).open("a") as file:
        file.write(f"{line}\n")
    with pytest.raises(UserError, match=said):
        read_cub(tree, strict=False)


def test_one_half_alone_is_refused(tree):
    for path in tree.glob("images/*/*"):
        if int(path.parent.name[:3]) > 100:
            path.unlink()
    with pytest.raises(UserError, match="has no test images"):
        read_cub(tree, strict=False)


def test_another_folder_says_how_to_get_it(tmp_path):
    with pytest.raises(UserError, match=r"holds no images\.txt .*gnn-dml data prepare cub"):
        read_cub(tmp_path)
