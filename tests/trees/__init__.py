"""Small trees in the exact layout of each data set: a module here for each, found by its name.

A module has `write(root)`, which fills an existing folder and returns what `dataset.root` names; `ROW`, what the row of
a run with the data set's own settings says; and perhaps `SETTINGS`, which a run on so few images needs besides.
"""

import tarfile
import zipfile
from importlib import import_module
from pathlib import Path

from ._images import jpeg as jpeg
from ._images import spread as spread

FOUND = {path.stem: import_module(f"{__name__}.{path.stem}") for path in sorted(Path(__file__).parent.glob("[!_]*.py"))}
globals().update({f"write_{name}": module.write for name, module in FOUND.items()})


def pack(folder, name, card, *sizes):
    """The files that `data prepare` wants of a data set, as their authors pack them, made of its tree of some sizes."""
    made = folder / "made"
    made.mkdir(parents=True)
    FOUND[name].write(made, *sizes)
    return [_pack_source(folder, made, source) for source in card.sources]


def _pack_source(folder, made, source):
    content = next(path for path in (made / source.makes, *made.rglob(source.makes)) if path.exists())
    if content.is_file():
        return content
    if source.file.endswith(".zip"):
        with zipfile.ZipFile(folder / source.file, "w") as archive:
            for file in sorted(content.rglob("*")):
                if file.is_file():
                    archive.write(file, f"{content.name}/{file.relative_to(content)}")
    else:
        with tarfile.open(folder / source.file, "w:gz") as archive:
            archive.add(content, content.name)
    return folder / source.file
