import csv
import io

import pytest
from hypothesis import given
from hypothesis import strategies as st

from gnn_dml.errors import UserError
from gnn_dml.prepare.lists import DELIMITERS, decode_text, parse_csv, read_csv, read_lines


def cells(text, **options):
    return [row for _, row in parse_csv(text, "x.csv", **{"required": ("path", "label"), **options}).rows]


@pytest.mark.parametrize("delimiter", DELIMITERS)
@pytest.mark.parametrize("end", ["\n", "\r\n", "\r"])
@pytest.mark.parametrize("encoding", ["utf-8", "utf-8-sig", "utf-16"])
def test_every_dialect_is_the_same_list(tmp_path, delimiter, end, encoding):
    rows = [["", " Path", "LABEL ", "Split", "notes"], ["0", "a b.jpg", " M\u00f6we", "train", ""], []]
    text = "".join(delimiter.join(row) + end for row in rows)
    (tmp_path / "x.csv").write_bytes(text.encode(encoding))
    found = read_csv(tmp_path / "x.csv", required=("path", "label"), optional=("split",))
    assert found.columns == ("path", "label", "split")
    assert found.rows == ((2, {"path": "a b.jpg", "label": "M\u00f6we", "split": "train"}),)
    assert found.unknown == ("one without a name", "notes")


WORDS = st.text(st.characters(exclude_categories=("Cc", "Cs", "Zl", "Zp", "Zs")), min_size=1, max_size=8)


@given(st.lists(st.tuples(WORDS, WORDS), min_size=1, max_size=5))
def test_what_a_csv_writer_writes_is_read(pairs):
    text = io.StringIO()
    csv.writer(text).writerows([("path", "label"), *pairs])
    assert [(row["path"], row["label"]) for row in cells(text.getvalue())] == pairs


@pytest.mark.parametrize(
    ("text", "said"),
    [
        (
            "path,label\na.jpg,Acer, red\n",
            "line 2: 3 cells, and the header has 2; .* holds commas needs quotes",
        ),
        ("path;label\na.jpg;x;y\n", "line 2: 3 cells, .* holds semicolons needs quotes"),
        ("path,label\na.jpg,x\nb.jpg\n", "line 3: 1 cells, and the header has 2"),
        ('path,label\n"two\nlines",x\nb.jpg\n', "line 4: 1 cells"),
        ("path,label,Label\na,b,c\n", "has the column label more than once"),
        ("Path,path ,label\na,b,c\n", "has the column path more than once"),
        ("path,label,\na,b,c\n", "line 2: 'c' stands in a column without a name"),
        ("file,label\na,b\n", "lacks the column path; it has file, label"),
        ("", "lacks the column path, label; it has none"),
        ('path,label\na,"b\nc,d\n', "line 2: it cannot be read as CSV"),
        ('path,label\na,"b"c\n', "line 2: it cannot be read as CSV"),
        (f"path,label\na,{'b' * 200_000}\n", "line 2: it cannot be read as CSV: field larger"),
    ],
)
def test_what_is_wrong_is_named_with_its_line(text, said):
    with pytest.raises(UserError, match=rf"x\.csv.*{said}"):
        cells(text)


@pytest.mark.parametrize(
    ("data", "said"),
    [(b"path\nM\xf6we\n", "line 2: it is not in UTF-8"), (b"a\nb\0\n", "line 2: it holds a zero byte")],
)
def test_what_is_no_text_is_named_with_its_line(data, said):
    with pytest.raises(UserError, match=said):
        decode_text(data, "x.csv")


def test_lines_end_where_lines_end(tmp_path):
    (tmp_path / "x.txt").write_bytes("\ufeffone\u2028half\n\n  two \r\nthree\x0cfour\r".encode())
    assert list(read_lines(tmp_path / "x.txt")) == [(1, "one\u2028half"), (3, "two"), (4, "three\x0cfour")]
    with pytest.raises(UserError, match=r"cannot read .*nothing\.txt: No such file"):
        read_lines(tmp_path / "nothing.txt")
