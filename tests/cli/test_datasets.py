"""From the files of every data set found to a trained run and its row, by the command line; and all that goes wrong."""

import csv
import shutil
import tarfile
from pathlib import Path

import pytest

from gnn_dml.cli.main import main
from gnn_dml.cli.parser.common import DATASETS
from gnn_dml.config.compose import resolve
from gnn_dml.config.names import groups
from gnn_dml.prepare import find_card, find_cards

PAGES = Path(__file__).resolve().parents[2] / "datasets"

SMALL = [
    "backbone=small_cnn",
    "backbone.width=4",
    "backbone.dim=16",
    "backbone.map_size=2",
    "dataset.transform.size=32",
    "dataset.transform.resize=36",
    "protocol.epochs=1",
    "protocol.classes_per_batch=8",
    "protocol.images_per_class=2",
    "device=cpu",
]


FEW = [2 * (label % 5 == 0) for label in range(1, 201)]
"""Images of each of the classes of a data set that has hundreds: two of every fifth."""

SIZES = {"cub": [FEW], "cars196": [FEW[:196]]}

PICTURED = ("inshop",)
"""Whose neighbours are drawn too: a picture is made of the arrays in neighbours.npz, whatever data set they are of."""


def prepare(name, files, root):
    options = [option for file in files for option in ("--archive", str(file))]
    return main(["data", "prepare", name, "--root", str(root), "--unchecked", *options])


def test_every_data_set_has_what_belongs_to_it(trees):
    """A YAML, a card, a sample tree, and a page unless its files are the user's own."""
    cards = find_cards()
    assert list(trees.FOUND) == sorted(cards) == list(DATASETS) == groups()["dataset"]
    pages = {path.parent.name for path in PAGES.glob("*/README.md")}
    assert pages == {name for name, card in cards.items() if not card.is_own}


@pytest.fixture
def tree(dataset_name, trees, tmp_path):
    """What `dataset.root` names: prepared from archives where there are some."""
    card, root = find_card(dataset_name), tmp_path / "root"
    if card.sources:
        packed = trees.pack(tmp_path / "packed", dataset_name, card, *SIZES.get(dataset_name, []))
        assert prepare(dataset_name, packed, root) == 0
        return root
    root.mkdir()
    return trees.FOUND[dataset_name].write(root)


def test_from_archive_to_row(dataset_name, tree, trees, tmp_path, capsys):
    """Prepared, verified, trained on with the settings of its YAML, evaluated."""
    known = resolve([f"dataset={dataset_name}", f"dataset.root={tree}"])["dataset"]
    strict = "strict" in known
    assert main(["data", "verify", dataset_name, "--root", str(tree), *(["--subset"] if strict else [])]) == 0
    assert f"{tree}: whole" in capsys.readouterr().out
    settings = [f"dataset={dataset_name}", f"dataset.root={tree}", f"out={tmp_path / 'runs'}"]
    settings += [
        text for text in SMALL if not text.startswith("dataset.") or text[18:].split("=")[0] in known["transform"]
    ]
    settings += [*(["dataset.strict=false"] if strict else []), *getattr(trees.FOUND[dataset_name], "SETTINGS", [])]
    assert main(["train", *settings, f"pictures={dataset_name in PICTURED}".lower()]) == 0
    with (tmp_path / "runs" / "single" / "results.csv").open() as file:
        (row,) = csv.DictReader(file)
    expected = trees.FOUND[dataset_name].ROW
    assert {key: row[key] for key in expected} == expected
    assert (row["status"], row["dataset"], row["skipped_images"]) == ("finished", dataset_name, "0")
    assert 0 <= float(row["backbone_recall@1"]) <= 1
    assert (row["refined_recall@1"] == "") == (row["graph"] == "none")
    (run,) = (path.parent for path in (tmp_path / "runs" / "single").glob("*/result.json"))
    assert (run / "neighbours.npz").is_file()
    assert (run / "neighbours.png").is_file() == (dataset_name in PICTURED)
    capsys.readouterr()
    assert main(["evaluate", str(run)]) == 0
    assert f"{100 * float(row['backbone_recall@1']):.1f}" in capsys.readouterr().out


def said(arguments, capsys):
    """What the program says about a failure: exit code 2 and one line."""
    capsys.readouterr()
    assert main(arguments) == 2
    text = capsys.readouterr().err
    assert text.startswith(f"gnn-dml {arguments[0]}: ")
    assert "Traceback" not in text
    return text


@pytest.fixture(scope="module")
def aviary(trees, tmp_path_factory):
    """80 images."""
    return trees.write_cub(tmp_path_factory.mktemp("aviary"), FEW)


@pytest.fixture
def birds(aviary, tmp_path):
    """A tree of the test's own."""
    return shutil.copytree(aviary, tmp_path / "cub" / aviary.name)


def train(birds, tmp_path, *more):
    settings = ["dataset=cub", f"dataset.root={birds.parent}", "dataset.strict=false", f"out={tmp_path / 'runs'}"]
    return ["train", *settings, *SMALL, "graph=none", "protocol.epochs=0", "pictures=false", *more]


def truncated(birds):
    """One of a test class."""
    path = sorted(birds.glob("images/150.*/*"))[0]
    path.write_bytes(path.read_bytes()[:-300])
    return path


@pytest.mark.parametrize("workers", ["workers=0", "workers=2"])
def test_a_truncated_jpeg_stops_the_run_and_is_named(birds, tmp_path, capsys, workers):
    path = truncated(birds)
    text = said(train(birds, tmp_path, workers), capsys)
    assert f"cannot read the image {path}: " in text
    assert not list(tmp_path.glob("runs/single/*/result.json"))


def test_skip_leaves_it_out_and_counts_it(birds, tmp_path):
    truncated(birds)
    assert main(train(birds, tmp_path, "dataset.unreadable=skip")) == 0
    with (tmp_path / "runs" / "single" / "results.csv").open() as file:
        (row,) = csv.DictReader(file)
    assert row["skipped_images"] == "1"


def test_verify_reports_what_is_broken(birds, tmp_path, capsys):
    for i, path in enumerate(sorted(birds.glob("images/*/*"))[:15]):
        path.write_bytes(path.read_bytes()[: -300 - i])
    text = said(["data", "verify", "cub", "--root", str(birds), "--subset", "--workers", "2"], capsys)
    assert "15 of 80 images cannot be read" in text
    assert "and 5 more" in text
    assert "train has 40 images of 20 classes, and 5864 of 100 are expected" in said(
        ["data", "verify", "cub", "--root", str(birds)], capsys
    )
    (birds / "image_class_labels.txt").unlink()
    assert "image_class_labels.txt" in said(["data", "verify", "cub", "--root", str(birds), "--subset"], capsys)


def test_archives_that_are_damaged_or_harmful(trees, tmp_path, capsys):
    (archive,) = trees.pack(tmp_path, "cub", find_card("cub"), FEW)
    root = tmp_path / "root"
    command = ["data", "prepare", "cub", "--root", str(root), "--archive", str(archive)]
    assert "1150585339 are expected; get it again, or take it as it is with --unchecked" in said(command, capsys)
    whole = archive.read_bytes()
    archive.write_bytes(whole[: len(whole) // 2])
    assert "CUB_200_2011.tgz is damaged" in said([*command, "--unchecked"], capsys)
    with tarfile.open(archive, "w:gz") as harmful:
        harmful.add(__file__, "CUB_200_2011/../../evil.py")
    assert "would leave the folder" in said([*command, "--unchecked"], capsys)
    assert [path.name for path in root.iterdir()] == [".lock"]
    assert not list(tmp_path.rglob("evil.py"))


def test_what_a_person_may_get_wrong(tmp_path, capsys, monkeypatch):
    monkeypatch.chdir(tmp_path)
    assert "Then put car_ims.tgz and cars_annos.mat into datasets/cars196" in said(
        ["data", "prepare", "cars196"], capsys
    )
    assert "data verify table needs --root FILE.csv" in said(["data", "verify", "table"], capsys)
    assert "dataset=folder is your own" in said(["data", "prepare", "folder"], capsys)
    assert "'gnn-dml data prepare sop' says how" in said(["data", "verify", "sop"], capsys)
    assert "'gnn-dml data prepare cub' says how" in said(["train", "dataset=cub"], capsys)
    assert "dataset=table needs dataset.root=FILE.csv" in said(["train", "dataset=table"], capsys)
    assert "dataset.unreadable must be one of error, skip, not 'no'" in said(
        ["train", "dataset=folder", "dataset.root=.", "dataset.unreadable=no"], capsys
    )
    assert "dataset=folder has no published counts" in said(
        ["data", "verify", "folder", "--root", ".", "--subset"], capsys
    )
    assert not list(tmp_path.glob("datasets/*/*"))


def test_the_list_and_a_card(capsys):
    assert main(["data", "list"]) == 0
    table = capsys.readouterr().out
    for name in DATASETS:
        assert f"\n{name} " in table
    assert main(["data", "list", "cub"]) == 0
    assert "97eceeb196236b17998738112f37df78" in capsys.readouterr().out


def test_a_folder_of_ones_own_with_a_cache(trees, tmp_path, capsys):
    root = trees.write_folder(tmp_path / "mine")
    assert main(["data", "verify", "folder", "--root", str(root)]) == 0
    settings = ["dataset=folder", f"dataset.root={root}", f"out={tmp_path / 'runs'}", *SMALL, "pictures=false"]
    settings += ["protocol.epochs=0", "protocol.classes_per_batch=2", "graph=knn", "graph.k=2"]
    (root / "class 1" / "IMG_1.svg").write_text("<svg/>")
    capsys.readouterr()
    assert main(["train", *settings, f"dataset.cache={tmp_path / 'cache'}", "dataset.cache_side=40"]) == 0
    said = "dataset=folder: a folder per class, of which the last 4 of 8 are for testing; passed over: 1 (suffix .svg)"
    assert said in capsys.readouterr().out
    shutil.move(tmp_path / "cache", tmp_path / "moved")
    capsys.readouterr()
    assert main(["train", *settings, f"dataset.cache={tmp_path / 'moved'}", "dataset.cache_side=40"]) == 0
    assert "Already done" in capsys.readouterr().out
