"""Named lists of settings for photographs: what to run where no setting says so.

A recipe is nothing but settings: it is put in front of what was typed, so that a run is named by what it computes and
`--show` prints it whole.
"""

from __future__ import annotations

from collections.abc import Sequence

from gnn_dml.errors import UserError

RECIPES: dict[str, tuple[str, ...]] = {
    "full": (),
    "small": (
        "backbone=efficientnet_lite0",
        "backbone.dim=null",
        "backbone.neck=batch_norm",
        "layer=dot_product",
        "optimizer=adamw",
        "optimizer.lr=0.0005",
        "protocol.epochs=5",
        "protocol.classes_per_batch=8",
        "protocol.images_per_class=4",
        "dataset.transform.size=128",
        "dataset.transform.resize=144",
        "dataset.transform.normalize=half",
    ),
    "frozen": (
        "backbone=efficientnet_lite0",
        "backbone.dim=null",
        "graph=none",
        "protocol.epochs=0",
        "dataset.transform.size=128",
        "dataset.transform.resize=144",
        "dataset.transform.normalize=half",
    ),
}
"""full: as the data set's settings have it, with ResNet-50. small: EfficientNet-Lite0 with ImageNet weights from a
package, at 128 px for 5 epochs, for a machine without a GPU. frozen: the same network on the same images as it comes,
without training: what the small recipe starts from."""

_BACKBONE = "backbone"
_OF_BACKBONE = "dataset.transform.normalize"
_DECIDING = ("backbone", "layer", "optimizer", "protocol", "dataset.transform", "sampler", "loss", "refiner")


def with_recipe(name: str, settings: Sequence[str]) -> list[str]:
    """The settings of a recipe, less those that are typed otherwise, and then what is typed.

    Another backbone takes with it all that the recipe says about its own, and how its images are normalised.

    Args:
        name: In `RECIPES`.
        settings: As typed: GROUP=NAME and GROUP.SETTING=VALUE.

    Raises:
        UserError: If there is no such recipe.

    Example:
        >>> with_recipe("frozen", ["dataset=folder", "backbone=resnet18"])[:2]
        ['graph=none', 'protocol.epochs=0']
    """
    if name not in RECIPES:
        raise UserError(f"there is no recipe {name!r}; there are {', '.join(RECIPES)}")
    typed = {_key(setting) for setting in settings}
    other = bool({_BACKBONE, f"{_BACKBONE}.name"} & typed)
    kept = [
        setting
        for setting in RECIPES[name]
        if _key(setting) not in typed
        and not (other and (_within(_key(setting), _BACKBONE) or _key(setting) == _OF_BACKBONE))
        and not any(setting.startswith(f"{group}.") for group in typed - {"dataset"})
    ]
    return [*kept, *settings]


def leaves_open(settings: Sequence[str]) -> bool:
    """Whether nothing is typed about what is trained and how, so that somebody else may choose.

    Example:
        >>> leaves_open(["dataset=folder", "dataset.root=photos", "seed=3"]), leaves_open(["protocol.epochs=70"])
        (True, False)
    """
    return not any(_within(_key(setting), part) for setting in settings for part in _DECIDING)


def _key(setting: str) -> str:
    return setting.partition("=")[0].strip()


def _within(key: str, part: str) -> bool:
    return key == part or key.startswith(f"{part}.")
