"""What the lists of all benchmarks are held to; what is particular to one is tested beside its reader."""

import pytest

from gnn_dml.data.records import Published, Record, assemble, parse_number
from gnn_dml.errors import UserError

NOBODY = Published("Nothing", {})


@pytest.fixture
def folder(trees, tmp_path):
    for name in ("in/1.jpg", "in/2.jpg", "in/3.jpg", "in/extra.jpg"):
        trees.jpeg(tmp_path / name, 1)
    return tmp_path


def records(*paths):
    roles = ("train", "test", "test")
    return [Record(path, roles[i][:2], roles[i], f"list, line {i + 1}") for i, path in enumerate(paths)]


@pytest.mark.parametrize("path", ["../x.jpg", "in/../../x.jpg", "/etc/x.jpg", "in/.."])
def test_a_list_does_not_lead_out_of_its_folder(folder, path):
    with pytest.raises(UserError, match=r"list, line 1: .* leads out of the folder of the images"):
        assemble(folder, records(path, "in/2.jpg", "in/3.jpg"), NOBODY)


def test_an_image_is_listed_once_in_whichever_spelling(folder):
    (folder / "in" / "link.jpg").symlink_to("2.jpg")
    for path in ("in/2.jpg", "in//2.jpg", "./in/2.jpg", "in/link.jpg"):
        with pytest.raises(UserError, match=r"list, line 3: .* is listed twice; .* stands in list, line 2 already"):
            assemble(folder, records("in/1.jpg", "in/2.jpg", path), NOBODY)


def test_what_is_missing_and_what_no_list_names_is_counted(folder):
    (folder / "in" / ".DS_Store").write_text("")
    data = assemble(folder, [*records("./in/1.jpg", "in/2.jpg", "in/3.jpg"), Record("in/4.jpg", "x", "train", "l")],
                    NOBODY, strict=False)  # fmt: skip
    assert data.image_names == ("in/1.jpg", "in/2.jpg", "in/3.jpg")
    assert dict(data.passed_over) == {"hidden": 1, "images that no list names": 1, "listed images that are missing": 1}


def test_only_the_part_that_is_needed_is_looked_for(folder):
    listed = records("in/gone.jpg", "in/2.jpg", "in/3.jpg")
    published = Published("Something", {"train": (1, 1), "test": (2, 1)})
    with pytest.raises(UserError, match="1 of 3 files are missing"):
        assemble(folder, listed, published)
    assert assemble(folder, listed, published, need=("test",)).roles == ("test", "test")


def test_a_number_of_thousands_of_digits_is_no_number(tmp_path):
    assert parse_number(tmp_path, 1, "7", 1, 9) == 7
    for word in ("9" * 5000, "10", "x", "-1"):
        with pytest.raises(UserError, match="line 1: a whole number from 1 to 9 is expected"):
            parse_number(tmp_path, 1, word, 1, 9)
