"""Exceptions by name, as ``retry.on`` has them: builtins, streamflow's own, or import paths."""

from __future__ import annotations

import builtins
import importlib
from typing import Any

from streamflow import errors


def find_exception(name: str, *, allow_imports: bool) -> type[Exception]:
    """The exception type of a name.

    Args:
        name: of a builtin, of an error of streamflow's, or ``package.module:Class``.
        allow_imports: whether the last may be imported.

    Raises:
        ValueError: there is none, or it may not be imported.

    >>> find_exception("ConnectionError", allow_imports=False)
    <class 'ConnectionError'>
    """
    module, colon, path = name.partition(":")
    if not colon:
        found = getattr(errors, name, None) or getattr(builtins, name, None)
    elif not allow_imports:
        raise ValueError(f"{name} would have to be imported, and imports are not allowed")
    else:
        found = _import(module, path)
    if not (isinstance(found, type) and issubclass(found, Exception)):
        raise ValueError(  # noqa: TRY004 - it is the name that is wrong, not its type
            f"{name} is no exception: it must be a builtin such as ConnectionError, "
            "one of streamflow's, or package.module:Class"
        )
    return found


def name_exception(kind: type[Exception]) -> str:
    """The name by which `find_exception` finds it.

    >>> from json import JSONDecodeError
    >>> name_exception(OSError), name_exception(JSONDecodeError)
    ('OSError', 'json.decoder:JSONDecodeError')
    """
    name = kind.__name__
    if kind in (getattr(errors, name, None), getattr(builtins, name, None)):
        return name
    return f"{kind.__module__}:{kind.__qualname__}"


def _import(module: str, path: str) -> Any:
    try:
        found: Any = importlib.import_module(module)
        for step in path.split("."):
            found = getattr(found, step)
    except Exception as error:  # importing runs the package's own code
        raise ValueError(f"{module}:{path} cannot be imported: {error}") from error
    return found
