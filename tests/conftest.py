from __future__ import annotations

from hypothesis import settings

pytest_plugins = ["matrix"]

# Machines are shared: how long a test takes says nothing of it.
settings.register_profile("shared", deadline=None)
settings.load_profile("shared")
