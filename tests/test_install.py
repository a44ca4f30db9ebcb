"""Installing by uv as pip is configured."""

import importlib.util
import os
import subprocess
import sys
from pathlib import Path

import pytest

SCRIPT = Path(__file__).resolve().parents[1] / ".ci" / "install.py"
spec = importlib.util.spec_from_file_location("install", SCRIPT)
assert spec is not None
assert spec.loader is not None
install = importlib.util.module_from_spec(spec)
spec.loader.exec_module(install)


def test_what_pip_itself_lists_is_handed_on(tmp_path, monkeypatch):
    (tmp_path / "pip.conf").write_text(
        "[global]\nindex-url = https://mirror.example/simple\nextra-index-url =\n  https://a.example/x\n  file:///b\n"
        "quiet = 1\n[install]\nfind-links = /c\n  /d\nconstraint = /e/limits.txt\n[download]\npre = yes\n"
    )
    for name in [name for name in os.environ if name.startswith("PIP_")]:
        monkeypatch.delenv(name)
    monkeypatch.setenv("PIP_CONFIG_FILE", str(tmp_path / "pip.conf"))
    monkeypatch.setenv("PIP_INDEX_URL", "https://nearer.example/simple")
    settings = install.pip_settings(install.list_settings())
    mine = {"index-url", "extra-index-url", "find-links", "constraint", "quiet"}
    found = install.uv_environment({name: settings[name] for name in mine}, {"HOME": "h"})
    assert found == {
        "HOME": "h",
        "UV_CONSTRAINT": "/e/limits.txt",
        "UV_DEFAULT_INDEX": "https://nearer.example/simple",
        "UV_FIND_LINKS": "/c,/d",
        "UV_INDEX": "https://a.example/x file:///b",
        "UV_INDEX_STRATEGY": "unsafe-best-match",
    }
    assert "pre" not in settings  # of another command


def test_what_is_set_for_uv_stays():
    found = install.uv_environment({"index-url": "https://pip.example"}, {"UV_DEFAULT_INDEX": "https://uv.example"})
    assert found["UV_DEFAULT_INDEX"] == "https://uv.example"


@pytest.mark.parametrize("name", ["only-binary", "pre", "require-hashes", "target", "never-heard-of"])
def test_other_settings_are_left_to_pip(name):
    assert install.uv_environment({name: "1"}, {}) is None


def test_what_is_no_listing_is_refused():
    with pytest.raises(ValueError, match="not a setting of pip: 'ERROR'"):
        install.pip_settings("global.quiet='1'\nERROR")


def test_where_uv_cannot_install_pip_does(tmp_path):
    """Into an environment that sees no index at all: both refuse, and the code is pip's."""
    environment = {
        key: value for key, value in os.environ.items() if not key.startswith(("PIP_", "UV_")) and key != "PYTHONPATH"
    }
    (tmp_path / "pip.conf").write_text("[global]\nno-index = true\n")
    environment |= {"PIP_CONFIG_FILE": str(tmp_path / "pip.conf"), "HOME": str(tmp_path)}
    command = [sys.executable, str(SCRIPT), "nothing-of-that-name"]
    done = subprocess.run(command, capture_output=True, text=True, env=environment, cwd=tmp_path, check=False)
    assert done.returncode == 1
    assert "No matching distribution found for nothing-of-that-name" in done.stderr
