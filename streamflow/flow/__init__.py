"""What flows between segments: links with credits, and merges."""

from __future__ import annotations
