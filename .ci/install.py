"""Installs into the environment of this interpreter: `python .ci/install.py -e '.[dev]'`.

uv unpacks PyTorch on all cores, in a third of pip's time. It knows nothing of how pip is configured, a mirror or a list
of constraints for instance, so that is handed on to it. Where pip has a setting that uv knows no equal of, and where uv
fails, pip installs.
"""

import ast
import os
import subprocess
import sys
from collections.abc import Mapping

PIP = [sys.executable, "-m", "pip", "--disable-pip-version-check"]
EQUALS = {
    "cert": "SSL_CERT_FILE",
    "constraint": "UV_CONSTRAINT",
    "default-timeout": "UV_HTTP_TIMEOUT",
    "extra-index-url": "UV_INDEX",
    "find-links": "UV_FIND_LINKS",
    "index-url": "UV_DEFAULT_INDEX",
    "proxy": "ALL_PROXY",
    "timeout": "UV_HTTP_TIMEOUT",
    "trusted-host": "UV_INSECURE_HOST",
}
"""Settings of pip by the variables in which uv or what it is made of reads the same."""

IDLE = {
    "break-system-packages",
    "cache-dir",
    "config-file",
    "disable-pip-version-check",
    "no-cache-dir",
    "no-color",
    "no-compile",
    "no-input",
    "no-warn-script-location",
    "progress-bar",
    "quiet",
    "require-virtualenv",
    "retries",
    "root-user-action",
    "verbose",
}
"""Settings that do not change what is installed here, nor where from."""


def list_settings() -> str:
    """What `pip config list` says, even where pip is to be quiet.

    Raises:
        subprocess.CalledProcessError: If pip cannot read its settings.
    """
    loud = {**os.environ, "PIP_QUIET": "0", "PIP_VERBOSE": "0"}
    return subprocess.run([*PIP, "config", "list"], capture_output=True, text=True, check=True, env=loud).stdout


def pip_settings(listing: str) -> dict[str, str]:
    """What `list_settings` gave, by the name of the setting; the environment counts most, then `install`.

    Raises:
        ValueError: If a line is not like `global.index-url='https://...'`.
    """
    found: dict[str, dict[str, str]] = {"global": {}, "install": {}, ":env:": {}}
    for line in filter(None, listing.splitlines()):
        key, is_there, value = line.partition("=")
        section, dot, name = key.partition(".")
        if not (is_there and dot):
            raise ValueError(f"not a setting of pip: {line!r}")
        if section in found:
            found[section][name] = str(ast.literal_eval(value))
    return {**found["global"], **found["install"], **found[":env:"]}


def uv_environment(settings: Mapping[str, str], environment: Mapping[str, str]) -> dict[str, str] | None:
    """The environment in which uv does as pip would with these settings, or None if there is none.

    Variables of uv that are set already stay.
    """
    if any(name not in EQUALS and name not in IDLE for name in settings):
        return None
    found = dict(environment)
    for name, variable in EQUALS.items():
        words = settings.get(name, "").split()
        if words:
            # Lists have commas between for find-links, spaces for all others.
            found.setdefault(variable, ("," if name == "find-links" else " ").join(words))
    # As pip does: the newest that any index has, not what the first index has that knows the package.
    found.setdefault("UV_INDEX_STRATEGY", "unsafe-best-match")
    return found


def by_uv(what: list[str]) -> bool:
    """Whether uv has installed it."""
    try:
        environment = uv_environment(pip_settings(list_settings()), os.environ)
        if environment is None:
            return False
        subprocess.run([*PIP, "install", "-q", "uv"], check=True, stderr=subprocess.DEVNULL)
        install = [sys.executable, "-m", "uv", "pip", "install", "-q", "--python", sys.executable, *what]
        subprocess.run(install, check=True, env=environment)
    except (OSError, subprocess.CalledProcessError, SyntaxError, ValueError):
        print("uv could not install it; pip tries", file=sys.stderr)
        return False
    return True


if __name__ == "__main__":
    # pip would compile all of PyTorch to bytecode, which takes a minute; Python compiles what is imported, once.
    if not by_uv(sys.argv[1:]):
        sys.exit(subprocess.run([*PIP, "install", "-q", "--no-compile", *sys.argv[1:]], check=False).returncode)
