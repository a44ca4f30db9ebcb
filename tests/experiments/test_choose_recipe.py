"""What is run where no setting says so; nothing here trains."""

import pytest

from gnn_dml.config.compose import resolve
from gnn_dml.config.identity import run_id
from gnn_dml.errors import UserError
from gnn_dml.experiments import choose_recipe
from gnn_dml.experiments.choose_recipe import choose_settings


@pytest.fixture
def photos(trees, tmp_path):
    """A function from a number of classes, and of images in each, to the settings of a folder of them."""

    def write(classes, images=4):
        return ["dataset=folder", f"dataset.root={trees.FOUND['folder'].write(tmp_path / 'photos', classes, images)}"]

    return write


def choose(settings, *, gpu=False, **more):
    return choose_settings(settings, has_gpu=lambda: gpu, **more)


def shape(chosen):
    protocol = chosen.config["protocol"]
    return protocol["classes_per_batch"], protocol["images_per_class"]


def test_with_a_gpu_a_folder_is_trained_as_its_settings_say(photos):
    settings = photos(24)
    chosen = choose(settings, gpu=True)
    assert chosen.settings == tuple(settings)
    assert chosen.config == resolve(settings)
    assert chosen.sentences == ()


def test_without_one_the_small_recipe_is_chosen_and_said(photos):
    settings = photos(40)
    chosen = choose(settings)
    assert chosen.config == resolve(chosen.settings)
    assert run_id(chosen.config) == run_id(choose(settings, gpu=True, recipe="small").config)
    assert run_id(chosen.config) != run_id(resolve(settings))
    (sentence,) = chosen.sentences
    assert sentence.startswith("without a GPU the recipe small is taken")
    assert "backbone=efficientnet_lite0" in sentence
    assert "--recipe full" in sentence
    assert shape(chosen) == (8, 4)


@pytest.mark.parametrize("typed", ["backbone=resnet18", "protocol.epochs=70", "protocol=paper", "optimizer.lr=0.01"])
def test_whoever_says_what_to_train_gets_it(photos, typed):
    settings = [*photos(24), typed]
    assert choose(settings).config == resolve(settings)


def test_full_is_what_a_gpu_runs(photos):
    settings = photos(24)
    assert choose(settings, recipe="full").config == resolve(settings)


def test_without_the_package_nothing_is_guessed_and_it_is_said(photos, monkeypatch):
    monkeypatch.setattr(choose_recipe, "PACKAGES", ("no_such_package",))
    settings = photos(24)
    chosen = choose(settings)
    assert chosen.config == resolve(settings)
    assert "no_such_package is missing: pip install" in chosen.sentences[0]


@pytest.mark.parametrize(
    ("classes", "images", "expected"),
    [(6, 5, (2, 4)), (8, 2, (2, 2)), (9, 1, (4, 2)), (24, 3, (8, 3))],
)
def test_batches_fit_the_classes_and_the_images(photos, classes, images, expected):
    if images == 1:  # one test image of each class answers nothing
        with pytest.raises(UserError, match="one test image of each class"):
            choose(photos(classes, images))
        return
    chosen = choose(photos(classes, images))
    assert shape(chosen) == expected
    assert chosen.config == resolve(chosen.settings)
    assert f"{expected[0]} classes x {expected[1]} images instead of 8 x 4" in chosen.sentences[-1]


def test_with_a_gpu_only_what_could_not_run_is_changed(photos):
    chosen = choose(photos(8), gpu=True)
    assert shape(chosen) == (2, 9)
    assert "2 classes to train on" in chosen.sentences[0]


def test_a_shape_that_is_typed_is_kept(photos):
    assert shape(choose([*photos(8), "protocol.classes_per_batch=7", "protocol.images_per_class=2"])) == (7, 2)


@pytest.mark.parametrize(
    ("classes", "message"),
    [
        (2, "the training half has 1 class, and 2 or more are needed"),
        (3, "the training half has 1 class, and 2 or more are needed"),
        (4, "leaves 1 class to train on.*gnn-dml evaluate packaged dataset=folder dataset.root="),
    ],
)
def test_too_few_classes_are_said_before_anything_is_trained(photos, classes, message):
    with pytest.raises(UserError, match=message):
        choose(photos(classes))


@pytest.mark.parametrize("recipe", ["small", "frozen"])
def test_drawings_have_no_recipe(recipe):
    with pytest.raises(UserError, match=f"the recipe {recipe} is for photographs, and dataset=emoji holds drawings"):
        choose([], recipe=recipe)
    assert choose([], recipe="full").config == resolve([])
