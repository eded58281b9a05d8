"""`jobs.convert` reads all that is there, of one format and one kind a column, or says why not."""

from __future__ import annotations

import gzip
import io
import os
import tarfile

import pytest
from job_sets import of_set, tree

import tfrecord_lite as tfr
from tfrecord_lite.jobs import convert

pa = pytest.importorskip("pyarrow")
import pyarrow.parquet as pq  # noqa: E402

from tfrecord_lite.arrow import to_arrow  # noqa: E402

JPEG = b"\xff\xd8\xff"
DSTS = ["new", "new.tfrecord"]


def put(folder, files):
    for name, content in files.items():
        (folder / name).parent.mkdir(parents=True, exist_ok=True)
        if isinstance(content, dict):
            table = pa.table(content)
            if name.endswith(".parquet"):
                pq.write_table(table, folder / name)
            else:
                with pa.ipc.new_file(folder / name, table.schema) as file:
                    file.write_table(table)
        else:
            (folder / name).write_bytes(content)
    return folder


# A column has one kind in all files.

KINDS = {
    "parquet": {"0.parquet": {"n": [1, 2]}, "1.parquet": {"n": [3.0, None]}},
    "arrow": {"0.arrow": {"n": [1, None]}, "1.arrow": {"n": ["a"]}},
    "csv": {"0.csv": b"n\n00123\n", "1.csv": b"n\nAB12\n"},
    "jsonl": {"0.jsonl": b'{"n": 1}\n', "1.jsonl": b'{"n": 1.5}\n'},
    "days": {"0.csv": b"n\n2020-01-01\n", "1.csv": b"n\n2020-01-01 00:00:01\n"},
    "bools": {"0.csv": b"n\n7\n", "1.csv": b"n\ntrue\n"},
    "days and integers": {"0.csv": b"n\n7\n", "1.csv": b"n\n2020-01-01\n"},
    "units": {
        "0.parquet": {"n": pa.array([1], pa.timestamp("us"))},
        "1.parquet": {"n": pa.array([None, 1], pa.timestamp("ns"))},
    },
    "later": {"0.csv": b"n,m\n,1\n", "1.csv": b"n,m\n,1\n3,1\n", "2.csv": b"n,m\nx,1\n"},
}


@pytest.mark.parametrize("name", KINDS)
@pytest.mark.parametrize("turned", [False, True])
@pytest.mark.parametrize("dst", DSTS)
def test_kinds_that_differ_between_files_are_refused(tmp_path, name, turned, dst):
    folder = put(tmp_path / "in", KINDS[name])
    files = sorted(folder.iterdir(), reverse=turned)
    before = tree(tmp_path)
    with pytest.raises(tfr.ExampleError, match="'n': row . has .*, but a column has one kind") as e:
        convert(files, tmp_path / dst)
    # The first column of "later" begins with files that lack it.
    one, other = files[1:] if name == "later" and not turned else files[:2]
    assert str(e.value).startswith(f"{other}: ")
    assert f" of {one} has " in str(e.value)
    # No cast makes one of these: they are of no one type.
    assert ("cast={'n': " in str(e.value)) == (name != "days and integers")
    assert tree(tmp_path) == before


@pytest.mark.parametrize("dst", DSTS)
def test_a_cast_makes_the_kinds_of_files_one(tmp_path, dst):
    floats = put(tmp_path / "floats", KINDS["parquet"])
    assert convert(floats, tmp_path / dst, cast={"n": "float32"}) == 4
    column = to_arrow(tmp_path / dst, {"n": pa.float32()}).read_all()["n"]
    assert column.to_pylist() == [1, 2, 3, None]
    texts = put(tmp_path / "texts", KINDS["csv"])
    assert convert(texts, tmp_path / dst, cast={"n": "string"}, overwrite=True) == 2
    assert to_arrow(tmp_path / dst).read_all()["n"].to_pylist() == [b"00123", b"AB12"]
    rows = put(tmp_path / "rows", KINDS["jsonl"])
    assert convert(rows, tmp_path / dst, features={"n": float}, overwrite=True) == 2


@pytest.mark.parametrize("dst", DSTS)
def test_a_cast_makes_the_units_of_files_one(tmp_path, dst):
    times = put(
        tmp_path / "times", {**KINDS["units"], "2.parquet": {"n": pa.nulls(1, pa.date32())}}
    )
    assert convert(times, tmp_path / dst, cast={"n": "timestamp[ns]"}) == 4
    stored = to_arrow(tmp_path / dst, {"n": pa.int64()}).read_all()["n"].to_pylist()
    assert stored == [1000, None, 1, None]
    days = put(tmp_path / "days", KINDS["days"])
    assert convert(days, tmp_path / dst, cast={"n": "timestamp[s]"}, overwrite=True) == 2
    stored = to_arrow(tmp_path / dst, {"n": pa.int64()}).read_all()["n"].to_pylist()
    assert stored == [1577836800, 1577836801]


TABLES = [{"n": [1]}, pa.table({"n": [1]}), [{"n": 1}], {"n": pa.array([1])}]
OTHER_TABLES = [{"n": [1.5]}, pa.table({"n": [1.5]}), [{"n": 1.5}], {"n": pa.array([1.5])}]


@pytest.mark.parametrize("one", range(4))
@pytest.mark.parametrize("other", range(4))
def test_kinds_that_differ_between_tables_of_one_writer_are_refused(tmp_path, one, other):
    with tfr.ShardWriter(tmp_path / "new") as writer:
        writer.write_table(TABLES[one])
        with pytest.raises(tfr.ExampleError, match="'n': row 0 has floats.* of a table before has"):
            writer.write_table(OTHER_TABLES[other])
        writer.write_table(TABLES[other])
    assert to_arrow(tmp_path / "new").read_all()["n"].to_pylist() == [1, 1]


# Directories of several formats.

MIXED = {
    "images and csv": ({"cat/a.jpg": JPEG, "metadata.csv": b"a\n1\n"}, "metadata.csv.*in/cat"),
    "images and jsonl": ({"cat/a.jpg": JPEG, "metadata.jsonl": b"{}"}, "metadata.jsonl.*in/cat"),
    "images and records": ({"cat/a.jpg": JPEG, "x.tfrecord": b""}, "x.tfrecord.*in/cat"),
    "images above": ({"cat/a.jpg": JPEG, "b.jpg": JPEG}, "b.jpg.*in/cat"),
    "parquet and records": ({"p.parquet": {"v": [1]}, "x.tfrecord": b""}, "p.parquet.*x.tfrecord"),
    "parquet and gz": ({"p.parquet": {"v": [1]}, "x.tfrecord.gz": b""}, "other formats"),
    "csv and shards": ({"p.csv": b"a\n1\n", "x-00000-of-00002": b""}, "other formats"),
    "csv and packed csv": ({"a.csv": b"a\n1\n", "b.csv.gz": b""}, "b.csv.gz"),
    "csv and events": ({"a.csv": b"a\n1\n", "events.out.tfevents.1": b""}, "tfevents"),
    "csv and jsonl": ({"a.csv": b"a\n1\n", "b.jsonl": b"{}"}, "a.csv.*b.jsonl"),
    "folder of parquet": (
        {"a.parquet": {"v": [1]}, "b.parquet/0.parquet": {"v": [2]}},
        "b.parquet",
    ),
}


@pytest.mark.parametrize("name", MIXED)
def test_a_directory_is_not_read_in_part(tmp_path, name):
    files, told = MIXED[name]
    folder = put(tmp_path / "in", files)
    before = tree(tmp_path)
    for dst in DSTS:
        with pytest.raises(ValueError, match=told):
            convert(folder, tmp_path / dst)
    assert tree(tmp_path) == before


def test_what_describes_a_directory_is_passed_over(tmp_path):
    table = put(
        tmp_path / "t", {"a.csv": b"a\n1\n", "README.md": b"", "_SUCCESS": b"", ".x.pq": b""}
    )
    assert convert(table, tmp_path / "new") == 1
    images = put(tmp_path / "i", {"cat/a.jpg": JPEG, "README.md": b"", "LICENSE.txt": b""})
    assert convert(images, tmp_path / "images.tfrecord") == 1


def test_a_glob_of_csv_is_one_source(tmp_path):
    put(tmp_path / "in", {"a.csv": b"a\n1\n", "b.csv": b"a\n2\n", "c.jsonl": b"{}"})
    assert convert(f"{tmp_path}/in/*.csv", tmp_path / "new") == 2
    with pytest.raises(ValueError, match="other formats"):
        convert(f"{tmp_path}/in/*", tmp_path / "new", overwrite=True)


PARTS = {"y=2020/0.parquet": {"v": [1]}, "y=2021/0.parquet": {"v": [2]}}


@pytest.mark.parametrize("names", [[""], ["**"], ["*/*.parquet"], [*PARTS], ["y=202*/*"]])
def test_partitions_whose_columns_would_be_lost_are_refused(tmp_path, names):
    folder = put(tmp_path / "part", PARTS)
    with pytest.raises(ValueError, match=r"y=20../0.parquet: y=20.. is a value.*write_table"):
        convert([f"{folder}/{name}" for name in names], tmp_path / "new")


@pytest.mark.parametrize("name", ["y=2020", "y=2020/*.parquet", "y=2020/0.parquet", "y=2020/**"])
def test_one_partition_that_is_asked_for_is_read(tmp_path, name):
    folder = put(tmp_path / "part", PARTS)
    assert convert(f"{folder}/{name}", tmp_path / "new") == 1


def test_partitions_are_written_as_the_error_says(tmp_path):
    import pyarrow.dataset

    from tfrecord_lite.arrow import write_table

    folder = put(tmp_path / "part", PARTS)
    dataset = pyarrow.dataset.dataset(folder, partitioning="hive")
    write_table(dataset, tmp_path / "new")
    assert to_arrow(tmp_path / "new").read_all().to_pydict() == {"v": [1, 2], "y": [2020, 2021]}


# Images.


def test_hidden_files_among_images_are_passed_over(tmp_path):
    files = {"cat/a.jpg": JPEG, "cat/._a.jpg": b"\0\5", "cat/.b.jpg": JPEG, "cat/_c.jpg": JPEG}
    folder = put(tmp_path / "in", {**files, ".hidden/a.jpg": JPEG, ".DS_Store": b""})
    assert convert(folder, tmp_path / "new") == 2
    names = [tfr.decode_example(record)["image/filename"] for record in of_set(tmp_path / "new")]
    assert names == [[b"_c.jpg"], [b"a.jpg"]]


def test_a_folder_that_is_called_as_an_image_is_passed_over_with_a_warning(tmp_path):
    folder = put(tmp_path / "in", {"cat/a.jpg": JPEG, "cat/x.jpg/b.jpg": JPEG})
    with pytest.warns(UserWarning, match=r"cat/x.jpg: no image by its name.*1 such"):
        assert convert(folder, tmp_path / "new") == 1
    alone = put(tmp_path / "alone", {"cat/x.jpg/b.jpg": JPEG})
    with pytest.raises(FileNotFoundError):
        convert(alone, tmp_path / "other")


# WebDataset.


def tar(path, members):
    with tarfile.open(path, "w") as archive:
        for name, content in members:
            info = tarfile.TarInfo(name)
            if isinstance(content, bytes):
                info.size = len(content)
                archive.addfile(info, io.BytesIO(content))
            else:
                info.type, info.linkname = content
                archive.addfile(info)
    return path


@pytest.mark.parametrize(
    ("member", "told"),
    [
        (("b.jpg", (tarfile.LNKTYPE, "a.jpg")), "'b.jpg' is a link to 'a.jpg', which is not read"),
        (("b.jpg", (tarfile.SYMTYPE, "a.jpg")), "'b.jpg' is a link to 'a.jpg', which is not read"),
        (("b.jpg", (tarfile.FIFOTYPE, "")), "'b.jpg' is no file"),
        (("a.__key__", b"x"), "'a.__key__' has the suffix of the feature"),
        (("a.__KEY__", b"x"), "'a.__key__' has the suffix of the feature"),
        (("a.cls", b"1_0"), "'a.cls' is to be an integer, and has b'1_0'"),
        (("a.cls", b""), "'a.cls' is to be an integer"),
        (("a.cls", "\u0661".encode()), "'a.cls' is to be an integer"),
        (("a.cls", b"9" * 5000), "'a.cls' is to be an integer"),
        (("a.cls", b"9" * 20), "'cls'"),
    ],
)
@pytest.mark.parametrize("dst", DSTS)
def test_a_member_that_would_be_lost_or_changed_is_refused(tmp_path, member, told, dst):
    path = tar(tmp_path / "a.tar", [("a.jpg", JPEG), member])
    with pytest.raises(tfr.TFRecordError, match=told) as raised:
        convert(path, tmp_path / dst)
    assert str(raised.value).startswith(str(path))
    assert tree(tmp_path) == ["a.tar"]


def test_notes_of_webdataset_are_no_samples(tmp_path):
    """As it reads them; some were samples, others refused."""
    notes = [("__info__", b"1"), ("__notes__/a.txt", b"2"), ("./__notes__/b.txt", b"3")]
    path = tar(tmp_path / "a.tar", [*notes, ("a.txt", b"x"), ("d/__b__/c.txt", b"y")])
    convert(path, tmp_path / "new")
    keys = [tfr.decode_example(record)["__key__"] for record in tfr.read_records(tmp_path / "new")]
    assert keys == [[b"a"], [b"d/__b__/c"]]


def test_integers_of_webdataset(tmp_path):
    members = [("d", (tarfile.DIRTYPE, "")), ("d/a.cls", b" +7\n"), ("d/b.cls", b"-12")]
    convert(tar(tmp_path / "a.tar", members), tmp_path / "new")
    assert [tfr.decode_example(r)["cls"][0] for r in of_set(tmp_path / "new")] == [7, -12]


def test_a_sample_whose_name_is_no_utf8_has_its_bytes(tmp_path):
    convert(tar(tmp_path / "a.tar", [("d/a\udcff.jpg", JPEG)]), tmp_path / "new")
    (record,) = of_set(tmp_path / "new")
    assert tfr.decode_example(record)["__key__"] == [b"d/a\xff"]


def zipped(data, level=9):
    return gzip.compress(data, level)


def changed(data):
    # Stored as it is: nothing but the checksum tells.
    return zipped(data, 0).replace(b"first", b"other")


@pytest.mark.parametrize(
    ("name", "pack", "told"),
    [
        ("a.tar", lambda one, two: one + two, "more after the blocks of zeros"),
        ("a.tar", lambda one, _: one + bytes(1 << 21) + b"x", "more after the blocks of zeros"),
        ("a.tgz", lambda one, two: zipped(one) + zipped(two), "more after the blocks of zeros"),
        ("a.tgz", lambda one, two: zipped(one + two), "more after the blocks of zeros"),
        ("a.tgz", lambda one, _: changed(one), "no whole tar file: .*CRC check failed"),
        ("a.tgz", lambda one, _: zipped(one)[:-5], "no whole tar file: .*end-of-stream"),
        ("a.tgz", lambda one, _: zipped(one) + b"x", "no whole tar file: .*Not a gzipped file"),
    ],
)
@pytest.mark.parametrize("dst", DSTS)
def test_what_follows_an_archive_and_the_checksum_of_gzip_are_looked_at(
    tmp_path, name, pack, told, dst
):
    one = tar(tmp_path / "1.tar", [("a.txt", b"first")]).read_bytes()
    two = tar(tmp_path / "2.tar", [("b.txt", b"second")]).read_bytes()
    path = put(tmp_path, {name: pack(one, two)}) / name
    before = tree(tmp_path)
    with pytest.raises(tfr.TFRecordError, match=told) as raised:
        convert(path, tmp_path / dst)
    assert raised.value.path == str(path)
    assert tree(tmp_path) == before


@pytest.mark.parametrize("name", ["a.tar", "a.tgz"])
def test_an_archive_may_end_in_any_number_of_zeros_and_gzip_have_several_members(tmp_path, name):
    data = tar(tmp_path / "1.tar", [("a.txt", b"first"), ("b.txt", b"second")]).read_bytes()
    data += bytes(3 << 20)
    if name == "a.tgz":
        data = b"".join(zipped(data[at : at + 700]) for at in range(0, len(data), 700))
    put(tmp_path, {name: data})
    convert(tmp_path / name, tmp_path / "new")
    found = [tfr.decode_example(record)["txt"] for record in of_set(tmp_path / "new")]
    assert found == [[b"first"], [b"second"]]


# Options of which nothing would come.


def test_the_columns_of_scalars_are_selected(tmp_path):
    from tfrecord_lite.example.messages import Event

    path = tmp_path / "events.out.tfevents.1"
    event = Event(wall_time=1.5, step=3)
    event.summary.value.add(tag="loss", simple_value=0.5)
    tfr.write_records(path, [event.SerializeToString()])
    convert(path, tmp_path / "a.csv", select=["tag", "step"])
    assert (tmp_path / "a.csv").read_text() == '"tag","step"\n"loss",3\n'
    with pytest.raises(ValueError, match="select: 'loss' is no column of scalars: wall_time, step"):
        convert(path, tmp_path / "b.csv", select=["tag", "loss"])
    with pytest.raises(ValueError, match="cast is for"):
        convert(path, tmp_path / "b.csv", cast={"step": "string"})


@pytest.mark.parametrize(
    ("dst", "options", "told"),
    [
        ("a.jsonl", {"select": ["label"]}, "select is for a table"),
        ("a.parquet", {"cast": {"label": "string"}}, "cast is for a table that is read"),
        ("a.tfrecord", {"cast": {"label": "string"}}, "cast is for a table that is read"),
        ("a.parquet", {"num_shards": 2}, "one file has no shards"),
        ("a.jsonl", {"records_per_shard": 2}, "one file has no shards"),
        ("a.csv", {"write_compression": "GZIP"}, "write_compression is for records"),
        ("a.csv", {"level": 3}, "level is for records"),
    ],
)
def test_an_option_that_would_change_nothing_is_refused(train, tmp_path, dst, options, told):
    with pytest.raises(ValueError, match=told):
        convert(train, tmp_path / dst, **options)
    assert not (tmp_path / dst).exists()


@pytest.mark.parametrize("name", ["a.csv.gz", "a.jsonl.gz", "a.parquet.zst", "A.CSV.GZ"])
def test_a_file_that_is_packed_is_not_taken_for_records(tmp_path, name):
    (tmp_path / name).write_bytes(b"\x1f\x8b packed")
    for source in (tmp_path / name, str(tmp_path / "*.*")):
        with pytest.raises(ValueError, match=r"packed, and not read so; unpack it"):
            convert(source, tmp_path / "new")
    assert tree(tmp_path) == [name]


def test_images_without_class_folders_are_not_taken_for_records(tmp_path):
    (tmp_path / "flat").mkdir()
    (tmp_path / "flat" / "a.PNG").write_bytes(b"\x89PNG\r\n\x1a\n" + bytes(100))
    for source in (tmp_path / "flat", tmp_path / "flat" / "a.PNG"):
        with pytest.raises(ValueError, match=r"a\.PNG: an image; .* class folders"):
            convert(source, tmp_path / "new")


@pytest.mark.skipif(not hasattr(os, "mkfifo"), reason="has no FIFOs")
@pytest.mark.timeout(60)
def test_a_pipe_among_images_is_passed_over(tmp_path):
    images = put(tmp_path / "i", {"cat/a.jpg": JPEG})
    os.mkfifo(images / "cat" / "b.jpg")
    with pytest.warns(UserWarning, match="b.jpg"):
        assert convert(images, tmp_path / "images.tfrecord") == 1
