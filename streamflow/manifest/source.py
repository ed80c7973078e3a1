"""Sources: where a manifest may come from, and what stands there, whatever it means."""

from __future__ import annotations

import os
import re
from collections.abc import Mapping
from pathlib import Path
from typing import Any, Final, NamedTuple, TypeAlias, cast

from streamflow.errors import ManifestError
from streamflow.manifest.faults import Faults, TextError, show
from streamflow.manifest.jsontext import read_json
from streamflow.manifest.shapes import is_mapping
from streamflow.manifest.spec import Manifest

Source: TypeAlias = "str | bytes | bytearray | os.PathLike[str] | Mapping[str, Any] | Manifest"

ENDINGS: Final = (".json", ".yaml", ".yml")

JSON: Final = re.compile(r'\s*(?:\[|\{\s*["}])')
"""How a text begins that is JSON, and not YAML."""

MOST_BYTES: Final = 8 * 2**20
"""Of a text; it is read into memory several times over."""

MOST_MARKS: Final = 500_000
"""Commas and colons of JSON: about as many values take half a second to read."""

MOST_YAML: Final = 2**20
"""Letters of YAML, which takes many times as long to read as JSON."""


class Text(NamedTuple):
    """What was read.

    Attributes:
        name: of its source, for errors.
        data: mappings, lists and scalars.
    """

    name: str
    data: Mapping[str, Any]


def read_source(source: str | bytes | bytearray | os.PathLike[str] | Mapping[str, Any]) -> Text:
    """Read a path, a text, bytes or a mapping.

    Raises:
        ManifestError: it cannot be read, or is no mapping.
    """
    name, ending, text = _text(source) if not isinstance(source, Mapping) else ("manifest", "", "")
    data: Any = source if is_mapping(source) else _parse(name, ending, text)
    if not is_mapping(data):
        near = "; a path must end in .json, .yaml or .yml" if isinstance(data, str) else ""
        raise _error(name, f"a manifest must be a mapping, got {show(data)}{near}")
    return Text(name, data)


def _text(source: object) -> tuple[str, str, str]:
    """Name, ending and text of a source."""
    if isinstance(source, str) and (not source.lower().endswith(ENDINGS) or _is_text(source)):
        return "manifest", "", _decode("manifest", source)
    if isinstance(source, bytes | bytearray):
        return "manifest", "", _decode("manifest", bytes(source))
    if not isinstance(source, str | os.PathLike):
        raise TypeError(
            "a manifest must be a path, a text, bytes, a mapping or a Manifest, "
            f"not {type(source).__name__}"
        )
    path = Path(cast("str | os.PathLike[str]", source))
    try:
        with path.open("rb") as file:
            read = file.read(MOST_BYTES + 1)
    except (OSError, ValueError) as error:
        words = getattr(error, "strerror", None) or str(error)
        raise _error(str(path), f"cannot be read: {words}") from error
    return str(path), path.suffix.lower(), _decode(str(path), read)


def _is_text(source: str) -> bool:
    return "\n" in source or source.lstrip()[:1] in ("{", "[")


def _decode(name: str, read: object) -> str:
    size = len(cast("str | bytes", read))
    if size > MOST_BYTES:
        raise _error(name, f"is larger than {MOST_BYTES // 2**20} MiB, the most that is read")
    if isinstance(read, str):
        return read
    try:
        return cast("bytes", read).decode("utf-8-sig")
    except UnicodeDecodeError as error:
        byte = f"0x{cast('bytes', read)[error.start]:02x}"
        words = f"is not UTF-8: the byte {byte} at offset {error.start} cannot be"
        raise _error(name, words) from None


def _parse(name: str, ending: str, text: str) -> Any:
    try:
        if ending == ".json" or (not ending and JSON.match(text)):
            if text.count(",") + text.count(":") > MOST_MARKS:
                raise TextError(((), f"holds more than {MOST_MARKS} values, the most that is read"))
            return read_json(text)
        if len(text) > MOST_YAML:
            words = f"is larger than {MOST_YAML // 2**20} MiB, the most that is read of YAML"
            raise TextError(((), f"{words}; write it as JSON"))
        from streamflow.manifest.yamltext import read_yaml

        return read_yaml(text)
    except TextError as error:
        faults = Faults(name)
        for where, words in error.flaws:
            faults.add(where, words)
        faults.raise_any()


def _error(name: str, words: str) -> ManifestError:
    return ManifestError(name, (("", words),))
