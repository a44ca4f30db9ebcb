"""Training as published, step by step: what the published code made of a fixed stream of batches, and what ours does.

`trajectory/README.md` says how the file was made.
"""

import json
from pathlib import Path

import numpy as np
import pytest
import torch
from torchvision.models.resnet import Bottleneck, ResNet

from gnn_dml.config.compose import resolve
from gnn_dml.data.batch import Batch
from gnn_dml.data.images import ImageSplit
from gnn_dml.data.transforms import DrawingTransforms
from gnn_dml.experiments.build import RunSplits, build, build_trainer
from gnn_dml.experiments.run import Run
from gnn_dml.models import Embedder
from gnn_dml.models.statistics import update_twice
from gnn_dml.models.torchvision_backbone import ResNetMaps
from gnn_dml.official import load_refiner
from gnn_dml.training.learner import Learner

FILES = sorted((Path(__file__).parent / "trajectory").glob("*.npz"))
HELD = {name: array for path in FILES for name, array in np.load(path).items()}
EPOCHS = len(HELD["batches"])  # of one batch each
PUBLISHED = {"backbone.": "", "projection.": "red.", "classifier.": "fc."}


def words(name):
    return json.loads(HELD[name].tobytes())


def weights(name, when):
    """State dicts of the CNN and of the refiner under their published names."""
    parts = {"encoder": {}, "gnn": {}}
    flat, place = torch.from_numpy(HELD[f"{name}.{when}"]).double(), 0
    for key, shape in words(f"{name}.layout"):
        part, _, inner = key.partition(".")
        size = int(np.prod(shape))
        parts[part][inner] = flat[place : place + size].reshape(shape)
        place += size
    assert place == len(flat)
    necks = [key for key in parts["gnn"] if key.endswith("running_var")]
    parts["gnn"] |= {key.replace("running_var", "num_batches_tracked"): torch.tensor(0) for key in necks}
    return parts["encoder"], parts["gnn"]


class TinyResNet(ResNet):
    """Torchvision's, with a hundredth of its channels."""

    def __init__(self):
        torch.nn.Module.__init__(self)
        self._norm_layer = torch.nn.BatchNorm2d
        self.inplanes, self.dilation, self.groups, self.base_width = 8, 1, 1, 64
        self.conv1 = torch.nn.Conv2d(3, 8, 7, stride=2, padding=3, bias=False)
        self.bn1 = torch.nn.BatchNorm2d(8)
        self.relu = torch.nn.ReLU(inplace=True)
        self.maxpool = torch.nn.MaxPool2d(3, stride=2, padding=1)
        self.layer1 = self._make_layer(Bottleneck, 2, 1)
        self.layer2 = self._make_layer(Bottleneck, 4, 1, stride=2)
        self.layer3 = self._make_layer(Bottleneck, 8, 1, stride=2)
        self.layer4 = self._make_layer(Bottleneck, 16, 1, stride=2)


def published_names(embedder):
    """The floating-point state of our CNN under its published names."""
    state = {}
    for name, tensor in embedder.state_dict().items():
        if tensor.dtype.is_floating_point:
            ours = next(prefix for prefix in PUBLISHED if name.startswith(prefix))
            state[PUBLISHED[ours] + name.removeprefix(ours)] = tensor
    return state


def output_of(name):
    held = words(f"{name}.settings")
    return "concatenated" if held["cat"] else "every" if held.get("every") else "last"


def make_config(name, out, *more):
    """Of a run; "options" has the published choices that no published configuration takes."""
    held = words(f"{name}.settings")
    if name == "options":
        more = ["graph=threshold", "refiner.weighted=true", "layer.aggregation=mean", "loss=focal", *more]
    config = resolve(
        [
            *("protocol=paper", "optimizer=radam", "layer=published", "graph=complete", f"out={out}", "device=cpu"),
            *("backbone=resnet18", "backbone.weights=null", f"protocol.epochs={EPOCHS}"),
            "layer.dropout=0.0",  # theirs and ours draw other masks
            *("sampler=groups", "protocol.classes_per_batch=6", "protocol.images_per_class=3"),
            *("sampler.extra_group=false", "sampler.fill_last=false"),  # one batch an epoch, as in the stream
            f"layer.num_heads={held['heads']}",
            f"refiner.num_layers={held['layers']}",
            f"refiner.output={output_of(name)}",
            f"optimizer.lr={held['lr']}",
            f"optimizer.weight_decay={held['wd']}",
            f"loss.temperature={held['T']}",
            *more,
        ]
    )
    if name == "options":  # focal on the CNN, plain cross-entropy on the layers
        term = {"temperature": held["T"], "smoothing": 0.0, "layers": "sum", "branch": "refined"}
        config["loss"]["terms"]["refined"] = {"_target_": "gnn_dml.losses.CrossEntropy", **term}
    return config


def make_learner(config, name):
    encoder, gnn = weights(name, "start")
    embedder = Embedder("small_cnn", dim=16, num_classes=6, width=8)
    embedder.backbone = ResNetMaps(TinyResNet())
    if config["backbone"]["double_statistics"]:
        update_twice(embedder.backbone.stages())
    embedder.double()
    with torch.no_grad():
        for key, tensor in published_names(embedder).items():
            tensor.copy_(encoder.pop(key))
    assert not encoder
    refiner = build(config["refiner"], dim=16, num_classes=6, layer=build(config["layer"]))
    heads = config["layer"]["num_heads"]
    refiner.load_state_dict(load_refiner(gnn, num_heads=heads, output=output_of(name)).state_dict())
    return Learner(embedder, refiner, build(config["graph"])).double()


class Stream:
    """The stored batches, one an epoch."""

    def __len__(self):
        return 1

    def steps(self, epochs):
        return epochs

    def epoch(self, number):
        positions = torch.from_numpy(HELD["batches"][number - 1]).long()
        images = torch.from_numpy(HELD["images"])[positions]
        yield Batch(images, torch.from_numpy(HELD["labels"]).long()[positions], positions)


def train(name, tmp_path, monkeypatch, *more):
    """Our own run over the stream, told the stored recalls: rows, and the learner at its end."""
    config = make_config(name, tmp_path, *more)
    images, labels = torch.from_numpy(HELD["images"]), torch.from_numpy(HELD["labels"]).long()
    split = ImageSplit(images, labels, tuple("abcdef"), tuple(map(str, range(len(labels)))))
    data = RunSplits(split, split, split, DrawingTransforms(36))
    data.transforms.finish = lambda pixels: pixels.double() / 127.5 - 1
    trainer = build_trainer(config, make_learner(config, name), data, torch.device("cpu"))
    trainer.loader = Stream()
    job, rows = Run(config), []
    for name in ("os.fsync", "gnn_dml.experiments.run.save", "gnn_dml.experiments.run.write_rows"):
        monkeypatch.setattr(name, lambda *_, **__: None)  # of the files only best.pt is read
    monkeypatch.setattr(
        Run, "_validate", lambda *_: {"test_backbone_recall@1": float(HELD["recalls"][trainer.finished - 1])}
    )
    job._train(trainer, data, rows)
    return rows, trainer.learner


def largest(ours, theirs):
    assert ours.keys() == theirs.keys()
    return max((tensor - theirs[name]).abs().max().item() for name, tensor in ours.items())


def loss_difference(name, rows):
    """The largest difference of the losses of the epochs that were trained."""
    branches = ("backbone", "refined")
    ours = np.array([[row[f"loss_{branch}"] for branch in branches] for row in rows])
    theirs = np.stack([HELD[f"{name}.loss.{branch}"] for branch in branches], axis=1)
    return np.abs(ours - theirs[: len(rows)]).max()


def weight_differences(name, learner):
    """The largest differences of the CNN's weights and of the refiner's, running statistics among them."""
    encoder, gnn = weights(name, "end")
    heads = words(f"{name}.settings")["heads"]
    theirs = load_refiner(gnn, num_heads=heads, output=output_of(name)).state_dict()
    ours = {key: tensor for key, tensor in learner.refiner.state_dict().items() if tensor.dtype.is_floating_point}
    refiner = largest(ours, {key: theirs[key] for key in ours})
    return largest(published_names(learner.embedder), encoder), refiner


@pytest.mark.parametrize("name", ["cub", "cars", "options"])
def test_training_goes_where_the_published_code_went(name, tmp_path, monkeypatch):
    rows, learner = train(name, tmp_path, monkeypatch)
    assert len(rows) == EPOCHS
    assert loss_difference(name, rows) < 1e-9
    assert max(weight_differences(name, learner)) < 1e-6  # the file holds the last weights in single precision


@pytest.mark.parametrize(
    ("name", "setting", "epochs"),
    [
        ("cub", "optimizer.factory.decoupled_weight_decay=false", 8),
        ("cub", "optimizer.decayed=matrices", 8),
        ("cub", "layer.quiet=false", 3),
        ("cub", "optimizer.drop_epoch=32", 33),
        ("cub", "protocol.reload=[51]", 33),
        ("options", "layer.aggregation=sum", 3),
        ("options", "refiner.weighted=false", 3),
        ("options", "loss.gamma=2.0", 3),
    ],
)
def test_every_other_choice_leads_elsewhere(name, setting, epochs, tmp_path, monkeypatch):
    rows, _ = train(name, tmp_path, monkeypatch, setting, f"protocol.epochs={epochs}")
    assert len(rows) == epochs
    assert loss_difference(name, rows) > 1e-6


def test_statistics_moved_once_end_elsewhere_on_the_same_way(tmp_path, monkeypatch):
    """In training nothing reads them."""
    rows, learner = train("cub", tmp_path, monkeypatch, "backbone.double_statistics=false")
    assert loss_difference("cub", rows) < 1e-9
    assert weight_differences("cub", learner)[0] > 1e-3
