"""The set of examples/cluster, as its step "write" leaves it, for worlds that have no Ray."""

from __future__ import annotations

import sys

import numpy as np
from examples.running import EXAMPLES

import tfrecord_lite as tfr


def write_pictures(folder, count: int) -> None:
    """Write pictures of three kinds, as many of each."""
    sys.path.insert(0, str(EXAMPLES / "cluster"))
    try:
        import cluster
    finally:
        sys.path.pop(0)
    with tfr.ShardWriter(f"{folder}/pictures", num_shards=2, features=cluster.FEATURES) as writer:
        writer.write_examples(cluster.draw({"id": np.arange(count)}))
