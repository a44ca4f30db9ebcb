"""What a process of processes.py does first: it takes the streams, folder, environment and path that it was given."""

import gc
import importlib.machinery
import multiprocessing
import os
import runpy
import sys
import types


def start(command, cwd, env, streams):
    """Ends as `python *command` would."""
    gc.freeze()  # the libraries, which stay
    multiprocessing.set_start_method(None, force=True)  # not the server's, which would start one of its own
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
    forget_another_copy("gnn_dml")
    kind, what, *arguments = command
    sys.argv[:] = [kind, *arguments]
    if kind == "-m":
        sys.modules.pop(what, None)  # it is executed as `__main__`
        runpy.run_module(what, run_name="__main__", alter_sys=True)
    else:
        sys.modules["__main__"] = main = types.ModuleType("__main__")
        exec(compile(what, "<string>", "exec"), vars(main))


def forget_another_copy(name):
    """A package that came from the server stays only if it is the one that this process would import."""
    found = importlib.machinery.PathFinder.find_spec(name, sys.path)
    if name in sys.modules and found is not None and found.origin != sys.modules[name].__file__:
        for module in [one for one in sys.modules if one == name or one.startswith(f"{name}.")]:
            del sys.modules[module]


start(**JOB)  # noqa: F821 - given by processes.py
