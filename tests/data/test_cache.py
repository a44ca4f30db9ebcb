import os
import pickle
import sqlite3
import time
from contextlib import closing

import numpy as np
import psutil
import pytest
import torch
from PIL import Image
from torchvision.transforms import v2

from gnn_dml.data import open_cache, read_image
from gnn_dml.data.cache import SHARD
from gnn_dml.errors import UserError


def photographs(folder, count, *, width=90, height=70):
    folder.mkdir(exist_ok=True)
    paths = []
    for i in range(count):
        pixels = np.random.default_rng(i).integers(0, 256, (height, width, 3), dtype=np.uint8)
        paths.append(folder / f"{i:04}.png")
        Image.fromarray(pixels).save(paths[-1], compress_level=0)
    return paths


def shards(folder):
    return {path.name: path.stat().st_mtime_ns for path in folder.glob("*.npy")}


def test_what_is_read_is_what_a_decoder_and_a_resize_give(tmp_path):
    paths = photographs(tmp_path / "images", 3)
    Image.new("RGB", (20, 30), (9, 8, 7)).save(tmp_path / "images" / "small.png")
    paths.append(tmp_path / "images" / "small.png")
    images, kept, broken = open_cache(paths, tmp_path / "cache", side=32)
    assert (len(images), kept, broken) == (4, [0, 1, 2, 3], [])
    for i, path in enumerate(paths):
        expected = read_image(path)
        if i < 3:
            expected = v2.Resize(32, antialias=True)(expected)
        assert torch.equal(images[i], expected)
    assert images[0].shape == (3, 32, 41)
    images[0].zero_()
    assert images[0].any()  # a write to an image that was read does not reach the cache


@pytest.mark.parametrize("workers", [0, 2])
def test_a_second_opening_decodes_nothing(tmp_path, workers):
    paths = photographs(tmp_path / "images", 5)
    first = open_cache(paths, tmp_path / "cache", side=16, workers=workers)[0]
    before = shards(tmp_path / "cache")
    second = open_cache(paths, tmp_path / "cache", side=16, workers=workers)[0]
    assert shards(tmp_path / "cache") == before
    assert all(torch.equal(first[i], second[i]) for i in range(5))


def test_content_is_the_key(tmp_path):
    """A moved or copied file is found again; a changed one is another image, under its old name too."""
    paths = photographs(tmp_path / "images", 4)
    open_cache(paths, tmp_path / "cache", side=16)
    before = shards(tmp_path / "cache")
    moved = tmp_path / "moved.png"
    paths[0].rename(moved)
    images, _, _ = open_cache([moved, *paths[1:]], tmp_path / "cache", side=16)
    assert shards(tmp_path / "cache") == before
    assert torch.equal(images[0], v2.functional.resize(read_image(moved), [16], antialias=True))
    Image.new("RGB", (50, 40), (1, 2, 3)).save(paths[2])
    images, _, _ = open_cache([moved, *paths[1:]], tmp_path / "cache", side=16)
    assert images[2].unique().tolist() == [1, 2, 3]
    assert len(shards(tmp_path / "cache")) == 2
    other, _, _ = open_cache([moved], tmp_path / "cache", side=8)
    assert other[0].shape[1] == 8


def test_files_that_cannot_be_read_are_told_apart(tmp_path):
    paths = photographs(tmp_path / "images", 4)
    paths[1].write_bytes(paths[1].read_bytes()[:200])
    paths[3].unlink()
    for _ in range(2):
        images, kept, broken = open_cache(paths, tmp_path / "cache", side=16)
        assert kept == [0, 2]
        assert len(images) == 2
        assert [name for said in broken for name in ("0001.png", "0003.png") if name in said] == [
            "0001.png",
            "0003.png",
        ]


def test_a_file_given_twice_is_one_image(tmp_path):
    paths = photographs(tmp_path / "images", 2)
    images, kept, _ = open_cache([paths[0], paths[1], paths[0]], tmp_path / "cache", side=16)
    assert kept == [0, 1, 2]
    assert images.places[0] == images.places[2] != images.places[1]


def test_another_process_opens_the_maps_itself(processes, tmp_path):
    images, _, _ = open_cache(photographs(tmp_path / "images", 3, width=400, height=300), tmp_path / "cache", side=200)
    assert images[2].any()
    assert len(pickle.dumps(images)) < 2000
    with processes.server().Pool(1) as pool:
        assert torch.equal(pool.apply(images.__getitem__, (1,)), images[1])


FILL = """
import sys
from pathlib import Path
from gnn_dml.data import open_cache
images, kept, broken = open_cache(sorted(Path(sys.argv[1]).iterdir()), Path(sys.argv[2]), side=16)
print(len(images), sum(int(images[i].sum()) for i in range(len(images))))
"""


def test_two_processes_at_once_fill_it_once(processes, tmp_path):
    paths = photographs(tmp_path / "images", 40)
    both = [processes.Process("-c", FILL, tmp_path / "images", tmp_path / "cache") for _ in range(2)]
    said = {process.communicate()[0] for process in both}
    assert len(said) == 1
    assert said.pop().startswith("40 ")
    with sqlite3.connect(tmp_path / "cache" / "index.sqlite") as index:
        assert index.execute("SELECT count(*), count(DISTINCT sha256) FROM images").fetchone() == (40, 40)
    assert len(shards(tmp_path / "cache")) == 1
    assert len(paths) == 40


def known(folder):
    """Rows of the index, as another process sees them."""
    if not (folder / "index.sqlite").exists():
        return 0
    try:
        with closing(sqlite3.connect(f"file:{folder / 'index.sqlite'}?mode=ro", uri=True)) as index:
            return index.execute("SELECT count(*) FROM images").fetchone()[0]
    except sqlite3.OperationalError:  # no tables yet, or being written
        return 0


def test_killed_while_filling_it_goes_on_after_the_last_shard(processes, tmp_path):
    count = 3 * SHARD
    paths = photographs(tmp_path / "images", count, width=60, height=60)
    process = processes.Process("-c", FILL, tmp_path / "images", tmp_path / "cache")
    deadline = time.monotonic() + 120
    while not known(tmp_path / "cache") and process.poll() is None and time.monotonic() < deadline:
        time.sleep(0.001)
    process.kill()
    process.communicate()
    before = shards(tmp_path / "cache")
    assert before
    images, kept, broken = open_cache(paths, tmp_path / "cache", side=16)
    assert (kept, broken) == (list(range(count)), [])
    assert before.items() <= shards(tmp_path / "cache").items()
    for i in (0, SHARD, count - 1):
        assert torch.equal(images[i], v2.functional.resize(read_image(paths[i]), [16], antialias=True))


def test_damage_and_places_that_cannot_be_written_are_named(tmp_path):
    paths = photographs(tmp_path / "images", 2)
    images, _, _ = open_cache(paths, tmp_path / "cache", side=16)
    (shard,) = (tmp_path / "cache").glob("*.npy")
    shard.write_bytes(shard.read_bytes()[:300])
    with pytest.raises(UserError, match=r"cache .* is damaged"):
        images[1]
    (tmp_path / "file").write_text("")
    with pytest.raises(UserError, match=r"the cache .*file cannot be used"):
        open_cache(paths, tmp_path / "file", side=16)
    (tmp_path / "other").mkdir()
    (tmp_path / "other" / "index.sqlite").write_text("no database, for sure: " * 100)
    with pytest.raises(UserError, match=r"the cache .*other cannot be used"):
        open_cache(paths, tmp_path / "other", side=16)


LIMITED = """
import resource, signal, sys
signal.signal(signal.SIGXFSZ, signal.SIG_IGN)
resource.setrlimit(resource.RLIMIT_FSIZE, (100_000, 100_000))
from pathlib import Path
from gnn_dml.data import open_cache
from gnn_dml.errors import UserError
try:
    open_cache(sorted(Path(sys.argv[1]).iterdir()), Path(sys.argv[2]), side=64)
except UserError as error:
    print(error)
"""


def test_a_disk_that_takes_no_more_leaves_no_half_shard(processes, tmp_path):
    paths = photographs(tmp_path / "images", 20)
    done = processes.run("-c", LIMITED, tmp_path / "images", tmp_path / "cache")
    assert "cannot be used: [Errno 27] File too large" in done.stdout
    assert not shards(tmp_path / "cache")
    assert not list((tmp_path / "cache").glob(".partial*"))
    assert len(open_cache(paths, tmp_path / "cache", side=64)[0]) == 20


def test_files_put_back_with_their_old_size_and_time_are_seen(tmp_path):
    paths = photographs(tmp_path / "images", 3)
    before = open_cache(paths, tmp_path / "cache", side=16)[0]
    time_of_change = paths[0].stat().st_mtime_ns
    one, other = paths[0].read_bytes(), paths[1].read_bytes()
    assert len(one) == len(other)
    paths[0].write_bytes(other)  # in its place
    paths[1].unlink()
    paths[1].write_bytes(one)  # another file of that name
    for path in paths[:2]:
        os.utime(path, ns=(time_of_change, time_of_change))
    after = open_cache(paths, tmp_path / "cache", side=16)[0]
    assert torch.equal(after[0], before[1])
    assert torch.equal(after[1], before[0])
    assert len(shards(tmp_path / "cache")) == 1  # hashed again, not decoded


def test_a_flipped_bit_is_noticed(tmp_path):
    paths = photographs(tmp_path / "images", 2)
    open_cache(paths, tmp_path / "cache", side=16)
    (shard,) = (tmp_path / "cache").glob("*.npy")
    content = bytearray(shard.read_bytes())
    content[-1] ^= 1
    shard.write_bytes(content)
    images = open_cache(paths, tmp_path / "cache", side=16)[0]
    assert images[0].any()
    with pytest.raises(UserError, match=r"cache .* is damaged \(16-.*npy has changed\)"):
        images[1]


@pytest.mark.parametrize("damage", [lambda shard: shard.write_bytes(b""), lambda shard: shard.unlink()])
def test_images_of_a_shard_that_is_empty_or_gone_are_decoded_again(tmp_path, damage):
    paths = photographs(tmp_path / "images", 2)
    first = open_cache(paths, tmp_path / "cache", side=16)[0]
    expected = [first[0], first[1]]
    (shard,) = (tmp_path / "cache").glob("*.npy")
    damage(shard)
    images, kept, broken = open_cache(paths, tmp_path / "cache", side=16)
    assert (kept, broken) == ([0, 1], [])
    assert all(torch.equal(images[i], expected[i]) for i in range(2))


def test_a_cache_of_the_first_version_is_filled_anew(tmp_path):
    paths = photographs(tmp_path / "images", 2)
    open_cache(paths, tmp_path / "cache", side=16)
    (shard,) = (tmp_path / "cache").glob("*.npy")
    shard.rename(tmp_path / "cache" / "16-old.npy")
    with closing(sqlite3.connect(tmp_path / "cache" / "index.sqlite")) as index, index:
        index.executescript(
            "DROP TABLE files; DROP TABLE images; PRAGMA user_version = 0;"
            "CREATE TABLE files (path TEXT PRIMARY KEY, size INTEGER, changed INTEGER, sha256 TEXT);"
            "CREATE TABLE images (sha256 TEXT, side INTEGER, shard TEXT, start INTEGER, height INTEGER, width INTEGER);"
            "INSERT INTO images VALUES ('x', 16, '16-old.npy', 0, 1, 1);"
        )
    images, kept, _ = open_cache(paths, tmp_path / "cache", side=16)
    assert kept == [0, 1]
    assert images[1].shape[1] == 16
    assert list(shards(tmp_path / "cache")) == [shard.name]


def test_names_that_are_not_utf_8_are_cached(tmp_path):
    (path,) = photographs(tmp_path / "images", 1)
    odd = path.with_name(os.fsdecode(b"caf\xe9.png"))
    try:
        path.rename(odd)
    except OSError:
        pytest.skip("this file system takes UTF-8 names only")
    for _ in range(2):
        images, kept, _ = open_cache([odd], tmp_path / "cache", side=16)
        assert kept == [0]
    assert images[0].shape == (3, 16, 20)


KILLED = """
import os, sys, time
from pathlib import Path
from gnn_dml.data import cache
cache._write = lambda *rest: (print("writing", flush=True), time.sleep(600))
cache.SHARD = 16
cache.open_cache(sorted(Path(sys.argv[1]).iterdir()), Path(sys.argv[2]), side=1000, workers=2)
"""


def test_workers_end_when_the_process_that_fills_it_is_killed(processes, tmp_path):
    """Each has more pixels ready than a pipe holds, and nobody who takes them."""
    photographs(tmp_path / "images", 160, width=300, height=200)
    process = processes.Process("-c", KILLED, tmp_path / "images", tmp_path / "cache")
    assert process.stdout.readline() == "writing\n"
    children = psutil.Process(process.pid).children()
    assert len(children) >= 2
    time.sleep(2)  # so that the workers have filled what they may
    process.kill()
    assert psutil.wait_procs(children, timeout=90)[1] == []
