"""Published weights from the command line: a CNN and a refiner under their published names, against a slow forward."""

import json

import numpy as np
import pytest
import torch
from PIL import Image
from torch.nn.functional import normalize
from torchvision.transforms import v2


@pytest.fixture(scope="module")
def published(published_weights, tmp_path_factory):
    """A ResNet-18 and a refiner with random weights: their files and themselves."""
    folder = tmp_path_factory.mktemp("published")
    torch.manual_seed(0)
    cnn, state = published_weights.make_cnn()
    torch.save({f"module.{name}": tensor for name, tensor in state.items()}, folder / "cnn.pth")  # of several GPUs
    refiner, state = published_weights.make_refiner()
    torch.save(state, folder / "gnn.bin")
    return folder / "cnn.pth", folder / "gnn.bin", cnn, refiner


@pytest.fixture(scope="module")
def images(trees, tmp_path_factory):
    return trees.write_folder(tmp_path_factory.mktemp("images"), classes=4, images=4)


SMALL = ["dataset.transform.size=48", "dataset.transform.resize=54"]


def settings(images):
    return ["--dataset", "folder", f"dataset.root={images}", "backbone=resnet18", "--device", "cpu"]


def seen(path, std):
    """A test image as published: its shorter side 256, the middle 227 of it, normalised."""
    image = torch.from_numpy(np.array(Image.open(path).convert("RGB"))).permute(2, 0, 1)
    cropped = v2.functional.center_crop(v2.functional.resize(image, [256], antialias=True), [227, 227])
    return (cropped / 255 - torch.tensor([0.485, 0.456, 0.406])[:, None, None]) / torch.tensor(std)[:, None, None]


def embedded(program, folder, *arguments):
    program("embed", *arguments, "--out", folder / "e.npz", "--force")
    with np.load(folder / "e.npz") as file:
        return torch.from_numpy(file["embeddings"]), file["paths"].tolist()


@pytest.mark.parametrize(
    ("setting", "std"),
    [([], (0.299, 0.224, 0.225)), (["dataset.transform.normalize=imagenet"], (0.229, 0.224, 0.225))],
)
def test_images_are_seen_as_the_published_weights_were_trained(published, images, program, tmp_path, setting, std):
    path, _, cnn, _ = published
    x, paths = embedded(program, tmp_path, path, *settings(images), *setting)
    assert x.shape == (8, 512)
    with torch.no_grad():
        for i in (0, 7):
            torch.testing.assert_close(x[i], cnn(seen(images / paths[i], std)[None]).features[0], atol=1e-5, rtol=0)


def test_the_refiner_works_on_the_published_neighbourhoods(published, images, program, tmp_path):
    cnn_file, gnn_file, _, refiner = published
    arguments = [cnn_file, "--refiner", gnn_file, *settings(images), *SMALL]
    x, _ = embedded(program, tmp_path, *arguments)
    refined, _ = embedded(program, tmp_path, *arguments, "--refined")
    text = program("evaluate", *arguments)
    assert "published weights, images with normalize=published" in text
    assert "refined in Complete(loop=True) over each image and 6 of its reciprocal neighbours (k1=30)" in text
    assert "recall@8" in text
    # 8 images are fewer than k1, so all are reciprocal neighbours of all, and the graph is that of the 6 nearest.
    for i in range(8):
        near = sorted((j for j in range(8) if j != i), key=lambda j: -float(x[i] @ x[j]))[:6]
        with torch.no_grad():
            expected = refiner(normalize(x[[i, *near]], dim=1)).features[-1][0]
        torch.testing.assert_close(refined[i], expected, atol=1e-5, rtol=0)


def test_two_of_them_are_an_ensemble(published, images, program):
    cnn, gnn, _, _ = published
    members = [cnn, cnn, "--refiner", gnn, "--refiner", gnn]
    found = json.loads(program("evaluate", *members, *settings(images), *SMALL, "--json"))
    assert [member["run"] for member in found["members"]] == [str(cnn)] * 2
    assert (found["epoch"], found["members"][0]["epoch"]) == (None, None)
    for name in ("backbone_recall@1", "refined_map@r"):  # of equal members the ensemble has the ranking of each
        assert found[name] == found["members"][0][name]


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        (["{cnn}"], "cnn.pth holds published weights, which do not say for which data set; add for instance --dataset"),
        (
            ["{cnn}", "--dataset", "cub", "dataset.root=nowhere"],
            "nowhere does not exist; 'gnn-dml data prepare cub' says",
        ),
        (
            ["{cnn}", *settings("{images}"), "backbone=resnet50"],
            "the checkpoint does not fit resnet50: missing: layer1",
        ),
        (["{gnn}", *settings("{images}")], "the checkpoint does not fit resnet18: missing: bn1"),
        (["{cnn}", *settings("{images}"), "--refiner", "{cnn}"], "the checkpoint holds no refiner"),
        (["{cnn}", *settings("{images}"), "--refiner", "{gnn}", "layer.num_heads=3"], "layer.num_heads=3 does not"),
        (["{cnn}", *settings("{images}"), "--refiner", "{gnn}", "graph=same_class"], "is built from labels, and test"),
        (["{cnn}", *settings("{images}"), "--refined"], "--refined needs a refiner"),
        (
            ["{cnn}", "{cnn}", *settings("{images}"), "--refiner", "{gnn}"],
            "2 of 2 named files are such weights, and it",
        ),
        (["{cnn}", *settings("{images}"), "nothing=1"], "'nothing' is unknown; settings start with one of"),
    ],
)
def test_mistakes_end_in_one_sentence(published, images, program, arguments, message):
    filled = [text.format(cnn=published[0], gnn=published[1], images=images) for text in arguments]
    assert message in program("evaluate", *filled, code=2)
