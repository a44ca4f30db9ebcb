import pytest
from hypothesis import given
from hypothesis import strategies as st

from gnn_dml.data import read_folder
from gnn_dml.data.folder import assign_roles, natural_key
from gnn_dml.errors import UserError


def test_the_last_half_of_the_classes_in_natural_order_is_for_testing(trees, tmp_path):
    trees.write_folder(tmp_path, classes=12, images=2)
    (tmp_path / "class 3" / "notes.txt").write_text("no image")
    (tmp_path / "class 3" / ".hidden.jpg").write_text("no image")
    (tmp_path / ".git").mkdir()
    (tmp_path / "empty").mkdir()
    trees.jpeg(tmp_path / "class 3" / "more" / "x.JPEG", 5)
    data = read_folder(tmp_path)
    assert data.class_names == tuple(f"class {i}" for i in range(1, 13))
    assert [data.roles[data.labels.tolist().index(i)] for i in range(12)] == ["train"] * 6 + ["test"] * 6
    assert [name for name in data.image_names if name.startswith("class 3/")] == [
        "class 3/0.jpg",
        "class 3/1.jpg",
        "class 3/more/x.JPEG",
    ]
    assert set(read_folder(tmp_path, test_share=0.25).split("test").class_names) == {"class 10", "class 11", "class 12"}


def test_folders_named_as_splits_are_splits(trees, tmp_path):
    for role, label in (("train", "a"), ("train", "b"), ("val", "c"), ("query", "d"), ("gallery", "d")):
        trees.jpeg(tmp_path / role / label / "1.png", 1)
    data = read_folder(tmp_path)
    assert data.split("val").class_names == ("c",)
    assert data.split("test").query.tolist() == [True, False]
    trees.jpeg(tmp_path / "query" / "a" / "1.png", 1)
    with pytest.raises(UserError, match="the class 'a' has images in train and in test"):
        read_folder(tmp_path)


def test_what_is_no_such_folder_is_named(trees, tmp_path):
    with pytest.raises(UserError, match="must be a folder with a folder per class"):
        read_folder(tmp_path / "nowhere")
    with pytest.raises(UserError, match="has 0 classes with images"):
        read_folder(tmp_path)
    trees.write_folder(tmp_path, classes=1)
    with pytest.raises(UserError, match="has 1 classes with images, and 2 or more"):
        read_folder(tmp_path)
    trees.jpeg(tmp_path / "other" / "1.jpg", 1)
    with pytest.raises(UserError, match="test_share must be above 0 and below 1, not 1"):
        read_folder(tmp_path, test_share=1)


@given(count=st.integers(2, 50), share=st.floats(0.01, 0.99))
def test_every_share_leaves_a_class_on_both_sides(count, share):
    roles = assign_roles([str(i) for i in range(count)], share, "x")
    test = sum(role == "test" for role in roles.values())
    assert 1 <= test < count
    assert abs(test - share * count) <= 1
    assert list(roles.values()) == sorted(roles.values(), reverse=True)


@given(st.lists(st.integers(0, 10**6), min_size=2))
def test_numbers_go_by_their_value(numbers):
    assert sorted((f"a{n}b" for n in numbers), key=natural_key) == [f"a{n}b" for n in sorted(numbers)]
