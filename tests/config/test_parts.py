"""YAMLs of a user's own that lack what every part has, before any other rule looks at them."""

import pytest

from gnn_dml.config.compose import resolve
from gnn_dml.config.names import open_config_dirs
from gnn_dml.config.parts import BUILT
from gnn_dml.errors import UserError


@pytest.fixture
def resolve_own(tmp_path, monkeypatch):
    monkeypatch.setattr("sys.path", [])

    def write(group, text, *settings):
        (tmp_path / group).mkdir(exist_ok=True)
        (tmp_path / group / "mine.yaml").write_text(text)
        return resolve([f"{group}=mine", *settings], config_dirs=open_config_dirs([tmp_path]))

    return write


@pytest.mark.parametrize(
    ("group", "text"),
    [
        *(("graph", text) for text in ("_target_: null\nk: 3\n", "_target_: ''\n", "_target_: [a, b]\n", "")),
        *((group, "k: 3\n") for group in BUILT),
    ],
)
def test_a_part_without_its_class_is_refused(resolve_own, group, text):
    """A graph without one was none: its run had no refiner."""
    with pytest.raises(UserError, match=f"{group}=mine names no class: its YAML needs _target_"):
        resolve_own(group, text)


@pytest.mark.parametrize(
    ("text", "said"),
    [
        ("_target_: gnn_dml.graphs.ClassAware\nk: 2\n", "graph.mode must be one of same, other, nearest, not None"),
        ("_target_: gnn_dml.graphs.KNN\nloop: false\n", "graph.k must be a whole number, not null"),
        ("_target_: gnn_dml.graphs.Threshold\nnegatives: hard\nthreshold: 3\n", "graph.threshold must be below 1"),
    ],
)
def test_classes_of_the_package_in_a_yaml_that_leaves_settings_out(resolve_own, text, said):
    with pytest.raises(UserError, match=said):
        resolve_own("graph", text)
