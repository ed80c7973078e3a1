"""Loading: a pipeline out of a Python file, named as ``FILE.py:name``.

The file is imported, not run as a program: what stands below
``if __name__ == "__main__"`` is left out.
"""

from __future__ import annotations

import difflib
import importlib.util
import inspect
import sys
import traceback
from collections.abc import Mapping
from pathlib import Path
from types import ModuleType
from typing import Any, Final

from streamflow.cli.failures import Failure
from streamflow.pipeline import Pipeline

DEFAULT_NAME: Final = "pipeline"


def load_pipeline(target: str) -> Pipeline:
    """Find a pipeline.

    Args:
        target: ``FILE.py:name``; the name is ``pipeline`` if not given. It stands
            for a `Pipeline`, or a function without arguments that returns one.

    Raises:
        Failure: the file cannot be imported, or has no such pipeline.
    """
    path, name = split_target(target)
    module = import_file(path)
    values = vars(module)
    if name not in values:
        raise Failure(f"{path} has no {name!r}{_hint(name, values)}")
    found = values[name]
    if callable(found) and not isinstance(found, Pipeline):
        found = _call(found, path, name)
    if not isinstance(found, Pipeline):
        raise Failure(f"{name!r} in {path} is {_kind(found)}, not a Pipeline{_hint(name, values)}")
    return found


def split_target(target: str) -> tuple[Path, str]:
    """File and name.

    >>> split_target("a.py:draft")[1], split_target("a.py")[1]
    ('draft', 'pipeline')
    """
    file, colon, name = target.rpartition(":")
    if not colon or not name.isidentifier():
        return Path(target), DEFAULT_NAME
    return Path(file), name


def import_file(path: Path) -> ModuleType:
    """Import a file, with its folder first on the path, as Python does for a program.

    Raises:
        Failure: there is none, or it raises.
    """
    if not path.is_file():
        reason = "it is a directory" if path.is_dir() else "there is no such file"
        raise Failure(f"{path}: {reason}")
    name = path.stem if path.stem.isidentifier() else "program"
    while name in sys.modules:
        name += "_"
    spec = importlib.util.spec_from_file_location(name, path)
    if spec is None or spec.loader is None:
        raise Failure(f"{path}: it is no Python file; its name must end in .py")
    module = sys.modules[name] = importlib.util.module_from_spec(spec)
    sys.path.insert(0, str(path.resolve().parent))
    try:
        spec.loader.exec_module(module)
    except SyntaxError as error:
        where = f"line {error.lineno}, " if error.lineno else ""
        words = f"{error.filename or path} is no valid Python: {where}{error.msg}"
        raise Failure(words) from error
    except (Exception, SystemExit) as error:
        raise _raised(error, path, "it") from error
    return module


def _call(function: Any, path: Path, name: str) -> Any:
    try:
        inspect.signature(function).bind()
    except (TypeError, ValueError) as error:
        raise Failure(f"{name!r} in {path} must be callable without arguments: {error}") from error
    try:
        return function()
    except (Exception, SystemExit) as error:
        raise _raised(error, path, f"{name}()") from error


def _raised(error: BaseException, path: Path, what: str) -> Failure:
    """The failure of a file's own code, with the line of the file that was being run."""
    own = path.resolve()
    lines = [
        frame.lineno
        for frame in traceback.extract_tb(error.__traceback__)
        if Path(frame.filename).resolve() == own
    ]
    where = f" in line {lines[-1]}" if lines else ""
    words = f"{type(error).__name__}: {error}".removesuffix(": ")
    return Failure(f"{path}: {what} raised {words}{where}")


def _hint(name: str, values: Mapping[str, Any]) -> str:
    pipelines = [
        known
        for known, value in values.items()
        if isinstance(value, Pipeline) and known != name and not known.startswith("_")
    ]
    if pipelines:
        return f"; it has the pipeline{'s' * (len(pipelines) > 1)} {', '.join(pipelines)}"
    functions = [known for known, value in values.items() if inspect.isfunction(value)]
    near = difflib.get_close_matches(name, functions, 1)
    return f"; did you mean {near[0]!r}?" if near else ""


def _kind(value: Any) -> str:
    return "None" if value is None else f"of type {type(value).__name__}"
