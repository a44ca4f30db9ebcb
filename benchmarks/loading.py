"""Images per second that reach the network: decoded and augmented, with and without the cache.

    python benchmarks/loading.py                      # 512 photographs of 500 x 375: 2 minutes on 2 cores
    python benchmarks/loading.py --images 64 --workers 0

The photographs are made here, as JPEGs with the detail of a real one (coloured noise whose strength falls with the
frequency). The floor is torchvision's decode_jpeg and a resize, nothing else, one image after another in one thread.
"no cache" is what training does on files; "filling" is the first opening of a cache, "cached" every epoch after it.
Every row loads all images of an epoch through the package's own loader; the best of a few epochs counts.
"""

from __future__ import annotations

import argparse
import tempfile
import time
from collections.abc import Callable
from pathlib import Path

import numpy as np
import pandas as pd
import torch
from measure import counted, write_rows
from PIL import Image
from torchvision.io import ImageReadMode, decode_jpeg, read_file
from torchvision.transforms.v2.functional import resize

from gnn_dml.data import GroupSampler, ImageFiles, ImageSplit, PhotoTransforms, TrainImages, TrainLoader, open_cache

PIXELS = 227


def photograph(path: Path, seed: int, width: int, height: int) -> None:
    """Write one JPEG whose spectrum falls with the frequency, as that of photographs does."""
    rng = np.random.default_rng(seed)
    frequency = np.hypot(np.fft.fftfreq(height)[:, None], np.fft.rfftfreq(width)[None]) + 1 / width
    grey = np.fft.irfft2(np.fft.rfft2(rng.standard_normal((height, width))) / frequency, (height, width))
    grey /= grey.std()
    colour = rng.standard_normal(3) * 0.3
    pixels = 128 + 50 * (grey[..., None] * (1 + colour) + colour)
    Image.fromarray(pixels.clip(0, 255).astype(np.uint8)).save(path, quality=90)


def rate(epoch: Callable[[], int], repeats: int) -> float:
    """Images per second of the fastest of some epochs."""
    rates = []
    for _ in range(repeats):
        begun = time.perf_counter()
        count = epoch()
        rates.append(count / (time.perf_counter() - begun))
    return max(rates)


def floor(paths: list[Path]) -> int:
    """Decode and resize, one image after another."""
    for path in paths:
        resize(decode_jpeg(read_file(str(path)), ImageReadMode.RGB), [PIXELS, PIXELS], antialias=True)
    return len(paths)


def training_epoch(split: ImageSplit, workers: int, batch: int) -> Callable[[], int]:
    """One epoch of the training loader over a split of one class."""
    images = TrainImages(split, PhotoTransforms(size=PIXELS).train, seed=0)
    loader = TrainLoader(images, GroupSampler(split.labels, 1, batch, seed=0), workers=workers)
    return lambda: sum(len(labels) for _, labels, _ in loader.epoch(1))


def main() -> None:
    """Measure, print a table, write a CSV."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--images", type=counted, default=512, help="how many photographs (%(default)s)")
    parser.add_argument("--workers", type=int, nargs="+", default=[0, 1, 2], help="processes that load (%(default)s)")
    parser.add_argument("--batch", type=counted, default=32, help="images of a batch (%(default)s)")
    parser.add_argument("--repeats", type=counted, default=3, help="epochs, of which the fastest counts (%(default)s)")
    parser.add_argument("--out", type=Path, default=None, help="CSV (benchmarks/results/loading-cpu.csv)")
    arguments = parser.parse_args()
    torch.set_num_threads(1)
    rows: list[dict[str, object]] = []
    with tempfile.TemporaryDirectory() as folder:
        paths = [Path(folder) / f"{i:05}.jpg" for i in range(arguments.images)]
        for i, path in enumerate(paths):
            photograph(path, i, 500, 375)
        size = sum(path.stat().st_size for path in paths) / len(paths) / 1024
        print(
            f"{len(paths)} photographs of 500 x 375, {size:.0f} KiB each; torch {torch.__version__}; one thread each\n"
        )
        print(f"{'workers':>7}  {'what':<10}{'images/s':>10}{'per worker':>12}{'/floor':>8}{'/no cache':>11}")
        bare = rate(lambda: floor(paths), arguments.repeats)
        rows.append({"workers": 0, "what": "floor", "images_per_second": bare})
        names, labels = tuple(path.name for path in paths), torch.zeros(len(paths), dtype=torch.long)
        files = ImageSplit(ImageFiles(paths), labels, ("all",), names)
        for workers in arguments.workers:
            plain = rate(training_epoch(files, workers, arguments.batch), arguments.repeats)
            begun = time.perf_counter()
            images, _, _ = open_cache(paths, Path(folder) / f"cache{workers}", side=256, workers=workers)
            filling = len(paths) / (time.perf_counter() - begun)
            split = ImageSplit(images, labels, ("all",), names)
            second = rate(training_epoch(split, workers, arguments.batch), arguments.repeats)
            for what, found in (("no cache", plain), ("filling", filling), ("cached", second)):
                rows.append(
                    {"workers": workers, "what": what, "images_per_second": found, "over_no_cache": found / plain}
                )
    for row in rows:
        row["per_worker"] = row["images_per_second"] / max(1, row["workers"])
        row["over_floor"] = row["images_per_second"] / bare
        gain = f"{row['over_no_cache']:>11.2f}" if "over_no_cache" in row else f"{'-':>11}"
        print(
            f"{row['workers']:>7}  {row['what']:<10}{row['images_per_second']:>10.0f}{row['per_worker']:>12.0f}"
            f"{row['over_floor']:>8.2f}{gain}"
        )
    write_rows(pd.DataFrame(rows).round(4), arguments.out, "loading", torch.device("cpu"))


if __name__ == "__main__":
    main()
