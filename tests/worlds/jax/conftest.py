from __future__ import annotations

import os

import pytest

# Several devices, to share batches out among; what JAX sees when it is imported.
os.environ["XLA_FLAGS"] = "--xla_force_host_platform_device_count=4"
os.environ["JAX_PLATFORMS"] = "cpu"


@pytest.fixture(autouse=True)
def parsed_flags():
    """Grain's worker processes want absl's flags parsed, as `absl.app.run` does."""
    from absl import flags

    if not flags.FLAGS.is_parsed():
        flags.FLAGS.mark_as_parsed()
