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
    with pytest.raises(UserError, match="has 1 class with images, and 2 or more"):
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


def passed_over(data):
    return {reason: (count, data.found.passed_over.examples(reason)) for reason, count in data.passed_over.items()}


def test_what_is_passed_over_is_counted_with_its_reason(trees, tmp_path):
    trees.write_folder(tmp_path, classes=4, images=2)
    one = tmp_path / "class 1"
    for name in ("a.svg", "b.SVG", "notes", "scan.pdf", "x.eps"):
        (one / name).write_text("no image")
    (one / "mirror.jpg").symlink_to("0.jpg")
    (tmp_path / "empty" / "deep").mkdir(parents=True)
    trees.jpeg(tmp_path / "loose.jpg", 1)
    trees.jpeg(one / "windows.jfif.jpg", 7)
    (one / "windows.jfif.jpg").rename(one / "windows.jfif")
    data = read_folder(tmp_path)
    assert len(data) == 9
    assert passed_over(data) == {
        "suffix .svg": (2, ("class 1/a.svg", "class 1/b.SVG")),
        "no suffix": (1, ("class 1/notes",)),
        "suffix .pdf": (1, ("class 1/scan.pdf",)),
        "suffix .eps": (1, ("class 1/x.eps",)),
        "links to images that are there already": (1, ("class 1/mirror.jpg",)),
        "class folders without images": (1, ("empty",)),
        "images beside the class folders": (1, ("loose.jpg",)),
    }
    assert data.only([0]).with_roles(["train"]).passed_over == data.passed_over
    assert data.found.describe().startswith(
        "a folder per class, of which the last 2 of 4 are for testing; passed over: "
    )


def test_splits_are_known_in_any_spelling_and_what_lies_beside_them_is_counted(trees, tmp_path):
    for top, label in (("Training", "a"), ("Training", "b"), ("dev", "c"), ("TEST", "d"), ("TEST", "d")):
        trees.jpeg(tmp_path / top / label / f"{len(list(tmp_path.rglob('*.png')))}.png", 1)
    trees.jpeg(tmp_path / "TEST" / "loose.png", 1)
    (tmp_path / "__MACOSX" / "TEST").mkdir(parents=True)
    (tmp_path / "data.yaml").write_text("names: []")
    data = read_folder(tmp_path)
    assert [data.roles.count(role) for role in ("train", "val", "test")] == [2, 1, 2]
    assert data.found.layout == "Training/ for train, dev/ for val, TEST/ for test, with a folder per class in each"
    assert set(data.passed_over) == {
        "folders of archivers and systems",
        "images beside the class folders",
        "suffix .yaml",
    }
    (tmp_path / "labels").mkdir()
    with pytest.raises(UserError, match=r"folders of splits .* and others \('labels'\)"):
        read_folder(tmp_path)


def test_links_are_followed_and_one_image_is_in_one_class(trees, tmp_path):
    root, store = tmp_path / "root", tmp_path / "store"
    trees.write_folder(root, classes=3, images=2)
    trees.jpeg(store / "deep" / "1.jpg", 1)
    (root / "class 2" / "more").symlink_to(store)
    (root / "class 4").symlink_to(store / "deep")
    with pytest.raises(UserError, match=r"class 4/1\.jpg and class 2/more/deep/1\.jpg are one image by a link"):
        read_folder(root)
    (root / "class 4").unlink()
    (root / "class 4").symlink_to(tmp_path / "other")
    trees.jpeg(tmp_path / "other" / "1.jpg", 1)
    assert read_folder(root).class_names == ("class 1", "class 2", "class 3", "class 4")


@pytest.mark.parametrize("top", ["test", "query", "train"])
def test_images_without_class_folders_get_a_sentence(trees, tmp_path, top):
    for role in ("train", "query", "gallery") if top != "test" else ("train", "test"):
        for label in ("a", "b"):
            trees.jpeg(tmp_path / role / (f"{role}-{label}" if role == "train" else label) / "1.png", 1)
    for path in list((tmp_path / top).rglob("*.png")):
        path.rename(tmp_path / top / f"{path.parent.name}.png")
    with pytest.raises(UserError, match=rf"2 images lie directly in {top}/, and a folder per class is expected"):
        read_folder(tmp_path)


def test_a_root_that_is_one_folder_too_high_or_has_no_classes_is_named(trees, tmp_path):
    trees.write_folder(tmp_path / "in", classes=3)
    with pytest.raises(UserError, match=r"the single folder in, with 3 folders in it: is dataset\.root=.*in meant"):
        read_folder(tmp_path)
    trees.jpeg(tmp_path / "flat" / "1.jpg", 1)
    with pytest.raises(UserError, match=r"1 images lie directly in it, and a folder per class .*: CLASS/1\.jpg"):
        read_folder(tmp_path / "flat")


def test_only_the_splits_that_are_needed_are_read(trees, tmp_path):
    for label in ("a", "b"):
        for i in range(2):
            trees.jpeg(tmp_path / "query" / label / f"{i}.png", i)
            trees.jpeg(tmp_path / "gallery" / label / f"{i}.png", i)
    with pytest.raises(UserError, match="has no training images"):
        read_folder(tmp_path)
    data = read_folder(tmp_path, need=("test",))
    assert data.roles == ("query",) * 4 + ("gallery",) * 4
    (tmp_path / "train").write_text("no folder")
    (tmp_path / "train").unlink()
    trees.jpeg(tmp_path / "train" / "flat.png", 1)
    assert read_folder(tmp_path, need=("test",)).roles == data.roles
    with pytest.raises(UserError, match="1 images lie directly in train/"):
        read_folder(tmp_path)
    with pytest.raises(ValueError, match="need must be some of train, val, test, not tests"):
        read_folder(tmp_path, need=("tests",))


def test_half_of_the_classes_is_the_same_half_whichever_is_needed(trees, tmp_path):
    trees.write_folder(tmp_path, classes=5, images=2)
    both = read_folder(tmp_path)
    for part in ("train", "test"):
        assert read_folder(tmp_path, need=(part,)).split(part).image_names == both.split(part).image_names


def test_images_without_labels(trees, tmp_path):
    for name in ("1.png", "more/2.png", "10.png"):
        trees.jpeg(tmp_path / name, 1)
    data = read_folder(tmp_path, need=("test",), labelled=False)
    assert data.split("test").image_names == ("1.png", "10.png", "more/2.png")
    assert (data.class_names, data.found.layout) == (("",), "images without labels")
    for path in (tmp_path / "1.png", tmp_path / "10.png"):
        path.unlink()
    assert read_folder(tmp_path, need=("test",), labelled=False).class_names == ("more",)
    (tmp_path / "more").rename(tmp_path / "test")
    assert read_folder(tmp_path, need=("test",), labelled=False).split("test").image_names == ("test/2.png",)
