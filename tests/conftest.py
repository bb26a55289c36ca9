"""Hypothesis draws the same examples every time, unless a long run asks for new ones: HYPOTHESIS_PROFILE=long pytest -m long."""

from __future__ import annotations

import os

from hypothesis import settings

settings.register_profile("short", derandomize=True, deadline=None, database=None)
settings.register_profile("long", deadline=None)
settings.load_profile(os.environ.get("HYPOTHESIS_PROFILE", "short"))
