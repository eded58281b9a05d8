"""The layout of tfx_bsl, by the cases of its tests."""

from __future__ import annotations

import pyarrow as pa
import pytest

import tfrecord_lite as tfr
from tfrecord_lite.arrow import to_arrow


def test_features_without_a_kind_are_nulls(tmp_path):
    """As tfx_bsl has; they were no columns."""
    path = tmp_path / "a.tfrecord"
    none = tfr.Feature()
    examples = [{"w": none, "x": tfr.Feature(int64_list={"value": [3]})}, {"x": none}]
    records = [
        tfr.Example(features={"feature": features}).SerializeToString() for features in examples
    ]
    tfr.write_records(path, records)
    table = to_arrow(path, layout="tfx").read_all()
    assert table.schema.types == [pa.null(), pa.large_list(pa.int64())]
    assert table.to_pylist() == [{"w": None, "x": [3]}, {"w": None, "x": None}]
    assert to_arrow(path, layout="tfx", select=["w"]).read_all().to_pylist() == [{"w": None}] * 2
    assert to_arrow(path).schema.names == ["x"]
    late = tfr.encode_example({"w": [1], "x": 2})
    tfr.write_records(path, records * 1000 + [late])
    with pytest.raises(tfr.ExampleError, match="record 2000 .*'w': found a value"):
        to_arrow(path, layout="tfx").read_all()
