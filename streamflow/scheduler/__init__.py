"""The scheduler: cuts a graph into segments, compiles them, and drives them."""

from __future__ import annotations
