import re

import numpy as np
import pytest
from matplotlib.colors import to_hex
from PIL import Image

from gnn_dml.errors import UserError
from gnn_dml.results import figure_gallery, gallery

GREEN, RED = "#1a7f37", "#c62828"


def arrays(queries=3, neighbours=2):
    """Query q is a flat picture of brightness 10 q, its neighbour k one of 10 q + k + 1."""
    q, k = np.arange(queries), np.arange(neighbours)
    brightness = (10 * q[:, None] + k + 1).astype(np.uint8)
    correct = (q[:, None] + k) % 2 == 0
    return {
        "query_images": np.broadcast_to((10 * q).astype(np.uint8)[:, None, None, None], (queries, 8, 8, 3)),
        "neighbour_images": np.broadcast_to(brightness[:, :, None, None, None], (queries, neighbours, 8, 8, 3)),
        "correct": correct,
        "similarity": np.linspace(1, 0, queries * neighbours).reshape(queries, neighbours),
        "query_names": np.array([f"class {i}" for i in q]),
        "neighbour_names": np.array(
            [[f"class {i}" if c else f"other {i}" for c in row] for i, row in enumerate(correct)]
        ),
    }


@pytest.fixture
def npz(tmp_path):
    np.savez(tmp_path / "neighbours.npz", **arrays())
    return tmp_path / "neighbours.npz"


def pictures(figure):
    """Of each picture its brightness, its frame, the words over and beneath it, and its heading."""
    figure.canvas.draw()
    (sheet,) = figure.axes
    found = []
    for image, frame in zip(sheet.images, sheet.patches, strict=True):
        box = image.get_window_extent()
        assert frame.get_window_extent().extents == pytest.approx(box.extents, abs=3)  # its line is 2.6 points wide
        height = box.height
        near = {"inside": [], "above": []}
        for text in sheet.texts:
            x, y = text.get_transform().transform(text.get_position())
            if box.x0 <= x <= box.x1 and box.y0 - 0.1 * height <= y <= box.y1 + 0.1 * height:
                near["above" if y > box.y1 else "inside"].append(text.get_text())
        found.append((int(image.get_array()[0, 0, 0]), to_hex(frame.get_edgecolor()), near["inside"], near["above"]))
    return found


def told(figure):
    """What each picture shows: its brightness, its frame and its words."""
    return [picture[:3] for picture in pictures(figure)]


def test_each_query_is_followed_by_its_neighbours_in_order(npz):
    shown = told(figure_gallery(npz))
    assert [brightness for brightness, _, _ in shown] == [0, 1, 2, 10, 11, 12, 20, 21, 22]
    assert shown[0][2] == ["class 0"]
    assert shown[1][1:] == (GREEN, ["\u2713"])
    assert shown[2][1:] == (RED, ["\u2717", "other 0"])
    assert shown[4][1:] == (RED, ["\u2717", "other 1"])
    assert shown[5][1:] == (GREEN, ["\u2713"])


def test_the_columns_are_headed(npz):
    assert [heading for *_, heading in pictures(figure_gallery(npz))] == [["query"], ["1"], ["2"]] + [[]] * 6


def test_fewer_rows_are_taken_evenly(tmp_path):
    np.savez(tmp_path / "n.npz", **arrays(queries=9))
    shown = [brightness for brightness, _, _ in told(figure_gallery(tmp_path / "n.npz", rows=3))][::3]
    assert shown == [0, 40, 80]


@pytest.mark.parametrize(
    ("name", "expected"),
    [
        ("001.Black_footed_Albatross", "Black footed\nAlbatross"),
        ("flag: South Georgia and the Sandwich Islands", "flag: South\nGeorgia and…"),
        ("x" * 40, "x" * 15 + "\n" + "x" * 14 + "…"),
        ("$5 to $9", "$5 to $9"),
        ("1.5_inch", "1.5_inch"),
        ("2024.05_new_arrivals", "2024.05_new_\narrivals"),
        ("100.5_mm", "100.5_mm"),
        ("caf\udce9", r"caf\xe9"),
        ("", ""),
    ],
)
def test_names_are_shortened_to_two_lines(tmp_path, name, expected):
    data = arrays()
    data["query_names"] = np.array([name, "b", "c"])
    np.savez(tmp_path / "n.npz", **data)
    assert told(figure_gallery(tmp_path / "n.npz"))[0][2] == [expected]


def test_no_words_lie_over_words_or_outside(tmp_path):
    data = arrays(queries=3, neighbours=4)
    data["correct"] = np.zeros((3, 4), bool)
    data["neighbour_names"] = np.full((3, 4), "Mediterranean Woodpecker of the mountains")
    np.savez(tmp_path / "n.npz", **data)
    figure = figure_gallery(tmp_path / "n.npz")
    figure.canvas.draw()
    boxes = [text.get_window_extent() for text in figure.axes[0].texts]
    assert len(boxes) == 5 + 3 + 2 * 12
    assert not [(a, b) for i, a in enumerate(boxes) for b in boxes[:i] if a.overlaps(b)]
    assert min(min(box.x0, box.y0) for box in boxes) >= 0
    assert max(box.x1 for box in boxes) <= figure.bbox.x1


def test_the_file_shows_both_frames(npz, tmp_path):
    path = gallery(npz, tmp_path / "new" / "gallery.png")
    pixels = np.asarray(Image.open(path).convert("RGB")).reshape(-1, 3)
    for colour in (GREEN, RED):
        rgb = [int(colour[i : i + 2], 16) for i in (1, 3, 5)]
        assert (pixels == rgb).all(axis=1).sum() > 100
    assert [p.name for p in path.parent.iterdir()] == ["gallery.png"]


def test_pictures_that_are_not_square_are_not_stretched(tmp_path):
    data = arrays()
    data["query_images"] = np.zeros((3, 8, 16, 3), np.uint8)
    np.savez(tmp_path / "n.npz", **data)
    figure = figure_gallery(tmp_path / "n.npz")
    figure.canvas.draw()
    box = figure.axes[0].images[0].get_window_extent()
    assert box.width / box.height == pytest.approx(2)


@pytest.mark.parametrize("content", [b"", b"not a zip", b"PK\x03\x04broken"])
def test_a_broken_file_is_named(tmp_path, content):
    path = tmp_path / "neighbours.npz"
    path.write_bytes(content)
    with pytest.raises(UserError, match=re.escape(str(path))):
        figure_gallery(path)


def test_a_missing_file_array_or_row_is_said(npz, tmp_path):
    with pytest.raises(UserError, match=re.escape("absent.npz")):
        figure_gallery(tmp_path / "absent.npz")
    data = arrays()
    np.savez(tmp_path / "a.npz", **{name: data[name] for name in data if name != "correct"})
    with pytest.raises(UserError, match="lacks correct"):
        figure_gallery(tmp_path / "a.npz")
    np.savez(tmp_path / "b.npz", **data | {"query_names": data["query_names"][:2]})
    with pytest.raises(UserError, match="query_names"):
        figure_gallery(tmp_path / "b.npz")
    with pytest.raises(UserError, match="at least one row"):
        figure_gallery(npz, rows=0)
    np.savez(tmp_path / "c.npz", **data | {"query_names": np.array(["a", None, "c"], dtype=object)})
    with pytest.raises(UserError, match="cannot be read"):
        figure_gallery(tmp_path / "c.npz")


def test_neighbours_of_a_query_without_a_class_are_neither_right_nor_wrong(tmp_path):
    data = arrays() | {"known": np.array([True, False, True])}
    shown = told(figure_gallery(data))
    assert shown[1][1:] == (GREEN, ["\u2713"])
    assert shown[4][1:] == ("#555555", ["other 1"])
    assert shown[5][1:] == ("#555555", ["class 1"])
    assert gallery(data, tmp_path / "g.png").stat().st_size > 1000
    with pytest.raises(UserError, match="the arrays: 'known' has the shape"):
        figure_gallery(data | {"known": np.array([True])})


def test_a_picture_that_cannot_be_written_is_named(npz, tmp_path):
    with pytest.raises(UserError, match=r"cannot write .*g\.png"):
        gallery(npz, npz / "g.png")


def test_damage_inside_the_file_is_named_whatever_it_raises(tmp_path):
    """Bytes turned over one at a time: zlib, the archive and the header of an array complain in their own ways."""
    path = tmp_path / "damaged.npz"
    np.savez_compressed(path, **arrays())
    held = path.read_bytes()
    refused = 0
    for place in range(0, len(held), max(1, len(held) // 50)):
        path.write_bytes(held[:place] + bytes([held[place] ^ 0xFF]) + held[place + 1 :])
        try:
            figure_gallery(path)
        except UserError:
            refused += 1
    assert refused
