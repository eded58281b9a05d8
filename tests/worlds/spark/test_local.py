"""The data source on local[2]: two tasks at once, each in processes of its own."""

from __future__ import annotations

import json
import os
import sys

import numpy as np
import pytest
from worlds.files import FEATURES, damage, row, write, write_ids, write_sequences

import tfrecord_lite as tfr

# Tasks may fail three times.
MASTER = "local[2,4]"


def load(spark, path, source="tfrecord_lite", schema=None, **options):
    reader = spark.read.format(source).options(**options)
    if schema is not None:
        reader = reader.schema(schema)
    return reader.load([str(each) for each in path] if isinstance(path, list) else str(path))


def save(frame, name, mode="append", source="tfrecord_lite", **options):
    frame.write.format(source).mode(mode).options(**options).save(str(name))


def ids(frame):
    return sorted(found["id"] for found in frame.select("id").collect())


def read_ids(name):
    return sorted(int(n) for batch in tfr.read_batches(name, {"id": int}) for n in batch["id"])


def only_the_set(folder):
    (name,) = [name for name in os.listdir(folder) if name.endswith(".manifest.json")]
    entries = tfr.Manifest.load(folder / name).entries
    return set(os.listdir(folder)) == {name, *(entry.name for entry in entries)}


def test_a_schema_is_inferred(spark, tmp_path):
    paths = write(tmp_path / "in", [5, 0, 7])
    features = tfr.features_to_json(FEATURES)
    frame = load(spark, paths, features=features, splits=3)
    assert frame.schema.simpleString() == (
        "struct<id:bigint,pair:array<float>,name:binary,steps:array<array<bigint>>,"
        "tags:array<bigint>,words:array<binary>>"
    )
    for found in frame.collect():
        wanted = row(found["id"])
        steps = np.reshape(wanted.pop("steps"), (-1, 2)).tolist()
        assert found["steps"] == steps
        assert {name: found[name] for name in wanted} == {
            **wanted,
            "pair": pytest.approx(wanted["pair"]),
        }
    assert ids(frame) == [*range(12)]
    assert load(spark, tmp_path / "in", select="id, tags").columns == ["id", "tags"]
    assert load(spark, tmp_path / "in", features='["tags", "id"]').columns == ["tags", "id"]


def test_types_that_spark_does_not_have(spark, tmp_path):
    values = {
        "tiny": np.array([[0, 255], [1, 2]], np.uint8),
        "short": np.array([65535, 1], np.uint16),
        "int": np.array([2**32 - 1, 1], np.uint32),
        "long": np.array([2**64 - 1, 1], np.uint64),
        "half": np.array([[[0.5], [2]], [[-1], [3]]], np.float16),
        "complex": np.array([1j, 2], np.complex64),
    }
    features = {name: tfr.RawFeature(each.shape[1:], each.dtype) for name, each in values.items()}
    with tfr.ShardWriter(tmp_path / "train", features=features) as writer:
        writer.write_examples(values)
    frame = load(spark, tmp_path / "train")
    assert frame.schema.simpleString() == (
        "struct<tiny:array<smallint>,short:int,int:bigint,long:decimal(20,0),"
        "half:array<array<float>>,complex:binary>"
    )
    for number, found in enumerate(frame.collect()):
        assert bytes(found.complex) == values["complex"][number].tobytes()
        for name in ("tiny", "short", "int", "long", "half"):
            assert np.array_equal(found[name], values[name][number]), name


def test_a_schema_is_given(spark, tmp_path):
    path = tmp_path / "a.tfrecord"
    with tfr.RecordWriter(path) as writer:
        writer.write(tfr.encode_example({"id": 1, "name": "one"}))
        writer.write(tfr.encode_example({"id": 2}))
    schema = "name string, id int, other array<float>"
    found = load(spark, path, schema=schema).orderBy("id").collect()
    assert [tuple(found) for found in found] == [("one", 1, None), (None, 2, None)]


@pytest.mark.parametrize("column", ["a long", "a array<long>", "there_is_none long"])
def test_null_where_the_schema_has_none(spark, tmp_path, column):
    path = tmp_path / "a.tfrecord"
    with tfr.RecordWriter(path) as writer:
        writer.write_example({"a": 1, "name": "one"})
        writer.write_example({"name": "two"})
    with pytest.raises(Exception, match=r"a.tfrecord: column '\w+' is NOT NULL in the schema"):
        load(spark, path, schema=f"name string not null, {column} not null").collect()
    found = load(spark, path, schema="name string not null").collect()
    assert [name for (name,) in found] == ["one", "two"]


def test_one_file_is_read_by_several_tasks(spark, tmp_path):
    (path,) = write_ids(tmp_path / "in", [20_000])
    frame = load(spark, path, splits=4)
    assert frame.rdd.getNumPartitions() == 4
    assert ids(frame) == [*range(20_000)]
    (path,) = write_ids(tmp_path / "gz", [300], compression="GZIP", block_bytes=None)
    assert ids(load(spark, path, bytes_per_split=100)) == [*range(300)]


def test_sequence_examples(spark, tmp_path):
    rows = write_sequences(str(tmp_path / "a.tfrecord"))
    frame = load(spark, tmp_path / "a.tfrecord")
    found = sorted(found["context"]["id"] for found in frame.collect())
    assert found == [row["context"]["id"] for row in rows]


def test_no_records(spark, tmp_path):
    write_ids(tmp_path / "in", [0])
    assert load(spark, tmp_path / "in", schema="id long").count() == 0


def test_damage(spark, tmp_path):
    paths = write_ids(tmp_path / "in", [10, 10])
    damage(paths[1], 3)
    with pytest.raises(Exception, match=r"CorruptRecordError: .*1\.tfrecord: record 3"):
        load(spark, paths).count()
    report = tmp_path / "damage.jsonl"
    frame = load(spark, paths, on_damage="report", report=str(report))
    assert ids(frame) == [number for number in range(20) if number != 13]
    assert frame.count() == 19
    (line,) = report.read_text().splitlines()
    assert json.loads(line)["path"] == paths[1]


@pytest.mark.parametrize(
    ("options", "message"),
    [
        ({"what": "x"}, "option 'what'"),
        ({"verify": "maybe"}, "option 'verify': 'maybe' must be true or false"),
        ({"on_damage": "report"}, "wants report="),
        ({"on_damage": "ignore"}, "choose 'raise' or 'report'"),
        ({"select": "nothing"}, "'nothing' is not among"),
        ({"splits": 2, "bytes_per_split": 3}, "pass one of the two"),
    ],
)
def test_wrong_options(spark, tmp_path, options, message):
    paths = write_ids(tmp_path / "in", [3])
    with pytest.raises(Exception, match=message):
        load(spark, paths, **options).count()


def test_files_that_are_missing(spark, tmp_path):
    with pytest.raises(Exception, match=r"FileNotFoundError.*nothing"):
        load(spark, tmp_path / "nothing")


def test_a_set_that_stands_is_replaced_whole_or_stays(spark, tmp_path):
    name = tmp_path / "train"
    save(spark.range(10), name, records_per_shard=4)
    with pytest.raises(Exception, match=r'FileExistsError.* save with mode\("overwrite"\)'):
        save(spark.range(20), name)
    with pytest.raises(Exception, match=r"column 'b'"):
        save(spark.sql("select 1 as id, map(1, 2) as b"), name, mode="overwrite")
    assert read_ids(name) == [*range(10)]
    assert only_the_set(tmp_path)
    save(spark.range(20), name, mode="overwrite", compression="GZIP", fsync="true")
    assert read_ids(name) == [*range(20)]
    assert only_the_set(tmp_path)
    assert tfr.verify(name).ok


def test_columns_written_and_read(spark, tmp_path):
    frame = spark.sql(
        "select id, cast(id as string) as name, array(1.5f, 2f) as pair, 0.1d as price,"
        " if(id = 1, null, id) as odd from range(3)"
    )
    save(frame, tmp_path / "train", cast='{"price": "float32"}')
    found = load(spark, tmp_path / "train", schema="name string, pair array<float>, odd long")
    assert [tuple(row) for row in found.orderBy("name").collect()] == [
        ("0", [1.5, 2.0], 0),
        ("1", [1.5, 2.0], None),
        ("2", [1.5, 2.0], 2),
    ]


def test_no_worker_has_tensorflow(spark, tmp_path):
    paths = write_ids(tmp_path / "in", [10])

    def loaded(batches):
        import pyarrow as pa

        for _ in batches:
            yield pa.RecordBatch.from_pydict({"loaded": ["tensorflow" in sys.modules]})

    # Nor has one that reads: there it cannot be imported.
    found = load(spark, paths).mapInArrow(loaded, "loaded boolean").collect()
    assert [row.loaded for row in found] == [False]


@pytest.mark.parametrize("point", ["read", "write", "commit1", "commit2", "commit3"])
def test_a_worker_that_is_killed(spark, tmp_path, kill_folder, point):
    paths = write_ids(tmp_path / "in", [40_000])
    out = tmp_path / "out"
    save(spark.range(3), out / "train")
    (kill_folder / point).touch()
    frame = load(spark, paths, "killing", splits=3)
    if point.startswith("commit"):
        with pytest.raises(Exception, match="SIGKILL|crashed|EOF|exited"):
            save(frame, out / "train", "overwrite", "killing")
        assert read_ids(out / "train") == [0, 1, 2]
    else:
        save(frame, out / "train", "overwrite", "killing")
        assert read_ids(out / "train") == [*range(40_000)]
    assert not (kill_folder / point).exists()
    assert only_the_set(out)
