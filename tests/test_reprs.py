"""What things say of themselves, in one line; and that a report is true if all is well."""

from __future__ import annotations

import tfrecord_lite as tfr


def test_reprs(tmp_path):
    path = tmp_path / "a"
    with tfr.RecordWriter(path) as writer:
        writer.write_example({"x": 1})
        assert repr(writer) == f"<RecordWriter of {path}: 1 records>"
    assert repr(writer) == f"<RecordWriter of {path}: 1 records>"
    with tfr.ShardWriter(tmp_path / "set", num_shards=2) as writer:
        writer.write_examples({"x": range(5)})
        assert repr(writer) == f"<ShardWriter of {tmp_path / 'set'}: 5 records>"
    where = tmp_path / "set.manifest.json"
    assert repr(writer.manifest) == f"<Manifest of {where}: 2 shards, 5 records>"
    dataset = tfr.Dataset(tmp_path / "set", batch_size=2)
    assert repr(dataset) == "<Dataset of 2 files: batches of 2 records>"


def test_reports(tmp_path):
    tfr.write_records(tmp_path / "a", [b"one", b"two"])
    tfr.write_records(tmp_path / "b", [b"three"])
    paths = [tmp_path / "a", tmp_path / "b"]
    report = tfr.verify(paths)
    assert report
    assert repr(report) == "<Report of 2 files: ok, 3 records>"
    assert repr(report.files[0]) == f"<FileReport of {paths[0]}: ok, 2 records>"
    data = bytearray(paths[0].read_bytes())
    data[12] ^= 1
    paths[0].write_bytes(data)
    report = tfr.verify(paths)
    assert not report
    assert not report.files[0]
    assert report.files[1]
    assert repr(report) == "<Report of 2 files: 1 not ok, 2 records>"
    assert repr(report.files[0]) == (
        f"<FileReport of {paths[0]}: 1 damaged regions, 0 faults, 1 records>"
    )
    saved = tfr.salvage(paths[1], tmp_path / "c")
    assert saved
