"""YAML as it is written: whatever a reader of YAML 1.1 or 1.2 might take for no text is quoted."""

from __future__ import annotations

from typing import Any, Final

import yaml

from streamflow.manifest.scalars import BOOL, FLOAT, INT, NULL

BASE: Final[Any] = getattr(yaml, "CSafeDumper", yaml.SafeDumper)


class _Dumper(BASE):  # type: ignore[misc]  # libyaml's, where PyYAML has it
    """Quotes what the core schema of YAML 1.2 takes for no text, too."""

    def ignore_aliases(self, data: Any) -> bool:
        """Write everything where it stands."""
        return True


for name, pattern in (("null", NULL), ("bool", BOOL), ("int", INT), ("float", FLOAT)):
    _Dumper.add_implicit_resolver(f"tag:yaml.org,2002:{name}", pattern, None)


def write_yaml(data: dict[str, Any]) -> str:
    r"""A mapping as YAML.

    >>> write_yaml({"on": "process", "a": "1e3", "b": [1, True, None, 0.5]})
    "'on': process\na: '1e3'\nb:\n- 1\n- true\n- null\n- 0.5\n"
    """
    dumped = yaml.dump(data, Dumper=_Dumper, sort_keys=False, allow_unicode=True, width=100)
    return str(dumped)
