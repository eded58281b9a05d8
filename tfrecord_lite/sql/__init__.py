"""SQL over files of Examples, by DuckDB: a path in quotes is a table.

It needs the extra: ``pip install 'tfrecord-lite-np[sql]'``.
"""

from __future__ import annotations

from importlib.util import find_spec

if any(find_spec(name) is None for name in ("duckdb", "pyarrow")):
    raise ImportError("tfrecord_lite.sql needs duckdb: pip install 'tfrecord-lite-np[sql]'")

from tfrecord_lite.sql.querying import query, write_parquet
from tfrecord_lite.sql.statement import QueryError

__all__ = ["QueryError", "query", "write_parquet"]
