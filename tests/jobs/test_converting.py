"""`jobs.convert`: other formats in and out, by the suffixes of names."""

from __future__ import annotations

import errno
import gzip
import io
import json
import os
import shutil
import tarfile
from decimal import Decimal
from pathlib import Path

import numpy as np
import pytest
from faulty_disk import every_failure
from job_sets import RECORDS, N, of_set, tree

import tfrecord_lite as tfr
from tfrecord_lite.jobs import convert

pa = pytest.importorskip("pyarrow")
import pyarrow.parquet as pq  # noqa: E402
from pyarrow import csv  # noqa: E402

from tfrecord_lite.arrow import to_arrow  # noqa: E402

TABLE = pa.table(
    {
        "label": pa.array([1, None, 3], pa.int64()),
        "score": pa.array([0.5, 1.5, None], pa.float32()),
        "name": pa.array(["cat", None, "öl"]),
        "data": pa.array([b"\xff", b"", None], pa.binary()),
        "words": pa.array([["a", "b"], [], None], pa.list_(pa.string())),
    }
)


@pytest.mark.parametrize("name", ["new.tfrecord", "new.tfrecord.gz", "new.tfrec", "new"])
def test_records_to_records(train, tmp_path, name):
    seen = []
    assert convert(train, tmp_path / name, progress=lambda *at: seen.append(at)) == N
    assert of_set(tmp_path / name) == RECORDS
    assert len(dict(seen)) == 4
    assert (tmp_path / "new.manifest.json").exists() == (name == "new")


@pytest.mark.parametrize("suffix", [".parquet", ".arrow", ".csv", ".jsonl", ".tfrecord"])
def test_names_that_are_no_utf_8(train, tmp_path, suffix):
    try:
        (tmp_path / "\udcff").mkdir()
    except (OSError, UnicodeEncodeError):
        pytest.skip("this system has no such names")
    path = tmp_path / "\udcff" / f"n\udcfe{suffix}"
    select = ["label"] if suffix == ".csv" else None
    again = tmp_path / "again.tfrecord"
    assert convert(train, path, select=select) == convert(path, again) == N
    labels = [batch["label"] for batch in tfr.read_batches(again, {"label": int})]
    assert np.concatenate(labels).tolist() == [number % 10 for number in range(N)]


@pytest.mark.parametrize("features", ["junk", ["label"], {"no": int}, {"label": float}])
@pytest.mark.parametrize("name", ["new.jsonl", "new.tfrecord", "new.tfrecord.gz"])
def test_features_where_whole_records_are_written(train, tmp_path, name, features):
    before = tree(tmp_path)
    with pytest.raises(ValueError, match=f"{name}: features are for a table"):
        convert(train, tmp_path / name, features=features)
    assert tree(tmp_path) == before
    assert convert(train, tmp_path / "a.jsonl") == N
    with pytest.raises((TypeError, ValueError), match="features|a list of names"):
        convert(tmp_path / "a.jsonl", tmp_path / "b.tfrecord", features=features)


def test_features_of_a_set_that_is_written(train, tmp_path):
    inferred = tfr.infer_features(RECORDS)

    def written(src, **options):
        convert(src, tmp_path / "new", overwrite=True, **options)
        text = tfr.Manifest.load(tmp_path / "new.manifest.json").features
        assert of_set(tmp_path / "new") == RECORDS
        return text if text is None else tfr.features_from_json(text)

    assert written(train) is None
    assert written(train, features=["words"]) == {"words": inferred["words"]}
    given = {"label": tfr.VarLenFeature(np.int64), "words": tfr.RaggedFeature(bytes)}
    assert written(train, features=given) == given
    shutil.copytree(tmp_path, tmp_path / "other")
    assert written(tmp_path / "other" / "new") == given
    assert written(tmp_path / "other" / "new", features=["label"]) == {"label": given["label"]}


@pytest.mark.parametrize("name", ["a.csv", "a.jsonl", "a.parquet"])
@pytest.mark.parametrize("dst", ["new", "new.tfrecord"])
def test_names_of_features_say_nothing_of_other_formats(tmp_path, name, dst):
    """That have no manifest, and no records of which to infer."""
    csv.write_csv(TABLE.select(["label"]), tmp_path / "a.csv")
    pq.write_table(TABLE, tmp_path / "a.parquet")
    (tmp_path / "a.jsonl").write_text('{"label": 1}\n')
    before = tree(tmp_path)
    with pytest.raises(TypeError, match="features is a list of names, which says nothing of their"):
        convert(tmp_path / name, tmp_path / dst, features=["label"])
    assert tree(tmp_path) == before


@pytest.mark.parametrize("suffix", [".parquet", ".arrow", ".feather"])
def test_tables_and_back(train, tmp_path, suffix):
    seen = []
    progress = lambda *at: seen.append(at)  # noqa: E731
    assert convert(train, tmp_path / f"a{suffix}", progress=progress) == N
    expected = to_arrow(train).read_all()
    found = pq.read_table(tmp_path / "a.parquet") if suffix == ".parquet" else None
    if found is None:
        with pa.ipc.open_file(tmp_path / f"a{suffix}") as file:
            found = file.read_all()
    assert found.equals(expected)
    assert {path for path, _ in seen} == set(map(str, train.parent.glob("*.tfrecord")))
    assert (
        convert(tmp_path / f"a{suffix}", tmp_path / "again", num_shards=1, progress=progress) == N
    )
    assert seen[-1][0] == str(tmp_path / f"a{suffix}")
    assert of_set(tmp_path / "again") == RECORDS


@pytest.mark.parametrize("suffix", [".parquet", ".arrow", ".stream.arrow"])
def test_nulls_and_lists_of_tables(tmp_path, suffix):
    path = tmp_path / f"a{suffix}"
    if suffix == ".parquet":
        pq.write_table(TABLE, path, row_group_size=2)
    elif suffix == ".arrow":
        with pa.ipc.new_file(path, TABLE.schema) as file:
            file.write_table(TABLE, 2)
    else:
        with pa.ipc.new_stream(path, TABLE.schema) as file:
            file.write_table(TABLE, 2)
    for dst in ("train", "one.tfrecord"):
        assert convert(path, tmp_path / dst) == 3
        assert to_arrow(tmp_path / dst, TABLE.schema).read_all().equals(TABLE)
    manifest = tfr.Manifest.load(tmp_path / "train.manifest.json")
    assert manifest.features is not None
    assert "words" in tfr.features_from_json(manifest.features)


def test_several_tables(tmp_path):
    (tmp_path / "in").mkdir()
    for number in range(3):
        table = pa.table({"x": [number, number + 10]})
        pq.write_table(table, tmp_path / "in" / f"{number}.parquet")
    for src in (tmp_path / "in", f"{tmp_path}/in/*.parquet", sorted((tmp_path / "in").iterdir())):
        assert convert(src, tmp_path / "new", overwrite=True) == 6
        (batch,) = tfr.read_batches(tmp_path / "new")
        assert batch["x"].tolist() == [0, 10, 1, 11, 2, 12]


def test_csv(tmp_path):
    columns = {"label": [1, 2, 3], "price": [0.5, 1.5, 2.5], "name": ['a"b', "x,y\nz", "öl"]}
    tfr.write_examples(tmp_path / "a.tfrecord", columns)
    assert convert(tmp_path / "a.tfrecord", tmp_path / "a.csv") == 3
    assert csv.read_csv(
        tmp_path / "a.csv", parse_options=csv.ParseOptions(newlines_in_values=True)
    ).to_pydict() == {**columns}
    (tmp_path / "b.csv").write_text("label,price,name\n1,0.5,x\n2,,y\n")
    assert convert(tmp_path / "b.csv", tmp_path / "b.tfrecord") == 2
    decoded = [tfr.decode_example(record) for record in of_set(tmp_path / "b.tfrecord")]
    assert decoded[0]["label"].dtype == np.int64
    assert decoded[0]["price"].tolist() == [0.5]
    assert "price" not in decoded[1]
    convert(tmp_path / "b.csv", tmp_path / "c.tfrecord", cast={"label": "string"})
    assert tfr.decode_example(of_set(tmp_path / "c.tfrecord")[0])["label"] == [b"1"]


OTHERS = [
    tfr.encode_example({}),
    tfr.encode_example({"b": 2**62, "f": [1.5, float("nan"), -1e-40, float("inf")]}),
    tfr.Example(
        features=tfr.Features(
            feature={"none": tfr.Feature(), "empty": tfr.Feature(int64_list=tfr.Int64List())}
        )
    ).SerializeToString(deterministic=True),
    tfr.encode_sequence_example({"id": 1}, {"frames": [["a", "b"], ["c"]], "none": []}),
    tfr.encode_sequence_example({}, {"frames": [[1.5]]}),
    b"no Example",
]


def test_json_lines_and_back(tmp_path):
    records = [*RECORDS, *OTHERS]
    tfr.write_records(tmp_path / "a.tfrecord", records)
    assert convert(tmp_path / "a.tfrecord", tmp_path / "a.jsonl") == len(records)
    lines = (tmp_path / "a.jsonl").read_text().splitlines()
    assert json.loads(lines[0])["features"]["label"] == {"int64_list": [0]}
    assert convert(tmp_path / "a.jsonl", tmp_path / "b.tfrecord") == len(records)
    assert of_set(tmp_path / "b.tfrecord") == records


def test_no_bytes_are_an_example_without_features(tmp_path):
    tfr.write_records(tmp_path / "a.tfrecord", [b""])
    convert(tmp_path / "a.tfrecord", tmp_path / "a.jsonl")
    assert (tmp_path / "a.jsonl").read_text() == '{"features": {}}\n'
    convert(tmp_path / "a.jsonl", tmp_path / "b.tfrecord")
    assert of_set(tmp_path / "b.tfrecord") == [tfr.encode_example({})]


def test_the_order_of_features_stays(tmp_path):
    first, second = (tfr.encode_example({name: 1}) for name in "ab")
    record = bytes([0x0A, 2 * first[1]]) + second[2:] + first[2:]
    assert list(tfr.decode_example(record)) == ["b", "a"]
    tfr.write_records(tmp_path / "a.tfrecord", [record])
    convert(tmp_path / "a.tfrecord", tmp_path / "a.jsonl")
    convert(tmp_path / "a.jsonl", tmp_path / "b.tfrecord")
    assert of_set(tmp_path / "b.tfrecord") == [record]


def test_json_lines_that_are_rows(tmp_path):
    (tmp_path / "a.jsonl").write_text('{"x": 1, "s": "öl"}\n\n{"x": 2, "l": [1.5]}\n')
    assert convert(tmp_path / "a.jsonl", tmp_path / "b.tfrecord") == 2
    rows = [{"x": 1, "s": "öl"}, {"x": 2, "l": [1.5]}]
    assert of_set(tmp_path / "b.tfrecord") == [tfr.encode_example(row) for row in rows]


IMAGES = {"a/1.jpg": b"\xff\xd8\xff1", "a/2.PNG": b"\x89PNG\r\n\x1a\n", "b/3.webp": b"RIFF    WEBP"}


def image_folder(folder, images=IMAGES):
    for name, data in images.items():
        (folder / name).parent.mkdir(exist_ok=True, parents=True)
        (folder / name).write_bytes(data)
    return folder


def test_class_folders_of_images(tmp_path):
    image_folder(tmp_path / "in")
    (tmp_path / "in" / ".git").mkdir()
    assert convert(tmp_path / "in", tmp_path / "new") == 3
    assert [tfr.decode_example(record) for record in of_set(tmp_path / "new")] == [
        {
            "image/class/label": [label],
            "image/class/text": [text],
            "image/encoded": [data],
            "image/filename": [name],
            "image/format": [form],
        }
        for label, text, name, form, data in [
            (0, b"a", b"1.jpg", b"jpeg", IMAGES["a/1.jpg"]),
            (0, b"a", b"2.PNG", b"png", IMAGES["a/2.PNG"]),
            (1, b"b", b"3.webp", b"webp", IMAGES["b/3.webp"]),
        ]
    ]
    (tmp_path / "in" / "b" / "notes.txt").write_text("x")
    with pytest.warns(UserWarning, match=r"notes.txt: no image by its name.* 1 such files"):
        convert(tmp_path / "in", tmp_path / "new", overwrite=True)


def tar(path, members, mode="w"):
    with tarfile.open(path, mode) as archive:
        for name, data in members:
            info = tarfile.TarInfo(name)
            info.size = len(data)
            archive.addfile(info, io.BytesIO(data))


MEMBERS = [("d/0.jpg", b"JJ"), ("d/0.cls", b"7"), ("./d/1.x.txt", b"t"), ("d/1.json", b"{}")]


@pytest.mark.parametrize(("name", "mode"), [("a.tar", "w"), ("a.tar.gz", "w:gz")])
def test_webdataset(tmp_path, name, mode):
    tar(tmp_path / name, MEMBERS, mode)
    seen = []
    assert convert(tmp_path / name, tmp_path / "new", progress=lambda *at: seen.append(at)) == 2
    expected = [
        {"__key__": "d/0", "jpg": b"JJ", "cls": 7},
        {"__key__": "d/1", "x.txt": b"t", "json": b"{}"},
    ]
    assert of_set(tmp_path / "new") == [tfr.encode_example(row) for row in expected]
    assert seen[-1][0] == str(tmp_path / name)


def test_event_files(tmp_path):
    from tfrecord_lite.example.messages import Event

    path = tmp_path / "events.out.tfevents.1"
    events = [Event(wall_time=step / 2, step=step) for step in range(3)]
    for event in events:
        event.summary.value.add(tag="loss", simple_value=event.step / 4)
    tfr.write_records(path, [event.SerializeToString() for event in events])
    assert convert(path, tmp_path / "a.csv") == 3
    rows = csv.read_csv(tmp_path / "a.csv").to_pylist()
    assert rows[2] == {"wall_time": 1.0, "step": 2, "tag": "loss", "value": 0.5}
    with pytest.raises(ValueError, match="are a table"):
        convert(path, tmp_path / "new")
    assert convert(tfr.RecordSet(path), tmp_path / "new") == 3


# What is wrong is named, and nothing is left of it.


def bad(tmp_path, name):
    path = tmp_path / name
    if name == "cut.parquet":
        pq.write_table(TABLE, path)
        path.write_bytes(path.read_bytes()[: path.stat().st_size // 2])
    elif name == "damaged.parquet":
        pq.write_table(TABLE, path, compression="none", use_dictionary=False)
        data = bytearray(path.read_bytes())
        data[4:40] = b"\xff" * 36
        path.write_bytes(data)
    elif name == "cut.arrow":
        with pa.ipc.new_stream(path, TABLE.schema) as file:
            file.write_table(TABLE)
        path.write_bytes(path.read_bytes()[:-200])
    elif name == "cut.tar":
        tar(path, MEMBERS)
        path.write_bytes(path.read_bytes()[: 512 * 3])
    elif name.startswith(("between", "header")):
        tar(path, MEMBERS, "w:gz" if name.endswith("gz") else "w")
        data = path.read_bytes()
        if name == "between.tar.gz":
            data = gzip.compress(gzip.decompress(data)[: 512 * 4])
        else:
            # A member is a header and a block of data; the file ends in blocks of zeros.
            begin = 512 * (8 if name == "between_last.tar" else 4)
            rest = {
                "header.tar": b"?" * 512 + data[begin + 512 :],
                "header_cut.tar": data[begin:][:99],
            }
            data = data[:begin] + rest.get(name, b"")
        path.write_bytes(data)
    elif name == "twice.tar":
        tar(path, [("0.x", b"1"), ("0.x", b"2")])
    elif name == "class.tar":
        tar(path, [("0.cls", b"seven")])
    elif name == "images":
        image_folder(path, {**IMAGES, "b/4.png": b"<html>"})
    elif name == "names.arrow":
        table = pa.table([[1], [2]], names=["a", "a"])
        with pa.ipc.new_file(path, table.schema) as file:
            file.write_table(table)
    elif name == "deep.parquet":
        pq.write_table(pa.table({"x": [1], "deep": [[[1]]]}), path)
    elif name == "decimal.parquet":
        pq.write_table(pa.table({"price": pa.array([Decimal(1), None], pa.decimal128(5, 2))}), path)
    elif name == "double.parquet":
        pq.write_table(pa.table({"id": pa.array([0.5, 2.0**53 - 1])}), path)
    else:
        path.write_bytes(BAD_TEXT[name])
    return path


BAD_TEXT = {
    "none.parquet": b"nothing of the kind",
    "none.arrow": b"nothing of the kind",
    "none.tar": b"nothing of the kind" * 100,
    "ragged.csv": b"a,b\n1,2\n1,2,3\n",
    "short.csv": b"a,b\n1,2\n1\n",
    "names.csv": b"a,b,a\n1,2,3\n",
    "bytes.csv": b"\xff\xfe,b\n1,2\n",
    "kinds.csv": b"a,b\n" + b"1,2\n" * 400_000 + b"x,2\n",
    "empty.csv": b"",
    "none.jsonl": b'{"features": {}}\n{"features"\n',
    "kinds.jsonl": b'{"features": {}}\n{"features": {"x": {"int64_list": [1.5]}}}\n',
    "rows.jsonl": b'{"x": 1}\n[1, 2]\n',
    "deep.jsonl": b'{"x": 1}\n{"x": {"y": 1}}\n',
}


@pytest.mark.parametrize(
    ("name", "told"),
    [
        ("cut.parquet", "no whole Parquet file"),
        ("none.parquet", "no whole Parquet file"),
        ("damaged.parquet", "cut or damaged|no whole Parquet"),
        ("cut.arrow", "no whole Arrow file"),
        ("none.arrow", "no whole Arrow file"),
        ("names.arrow", "column 'a' is there 2 times"),
        ("deep.parquet", "column 'deep'"),
        ("decimal.parquet", "column 'price'.*cast"),
        ("double.parquet", "'id': row 1"),
        ("ragged.csv", "Row #3: Expected 2 columns, got 3: 1,2,3"),
        ("short.csv", "Row #3: Expected 2 columns, got 1"),
        ("names.csv", "column 'a' is there 2 times"),
        ("bytes.csv", "no whole CSV file"),
        ("kinds.csv", r"column 'a': row 400000 has 'x', which is no int64, .*cast= says"),
        ("empty.csv", "no whole CSV file: Empty"),
        ("none.jsonl", "line 2: no JSON: Expecting .:. delimiter, at character 11"),
        ("kinds.jsonl", "line 2: feature 'x': 1.5 is no integer"),
        ("rows.jsonl", "line 2: list where a row is to be"),
        ("deep.jsonl", "'x': row 1"),
        ("cut.tar", "after 'd/0.jpg': unexpected end of data"),
        ("between.tar", "after 'd/0.cls': it ends without the blocks of zeros .* it was cut"),
        ("between_last.tar", "after 'd/1.json': it ends without the blocks of zeros"),
        ("between.tar.gz", "after 'd/0.cls': it ends without the blocks of zeros"),
        ("header_cut.tar", "after 'd/0.cls': it ends without the blocks of zeros"),
        ("header.tar", "after 'd/0.cls': no header"),
        ("none.tar", "no whole tar file: after the beginning"),
        ("twice.tar", "'0.x' is there twice"),
        ("class.tar", r"'0.cls' is to be an integer, and has b'seven'"),
        ("images", r"4.png: no JPEG.* that begin with b'<html>'"),
    ],
)
@pytest.mark.parametrize("dst", ["new", "new.tfrecord"])
def test_bad_input_leaves_nothing(tmp_path, name, told, dst):
    path = bad(tmp_path, name)
    before = tree(tmp_path)
    with pytest.raises(tfr.TFRecordError, match=told) as raised:
        convert(path, tmp_path / dst)
    assert str(raised.value).startswith(str(path))
    assert tree(tmp_path) == before


def test_what_a_cast_makes_of_it(tmp_path):
    path = bad(tmp_path, "decimal.parquet")
    assert convert(path, tmp_path / "new.tfrecord", cast={"price": "float32"}) == 2


@pytest.mark.parametrize(
    ("columns", "told"),
    [
        ({"w": [["a", "b"], ["c"]]}, "column 'w': CSV has no list"),
        ({"b": [b"a", b"\xff"]}, "row 1"),
    ],
)
def test_what_csv_does_not_hold(tmp_path, columns, told):
    tfr.write_examples(tmp_path / "a.tfrecord", {**columns, "x": [1, 2]})
    with pytest.raises(tfr.ExampleError, match=told):
        convert(tmp_path / "a.tfrecord", tmp_path / "a.csv")
    assert tree(tmp_path) == ["a.tfrecord"]
    assert convert(tmp_path / "a.tfrecord", tmp_path / "a.csv", select=["x"]) == 2


@pytest.mark.parametrize(
    ("suffix", "kind"),
    [
        ("parquet", pa.run_end_encoded(pa.int32(), pa.string())),
        ("parquet", pa.dictionary(pa.int8(), pa.string_view())),
        ("parquet", pa.list_(pa.dictionary(pa.int8(), pa.json_()))),
        ("parquet", pa.dictionary(pa.int8(), pa.opaque(pa.string(), "kind", "vendor"))),
        ("arrow", pa.dictionary(pa.int8(), pa.json_())),
        ("csv", pa.string_view()),
        ("csv", pa.json_()),
    ],
    ids=str,
)
def test_what_the_format_does_not_hold(tmp_path, suffix, kind):
    """An error of Arrow's own, or a file that could not be read."""
    tfr.write_examples(tmp_path / "a.tfrecord", {"b": ["1", "{}"], "x": [1, 2]})
    features = {"x": int, "b": kind}
    with pytest.raises(tfr.ExampleError, match=r"column 'b': \w+ has no .*; name another type"):
        convert(tmp_path / "a.tfrecord", tmp_path / f"a.{suffix}", features=features)
    assert tree(tmp_path) == ["a.tfrecord"]


@pytest.mark.parametrize("shape", [[0], [2, 0], [0, 2]], ids=str)
def test_lists_of_the_fixed_size_0(tmp_path, shape):
    """They went to a Parquet file that Arrow does not read."""
    features = {"none": tfr.FixedLenFeature(shape, np.int64), "x": int}
    with tfr.ShardWriter(tmp_path / "a", features=features) as writer:
        writer.write_examples({"none": np.zeros((2, *shape), int), "x": [1, 2]})
    before = tree(tmp_path)
    with pytest.raises(tfr.ExampleError, match="column 'none': Parquet has no .* size 0 are not"):
        convert(tmp_path / "a", tmp_path / "a.parquet")
    assert tree(tmp_path) == before
    ragged = {"none": tfr.RaggedFeature(np.int64), "x": int}
    for number, (suffix, given) in enumerate((("parquet", ragged), ("arrow", None))):
        convert(tmp_path / "a", tmp_path / f"a.{suffix}", features=given)
        convert(tmp_path / f"a.{suffix}", tmp_path / str(number))
        assert of_set(tmp_path / str(number)) == of_set(tmp_path / "a")


@pytest.mark.parametrize("dst", ["a.parquet", "a.csv", "a.arrow", "a.jsonl", "a.tfrecord", "a"])
def test_damage_in_the_source(train, tmp_path, dst):
    file = sorted(train.parent.glob("*.tfrecord"))[1]
    data = bytearray(file.read_bytes())
    data[20] ^= 1
    file.write_bytes(data)
    select = {"select": ["label"]} if dst == "a.csv" else {}
    before = tree(tmp_path)
    with pytest.raises(tfr.CorruptRecordError, match=f"{file}: record 0"):
        convert(train, tmp_path / dst, **select)
    assert tree(tmp_path) == before
    found: list[tfr.Damage] = []
    assert convert(train, tmp_path / dst, on_damage=found.append, **select) == N - 1
    assert [damage.record for damage in found] == [0]


@pytest.mark.parametrize("name", ["rows.jsonl", "short.csv", "damaged"])
def test_the_folders_of_a_set_that_was_not_written_go_with_it(train, tmp_path, name):
    if name == "damaged":
        file = tfr.RecordSet(train).files[1]
        data = bytearray(Path(file).read_bytes())
        data[20] ^= 1
        (tmp_path / name).write_bytes(data)
    else:
        bad(tmp_path, name)
    (tmp_path / "there").mkdir()
    before = tree(tmp_path)
    for dst in ("new/folder/a", "new/shard_{index}.tfrecord", "there/a"):
        with pytest.raises(tfr.TFRecordError):
            convert(tmp_path / name, tmp_path / dst)
        assert tree(tmp_path) == before
    (tmp_path / "good.jsonl").write_text('{"x": 1}\n')
    convert(tmp_path / "good.jsonl", tmp_path / "new/folder/a")
    assert "new/folder/a.manifest.json" in tree(tmp_path)


@pytest.mark.parametrize("dst", ["a.parquet", "a.csv", "a.arrow", "a.jsonl", "a.tfrecord", "a"])
def test_a_full_disk_leaves_nothing(train, tmp_path, dst):
    out = tmp_path / "out"
    out.mkdir()
    select = {"select": ["label"]} if dst == "a.csv" else {}
    for disk in every_failure(out, "open write close rename", error=errno.ENOSPC, least=2):
        failed = False
        with disk:
            try:
                convert(train, out / dst, overwrite=True, **select)
            except OSError as error:
                failed = error.errno == errno.ENOSPC
        if failed:
            assert tree(out) == []
        else:
            assert (out / ("a.manifest.json" if dst == "a" else dst)).exists()
            for path in out.iterdir():
                path.unlink()


def test_what_stands_is_not_replaced(train, tmp_path):
    for dst in ("a.parquet", "a.jsonl", "a.tfrecord"):
        (tmp_path / dst).write_bytes(b"mine")
        with pytest.raises(FileExistsError):
            convert(train, tmp_path / dst)
        assert (tmp_path / dst).read_bytes() == b"mine"
        convert(train, tmp_path / dst, overwrite=True)


@pytest.mark.parametrize(
    ("src", "dst", "options", "told"),
    [
        ("set/train", "a.tar", {}, "not a format that is written"),
        ("set/train", "a.json", {}, "not a format that is written"),
        ("a.csv", "a.parquet", {}, "one of the two is to be TFRecord"),
        ("a.csv", "new", {"select": ["a"]}, "select is for"),
        ("a.csv", "new", {"cast": {"a": "flot"}}, "column 'a': 'flot' is no type"),
        ("a.csv", "a.tfrecord", {"num_shards": 2}, "one file has no shards"),
        (["a.csv", "a.jsonl"], "new", {}, "other formats"),
        ("a.jsonl", "new", {"cast": {"a": "int64"}}, "cast is for columns"),
    ],
)
def test_what_is_refused(train, tmp_path, monkeypatch, src, dst, options, told):
    monkeypatch.chdir(tmp_path)
    (tmp_path / "a.csv").write_text("a\n1\n")
    (tmp_path / "a.jsonl").write_text('{"a": 1}\n')
    before = tree(tmp_path)
    with pytest.raises(ValueError, match=told):
        convert(src, dst, **options)
    assert tree(tmp_path) == before
    assert os.fspath(train).endswith("train")


def test_nothing_that_is_there(tmp_path):
    with pytest.raises(FileNotFoundError):
        convert(tmp_path / "none.parquet", tmp_path / "new")
    with pytest.raises(FileNotFoundError):
        convert(tmp_path / "none", tmp_path / "new.parquet")
    assert tree(tmp_path) == []
