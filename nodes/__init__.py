"""The nodes that come with streamflow. Import it as ``streamflow.nodes``."""

from __future__ import annotations

import importlib
from typing import TYPE_CHECKING, Any

if __name__ != "streamflow.nodes":
    raise ImportError(
        f"this package is streamflow.nodes, not {__name__}: "
        "write `from streamflow.nodes import ...`"
    )

if TYPE_CHECKING:
    from streamflow.nodes.basic import PassThrough

# Each family is imported when a node of it is first asked for: naming a
# PassThrough must not load libav.
_HOMES = {
    "PassThrough": "basic",
}

__all__ = ["PassThrough"]


def __getattr__(name: str) -> Any:
    home = _HOMES.get(name)
    if home is None:
        raise AttributeError(f"streamflow.nodes has no node {name!r}")
    return getattr(importlib.import_module(f"streamflow.nodes.{home}"), name)


def __dir__() -> list[str]:
    return sorted(__all__)
