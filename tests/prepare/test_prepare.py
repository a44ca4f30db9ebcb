"""From the files of a data set to its layout, with cards of our own; and that the real cards say what they must."""

import hashlib
import os
import pkgutil
import signal
import subprocess
import sys
import tarfile
import time
import zipfile
from dataclasses import replace
from pathlib import Path

import pytest

import gnn_dml.data  # noqa: F401 - the readers
from gnn_dml.config.dataset import compose_source
from gnn_dml.errors import UserError
from gnn_dml.prepare import Card, Source, find_card, find_cards, prepare
from gnn_dml.prepare.card import load_function
from gnn_dml.prepare.embedded import find_embedded
from gnn_dml.prepare.emoji import build, read_index, verify

PAGES = Path(__file__).resolve().parents[2] / "datasets"


def archive(folder, text=b"content"):
    """birds.zip with the folder birds in it."""
    path = folder / "birds.zip"
    with zipfile.ZipFile(path, "w") as made:
        made.writestr("birds/a.txt", text)
        made.writestr("birds/b/c.txt", text * 2)
        made.writestr("README", b"not wanted")
    return path


def card(path, **changes):
    md5 = hashlib.md5(path.read_bytes()).hexdigest()
    sources = (Source("birds.zip", "birds", size=path.stat().st_size, md5=md5), Source("list.txt", "Eval/list.txt"))
    made = Card("birds", "Birds", 2, 1, "all", "https://example.org", "free", "Nobody", sources, by_hand="ask them")
    return replace(made, **changes)


@pytest.fixture
def files(tmp_path):
    folder = tmp_path / "given"
    folder.mkdir()
    archive(folder)
    (folder / "list.txt").write_text("the list")
    return [folder / "birds.zip", folder / "list.txt"]


def tree(root):
    """All files but the lock, which stays."""
    found = (path.relative_to(root).as_posix() for path in root.rglob("*") if path.is_file())
    return sorted(name for name in found if name != ".lock")


def test_files_that_the_user_has_are_put_in_their_places(files, tmp_path):
    root, said = tmp_path / "root", []
    prepare(card(files[0]), root, archives=files, say=said.append)
    assert tree(root) == ["Eval/list.txt", "birds/a.txt", "birds/b/c.txt"]
    assert (root / "birds" / "b" / "c.txt").read_text() == "contentcontent"
    assert "list.txt: no checksum of it is published, so it is taken as it is" in said
    assert all(path.is_file() for path in files)


def test_files_already_in_the_folder_need_no_option_and_twice_is_once(files, tmp_path):
    root = files[0].parent
    prepare(card(files[0]), root, say=lambda line: None)
    before = {path: path.stat().st_mtime_ns for path in root.rglob("*")}
    said = []
    prepare(card(files[0]), root, say=said.append)
    assert said == [f"Birds is there already: {root}"]
    assert {path: path.stat().st_mtime_ns for path in root.rglob("*")} == before


def test_what_a_program_cannot_get_is_explained(files, tmp_path):
    root = tmp_path / "root"
    with pytest.raises(UserError) as told:
        prepare(card(files[0]), root, archives=files[:1])
    assert "ask them (https://example.org)" in str(told.value)
    assert "put list.txt into" in str(told.value)
    assert "gnn-dml data prepare birds --archive list.txt" in str(told.value)
    assert not tree(root)  # the archive that is there is not taken apart for nothing


def test_a_wrong_checksum_changes_nothing(files, tmp_path):
    made = card(files[0])
    archive(files[0].parent, text=b"CONTENT")
    root = tmp_path / "root"
    with pytest.raises(UserError, match=r"birds\.zip is not the published file: .*md5.*--unchecked"):
        prepare(made, root, archives=files)
    assert not tree(root)
    assert files[0].is_file()
    prepare(made, root, archives=files, checked=False, say=lambda line: None)
    assert (root / "birds" / "a.txt").read_text() == "CONTENT"


def test_other_names_are_refused(files, tmp_path):
    other = files[0].rename(files[0].with_name("other.zip"))
    with pytest.raises(UserError, match=r"other\.zip must be named birds\.zip or list\.txt"):
        prepare(card(other), tmp_path / "root", archives=[other])
    with pytest.raises(UserError, match=r"birds\.zip is no file"):
        prepare(card(other), tmp_path / "root", archives=[files[0]])
    with pytest.raises(UserError, match="birds has none to download"):
        prepare(card(other), tmp_path / "root", url="http://x/y")


def test_a_root_that_cannot_be_written_is_named(files, tmp_path):
    (tmp_path / "file").write_text("")
    with pytest.raises(UserError, match=r"cannot write to .*file.*--root"):
        prepare(card(files[0]), tmp_path / "file", archives=files)


PREPARE = """
import sys
from pathlib import Path
from gnn_dml.prepare import Card, Source, prepare
sources = (Source("big.tar", "big"),)
card = Card("big", "Big", 1, 1, "", "", "", "", sources)
prepare(card, Path(sys.argv[1]), archives=[Path(sys.argv[2])])
"""


def test_two_at_once_and_a_kill(tmp_path):
    """The second is told to wait; after the first was killed, the next one begins anew and finishes."""
    path, root = tmp_path / "big.tar", tmp_path / "root"
    (tmp_path / "block").write_bytes(bytes(30_000))
    with tarfile.open(path, "w") as made:
        for i in range(2000):
            made.add(tmp_path / "block", f"big/{i}")
    first = subprocess.Popen([sys.executable, "-c", PREPARE, str(root), str(path)])
    deadline = time.monotonic() + 60
    while not (root / ".partial-big").is_dir() and first.poll() is None and time.monotonic() < deadline:
        time.sleep(0.001)
    made = Card("big", "Big", 1, 1, "", "", "", "", (Source("big.tar", "big"),))
    with pytest.raises(UserError, match="another process is preparing"):
        prepare(made, root, archives=[path])
    os.kill(first.pid, signal.SIGKILL)
    first.wait()
    assert not (root / "big").exists()
    prepare(made, root, archives=[path], say=lambda line: None)
    assert len(list((root / "big").iterdir())) == 2000


@pytest.mark.parametrize("name", [name for name, card in find_cards().items() if card.sources])
def test_cards_agree_with_the_readers_and_with_the_pages(name):
    """The reader is the one that the data set's YAML names."""
    found = find_cards()[name]
    published = sys.modules[pkgutil.resolve_name(compose_source(name, None)["_target_"]).__module__].PUBLISHED
    assert found.images == sum(images for images, _ in published.counts.values())
    test = "test" if "test" in published.counts else "query"
    assert found.classes == published.counts["train"][1] + published.counts[test][1]
    assert bool(found.by_hand) == any(source.url is None for source in found.sources)
    page = " ".join((PAGES / name / "README.md").read_text(encoding="utf-8").split())
    said = [found.title, found.homepage, found.citation, found.terms, f"{found.images:,}", f"{found.classes:,}"]
    said += [part for source in found.sources for part in (source.file, source.md5, source.url) if part]
    said += [f"{count:,}" for pair in published.counts.values() for count in pair]
    assert [text for text in said if " ".join(text.split()) not in page] == []


def test_the_card_of_the_embedded_data_says_what_the_file_holds():
    card = find_card("emoji")
    rows = read_index(find_embedded("emoji", card.embedded))
    assert (card.images, card.classes) == (len(rows), len({row.label for row in rows}))
    assert (load_function(card.builder), load_function(card.verifier)) == (build, verify)
    assert card.availability == "embedded"


def test_cards_are_found_in_a_folder(tmp_path):
    (tmp_path / "birds.yaml").write_text("title: Birds\nimages: 2\nclasses: 1\nsources: [{file: a.zip, makes: a}]\n")
    (tmp_path / "own.yaml").write_text("title: Photographs of mine\n")
    (tmp_path / "notes.txt").write_text("no card")
    found = find_cards(tmp_path)
    assert list(found) == ["birds", "own"]
    assert found["birds"].sources == (Source("a.zip", "a"),)
    assert (found["birds"].availability, found["own"].availability) == ("downloaded", "yours")
    assert find_card("fish", tmp_path) is None
    (tmp_path / "bad.yaml").write_text("title: Bad\npictures: 3\n")
    with pytest.raises(ValueError, match=r"bad\.yaml is no card: .*pictures"):
        find_cards(tmp_path)
