"""Small files that would fill the memory are refused by what they say; what nobody asked for is not read."""

import zipfile

import numpy as np
import pyarrow as pa
import pyarrow.parquet as pq
import pytest

from gnn_dml.errors import UserError
from gnn_dml.evaluation.embedding_files import bounds, read_embeddings

MANY = 500_000


@pytest.fixture(autouse=True)
def one_mebibyte(monkeypatch):
    """What any file may unfold to: a gigabyte takes long to make."""
    monkeypatch.setattr(bounds, "ALWAYS", 2**20)


def test_a_small_parquet_file_of_many_rows(tmp_path):
    vector = pa.ListArray.from_arrays(
        pa.array(np.arange(0, MANY + 1, dtype=np.int32)), pa.array(np.zeros(MANY, np.float32))
    )
    label = pa.DictionaryArray.from_arrays(pa.array(np.zeros(MANY, np.int8)), pa.array(["a"]))
    pq.write_table(pa.table({"vector": vector, "label": label}), tmp_path / "many.parquet", row_group_size=MANY)
    assert (tmp_path / "many.parquet").stat().st_size < 2**20
    with pytest.raises(UserError, match=r"many\.parquet holds .* bytes and would unfold to"):
        read_embeddings(tmp_path / "many.parquet")


@pytest.fixture
def zeros(tmp_path):
    """100 MiB of zeros as an array in half a megabyte."""

    def write(name, file):
        with zipfile.ZipFile(tmp_path / file, "w", zipfile.ZIP_DEFLATED, compresslevel=1) as archive:
            for held, array in (("embeddings", np.eye(4)), ("labels", np.array(list("aabb")))):
                if held != name:
                    with archive.open(f"{held}.npy", "w") as member:
                        np.lib.format.write_array(member, array)
            with archive.open(f"{name}.npy", "w", force_zip64=True) as member:
                np.lib.format.write_array_header_1_0(
                    member, {"descr": "<f4", "fortran_order": False, "shape": (5 * 2**20, 5)}
                )
                for _ in range(100):
                    member.write(bytes(2**20))
        return tmp_path / file

    return write


def test_an_array_of_zeros(zeros):
    with pytest.raises(UserError, match=r"big\.npz holds .* bytes and would unfold to 104,8"):
        read_embeddings(zeros("embeddings", "big.npz"))
    assert len(read_embeddings(zeros("thumbnails", "beside.npz"))) == 4


def test_a_header_that_promises_more_than_there_is(tmp_path):
    for shape in ((10**15, 4), (2**62, 2**62)):
        with (tmp_path / "e.npy").open("wb") as file:
            np.lib.format.write_array_header_1_0(file, {"descr": "<f4", "fortran_order": False, "shape": shape})
        (tmp_path / "labels.txt").write_text("a\n")
        with pytest.raises(UserError, match=r"e\.npy cannot be read as a \.npy file"):
            read_embeddings(tmp_path / "e.npy", tmp_path / "labels.txt")
