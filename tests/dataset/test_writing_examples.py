"""write_example and write_examples of both writers: the bytes of encode_example, row by row."""

from __future__ import annotations

import numpy as np
import pytest

import tfrecord_lite as tfr

COLUMNS = {
    "label": np.arange(1000),
    "name": [None if row % 3 == 0 else f"name {row}" for row in range(1000)],
    "ids": tfr.Ragged(np.arange(1999), np.minimum(2 * np.arange(1001), 1999)),
}
ROWS = [
    {name: column[row] for name, column in COLUMNS.items() if column[row] is not None}
    for row in range(1000)
]
ENCODED = [tfr.encode_example(row) for row in ROWS]


@pytest.fixture(params=["RecordWriter", "ShardWriter"])
def opened(request, tmp_path):
    """Return a function that opens a writer of either kind, and the path of what it writes."""

    def open_writer(**options):
        if request.param == "RecordWriter":
            return tfr.RecordWriter(tmp_path / "a", **options)
        return tfr.ShardWriter(tmp_path / "a", records_per_shard=300, **options)

    return open_writer, tmp_path / "a"


def test_examples(opened):
    open_writer, path = opened
    with open_writer() as writer:
        for row in ROWS[:10]:
            writer.write_example(row)
        assert writer.write_examples(COLUMNS) == 1000
        writer.write(b"")
        assert writer.write_examples({"label": []}) == 0
        assert writer.records == 1011
    assert list(tfr.read_records(path)) == [*ENCODED[:10], *ENCODED, b""]


def test_features(opened):
    open_writer, path = opened
    features = {"label": np.float32}
    with open_writer() as writer:
        writer.write_example({"label": 3}, features)
        assert writer.write_examples({"label": [4, 5]}, features) == 2
        with pytest.raises(TypeError, match="features"):
            writer.write_example({"label": 3}, "label")
    expected = [tfr.encode_example({"label": float(number)}) for number in (3, 4, 5)]
    assert list(tfr.read_records(path)) == expected


def test_features_of_a_set(tmp_path):
    features = {"label": tfr.FixedLenFeature([], np.float32)}
    with tfr.ShardWriter(tmp_path / "a", features=features) as writer:
        writer.write_example({"label": 3})
        writer.write_examples({"label": [4, 5]})
    (batch,) = tfr.read_batches(tmp_path / "a")
    assert batch["label"].tolist() == [3.0, 4.0, 5.0]
    assert batch["label"].dtype == np.float32


def test_what_is_refused_leaves_no_part_of_a_record(opened):
    open_writer, path = opened
    with open_writer() as writer:
        writer.write_example(ROWS[0])
        with pytest.raises(tfr.ExampleError, match="label"):
            writer.write_example({"label": 2**63})
        with pytest.raises(tfr.ExampleError, match="row 1"):
            writer.write_examples({"label": [1, 2.5]})
        with pytest.raises(tfr.ExampleError, match="row 500"):
            writer.write_examples({"label": [*range(500), 2.5]})
        written = writer.records
    found = list(tfr.read_records(path))
    assert len(found) == written < 500
    assert found[1:] == [tfr.encode_example({"label": row}) for row in range(written - 1)]


def test_after_close(opened):
    open_writer, _ = opened
    with open_writer() as writer:
        writer.write_example(ROWS[0])
    with pytest.raises(ValueError, match="write to a closed"):
        writer.write_example(ROWS[0])
    with pytest.raises(ValueError, match="write to a closed"):
        writer.write_examples(COLUMNS)
