"""Variables: ``${NAME}`` and ``${NAME:-default}`` in a manifest's strings.

A string that is nothing but one variable takes the type its value reads as;
``$${`` is a plain ``${``.
"""

from __future__ import annotations

import re
from collections.abc import Mapping
from typing import Any, Final

from streamflow.manifest.faults import Faults, Where
from streamflow.manifest.scalars import read_scalar
from streamflow.manifest.shapes import is_dict, is_list, is_mapping

VARIABLE: Final = re.compile(r"\$\$\{|\$\{([A-Za-z_][A-Za-z0-9_]*)(?::-([^}]*))?\}|\$\{")

DEEPEST: Final = 100
"""Levels of a manifest: more is no pipeline, but an attempt to exhaust the stack."""


MOST: Final = 100_000
"""Variables of a manifest."""

FIXED: Final[frozenset[type]] = frozenset((int, float, bool, type(None)))
"""Types that hold no variables."""


class Verbatim(str):
    """Text with variables in it that are to stay."""

    __slots__ = ()


class Expansion:
    """Copies what was read, with variables put in.

    Args:
        environ: values by name; None leaves all strings as they are.
        faults: for variables that are not set, and for nesting without end.

    Attributes:
        texts: what each string that was one variable holds, by its place, for
            where text is needed and the value reads as a number.
        originals: the strings that held variables, and what became of them, by
            their place.

    >>> Expansion({"W": "640"}, Faults("")).copy({"width": "${W}", "size": "${W}x${H:-360}"})
    {'width': 640, 'size': '640x360'}
    """

    def __init__(self, environ: Mapping[str, str] | None, faults: Faults) -> None:
        self._environ, self._faults = environ, faults
        self._count = 0
        self.texts: dict[Where, str] = {}
        self.originals: dict[Where, tuple[str, Any]] = {}

    def copy(self, value: Any, where: Where = ()) -> Any:
        """The value, made of new dicts and lists; what is neither, nor a string, stays itself."""
        if isinstance(value, str):
            return value if _is_fixed(value) else self._fill(value, where)
        if isinstance(value, tuple):
            value = [*value]
        if not (is_mapping(value) or is_list(value)):
            return value
        if len(where) >= DEEPEST:
            self._faults.add(where[:3], f"is nested more than {DEEPEST} levels deep")
            return None
        # Most of a large text is plain numbers and words, which need no place of their own.
        if is_mapping(value):
            return {
                str(key): item if _is_fixed(item) else self.copy(item, (*where, str(key)))
                for key, item in value.items()
            }
        return [
            item if _is_fixed(item) else self.copy(item, (*where, index))
            for index, item in enumerate(value)
        ]

    def _fill(self, text: str, where: Where) -> Any:
        if self._environ is None:
            return text
        whole = VARIABLE.fullmatch(text)
        value: Any = VARIABLE.sub(lambda found: self._value(found, where), text)
        if whole is not None and whole[1] is not None:
            self.texts[where] = value
            value = read_scalar(value)
        self.originals[where] = (text, value)
        return value

    def _value(self, found: re.Match[str], where: Where) -> str:
        self._count += 1
        if self._count > MOST:
            self._faults.add(where, f"is one of more than {MOST} variables, the most that are read")
            self._faults.raise_any()
        name, default = found[1], found[2]
        if found[0] == "$${":
            return "${"
        if name is None or (default is not None and "${" in default):
            self._faults.add(where, "a variable is ${NAME} or ${NAME:-default}; write $${ for ${")
            return ""
        # As a shell does: a variable that is empty counts as not set where there is a default.
        value = (self._environ or {}).get(name)
        if default is not None:
            return value or default
        if value is None:
            self._faults.add(where, f"the variable {name} is not set, and there is no default")
        return value or ""


def _is_fixed(value: Any) -> bool:
    return "${" not in value if isinstance(value, str) else type(value) in FIXED


def escape(value: Any) -> Any:
    """A copy in which `Expansion` finds no variables.

    >>> escape({"expression": "`${value}`"})
    {'expression': '`$${value}`'}
    """
    if isinstance(value, Verbatim):
        return str(value)
    if isinstance(value, str):
        return value.replace("${", "$${")
    if is_dict(value):
        return {key: escape(item) for key, item in value.items()}
    if is_list(value):
        return [escape(item) for item in value]
    return value
