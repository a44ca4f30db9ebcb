"""What a process of processes.py does first: it takes the streams, folder, environment and path that it was given."""

import os
import runpy
import sys
import types


def start(command, cwd, env, streams):
    """Ends as `python *command` would."""
    for number, (name, mode) in enumerate((("stdin", "r"), ("stdout", "w"), ("stderr", "w"))):
        os.dup2(streams[number].fileno(), number)
        streams[number].close()
        errors = "backslashreplace" if name == "stderr" else None
        setattr(sys, name, os.fdopen(number, mode, errors=errors, closefd=False))
        setattr(sys, f"__{name}__", getattr(sys, name))
    os.chdir(cwd)
    os.environ.clear()
    os.environ.update(env)
    sys.path[:0] = [cwd, *filter(None, env.get("PYTHONPATH", "").split(os.pathsep))]
    kind, what, *arguments = command
    sys.argv[:] = [kind, *arguments]
    if kind == "-m":
        runpy.run_module(what, run_name="__main__", alter_sys=True)
    else:
        sys.modules["__main__"] = main = types.ModuleType("__main__")
        exec(compile(what, "<string>", "exec"), vars(main))


start(**JOB)  # noqa: F821 - given by processes.py
