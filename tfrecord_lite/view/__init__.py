"""A page in the browser that shows the records of files: what ``tfrecord-lite view`` serves."""

from __future__ import annotations

from tfrecord_lite.view.server import Viewer

__all__ = ["Viewer"]
