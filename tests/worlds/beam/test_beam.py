"""ReadFromTFRecord and WriteToTFRecord, on the DirectRunner with two processes."""

from __future__ import annotations

import json
import os
import sys

import apache_beam as beam
import pytest
from apache_beam.io.source_test_utils import (
    assert_sources_equal_reference_source,
    assert_split_at_fraction_exhaustive,
)
from apache_beam.options.pipeline_options import PipelineOptions
from apache_beam.testing.util import assert_that, equal_to
from apache_beam.transforms.window import FixedWindows, Sessions, TimestampedValue
from worlds.files import damage, write_ids

import tfrecord_lite as tfr
from tfrecord_lite import beam as tfbeam
from tfrecord_lite.beam import ReadFromTFRecord, WriteToTFRecord
from tfrecord_lite.dataset import shard_writer


def pipeline(processes=1):
    mode = "multi_processing" if processes > 1 else "in_memory"
    return beam.Pipeline(
        "DirectRunner",
        PipelineOptions(
            direct_num_workers=processes, direct_running_mode=mode, save_main_session=False
        ),
    )


@pytest.fixture
def small_pieces(monkeypatch):
    monkeypatch.setattr(tfbeam, "_MIN_PIECE_BYTES", 100)
    monkeypatch.setattr(tfbeam, "_PIECES", 8)


def read_all(name):
    return sorted(tfr.read_records(name))


def only_the_set(folder, name="train"):
    entries = tfr.Manifest.load(folder / f"{name}.manifest.json").entries
    return set(os.listdir(folder)) == {f"{name}.manifest.json", *(entry.name for entry in entries)}


@pytest.mark.parametrize("options", [{}, {"compression": "GZIP"}])
def test_records_and_dicts(tmp_path, options, small_pieces):
    paths = write_ids(tmp_path / "in", [50, 0, 70], **options)
    with pipeline() as p:
        assert_that(p | ReadFromTFRecord(paths), equal_to(list(tfr.read_records(paths))))
    with pipeline() as p:
        ids = p | ReadFromTFRecord(paths, {"id": int}) | beam.Map(lambda row: int(row["id"]))
        assert_that(ids, equal_to([*range(120)]))
    with pipeline() as p:
        found = p | ReadFromTFRecord(paths, True) | beam.Map(sorted)
        assert_that(found, equal_to([["id"]] * 120))


def source(paths):
    return ReadFromTFRecord(paths)._source


def test_a_file_is_split_inside(tmp_path, small_pieces):
    (path,) = write_ids(tmp_path / "in", [200])
    whole = source(path)
    bundles = list(whole.split(whole.estimate_size() // 5))
    assert 4 <= len(bundles) <= 6
    assert sum(bundle.weight for bundle in bundles) == whole.estimate_size()
    assert_sources_equal_reference_source(
        (whole, None, None),
        [(bundle.source, bundle.start_position, bundle.stop_position) for bundle in bundles],
    )


def test_split_while_it_is_read(tmp_path, small_pieces):
    (path,) = write_ids(tmp_path / "in", [12])
    assert_split_at_fraction_exhaustive(source(path))


def test_damage(tmp_path):
    paths = write_ids(tmp_path / "in", [10, 10])
    damage(paths[1], 3)
    with pytest.raises(Exception, match=r"1\.tfrecord: record 3"), pipeline() as p:
        _ = p | ReadFromTFRecord(paths)
    report = tmp_path / "damage.jsonl"
    p = pipeline()
    left = p | ReadFromTFRecord(paths, {"id": int}, on_damage="report", report=report)
    assert_that(left | beam.Map(lambda row: int(row["id"])), equal_to([*range(13), *range(14, 20)]))
    result = p.run()
    result.wait_until_finish()
    (counter,) = result.metrics().query()["counters"]
    assert (counter.key.metric.name, counter.committed) == ("damaged_regions", 1)
    (line,) = report.read_text().splitlines()
    assert json.loads(line)["path"] == paths[1]
    with pytest.raises(TypeError, match="on_damage='report'"):
        ReadFromTFRecord(paths, on_damage=print)
    with pytest.raises(ValueError, match="s3://b/d.*path of a file"):
        ReadFromTFRecord(paths, on_damage="report", report="s3://b/d")


def test_open_files(tmp_path):
    """They are open in this process, and workers are others."""
    (path,) = write_ids(tmp_path / "in", [3])
    with open(path, "rb") as file:
        for given in (file, [path, file], tfr.RecordSet(file)):
            with pytest.raises(TypeError, match="pass the path of a file"):
                ReadFromTFRecord(given)


def test_there_and_back_in_two_processes(tmp_path):
    paths = write_ids(tmp_path / "in", [3000, 2000])

    def without_tensorflow(record):
        assert "tensorflow" not in sys.modules
        return record

    with pipeline(2) as p:
        records = p | ReadFromTFRecord(paths) | beam.Map(without_tensorflow)
        _ = records | WriteToTFRecord(tmp_path / "out" / "train", compression="GZIP")
    assert read_all(tmp_path / "out" / "train") == sorted(tfr.read_records(paths))
    assert only_the_set(tmp_path / "out")
    assert tfr.verify(tmp_path / "out" / "train").ok


def test_several_bundles_are_one_set(tmp_path):
    records = [b"%d" % number for number in range(1000)]
    with pipeline(2) as p:
        _ = p | beam.Create(records, reshuffle=True) | WriteToTFRecord(tmp_path / "train")
    assert read_all(tmp_path / "train") == sorted(records)
    # Each bundle has a shard of its own.
    assert len(tfr.RecordSet(tmp_path / "train").files) > 1
    assert only_the_set(tmp_path)


def test_as_many_shards_as_are_asked_for(tmp_path):
    rows = [{"id": number} for number in range(20)]
    with pipeline() as p:
        written = (
            p | beam.Create(rows) | WriteToTFRecord(tmp_path / "train", {"id": int}, num_shards=3)
        )
        assert_that(written, equal_to([str(tmp_path / "train.manifest.json")]))
    manifest = tfr.Manifest.load(tmp_path / "train.manifest.json")
    assert len(manifest.entries) == 3
    assert manifest.records == 20
    assert tfr.features_from_json(manifest.features)["id"].dtype is not None
    assert only_the_set(tmp_path)


@pytest.mark.parametrize("count", [0, 1, 2])
def test_more_shards_than_records(tmp_path, count):
    """Some are empty, as `ShardWriter` has them; there were fewer, which NAME@3 does not read."""
    records = [b"%d" % number for number in range(count)]
    with pipeline() as p:
        p | beam.Create(records) | WriteToTFRecord(tmp_path / "train", num_shards=3)
    entries = tfr.Manifest.load(tmp_path / "train.manifest.json").entries
    assert [entry.records for entry in entries] == [1] * count + [0] * (3 - count)
    assert read_all(tmp_path / "train@3.tfrecord") == records
    assert only_the_set(tmp_path)


def test_a_shard_of_those_that_are_asked_for_is_one_however_large(tmp_path, monkeypatch):
    monkeypatch.setattr(shard_writer, "DEFAULT_BYTES_PER_SHARD", 100)
    with pipeline() as p:
        records = p | beam.Create([b"%d" % number * 20 for number in range(20)])
        _ = records | WriteToTFRecord(tmp_path / "train", num_shards=3)
    assert len(tfr.Manifest.load(tmp_path / "train.manifest.json").entries) == 3


@pytest.mark.parametrize("count", [0, -3, "3", 2.0])
def test_no_count_of_shards(tmp_path, count):
    with pytest.raises((ValueError, TypeError), match=r"num_shards|integer"):
        WriteToTFRecord(tmp_path / "train", num_shards=count)


def test_a_count_of_shards_and_their_size(tmp_path):
    with (
        pytest.raises(Exception, match="records_per_shard and num_shards exclude each other"),
        pipeline() as p,
    ):
        _ = (
            p
            | beam.Create([b"a"])
            | WriteToTFRecord(tmp_path / "train", num_shards=1, records_per_shard=1)
        )
    assert not list(tmp_path.iterdir())


def test_a_set_that_stands_is_replaced_or_stays(tmp_path):
    def write(records, **options):
        with pipeline() as p:
            _ = p | beam.Create(records) | WriteToTFRecord(tmp_path / "train", **options)

    write([b"a", b"b"])
    with pytest.raises(Exception, match="there is a set of this name; pass overwrite=True"):
        write([b"c"])
    with pytest.raises(Exception, match="a record is bytes, or a dict"):
        write([7], overwrite=True)
    assert read_all(tmp_path / "train") == [b"a", b"b"]
    write([b"c"], overwrite=True)
    assert read_all(tmp_path / "train") == [b"c"]
    assert only_the_set(tmp_path)


@pytest.fixture
def committing(tmp_path, monkeypatch):
    """A call that puts a function, which gets the true one and its arguments, in its place."""
    once = tfbeam._committed
    log = tmp_path / "log"

    def replaced(function):
        def committed(*args):
            # Pickled by value: what it is to tell goes into a file.
            path, lines = function(once, args)
            log.write_text("\n".join(map(str, lines)))
            return path

        monkeypatch.setattr(tfbeam, "_committed", committed)
        return log

    return replaced


def write_records(name, records, **options):
    with pipeline() as p:
        written = p | beam.Create(records) | WriteToTFRecord(name, **options)
        assert_that(written, equal_to([f"{name}.manifest.json"]))


@pytest.mark.parametrize("records", [[b"a", b"b", b"c"], []])
@pytest.mark.parametrize("existed", [False, True])
def test_a_commit_is_made_again(tmp_path, committing, records, existed):
    def twice(once, args):
        paths = [once(*args), once(*args)]
        return paths[-1], paths

    name = tmp_path / "out" / "train"
    if existed:
        write_records(name, [b"old"])
    log = committing(twice)
    write_records(name, records, overwrite=existed)
    assert log.read_text().splitlines() == [f"{name}.manifest.json"] * 2
    assert read_all(name) == records
    assert only_the_set(tmp_path / "out")


def test_a_commit_that_is_killed_is_made_again(tmp_path, committing):
    def first_killed(once, args):
        # At each rename of the commit, in a process of its own, until one comes to its end.
        codes = []
        while not codes or codes[-1]:
            child = os.fork()
            if not child:
                die_at_rename(len(codes) + 1)
                once(*args)
                os._exit(0)
            codes.append(os.waitpid(child, 0)[1])
        return once(*args), codes

    name = tmp_path / "out" / "train"
    write_records(name, [b"old", b"older"])
    log = committing(first_killed)
    write_records(name, [b"a", b"b"], overwrite=True)
    assert len(log.read_text().splitlines()) > 3
    assert read_all(name) == [b"a", b"b"]
    assert only_the_set(tmp_path / "out")


def die_at_rename(number):
    renames = 0

    def count(event, _):
        nonlocal renames
        if event == "os.rename":
            renames += 1
            if renames == number:
                os._exit(9)

    sys.addaudithook(count)


def test_no_records(tmp_path):
    with pipeline() as p:
        _ = p | beam.Create([]) | WriteToTFRecord(tmp_path / "train")
    assert read_all(tmp_path / "train") == []
    with pipeline() as p:
        assert_that(p | ReadFromTFRecord(tmp_path / "train"), equal_to([]))


WINDOWS = {"fixed": FixedWindows(10), "sessions": Sessions(3)}


@pytest.mark.parametrize("num_shards", [None, 3])
@pytest.mark.parametrize("windows", WINDOWS)
def test_records_in_windows_are_one_set(tmp_path, windows, num_shards):
    """With num_shards the set that was published had none of them, and nothing was said."""
    records = [b"%d" % number for number in range(40)]
    with pipeline() as p:
        stamped = p | beam.Create(records) | beam.Map(lambda r: TimestampedValue(r, int(r) * 7))
        windowed = stamped | beam.WindowInto(WINDOWS[windows])
        windowed | WriteToTFRecord(tmp_path / "train", num_shards=num_shards)
    assert read_all(tmp_path / "train") == sorted(records)
    assert only_the_set(tmp_path)


def test_what_never_ends_is_no_set(tmp_path):
    p = pipeline()
    records = p | beam.Create([b"x"])
    records.is_bounded = False
    with pytest.raises(ValueError, match="train: .* an unbounded PCollection never ends"):
        records | WriteToTFRecord(tmp_path / "train")
    assert os.listdir(tmp_path) == []
