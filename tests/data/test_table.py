import pytest

from gnn_dml.data import read_table
from gnn_dml.errors import UserError


@pytest.fixture
def folder(trees, tmp_path):
    trees.write_folder(tmp_path / "images", classes=4, images=2)
    return tmp_path


def write(folder, lines, head="path,label,split"):
    (folder / "list.csv").write_text("\n".join([head, *lines]) + "\n", encoding="utf-8")
    return folder / "list.csv"


def test_splits_and_labels_are_those_of_the_file(folder):
    path = write(
        folder,
        [
            "images/class 1/0.jpg,001,train",
            "images/class 1/1.jpg,1,train",
            "images/class 2/0.jpg,NA,val",
            '"images/class 3/0.jpg","a, b",query',
            '"images/class 3/1.jpg","a, b",gallery',
        ],
    )
    data = read_table(path)
    assert data.class_names == ("001", "1", "NA", "a, b")
    assert data.labels.tolist() == [0, 1, 2, 3, 3]
    assert data.split("test").query.tolist() == [True, False]
    assert data.images[0].shape == (3, 32, 40)


def test_without_splits_the_last_labels_are_for_testing(folder):
    lines = [f"class {c}/{i}.jpg,{c}" for c in (3, 1, 4, 2) for i in range(2)]
    data = read_table(write(folder, lines, head="path,label"), images=folder / "images")
    assert data.roles == ("train",) * 4 + ("test",) * 4
    assert data.split("test").class_names == ("4", "2")
    assert (
        read_table(folder / "list.csv", images=folder / "images", test_share=0.75).roles
        == ("train",) * 2 + ("test",) * 6
    )


@pytest.mark.parametrize(
    ("lines", "said"),
    [
        (["images/class 1/0.jpg,,train"], "line 2: the column label is empty"),
        ([",a,train"], "line 2: the column path is empty"),
        (["images/class 1/0.jpg,a,prod"], "line 2: split must be one of train, val, test, query, gallery, not 'prod'"),
        (["images/class 1/0.jpg,a"], "line 2: 2 cells, and the header has 3"),
        (["images/class 1/0.jpg,a,"], "line 2: split must be one of .* not ''"),
        (["images/class 1/0.jpg,a,train", "images/class 1/0.jpg,a,train"], r"line 3: .* stands on line 2 already"),
        (["images/class 1/0.jpg,a,train", "images/no.jpg,b,test"], r"line 3: there is no file .*no\.jpg$"),
        (["x.jpg,a,train", "y.jpg,b,test"], r"line 2: there is no file .*x\.jpg \(2 files are missing\)"),
        (
            ["images/class 1/0.jpg,a,train", "images/class 1/1.jpg,a,test"],
            "the class 'a' has images in train and in test",
        ),
        (["images/class 1/0.jpg,a,train"], "has no test images"),
        (["images/class 1/0.jpg,a,train", "images/class 2/0.jpg,b,test"], "has one test image of each class"),
        (
            ["images/class 1/0.jpg,a,train", "images/class 2/0.jpg,b,query", "images/class 2/1.jpg,b,query"],
            "has no query with an image of its class in the gallery",
        ),
        (
            ["images/class 1/0.jpg,a,train", "images/class 2/0.jpg,b,gallery", "images/class 2/1.jpg,b,gallery"],
            "has no query with an image of its class in the gallery",
        ),
    ],
)
def test_wrong_lines_are_named(folder, lines, said):
    with pytest.raises(UserError, match=said):
        read_table(write(folder, lines))


def test_wrong_files_are_named(folder):
    with pytest.raises(UserError, match=r"must be a CSV file, and there is no such file"):
        read_table(folder / "nothing.csv")
    with pytest.raises(UserError, match="lacks the column label; it has path, name"):
        read_table(write(folder, [], head="path,name"))
    (folder / "list.csv").write_bytes(b"path,label\nM\xf6we.jpg,a\n")
    with pytest.raises(UserError, match=r"list\.csv, line 2: it is not in UTF-8"):
        read_table(folder / "list.csv")


@pytest.mark.parametrize(
    "spelling", ["./images/class 1/0.jpg", "images//class 1/0.jpg", "up/images/class 1/0.jpg", None]
)
def test_an_image_in_another_spelling_is_the_same_image(folder, spelling):
    (folder / "up").symlink_to(".")
    spelling = spelling or str(folder / "images" / "class 1" / "0.jpg")
    path = write(folder, ["images/class 1/0.jpg,a,train", f"{spelling},a,train"])
    with pytest.raises(UserError, match=r"line 3: .* stands on line 2 already, as images/class 1/0\.jpg"):
        read_table(path)


def test_a_link_to_an_image_of_the_list_is_the_same_image(folder):
    (folder / "copy.jpg").symlink_to("images/class 1/0.jpg")
    with pytest.raises(UserError, match=r"line 3: copy\.jpg stands on line 2 already"):
        read_table(write(folder, ["images/class 1/0.jpg,a,train", "copy.jpg,b,test"]))


def test_words_for_splits_are_those_of_folders_and_other_columns_are_named(folder):
    lines = ["images/class 1/0.jpg,a,Training,7", "images/class 2/0.jpg,b,validation,7"]
    lines += [f"images/class 3/{i}.jpg,c,eval,7" for i in range(2)]
    data = read_table(write(folder, lines, head="PATH, Label,split ,vendor"))
    assert data.roles == ("train", "val", "test", "test")
    assert data.found.describe() == "columns that are not used: vendor"


def test_only_the_images_that_are_needed_have_to_be_there(folder):
    lines = ["gone.jpg,a,train", *(f"images/class 3/{i}.jpg,c,test" for i in range(2))]
    path = write(folder, lines)
    with pytest.raises(UserError, match=r"line 2: there is no file .*gone\.jpg"):
        read_table(path)
    assert read_table(path, need=("test",)).class_names == ("c",)


def test_a_list_without_labels(folder):
    path = write(folder, [f"images/class 3/{i}.jpg" for i in range(2)], head="path")
    assert read_table(path, need=("test",), labelled=False).split("test").class_names == ("",)
    with pytest.raises(UserError, match="lacks the column label"):
        read_table(path)


def test_a_table_of_nothing_and_a_name_that_is_too_long(folder):
    with pytest.raises(UserError, match="lists no images"):
        read_table(write(folder, []))
    with pytest.raises(UserError, match=r"cannot look at .*File name too long"):
        read_table(write(folder, [f"{'n' * 300}.jpg,a,train"]))
