"""Studies on disk, as runs would leave them."""

import json

import pytest

METRICS = ("backbone_recall@1", "backbone_map@r", "refined_recall@1", "refined_map@r")


@pytest.fixture
def write_study():
    """Writes a run per cell and seed: value i of a cell is every figure of its seed i; None is a diverged run."""

    def write(folder, cells, *, settings=None, typed=None, first_seed=0, **columns):
        for cell, values in cells.items():
            for seed, value in enumerate(values, first_seed):
                run = folder / f"{cell.replace(' ', '-')}-s{seed}"
                run.mkdir(parents=True)
                held = {"protocol.epochs": 20, "seed": seed, **(settings or {})}
                row = {"run_id": run.name, "seed": seed, "status": "finished", "seconds": 1.5, "selected_on": "val"}
                row |= {"dataset": "emoji", "content": "aaaa", "split": "test", "test_set": "1111", **columns}
                row |= dict.fromkeys(METRICS, value)
                if value is None:
                    row["status"] = "diverged"
                (run / "result.json").write_text(json.dumps({**row, "settings": held}))
                said = {"cell": cell, "overrides": "", "settings": held, "typed": typed or []}
                (run / "cell.json").write_text(json.dumps(said))
        return folder

    return write
