"""What holds for every test."""

from __future__ import annotations

from hypothesis import settings

# No test asserts a time: what hangs is the watchdog's business.
settings.register_profile("streamflow", deadline=None)
settings.load_profile("streamflow")
