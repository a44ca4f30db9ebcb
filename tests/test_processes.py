"""The processes of the tests: what they share with a new interpreter, and what they bring."""

import os
import signal
import subprocess
import sys

import pytest

import gnn_dml

CODE = """
import os, sys
print("torch" in sys.modules, sys.modules["gnn_dml"].__file__)
print(os.getcwd(), sys.argv, dict(os.environ), __name__)
print(len(os.listdir(f"/proc/{os.getppid()}/task")) if os.path.exists("/proc/self/task") else 1, "thread")
print("wrong", file=sys.stderr)
os.system("echo from a child of it")
print(sys.stdin.read())
"""


def test_streams_folder_arguments_and_environment(processes, tmp_path):
    process = processes.Process("-c", CODE, tmp_path, "b", cwd=tmp_path, env={"A": "1", "PATH": os.environ["PATH"]})
    out, errors = process.communicate("hello")
    env = {"A": "1", "PATH": os.environ["PATH"]}
    lines = [f"True {gnn_dml.__file__}", f"{tmp_path} {['-c', str(tmp_path), 'b']} {env} __main__", "1 thread", "hello"]
    assert sorted(out.splitlines()) == sorted([*lines, "from a child of it"])
    assert errors == "wrong\n"
    assert process.pid != os.getpid()


@pytest.mark.parametrize(
    "code",
    ["pass", "raise SystemExit(7)", "raise SystemExit('no')", "1 / 0", "import os, signal; os.kill(os.getpid(), 9)"],
)
def test_it_ends_as_an_interpreter_does(processes, code):
    expected = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True)
    found = processes.run("-c", code)
    assert found.returncode == expected.returncode
    assert found.stderr.splitlines()[-1:] == expected.stderr.splitlines()[-1:]


def test_a_module_is_found_on_its_own_path_first(processes, tmp_path):
    for place, folder in (("cwd", tmp_path), ("path", tmp_path / "path")):
        (folder / "gnn_dml").mkdir(parents=True)
        (folder / "gnn_dml" / "__main__.py").write_text(
            f"import sys; print({place!r}, sys.argv[1:], __name__, [one for one in sys.modules if 'gnn_dml' in one])"
        )
        (folder / "gnn_dml" / "__init__.py").touch()
    env = {**os.environ, "PYTHONPATH": str(tmp_path / "path")}
    (tmp_path / "empty").mkdir()
    assert processes.run("-m", "gnn_dml", "x", cwd=tmp_path, env=env).stdout == "cwd ['x'] __main__ ['gnn_dml']\n"
    assert (
        processes.run("-m", "gnn_dml", "x", cwd=tmp_path / "empty", env=env).stdout
        == "path ['x'] __main__ ['gnn_dml']\n"
    )


def test_signals_reach_it(processes):
    process = processes.Process("-c", "import sys; print('ready', flush=True); sys.stdin.readline(); print('end')")
    assert process.stdout.readline() == "ready\n"
    process.send_signal(signal.SIGSTOP)
    process.stdin.write("\n")
    process.stdin.flush()
    with pytest.raises(subprocess.TimeoutExpired):
        process.wait(0.2)
    assert process.poll() is None
    process.send_signal(signal.SIGCONT)
    assert process.communicate() == ("end\n", "")
    other = processes.Process("-c", "import time; time.sleep(1000)")
    other.kill()
    assert other.wait() == -signal.SIGKILL
