"""``python -m tfrecord_lite`` is the ``tfrecord-lite`` command."""

from __future__ import annotations

from tfrecord_lite.cli import main

if __name__ == "__main__":
    main()
