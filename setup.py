"""The one thing that pyproject.toml cannot say yet: the extension, which may fail to build."""

from __future__ import annotations

import sys
from pathlib import Path

from setuptools import Extension, setup

NATIVE = Path("ipc/native")

RING = Extension(
    "streamflow.ipc._ring",
    sources=["ipc/_ring.c", *sorted(map(str, NATIVE.glob("*.c")))],
    depends=sorted(map(str, NATIVE.glob("*.h"))),
    extra_compile_args=["-O2", "-std=c11", "-Wall", "-Wextra", "-fvisibility=hidden"],
    py_limited_api=True,
    optional=True,
)

setup(
    # The sources stand in sdists; an installed package has what was built from them.
    include_package_data=False,
    ext_modules=[RING] if sys.platform == "linux" else [],
    options={"bdist_wheel": {"py_limited_api": "cp311"}},
)
