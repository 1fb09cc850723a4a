"""What all tests share."""

from __future__ import annotations

import os

from hypothesis import settings

# In CI the same examples every time: a change is judged by what it does, not by what chance found. Elsewhere the search
# goes on.
settings.register_profile("ci", derandomize=True, deadline=None)
settings.register_profile("search", deadline=None)
settings.load_profile("ci" if os.environ.get("CI") else "search")
