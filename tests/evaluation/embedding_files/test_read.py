"""Embeddings from elsewhere: every kind of file, and a sentence for everything that can be wrong with one."""

import numpy as np
import pandas as pd
import pyarrow as pa
import pyarrow.parquet as pq
import pytest

from gnn_dml.errors import UserError
from gnn_dml.evaluation.embedding_files import read_embeddings

X = np.arange(12, dtype=np.float32).reshape(4, 3)
WORDS = ("red", "red", "blue", "blue")


def saved(folder, vectors=X, name="e.npy"):
    np.save(folder / name, vectors)
    return folder / name


def labels_in(folder, text, name="labels.txt"):
    (folder / name).write_text(text, encoding="utf-8")
    return folder / name


def parquet(folder, **columns):
    path = folder / "e.parquet"
    pq.write_table(pa.table(columns), path)
    return path


def npz(folder, **arrays):
    np.savez(folder / "e.npz", **arrays)
    return folder / "e.npz"


@pytest.mark.parametrize(
    ("name", "text"),
    [
        ("labels.txt", "red\nred\nblue\nblue\n\n"),
        ("labels.csv", "path,label\na,red\nb,red\nc,blue\nd,blue\n"),
        ("labels.csv", "\ufefflabel\nred\nred\nblue\nblue"),
        ("labels.csv", 'label\n"red"\n"red"\n"blue"\n"blue"\n'),
    ],
)
def test_labels_in_a_text_file(tmp_path, name, text):
    found = read_embeddings(saved(tmp_path), labels_in(tmp_path, text, name))
    np.testing.assert_array_equal(found.vectors, X)
    assert found.labels == WORDS
    assert (found.paths, found.query, found.about) == (None, None, {})


@pytest.mark.parametrize(
    ("labels", "expected"),
    [
        (np.array([7, 7, 8, 8]), ("7", "7", "8", "8")),
        (np.array([7.0, 7.0, 8.0, 8.0]), ("7", "7", "8", "8")),
        (np.array(WORDS), WORDS),
        (np.array(WORDS).astype("S"), WORDS),
    ],
)
def test_labels_in_an_array(tmp_path, labels, expected):
    np.save(tmp_path / "labels.npy", labels)
    assert read_embeddings(saved(tmp_path), tmp_path / "labels.npy").labels == expected
    assert read_embeddings(npz(tmp_path, embeddings=X, labels=labels)).labels == expected


@pytest.mark.parametrize(
    ("dtype", "kept"),
    [("f2", "f4"), ("f4", "f4"), ("f8", "f8"), (">f4", "f4"), ("u1", "f4"), ("i8", "f8"), ("longdouble", "f8")],
)
def test_numbers_of_every_kind_become_what_torch_knows(tmp_path, dtype, kept):
    found = read_embeddings(saved(tmp_path, X.astype(dtype)), labels_in(tmp_path, "a\na\nb\nb"))
    assert found.vectors.dtype == np.dtype(kept)
    np.testing.assert_array_equal(found.tensors()[0].numpy(), X)


KINDS = {
    "list": pa.list_(pa.float32()),
    "list of doubles": pa.list_(pa.float64()),
    "large list": pa.large_list(pa.float32()),
    "fixed": pa.list_(pa.float32(), 3),
    "whole numbers": pa.list_(pa.int16()),
}


@pytest.mark.parametrize("kind", KINDS.values(), ids=KINDS)
def test_lists_of_every_kind(tmp_path, kind):
    vectors = pa.chunked_array([pa.array(X[:1].tolist(), kind), pa.array(X[1:].tolist(), kind)])
    found = read_embeddings(parquet(tmp_path, label=list(WORDS), vector=vectors, path=["a", "b", "c", "d"]))
    np.testing.assert_array_equal(found.vectors, X)
    assert (found.labels, found.paths) == (WORDS, ("a", "b", "c", "d"))
    assert found.vectors.flags.writeable


def test_a_file_that_pandas_wrote(tmp_path):
    frame = pd.DataFrame({"vector": list(X), "label": pd.Categorical(WORDS), "role": ["gallery", "query"] * 2})
    frame.to_parquet(tmp_path / "e.parquet")
    found = read_embeddings(tmp_path / "e.parquet")
    np.testing.assert_array_equal(found.vectors, X)
    assert found.labels == WORDS
    assert found.query.tolist() == [False, True, False, True]


@pytest.mark.parametrize(
    ("write", "message"),
    [
        (lambda f: saved(f, X[0]), r"must be an array \(n, d\) of numbers, not \(3,\) of float32"),
        (lambda f: saved(f, X.astype(complex)), r"not \(4, 3\) of complex128"),
        (lambda f: saved(f, np.array([["a"]])), r"not \(1, 1\) of str"),
        (lambda f: saved(f, np.zeros((0, 3))), r"e\.npy holds no embeddings: their array has the shape \(0, 3\)"),
        (lambda f: saved(f, np.array([[object()]])), r"e\.npy cannot be read as a \.npy file: .*allow_pickle"),
        (lambda f: labels_in(f, "no array", "e.npy"), r"e\.npy cannot be read as a \.npy file"),
        (lambda f: labels_in(f, "no zip", "e.npz"), r"e\.npz cannot be read as a \.npz file"),
        (lambda f: labels_in(f, "no table", "e.parquet"), r"e\.parquet cannot be read as a parquet file"),
        (lambda f: npz(f, x=X), r"e\.npz lacks the array embeddings; it has x"),
        (lambda f: parquet(f, label=["a"], vec=[[1.0]]), r"e\.parquet lacks the column vector; it has label, vec"),
        (lambda f: parquet(f, label=["a"], vector=["b"]), r"vector must hold lists of numbers, not string"),
        (lambda f: parquet(f, label=["a"], vector=[["b"]]), r"vector must hold lists of numbers, not list<"),
        (
            lambda f: parquet(f, label=["a", "b"], vector=[[1.0], None]),
            r"1 of 2 rows have no vector; the first is row 1",
        ),
        (
            lambda f: parquet(f, label=["a", "b"], vector=[[1.0], [1.0, 2.0]]),
            r"equally long, and row 1 has 2 numbers where row 0 has 1",
        ),
        (
            lambda f: parquet(f, label=["a", "b"], vector=[[1.0], [1.0]], role=["query", "test"]),
            r"a role must be query or gallery, and that of row 1 is 'test'",
        ),
        (
            lambda f: parquet(f, label=["a", "b"], vector=[[1.0], [1.0]], role=["query", None]),
            r"that of row 1 is 'None'",
        ),
        (
            lambda f: parquet(f, label=["a", "b"], vector=[[1.0], [1.0]], role=["query", "query"]),
            r"the column role has no gallery",
        ),
        (lambda f: parquet(f, label=["a", None], vector=[[1.0], [1.0]]), r"row 1 has no label"),
        (lambda f: parquet(f, label=[0.5, 1.5], vector=[[1.0], [1.0]]), r"that of row 0 is 0\.5"),
        (lambda f: npz(f, embeddings=X, labels=np.zeros((4, 1))), r"labels must be an array \(n,\).*not \(4, 1\)"),
        (lambda f: npz(f, embeddings=X), r"e\.npz holds no labels; add --labels FILE"),
        (lambda f: npz(f, embeddings=X, labels=[1, 2]), r"holds 2 labels, and there are 4 embeddings"),
        (lambda f: npz(f, embeddings=X, labels=[1] * 4, paths=["a"]), r"holds 1 paths, and there are 4"),
    ],
)
def test_what_is_wrong_with_a_file_is_said(tmp_path, write, message):
    path = write(tmp_path)
    labels = labels_in(tmp_path, "a\nb\nc\nd") if path.suffix == ".npy" else None
    with pytest.raises(UserError, match=message) as error:
        read_embeddings(path, labels)
    assert "\n" not in str(error.value)


def damaged(folder):
    """An npz file whose compressed bytes are broken."""
    np.savez_compressed(folder / "e.npz", embeddings=np.random.default_rng(0).normal(size=(50, 9)), labels=["a"] * 50)
    held = bytearray((folder / "e.npz").read_bytes())
    held[200:260] = bytes(60)
    (folder / "e.npz").write_bytes(held)
    return folder / "e.npz"


@pytest.mark.parametrize(
    ("write", "message"),
    [
        (damaged, r"e\.npz cannot be read as a \.npz file"),
        (lambda f: npz(f, embeddings=X, labels=np.array("a")), r"labels must be an array \(n,\).*not \(\)"),
        (lambda f: npz(f, embeddings=X, labels=WORDS, paths=np.array("a")), r"paths must be an array \(n,\), not \(\)"),
        (lambda f: npz(f, embeddings=X, labels=WORDS, role=np.array("query")), r"roles must be an array \(n,\)"),
        (lambda f: npz(f, embeddings=np.array(1.0), labels=WORDS), r"must be an array \(n, d\) of numbers, not \(\)"),
        (lambda f: npz(f, embeddings=X).rename(f / "e.npy"), r"e\.npy cannot be read .* it holds several arrays"),
        (lambda f: npz(f, embeddings=X + 1j, labels=WORDS), r"must be an array \(n, d\) of numbers, not .* complex"),
        (lambda f: f / "e.txt", r"e\.txt must be a file with the suffix \.npy, \.npz, \.parquet"),
        (lambda f: f / "e.npz", r"e\.npz: there is no such file"),
    ],
)
def test_odd_files_are_refused_in_a_sentence(tmp_path, write, message):
    path = write(tmp_path)
    labels = labels_in(tmp_path, "a\nb\nc\nd") if path.suffix == ".npy" else None
    with pytest.raises(UserError, match=message):
        read_embeddings(path, labels)


def test_arrays_and_columns_that_nobody_asked_for_are_not_read(tmp_path):
    """An array of objects cannot be read without running code of the file, so reading it would raise."""
    path = npz(tmp_path, embeddings=X, labels=WORDS, notes=np.array([{"any": 1}], dtype=object))
    assert read_embeddings(path).labels == WORDS
    path = parquet(tmp_path, label=list(WORDS), vector=X.tolist(), notes=[[1]] * 4)
    assert read_embeddings(path).labels == WORDS


def test_rows_that_are_not_finite_are_counted_and_the_first_is_named(tmp_path):
    x = X.copy()
    x[1, 2], x[3, 0] = np.nan, np.inf
    path = npz(tmp_path, embeddings=x, labels=WORDS, paths=["a", "b.png", "c", "d"])
    with pytest.raises(UserError, match=r"2 of 4 rows hold NaN or infinity; the first is row 1 \(b\.png\), counted"):
        read_embeddings(path)
    with_null = parquet(tmp_path, label=["a", "b"], vector=[[1.0, 2.0], [None, 1.0]])
    with pytest.raises(UserError, match="1 of 2 rows hold NaN or infinity; the first is row 1, counted"):
        read_embeddings(with_null)


@pytest.mark.parametrize(
    ("name", "text", "message"),
    [
        ("labels.txt", "a\nb\nc", r"labels\.txt holds 3 labels, and there are 4 embeddings in .*e\.npy"),
        ("labels.txt", "a\n\nc\nd", r"labels\.txt: row 1 has no label"),
        ("labels.csv", "name\na\nb\nc\nd", r"labels\.csv lacks the column label; it has name"),
        ("labels.csv", "", r"labels\.csv lacks the column label; it has none"),
        ("labels.csv", "path,label\n0,a\n1\n2,c\n3,d", r"labels\.csv, line 3: 1 cells, and the header has 2"),
        ("labels.npy", "no array", r"labels\.npy cannot be read as a \.npy file"),
    ],
)
def test_what_is_wrong_with_labels_is_said(tmp_path, name, text, message):
    with pytest.raises(UserError, match=message):
        read_embeddings(saved(tmp_path), labels_in(tmp_path, text, name))


def test_labels_that_are_no_text_or_too_many(tmp_path):
    (tmp_path / "labels.txt").write_bytes(b"caf\xe9\n")
    with pytest.raises(UserError, match=r"labels\.txt, line 1: it is not in UTF-8"):
        read_embeddings(saved(tmp_path), tmp_path / "labels.txt")
    with pytest.raises(UserError, match=r"e\.npz holds labels itself; leave --labels .*labels\.txt out"):
        read_embeddings(npz(tmp_path, embeddings=X, labels=WORDS), tmp_path / "labels.txt")


@pytest.mark.parametrize("header", [b"{'descr': '<f4', (", b'"""', b"{'descr': '<f4'", b"1 +", b"\xff\xff", b"[" * 500])
def test_a_header_that_is_no_python_is_refused_in_a_sentence(tmp_path, header):
    """numpy parses it as a literal of Python, and lets errors of the tokenizer through."""
    path = tmp_path / "e.npy"
    path.write_bytes(b"\x93NUMPY\x01\x00" + len(header).to_bytes(2, "little") + header)
    with pytest.raises(UserError, match=r"e\.npy cannot be read as a \.npy file"):
        read_embeddings(path, labels_in(tmp_path, "a\nb"))
