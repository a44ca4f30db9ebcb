"""Which classes may be built from a file: what installed YAMLs name in each part, and trusted packages; no others."""

import sys

import pytest

from gnn_dml.config.composer import Composer
from gnn_dml.config.names import groups
from gnn_dml.config.targets import allowed_targets, check_plain, check_targets
from gnn_dml.errors import UserError

ALLOWED = allowed_targets()
COMPOSER = Composer()
MODULE = """
import pathlib
from os import mkdir
import os
import own_others
from gnn_dml.graphs import KNN

pathlib.Path(__file__).with_name("imported").touch()
number = 3

class Near(KNN):
    def __init__(self, *arguments, **named):
        raise RuntimeError("built")

    @classmethod
    def near(cls):
        raise RuntimeError("called")
"""


@pytest.fixture
def package(tmp_path, monkeypatch):
    """A user's package, which leaves a file when its module is imported, and another one beside it."""
    home = tmp_path / "own_targets"
    home.mkdir()
    (home / "__init__.py").touch()
    (home / "graphs.py").write_text(MODULE)
    (home / "broken.py").write_text("raise OSError('no disk')\n")
    (tmp_path / "own_others.py").write_text("class Other:\n    pass\n")
    monkeypatch.syspath_prepend(tmp_path)
    yield home
    for name in [name for name in sys.modules if name.split(".")[0] in ("own_targets", "own_others")]:
        del sys.modules[name]


def assert_refused(config, message, trusted=()):
    with pytest.raises(UserError, match=message) as caught:
        check_targets(config, ALLOWED, trusted)
    assert "\n" not in str(caught.value)


@pytest.mark.parametrize(("group", "name"), [(group, name) for group, names in groups().items() for name in names])
def test_whatever_an_installed_yaml_builds_is_allowed(group, name):
    """In the configuration that it is part of, interpolations resolved."""
    config = COMPOSER.values([f"{group}={name}"], {})
    assert config[group]
    check_targets(config, ALLOWED)


@pytest.mark.parametrize(
    "config",
    [
        {"graph": {"_target_": "gnn_dml.graphs.KNN", "k": 3}},
        {"graph": {"deep": [{"down": {"_target_": "gnn_dml.graphs.KNN"}}]}},
        {"layer": {"_target_": "gnn_dml.layers.GATConv.for_dim", "_partial_": True}},
        {"loss": {"terms": {"mine": {"_target_": "gnn_dml.losses.CrossEntropy"}}}},
        {"graph": {"_target_": None}},
        {"graph": None, "names": ["a", 1, 0.5, True, None, ("b",)]},
        {},
    ],
)
def test_allowed_wherever_it_stands_in_its_part(config):
    check_targets(config, ALLOWED)


@pytest.mark.parametrize(
    "target",
    [
        "os.system",
        "trap.Trap",
        "hydra.utils.get_method",
        "hydra.utils.get_class",
        "hydra.utils.get_object",
        "hydra.utils.instantiate",
        "gnn_dml.atomic.os.mkdir",
        "gnn_dml.experiments.build.instantiate",
        "gnn_dml.graphs.KNN.__class__",
        "gnn_dml.graphs.KNNN",
        "gnn_dml.graphs.knn.KNN",
        "gnn_dml.graphs.KNN ",
        " gnn_dml.graphs.KNN",
        "GNN_DML.graphs.KNN",
        "gnn_dml.graphs.\u212aNN",  # the Kelvin sign, which normalises to K
        "",
    ],
)
@pytest.mark.parametrize("wrap", [lambda part: part, lambda part: {"a": [1, {"b": part}]}], ids=["top", "inside"])
@pytest.mark.parametrize("partial", [{}, {"_partial_": True}], ids=["whole", "partial"])
def test_everything_else_is_refused_word_for_word(target, wrap, partial):
    for part in ("graph", "layer", "backbone", "dataset", "mine"):
        assert_refused({part: wrap({"_target_": target, **partial})}, rf"^{part}\..*_target_=.* is refused")


def test_what_is_allowed_in_one_part_is_refused_in_another():
    assert_refused({"graph": {"_target_": "gnn_dml.data.read_folder"}}, "graph._target_='gnn_dml.data.read_folder'")
    assert_refused({"dataset": {"_target_": "gnn_dml.graphs.KNN"}}, "dataset._target_='gnn_dml.graphs.KNN'")
    assert_refused({"_target_": "gnn_dml.graphs.KNN"}, "^_target_='gnn_dml.graphs.KNN'")
    assert_refused({"": {"_target_": "gnn_dml.graphs.KNN"}}, "_target_='gnn_dml.graphs.KNN'")


def test_a_key_with_a_dot_reaches_no_other_part():
    """The part is what stands before the first dot, and "graph.x" there allows what "graph" does, not more."""
    check_targets({"graph.x": {"_target_": "gnn_dml.graphs.KNN"}}, ALLOWED)
    assert_refused({"x.graph": {"_target_": "gnn_dml.graphs.KNN"}}, "x.graph._target_=")
    assert_refused({"graph.x": {"_target_": "gnn_dml.models.Embedder"}}, "graph.x._target_=")


@pytest.mark.parametrize("target", [3, True, 0.5, ["os.system"], {"_target_": "gnn_dml.graphs.KNN"}])
def test_a_target_is_a_name(target):
    assert_refused({"graph": {"_target_": target}}, r"graph\._target_ must be the name of a class")


@pytest.mark.parametrize("key", ["_args_", "_recursive_", "_convert_"])
def test_what_else_hydra_obeys_is_refused_wherever_it_stands(key):
    for config in ({"graph": {key: []}}, {"graph": {"a": [{key: None}]}}, {key: 1}, {"notes": {key: "all"}}):
        with pytest.raises(UserError, match=f"holds the key '{key}'"):
            check_plain(config)
        assert_refused(config, f"holds the key '{key}'")


@pytest.mark.parametrize(
    ("config", "message"),
    [
        ({"a": "${oc.env:HOME}"}, r"a='\$\{oc\.env:HOME\}' is refused"),
        ({"a": [{"b": "x ${c}"}]}, r"a\.0\.b='x \$\{c\}' is refused"),
        ({"a": {"${b}": 1}}, r"a holds the key '\$\{b\}'"),
        ({"graph": {"_target_": "${name}"}}, r"graph\._target_='\$\{name\}' is refused"),
        ({"a": "???"}, r"a='\?\?\?' is refused"),
        ({"a": "b\0"}, r"a='b\\\\x00' is refused"),
        ({"a": {1: 2}}, "a holds the key a int"),
        ({"a": {"_partial_": "yes"}}, r"a\._partial_ must be true or false"),
        ({"a": 2**63}, "a is a whole number of 64 bits, and 63 are the most"),
        ({"a": -(2**63)}, "63 are the most"),
        ({"a": b"bytes"}, "a is no plain value but a bytes"),
        ({"a": {1, 2}}, "a is no plain value but a set"),
        ({"a": object}, "a is no plain value but a type"),
    ],
)
def test_values_are_plain(config, message):
    with pytest.raises(UserError, match=message):
        check_plain(config)
    assert_refused(config, message)


def test_the_largest_whole_number_and_the_name_that_only_looks_like_an_interpolation():
    check_plain({"a": 2**63 - 1, "b": "$5 {x} $", "c": {"_partial_": False}})


def test_size_and_depth_are_bounded():
    deep = {}
    for _ in range(30):
        deep = {"a": deep}
    itself = {}
    itself["a"] = itself
    wide = {"a": [[0] * 1000 for _ in range(30)]}
    twice = {"a": 1}
    for _ in range(15):  # a list of two times the same, 2^15 in all
        twice = {"a": twice, "b": twice}
    for config in (deep, itself, wide, twice):
        with pytest.raises(UserError, match="nested too deeply or too large"):
            check_plain(config)
    check_plain({"a": [0] * 10_000})


def test_messages_are_short_and_without_what_a_terminal_obeys():
    for text in ("\x1b[2J" + "a" * 10_000, "\u202e" * 500):
        with pytest.raises(UserError) as caught:
            check_targets({"graph": {"_target_": text}}, ALLOWED)
        assert len(str(caught.value)) < 2000
        assert str(caught.value).isascii()
        assert "\x1b" not in str(caught.value)


def test_a_trusted_package_may_bring_what_it_defines(package):
    for target in ("own_targets.graphs.Near", "own_targets.graphs.Near.near"):
        for trusted in (["own_targets"], ["own_targets.graphs"], ["other", "own_targets"]):
            check_targets({"mine": [{"_target_": target}]}, ALLOWED, trusted)


@pytest.mark.parametrize(
    ("target", "message"),
    [
        ("own_targets.graphs.mkdir", "this is of (posix|nt)"),
        ("own_targets.graphs.os.mkdir", "this is of os"),
        ("own_targets.graphs.os", "this is of os"),
        ("own_targets.graphs.pathlib.Path", "this is of pathlib"),
        ("own_targets.graphs.own_others.Other", "this is of own_others"),
        ("own_targets.graphs.KNN", r"this is of gnn_dml\.graphs\.knn"),
        ("own_targets.graphs.number", "is refused"),
        ("own_targets.graphs", "is refused"),
        ("own_targets.graphs.Nearest", "own_targets.graphs.Nearest cannot be imported"),
        ("own_targets.broken.Near", r"own_targets\.broken cannot be imported \(no disk\)"),
        ("own_targets.graphs.Near.__init__", "is no name of a class or function"),
        ("own_targets.__class__", "is no name of a class or function"),
        ("own_targets.graphs.Near.near.__globals__", "is no name of a class or function"),
        ("own_targets..graphs", "is no name of a class or function"),
        ("own_targets.", "is no name of a class or function"),
        ("own_targetss.graphs.Near", "add --trust PACKAGE"),
        ("own_others.Other", "add --trust PACKAGE"),
    ],
)
def test_and_nothing_that_it_imports(package, target, message):
    assert_refused({"graph": {"_target_": target}}, message, ["own_targets"])


def test_nothing_is_imported_before_all_of_it_was_looked_through(package):
    """A refused target behind a trusted one, and a trusted one that nobody trusts."""
    near = {"_target_": "own_targets.graphs.Near"}
    assert_refused({"graph": near}, "add --trust PACKAGE")
    assert_refused({"graph": near, "layer": {"_target_": "os.system"}}, "layer._target_='os.system'", ["own_targets"])
    assert_refused({"graph": near, "a": "${b}"}, "is refused", ["own_targets"])
    assert not (package / "imported").exists()
    assert "own_targets" not in sys.modules
    check_targets({"graph": near}, ALLOWED, ["own_targets"])
    assert (package / "imported").exists()


@pytest.mark.parametrize("name", ["own lib", "", "a..b", "a/b", "os;", ".a", "a."])
def test_trust_takes_a_name_of_a_package(name):
    assert_refused({}, "--trust takes the name of a Python package", [name])


def test_a_folder_of_the_user_allows_what_its_yamls_name(tmp_path):
    (tmp_path / "graph").mkdir()
    (tmp_path / "graph" / "mine.yaml").write_text("_target_: mine.Graph\ninner: [{_target_: mine.Inner}]\n")
    (tmp_path / "runs" / "graph").mkdir(parents=True)
    (tmp_path / "runs" / "graph" / "other.yaml").write_text("_target_: other.Graph\n")
    (tmp_path / "config.yaml").write_text("graph: {_target_: other.Graph}\n")
    allowed = allowed_targets(tmp_path)
    assert allowed["graph"] - ALLOWED["graph"] == {"mine.Graph", "mine.Inner"}
    assert {part: names for part, names in allowed.items() if part != "graph"} == {
        part: names for part, names in ALLOWED.items() if part != "graph"
    }


def test_a_yaml_of_the_user_speaks_for_the_part_that_its_package_line_says(tmp_path):
    (tmp_path / "dataset").mkdir()
    (tmp_path / "dataset" / "mine.yaml").write_text(
        "# @package _global_\ndataset: {source: {_target_: mine.read}}\nlayer: {_target_: mine.Layer}\n"
    )
    allowed = allowed_targets(tmp_path)
    assert allowed["dataset"] - ALLOWED["dataset"] == {"mine.read"}
    assert allowed["layer"] - ALLOWED["layer"] == {"mine.Layer"}


@pytest.mark.parametrize("text", ["a: [", "a: !!python/object/apply:os.mkdir [made]", b"\xff\xfe\xfa"])
def test_a_yaml_of_the_user_that_cannot_be_read_is_named(tmp_path, text):
    (tmp_path / "graph").mkdir()
    (tmp_path / "graph" / "mine.yaml").write_bytes(text if isinstance(text, bytes) else text.encode())
    with pytest.raises(UserError, match=r"mine\.yaml cannot be read as YAML"):
        allowed_targets(tmp_path)
