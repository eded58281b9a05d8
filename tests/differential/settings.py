"""Each threshold at its smallest value, and at one that is never reached."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import asdict
from typing import Any, Final

from tfrecord_lite.thresholds import thresholds

NEVER: Final = 1 << 40
# The smallest value and the largest of those that have bounds of their own.
BOUNDS: Final[dict[str, tuple[int, int]]] = {
    # Two frames of one length are the least that can look like more.
    "trial_frames": (2, NEVER),
    "frames_per_break": (1, NEVER),
    # What is read or pushed at once must be something.
    "first_scan_bytes": (1, NEVER),
    "ahead_bytes": (1, 1 << 30),
    "varint_piece_bytes": (10, NEVER),
    "varint_piece_values": (1, NEVER),
    "short_varint_bits": (7, 28),
    # A layout that compares one byte after another, or all bytes of a record.
    "layout_gap_bytes": (1, NEVER),
    "records_per_length": (1, NEVER),
    "strings_per_size": (1, NEVER),
    "layout_records": (1, NEVER),
    "walked_records": (1, NEVER),
    "walked_steps_bytes": (1, NEVER),
    "walked_lists": (1, NEVER),
    "planned_records": (1, NEVER),
    "skipped_records": (1, NEVER),
    "index_block_rows": (1, 1 << 30),
    "shuffled_at_once": (1, NEVER),
    "kept_members": (1, NEVER),
    "picked_piece_bytes": (1, NEVER),
    "picked_run_bytes": (1, NEVER),
    "picked_batch_bytes": (1, NEVER),
    "picked_gzip_batch_bytes": (1, NEVER),
}
SETTINGS: Final[dict[str, tuple[str, int]]] = {
    f"{name}={how}": (name, bound)
    for name in asdict(thresholds)
    for how, bound in zip(("smallest", "never"), BOUNDS.get(name, (0, NEVER)), strict=True)
}


@contextmanager
def applied(setting: str | None) -> Iterator[None]:
    """Set a threshold for the time being."""
    if setting is None:
        yield
        return
    name, value = SETTINGS[setting]
    before: Any = getattr(thresholds, name)
    setattr(thresholds, name, value)
    try:
        yield
    finally:
        setattr(thresholds, name, before)
