"""Proving that files are whole, and taking from them what is."""

from __future__ import annotations

from tfrecord_lite.integrity.report import Fault, FileReport, Report
from tfrecord_lite.integrity.salvage import salvage
from tfrecord_lite.integrity.verify import verify

__all__ = ["Fault", "FileReport", "Report", "salvage", "verify"]
