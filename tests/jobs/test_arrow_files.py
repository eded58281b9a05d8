"""`jobs.convert` of Arrow files: of all types of tables, and errors that name a damaged file."""

from __future__ import annotations

import numpy as np
import pytest
from job_sets import of_set, tree

import tfrecord_lite as tfr
from tfrecord_lite.jobs import convert

pa = pytest.importorskip("pyarrow")

import pyarrow.compute as pc  # noqa: E402

from tfrecord_lite.arrow import write_table  # noqa: E402

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


class Money(pa.ExtensionType):
    """An extension type as users write it: without a hash, as Arrow's base class has it."""

    def __init__(self):
        super().__init__(pa.int64(), "test.money")

    def __arrow_ext_serialize__(self):
        return b""

    @classmethod
    def __arrow_ext_deserialize__(cls, storage_type, serialized):
        return cls()


@pytest.fixture(autouse=True, scope="module")
def registered():
    pa.register_extension_type(Money())
    yield
    pa.unregister_extension_type("test.money")


DAYS = pa.array([1, 1, 2]).cast(pa.timestamp("us"))
ODD = {
    "categories of times": DAYS.dictionary_encode(),
    "lists of such": pa.ListArray.from_arrays(pa.array([0, 2, 3]), DAYS.dictionary_encode()),
    "lists of an extension type": pa.ListArray.from_arrays(
        pa.array([0, 1, 3]),
        pa.ExtensionArray.from_storage(pa.uuid(), pa.array([b"u" * 16] * 3, pa.binary(16))),
    ),
    "lists of runs": pa.ListArray.from_arrays(
        pa.array([0, 1, 3]), pc.run_end_encode(pa.array([5, 5, 7]))
    ),
    "lists of runs of text": pa.ListArray.from_arrays(
        pa.array([0, 1, 3]), pc.run_end_encode(pa.array(["a", "b", "b"]))
    ),
    "a user's extension type": pa.ExtensionArray.from_storage(Money(), pa.array([1, 2])),
}


@pytest.mark.parametrize("form", ["file", "stream"])
@pytest.mark.parametrize("rows", [0, 2])
@pytest.mark.parametrize("name", ODD)
def test_types_of_which_arrow_makes_no_empty_array(tmp_path, form, rows, name):
    table = pa.table({"x": ODD[name]}).slice(0, rows)
    written(tmp_path / "a.arrow", table, form)
    assert convert(tmp_path / "a.arrow", tmp_path / "new") == rows
    write_table(table, tmp_path / "same")
    assert of_set(tmp_path / "new") == of_set(tmp_path / "same")
    features = [tfr.RecordSet(tmp_path / one).manifest.features for one in ("new", "same")]
    assert features[0] == features[1]


@pytest.mark.parametrize("form", ["file", "stream"])
@pytest.mark.parametrize(
    ("name", "right", "wrong"),
    [
        # The last offset: that of a row before, and one far after the end.
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


def test_what_arrow_files_may_hold_as_parquet_may(tmp_path):
    """Text that is not UTF-8, and times that their types do not allow, are values all the same."""
    columns = {
        "text": pa.array([b"\xff\xfe", b"a"]).view(pa.string()),
        "texts": pa.array([[b"\xff"], []], pa.list_(pa.binary())).cast(pa.list_(pa.binary())),
        "days": pa.array([1, 2]).view(pa.date64()),
        "seconds": pa.array([99_999, 2], pa.int32()).view(pa.time32("s")),
    }
    table = pa.table(columns)
    written(tmp_path / "a.arrow", table, "file")
    assert convert(tmp_path / "a.arrow", tmp_path / "new") == 2
    write_table(table, tmp_path / "same")
    assert of_set(tmp_path / "new") == of_set(tmp_path / "same")


def test_a_connection_that_is_lost_says_nothing_about_the_file(tmp_path, monkeypatch):
    fsspec = pytest.importorskip("fsspec")
    from tfrecord_lite.stores.fsspec_store import FsspecStore

    data = bytes(written(tmp_path / "a.arrow", TABLES["strings"], "file"))
    url = "memory://arrow-files/a.arrow"
    fsspec.filesystem("memory").pipe_file("/arrow-files/a.arrow", data)
    assert convert(url, tmp_path / "new") == 297

    def lost(*_):
        raise ConnectionError(f"{url}: lost")
        yield

    monkeypatch.setattr(FsspecStore, "read", lost)
    with pytest.raises(ConnectionError, match="lost"):
        convert(url, tmp_path / "other")
