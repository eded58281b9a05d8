"""What files hold, told in a summary."""

from __future__ import annotations

from tfrecord_lite.description.describe import describe
from tfrecord_lite.description.features import FeatureDescription
from tfrecord_lite.description.result import Description, FileDescription
from tfrecord_lite.description.spread import Spread

__all__ = ["Description", "FeatureDescription", "FileDescription", "Spread", "describe"]
