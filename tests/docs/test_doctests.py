"""Every example in a docstring of the library is run."""

from __future__ import annotations

import doctest
import importlib
import pkgutil

import pytest

import streamflow

MODULES = sorted(
    module.name for module in pkgutil.walk_packages(streamflow.__path__, "streamflow.")
)


@pytest.mark.parametrize("name", ["streamflow", *MODULES])
def test_the_examples_in_docstrings_hold(name: str) -> None:
    module = importlib.import_module(name)

    result = doctest.testmod(module, optionflags=doctest.ELLIPSIS)

    assert result.failed == 0
