import numpy as np
import pytest
from scipy.io import savemat

from gnn_dml.data import read_cars196
from gnn_dml.errors import UserError


@pytest.fixture
def tree(trees, tmp_path):
    return trees.write_cars196(tmp_path)


def test_all_images_and_the_first_98_classes_to_train_on(tree):
    data = read_cars196(tree, strict=False)
    assert data.image_names == tuple(f"car_ims/{i:06}.jpg" for i in range(1, 393))
    assert data.class_names[:2] == ("001.Make Model 1 2012", "002.Make Model 2 2012")
    for i, (label, role) in enumerate(zip(data.labels.tolist(), data.roles, strict=True)):
        assert label == i % 196
        assert role == ("train" if label < 98 else "test")


def test_the_published_counts_pass(trees, tmp_path):
    trees.write_cars196(tmp_path, trees.spread(8054, 98) + trees.spread(8131, 98), same=True)
    data = read_cars196(tmp_path)
    assert len(data) == 16185
    assert [data.split(name).num_classes for name in ("train", "test")] == [98, 98]


def test_other_counts_and_missing_files_are_told(tree):
    (tree / "car_ims" / "000003.jpg").unlink()
    with pytest.raises(
        UserError, match=r"train has 195 images.*8054 of 98.*1 of 392 files are missing: car_ims/000003"
    ):
        read_cars196(tree)


def test_files_that_are_no_annotations_are_named(tree):
    path = tree / "cars_annos.mat"
    whole = path.read_bytes()
    for content in (b"", b"hello", whole[: len(whole) // 2]):
        path.write_bytes(content)
        with pytest.raises(UserError, match=r"cars_annos\.mat is no annotation file of Cars196"):
            read_cars196(tree, strict=False)
    savemat(path, {"annotations": np.zeros(3)})
    with pytest.raises(UserError, match="lacks class_names"):
        read_cars196(tree, strict=False)
    path.unlink()
    with pytest.raises(UserError, match=r"holds no cars_annos\.mat"):
        read_cars196(tree, strict=False)


def test_a_class_out_of_range_is_named(trees, tmp_path):
    trees.write_cars196(tmp_path, [1] * 4)
    rows = np.array([[("car_ims/000001.jpg", 5)]], dtype=[("relative_im_path", object), ("class", object)])
    savemat(tmp_path / "cars_annos.mat", {"annotations": rows, "class_names": np.array([["a", "b"]], dtype=object)})
    with pytest.raises(UserError, match="annotation 1: the class must be 1 to 2, not 5"):
        read_cars196(tmp_path, strict=False)
