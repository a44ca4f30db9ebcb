"""Tables of embeddings: written whole, readable by others, read back as they were."""

import numpy as np
import pandas as pd
import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st

from gnn_dml.errors import UserError
from gnn_dml.evaluation.embedding_files import EmbeddingTable, number_equal_names, read_embeddings, write_embeddings


def table(n=5, d=3, query=None):
    vectors = np.random.default_rng(0).normal(size=(n, d)).astype(np.float32)
    names = tuple(f"kind, {i % 2}" for i in range(n))
    return EmbeddingTable(vectors, names, tuple(f"a/{i}.png" for i in range(n)), query, {"seed": 3, "ks": [1, 2]})


@pytest.mark.parametrize("suffix", [".parquet", ".npz"])
@pytest.mark.parametrize("query", [None, np.array([True, False, False, True, False])])
def test_what_is_written_is_read_back(tmp_path, suffix, query):
    made = table(query=query)
    found = read_embeddings(write_embeddings(tmp_path / "new" / f"e{suffix}", made))
    assert found.vectors.dtype == np.float32
    np.testing.assert_array_equal(found.vectors, made.vectors)
    assert (found.labels, found.paths, found.about) == (made.labels, made.paths, made.about)
    assert found.roles() == made.roles()
    assert [path.name for path in (tmp_path / "new").iterdir()] == [f"e{suffix}"]


def test_pandas_reads_the_parquet_file(tmp_path):
    made = table(query=np.array([True, False, False, True, False]))
    frame = pd.read_parquet(write_embeddings(tmp_path / "e.parquet", made))
    assert frame.columns.tolist() == ["path", "label", "vector", "role"]
    assert frame["label"].tolist() == list(made.labels)
    assert frame["role"].tolist() == ["query", "gallery", "gallery", "query", "gallery"]
    np.testing.assert_array_equal(np.stack(frame["vector"]), made.vectors)
    assert frame["vector"][0].dtype == np.float32


def test_numpy_reads_the_npz_file(tmp_path):
    with np.load(write_embeddings(tmp_path / "e.npz", table()), allow_pickle=False) as file:
        assert file["embeddings"].shape == (5, 3)
        assert file["labels"].tolist() == list(table().labels)


def test_labels_become_numbers_in_the_order_in_which_they_appear():
    made = EmbeddingTable(np.zeros((4, 1), np.float32), ("b", "a", "b", "c"))
    x, labels, query = made.tensors()
    assert (x.shape, labels.tolist(), query) == ((4, 1), [0, 1, 0, 2], None)
    assert labels.dtype == torch.long


def test_alike_names_of_different_classes_are_told_apart():
    assert number_equal_names(["a", "b", "a"]) == ("a (0)", "b", "a (2)")


def test_a_file_that_cannot_be_written_is_named(tmp_path):
    (tmp_path / "file").touch()
    with pytest.raises(UserError, match=r"cannot write .*e\.npz"):
        write_embeddings(tmp_path / "file" / "e.npz", table())


@settings(max_examples=12, deadline=None)
@given(st.integers(1, 40), st.integers(1, 9), st.sampled_from([".parquet", ".npz"]), st.data())
def test_any_table_survives(tmp_path_factory, n, d, suffix, data):
    words = data.draw(st.lists(st.text("ab é,\n\"'", min_size=1, max_size=4), min_size=n, max_size=n))
    vectors = np.random.default_rng(n * d).normal(size=(n, d)).astype(np.float32)
    path = tmp_path_factory.mktemp("any") / f"e{suffix}"
    found = read_embeddings(write_embeddings(path, EmbeddingTable(vectors, tuple(words))))
    np.testing.assert_array_equal(found.vectors, vectors)
    assert found.labels == tuple(words)
