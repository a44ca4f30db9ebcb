"""One thread for each process, and small data sets for tests that read and train."""

import gc
import importlib.util
import os
import sys
from pathlib import Path

# Tests run side by side, and threads that wait for a core of their own take it from the others. Read when numpy and
# torch are loaded, here and in every process that a test starts.
os.environ.setdefault("OMP_NUM_THREADS", "1")
# A process that is to be forked should have no thread in the background; pyarrow's allocator would start one.
os.environ.setdefault("JE_ARROW_MALLOC_CONF", "background_thread:false")

import pytest
from hypothesis import settings

# Every run draws other cases; `--hypothesis-profile=many` draws more of them where a test names no number of its own.
settings.register_profile("untimed", deadline=None, max_examples=50)
settings.register_profile("many", deadline=None, max_examples=1000)
settings.load_profile("untimed")

TREES = Path(__file__).with_name("trees")


def pytest_collection_finish():
    """What is there before the first test stays; the collector need not look through it again and again."""
    gc.collect()
    gc.freeze()


def pytest_generate_tests(metafunc):
    """A test that asks for `dataset_name` runs for every data set that has a tree."""
    if "dataset_name" in metafunc.fixturenames:
        metafunc.parametrize("dataset_name", sorted(path.stem for path in TREES.glob("[!_]*.py")))


@pytest.fixture(scope="session")
def tiny_archive(trees, tmp_path_factory):
    """A small file in the format of the embedded data."""
    return trees.write_emoji(tmp_path_factory.mktemp("data"))


@pytest.fixture(scope="session")
def settings_in(tiny_archive):
    """A function from the folder of the runs to settings that train on it in a second."""
    return lambda out: [
        f"dataset.root={tiny_archive}",
        f"out={out}",
        "backbone.width=4",
        "backbone.dim=16",
        "protocol.epochs=2",
        "protocol.classes_per_batch=4",
        "protocol.images_per_class=4",
        "protocol.neighbours=4",
        "pictures=false",
        "device=cpu",
    ]


@pytest.fixture
def tiny_settings(settings_in, tmp_path):
    """Such settings for runs in a folder of the test's own."""
    return settings_in(tmp_path / "runs")


@pytest.fixture(scope="session")
def trees():
    """The package beside this file that writes trees in the layout of the data sets."""
    return _load("trees", TREES / "__init__.py")


@pytest.fixture(scope="session")
def published_weights():
    """The module beside this file that makes weights under the published names."""
    return _load("published", Path(__file__).with_name("published.py"))


@pytest.fixture(scope="session")
def processes():
    """The module beside this file that starts real processes without waiting for their imports."""
    module = _load("processes", Path(__file__).with_name("processes.py"))
    yield module
    module.kill_all()


def _load(name, path):
    spec = importlib.util.spec_from_file_location(name, path)
    module = importlib.util.module_from_spec(spec)
    sys.modules[name] = module  # a package imports its parts by its name
    spec.loader.exec_module(module)
    return module
