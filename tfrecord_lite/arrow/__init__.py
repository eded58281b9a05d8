"""Arrow: files of Examples as tables, and tables as files, without a Python object for each value.

It needs the extra: ``pip install 'tfrecord-lite-np[arrow]'``.
"""

from __future__ import annotations

from importlib.util import find_spec

if find_spec("pyarrow") is None:
    raise ImportError("tfrecord_lite.arrow needs pyarrow: pip install 'tfrecord-lite-np[arrow]'")

from tfrecord_lite.arrow.reading import to_arrow
from tfrecord_lite.arrow.writing import write_table

__all__ = ["to_arrow", "write_table"]
