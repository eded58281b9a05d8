"""The columnar decoder in the form of `decode_example`, so that the same tests run over it."""

from __future__ import annotations

from typing import Any

import numpy as np

from tfrecord_lite.errors import ExampleError
from tfrecord_lite.example import RaggedFeature, decode_example
from tfrecord_lite.example.columns import decode_block
from tfrecord_lite.example.spans import BYTES, FLOAT, INT64, MISSING, STRING, find_spans
from tfrecord_lite.records.framing import RecordBlock

DTYPES = {BYTES: bytes, STRING: bytes, FLOAT: np.float32, INT64: np.int64, MISSING: bytes}
# As many records as are walked in step, where that does not take too long.
STEP = 16
LARGE = 10_000


def decode_in_columns(data: bytes) -> dict[str, Any]:
    """Decode an Example as a row of columns, the same in every row."""
    rows = STEP if len(data) < LARGE else 1
    return decode_rows([data] * rows)[-1]


def decode_rows(records: list[bytes]) -> list[dict[str, Any]]:
    """Decode Examples in columns, all kinds of a feature, and take the columns apart again.

    `decode_example` tells the names alone: which there are, and which have no kind, is no matter of
    columns. It is asked for no value.
    """
    names: list[set[str]] = []
    for data in records:
        try:
            names.append(set(decode_example(data, strict=False)))
        except ExampleError:
            names.append(set())
    every = sorted(set().union({"a"}, *names))
    block = RecordBlock.from_records(records)
    try:
        _, spans = find_spans(block, every, strict=False)
    except ExampleError as error:
        raise ExampleError(error.reason) from None
    rows: list[dict[str, Any]] = [dict.fromkeys(found) for found in names]
    # Features are decoded together that have one kind each in the same records; where one has
    # several kinds, those of another kind are left out. Records without it are no matter.
    together: dict[bytes, dict[str, int]] = {}
    for name, span in zip(every, spans, strict=True):
        for kind in set(span.kind.tolist()) - {MISSING} or {MISSING}:
            fits = (span.kind == kind) | (span.kind == MISSING)
            together.setdefault(np.flatnonzero(fits).tobytes(), {})[name] = kind
    kinds = {name: span.kind.tolist() for name, span in zip(every, spans, strict=True)}
    for places, some_kinds in together.items():
        index = np.frombuffer(places, np.intp)
        some = RecordBlock(block.buffer, block.starts[index], block.lengths[index])
        features = {name: RaggedFeature(DTYPES[kind]) for name, kind in some_kinds.items()}
        try:
            columns = decode_block(some, features, strict=False)
        except ExampleError as error:
            raise ExampleError(error.reason) from None
        for name, column in columns.items():
            for row, values in zip(index.tolist(), column, strict=True):
                if kinds[name][row] == MISSING:
                    assert not len(values)
                elif DTYPES[kinds[name][row]] is bytes:
                    rows[row][name] = values.tolist()
                else:
                    rows[row][name] = values.copy()
    return rows
