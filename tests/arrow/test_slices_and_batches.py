"""What a table holds does not depend on how it lies in memory: in slices, in many small batches."""

from __future__ import annotations

from random import Random

import numpy as np
import pyarrow as pa
import pytest

import tfrecord_lite as tfr
from tfrecord_lite.arrow import to_arrow


@pytest.fixture
def path(tmp_path):
    return str(tmp_path / "a.tfrecord")


def flat(value):
    """Return all leaves of what Python has of a value, text as bytes."""
    if isinstance(value, list):
        return [leaf for item in value for leaf in flat(item)]
    return [value.encode() if isinstance(value, str) else value]


def expected(column):
    return [[] if row is None else flat(row) for row in column.to_pylist()]


def stored(path):
    rows = map(tfr.decode_example, tfr.read_records(path))
    values = (row.get("c", []) for row in rows)
    return [value if isinstance(value, list) else value.tolist() for value in values]


# Slices.


def cut(random, array):
    """Return an array of the same values that is a slice of another."""
    before, after = (array.slice(0, random.randrange(3)) for _ in range(2))
    return pa.concat_arrays([before, array, after]).slice(len(before), len(array))


def nested(random, leaves):
    """Return lists of fixed sizes of such lists, each of them a slice."""
    for size in (3, 2):
        leaves = cut(random, pa.FixedSizeListArray.from_arrays(cut(random, leaves), size))
    return leaves


def of_fixed_lists(random, leaves):
    items = nested(random, leaves)
    missing = pa.array([False, True, False, random.random() < 0.5])
    return pa.FixedSizeListArray.from_arrays(items, 2, mask=missing)


def of_nulls(random, leaves):
    items = cut(random, pa.FixedSizeListArray.from_arrays(cut(random, leaves), 3))
    missing = pa.array([random.random() < 0.4 for _ in range(8)])
    return pa.FixedSizeListArray.from_arrays(items, 2, mask=missing)


def of_lists(random, leaves):
    offsets = pa.array([0, 1, 4, 4, 6, 8], pa.int32())
    missing = pa.array([False, True, False, False, False])
    return pa.ListArray.from_arrays(offsets, nested(random, leaves), mask=missing)


def of_views(random, leaves):
    offsets = pa.array([random.randrange(7) for _ in range(9)], pa.int32())
    sizes = pa.array([random.randrange(3) for _ in range(9)], pa.int32())
    return pa.ListViewArray.from_arrays(offsets, sizes, nested(random, leaves))


def of_a_dictionary(random, leaves):
    indices = pa.array([5, None, 0, 7, 1, 1])
    return pa.DictionaryArray.from_arrays(indices, nested(random, leaves))


def of_runs(random, leaves):
    ends = pa.array([2, 3, 5, 6, 7, 8, 10, 11], pa.int32())
    return pa.RunEndEncodedArray.from_arrays(ends, nested(random, leaves))


LEAVES = {
    "integers": pa.array(np.arange(48)),
    "floats": pa.array(np.arange(48), pa.float32()),
    "bool": pa.array(np.arange(48) % 3 == 0),
    "bytes": pa.array([b"%03d" % n for n in range(48)], pa.binary(3)),
    "text": pa.array([str(n) for n in range(48)]),
}


@pytest.mark.parametrize("leaf", LEAVES)
@pytest.mark.parametrize(
    "column", [of_fixed_lists, of_nulls, of_lists, of_views, of_a_dictionary, of_runs]
)
def test_slices_of_nested_lists_of_fixed_sizes(path, column, leaf):
    for seed in range(4):
        random = Random(seed)
        whole = column(random, LEAVES[leaf])
        whole.validate(full=True)
        for some in (whole, whole.slice(1), whole.slice(2, 2)):
            tfr.write_examples(path, {"c": some})
            assert stored(path) == expected(some), seed


def test_a_slice_of_a_table_with_nested_lists_of_fixed_sizes(path):
    items = pa.FixedSizeListArray.from_arrays(LEAVES["floats"], 3)
    missing = pa.array(np.arange(8) % 4 == 2)
    table = pa.table({"c": pa.FixedSizeListArray.from_arrays(items, 2, mask=missing)})
    for data, rows in (
        (table.slice(1), slice(1, None)),
        (table.slice(2, 4), slice(2, 6)),
        (table.to_reader(max_chunksize=3), slice(None)),
    ):
        tfr.write_examples(path, data)
        back = to_arrow(path, table.schema).read_all()
        assert back["c"].to_pylist() == table["c"].to_pylist()[rows]


# Batches.


def dictionary(kind, *values):
    return pa.array(np.array(values, kind)).dictionary_encode()


def in_lists(array):
    return pa.ListArray.from_arrays(pa.array(np.arange(len(array) + 1), pa.int32()), array)


@pytest.mark.parametrize("form", [lambda array: array, in_lists], ids=["plain", "in lists"])
@pytest.mark.parametrize("kind", [np.float16, np.float32, np.int8, np.uint64])
def test_small_batches_whose_dictionaries_differ(path, kind, form):
    parts = [(1, 0), (2, 3), (4, 1), (0, 0)]
    column = pa.chunked_array([form(dictionary(kind, *part)) for part in parts])
    for data in ({"c": column}, pa.table({"c": column}), pa.table({"c": column}).to_reader()):
        tfr.write_examples(path, data)
        assert stored(path) == [[value] for part in parts for value in part]


def test_sequences_in_small_batches_whose_dictionaries_differ(path):
    def batch(*values):
        halves = dictionary(np.float16, *values)
        context = pa.StructArray.from_arrays([halves], ["a"], mask=pa.array([False, True]))
        steps = pa.StructArray.from_arrays([in_lists(in_lists(halves))], ["b"])
        return pa.record_batch({"context": context, "feature_lists": steps})

    tfr.write_examples(path, pa.Table.from_batches([batch(1, 2), batch(3, 4)]))
    rows = [tfr.decode_sequence_example(record) for record in tfr.read_records(path)]
    contexts, lists = zip(*rows, strict=True)
    assert [row["a"].tolist() if row else None for row in contexts] == [[1], None, [3], None]
    assert [row["b"][0].tolist() for row in lists] == [[1], [2], [3], [4]]


def test_chunks_of_pandas_whose_dictionaries_differ(path):
    pd = pytest.importorskip("pandas")
    column = pa.chunked_array([dictionary(np.float16, 1, 2), dictionary(np.float16, 3, 1)])
    series = pd.Series(pd.arrays.ArrowExtensionArray(column))
    for data in (pd.DataFrame({"c": series}), {"c": series, "other": pa.nulls(4)}):
        tfr.write_examples(path, data)
        assert stored(path) == [[1], [2], [3], [1]]
