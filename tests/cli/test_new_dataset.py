"""A data set that nobody has heard of, added to a copy of the tree by its own files and one export line."""

import os
import shutil
from pathlib import Path

ROOT = Path(__file__).resolve().parents[2]
COPIED = ("gnn_dml", "datasets", "tests/trees", "tests/conftest.py", "tests/cli", "pyproject.toml")

READER = """
from pathlib import Path
from gnn_dml.data.images import ImageDataset
from gnn_dml.data.records import Record, assemble, read_rows

def read_letters(root: str | Path, *, strict: bool = True) -> ImageDataset:
    lines = read_rows(Path(root) / "pages" / "letters.txt", 3)
    return assemble(Path(root), [Record(*words) for _, words in lines], strict=strict)
"""
TREE = """
from pathlib import Path
from ._images import jpeg

ROW = {"graph": "complete", "layer": "published"}
SETTINGS = ["protocol.classes_per_batch=2", "protocol.images_per_class=2"]

def write(root):
    lines = []
    for c in range(8):
        for i in range(4):
            jpeg(Path(root) / "pages" / f"{c}/{i}.jpg", 1000 * c + i)
            lines.append(f"pages/{c}/{i}.jpg {c} {'train' if c < 4 else 'test'}")
    (Path(root) / "pages" / "letters.txt").write_text("\\n".join(lines))
    return Path(root)
"""
CARD = "title: Letters\nimages: 32\nclasses: 8\nsources: [{file: pages.zip, makes: pages}]\nby_hand: write to us\n"


def test_the_common_tests_find_it(processes, tmp_path):
    """From its archive to a trained run, in the list of the command line, with its card and its page."""
    for name in COPIED:
        (tmp_path / name).parent.mkdir(parents=True, exist_ok=True)
        copy = shutil.copytree if (ROOT / name).is_dir() else shutil.copy
        copy(ROOT / name, tmp_path / name)
    added = {
        "gnn_dml/data/letters.py": READER,
        "gnn_dml/conf/dataset/letters.yaml": (ROOT / "gnn_dml" / "conf" / "dataset" / "cub.yaml")
        .read_text()
        .replace("read_cub", "read_letters"),
        "gnn_dml/prepare/cards/letters.yaml": CARD,
        "datasets/letters/README.md": "# Letters\n",
        "tests/trees/letters.py": TREE,
    }
    for name, text in added.items():
        (tmp_path / name).parent.mkdir(exist_ok=True)
        (tmp_path / name).write_text(text)
    with (tmp_path / "gnn_dml" / "data" / "__init__.py").open("a") as file:
        file.write("from gnn_dml.data.letters import read_letters as read_letters\n")
    chosen = ["tests/cli/test_datasets.py", "-k", "letters or belongs or list"]
    # Without what collects all garbage at the end, and beside the folders of this session.
    quick = ["-p", "no:unraisableexception", "--basetemp", str(tmp_path / "tmp")]
    environment = {**os.environ, "PYTHONPATH": str(tmp_path)}
    done = processes.run("-m", "pytest", "-n", "0", "-q", *quick, *chosen, cwd=tmp_path, env=environment)
    assert done.returncode == 0, done.stdout + done.stderr
    assert "3 passed" in done.stdout
