"""Parquet files of which Arrow's own iterator of batches reads no rows, or fewer."""

from __future__ import annotations

import pytest
from job_sets import of_set, tree

import tfrecord_lite as tfr
from tfrecord_lite.jobs import convert

pa = pytest.importorskip("pyarrow")

import pyarrow.parquet as pq  # noqa: E402

from tfrecord_lite.arrow import write_table  # noqa: E402

WORDS = pa.array(["a", "b", "a", "c", "b", "a"]).dictionary_encode()


@pytest.mark.parametrize("rows_per_group", [1, 2])
def test_categories_in_lists_of_several_row_groups(tmp_path, rows_per_group):
    words = pa.ListArray.from_arrays(pa.array([0, 1, 3, 3, 6], pa.int32()), WORDS)
    table = pa.table({"number": [1, 2, 3, 4], "words": words})
    path = tmp_path / "a.parquet"
    pq.write_table(table, path, row_group_size=rows_per_group)
    assert convert(path, tmp_path / "new") == 4
    write_table(pq.ParquetFile(path), tmp_path / "of-file")
    write_table(table, tmp_path / "same")
    assert of_set(tmp_path / "new") == of_set(tmp_path / "of-file") == of_set(tmp_path / "same")


def test_rows_that_arrow_does_not_return_are_an_error(tmp_path):
    """Arrow returns no rows of short pages of version 2 that have lists of bools."""
    path = tmp_path / "a.parquet"
    table = pa.table({"x": pa.array([[True], [False, True]])})
    pq.write_table(table, path, data_page_version="2.0", data_page_size=64, row_group_size=1)
    if len(pq.read_table(path)) == 2:
        assert convert(path, tmp_path / "new") == 2
        return
    with pytest.raises(tfr.TFRecordError, match=r"a\.parquet: row group 0 .* 1 rows, .* reads 0"):
        convert(path, tmp_path / "new")
    assert tree(tmp_path) == ["a.parquet"]
