"""`jobs.convert` of damaged Arrow files: an error that names the file, whatever is in it."""

from __future__ import annotations

import numpy as np
import pytest
from job_sets import of_set, tree

import tfrecord_lite as tfr
from tfrecord_lite.jobs import convert

pa = pytest.importorskip("pyarrow")

TABLES = {
    "strings": pa.table({"x": ["ab", None, "cde"] * 99}),
    "lists": pa.table({"x": [[1], None, [2, 3]] * 99}),
    "bytes in lists": pa.table({"x": pa.array([[b"ab"], [], [b"c"]] * 99, pa.list_(pa.binary()))}),
    "views": pa.table({"x": pa.array(["more than twelve bytes"] * 99, pa.string_view())}),
    "categories": pa.table({"x": pa.array(["ab", "c", "ab"] * 99).dictionary_encode()}),
}


def written(path, table, form):
    new = pa.ipc.new_file if form == "file" else pa.ipc.new_stream
    with new(path, table.schema) as file:
        file.write_table(table)
    return bytearray(path.read_bytes())


@pytest.mark.parametrize("form", ["file", "stream"])
@pytest.mark.parametrize(
    ("name", "right", "wrong"),
    [
        # The last offset: that of a row before, and one far behind the end.
        ("strings", 99 * 5, 1),
        ("strings", 99 * 5, 1 << 30),
        ("lists", 99 * 3, 1 << 30),
        ("bytes in lists", 99 * 3, 1 << 30),
    ],
)
def test_offsets_that_are_damaged_are_refused_before_they_are_used(
    tmp_path, form, name, right, wrong
):
    path = tmp_path / "a.arrow"
    data = written(path, TABLES[name], form)
    at = data.rindex(np.int32(right).tobytes())
    data[at : at + 4] = np.int32(wrong).tobytes()
    path.write_bytes(data)
    with pytest.raises(tfr.TFRecordError, match=r"a\.arrow: this is no whole Arrow file: ") as got:
        convert(path, tmp_path / "new")
    assert got.value.path == str(path)
    assert tree(tmp_path) == ["a.arrow"]


@pytest.mark.parametrize("form", ["file", "stream"])
@pytest.mark.parametrize("name", TABLES)
def test_any_damage_is_an_error_about_the_file_or_other_values(tmp_path, form, name):
    path = tmp_path / "a.arrow"
    whole = written(path, TABLES[name], form)
    rng = np.random.default_rng([len(name), len(form)])
    refused = 0
    for _ in range(10):
        data = whole.copy()
        data[rng.integers(len(data))] ^= int(rng.integers(1, 256))
        path.write_bytes(data)
        try:
            convert(path, tmp_path / "b.tfrecord", overwrite=True)
        except tfr.TFRecordError as error:
            assert error.path == str(path)
            refused += 1
        else:
            list(of_set(tmp_path / "b.tfrecord"))
    assert refused
