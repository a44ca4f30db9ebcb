import pytest
import torch
from hypothesis import given
from hypothesis import strategies as st

from gnn_dml.data import ImageDataset
from gnn_dml.data.images import ROLES, TEST_ROLES, join
from gnn_dml.errors import UserError


class Grey:
    """Images of different sizes; the colour of image i is i."""

    def __init__(self, n):
        self.n = n

    def __len__(self):
        return self.n

    def __getitem__(self, index):
        return torch.full((3, 2 + index % 3, 4), index, dtype=torch.uint8)


def dataset(labels, role_of_class):
    return ImageDataset(
        images=Grey(len(labels)),
        labels=torch.tensor(labels),
        class_names=tuple(f"class {i}" for i in range(len(role_of_class))),
        image_names=tuple(f"image {i}" for i in range(len(labels))),
        roles=tuple(role_of_class[label] for label in labels),
    )


@given(st.data())
def test_splits_part_the_images_and_keep_image_and_class_together(data):
    classes = data.draw(st.integers(1, 6))
    parts = data.draw(st.lists(st.sampled_from(["train", "val", "test"]), min_size=classes, max_size=classes))
    labels = data.draw(st.lists(st.integers(0, classes - 1), min_size=1, max_size=20))
    whole = dataset(labels, parts)
    seen = []
    for name in ("train", "val", "test"):
        members = [i for i, label in enumerate(labels) if parts[label] == name]
        if not members:
            with pytest.raises(UserError, match=f"no images in the split '{name}'"):
                whole.split(name)
            continue
        split = whole.split(name)
        assert split.query is None
        assert sorted(set(split.labels.tolist())) == list(range(split.num_classes))
        for position, original in enumerate(members):
            assert int(split.images[position][0, 0, 0]) == original
            assert split.image_names[position] == f"image {original}"
            assert split.class_names[split.labels[position]] == f"class {labels[original]}"
        seen += members
    assert sorted(seen) == list(range(len(labels)))


def test_queries_and_gallery_are_the_test_split():
    whole = ImageDataset(
        Grey(5),
        torch.tensor([0, 1, 1, 1, 0]),
        ("a", "b"),
        tuple("vwxyz"),
        ("train", "query", "gallery", "query", "train"),
    )
    split = whole.split("test")
    assert split.image_names == ("w", "x", "y")
    assert split.query.tolist() == [True, False, True]
    assert whole.split("train").query is None


@pytest.mark.parametrize("first", ROLES)
@pytest.mark.parametrize("second", ROLES)
def test_a_class_belongs_to_one_split(first, second):
    def make():
        return ImageDataset(Grey(2), torch.tensor([0, 0]), ("bird",), ("a", "b"), (first, second))

    if first == second or {first, second} <= set(TEST_ROLES):
        assert len(make()) == 2
    else:
        with pytest.raises(UserError, match="the class 'bird' has images in"):
            make()


def test_wrong_lengths_and_words_are_refused():
    with pytest.raises(ValueError, match="equally long"):
        ImageDataset(Grey(2), torch.tensor([0]), ("a",), ("x", "y"), ("train", "train"))
    with pytest.raises(ValueError, match="not 'dev'"):
        ImageDataset(Grey(1), torch.tensor([0]), ("a",), ("x",), ("dev",))
    with pytest.raises(ValueError, match="not 'dev'"):
        dataset([0], ["train"]).split("dev")


def test_only_some_images_and_joined_splits():
    whole = dataset([0, 1, 2, 0, 1, 2], ["train", "val", "test"])
    left = whole.only([1, 3, 5])
    assert left.image_names == ("image 1", "image 3", "image 5")
    assert [int(left.images[i][0, 0, 0]) for i in range(3)] == [1, 3, 5]
    both = join([whole.split("train"), whole.split("val")])
    assert both.labels.tolist() == [0, 0, 1, 1]
    assert [int(both.images[i][0, 0, 0]) for i in range(4)] == [0, 3, 1, 4]
    assert both.class_names == ("class 0", "class 1")
