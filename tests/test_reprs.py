"""What things say of themselves, in one line; and that a report is true if all is well."""

from __future__ import annotations

import numpy as np

import tfrecord_lite as tfr


def test_reprs(tmp_path):
    path = tmp_path / "a"
    with tfr.RecordWriter(path) as writer:
        writer.write_example({"x": 1})
        assert repr(writer) == f"<RecordWriter of {path}: 1 record>"
    assert repr(writer) == f"<RecordWriter of {path}: 1 record>"
    with tfr.ShardWriter(tmp_path / "set", num_shards=2) as writer:
        writer.write_examples({"x": range(5)})
        assert repr(writer) == f"<ShardWriter of {tmp_path / 'set'}: 5 records>"
    where = tmp_path / "set.manifest.json"
    assert repr(writer.manifest) == f"<Manifest of {where}: 2 shards, 5 records>"
    dataset = tfr.Dataset(tmp_path / "set", batch_size=2)
    assert repr(dataset) == "<Dataset of 2 files: batches of 2 records>"
    records = tfr.RecordSet(path)
    assert repr(records) == f"<RecordSet of 1 file: {path}>"
    assert repr(records.splits()[0]) == f"<Split of {path} ...: 30 bytes>"
    with tfr.RecordReader(path) as reader:
        assert repr(reader) == f"<RecordReader of {path}>"
    assert repr(tfr.RecordIndex.build(path)) == f"<RecordIndex of {path}: 1 record>"
    found = tfr.describe(path)
    assert repr(found) == "<Description of 1 file: 1 record>"
    assert repr(found.features["x"]) == "<FeatureDescription of 'x': int64 in 1 record>"
    assert repr(found.sizes) == "<Spread of 1 number: 14 to 14>"
    assert repr(found.features["x"].numbers) == "<Numbers: 1, 1 to 1>"
    assert repr(found.features["x"].content) == "<Contents: >"


def test_a_repr_is_one_line(tmp_path):
    tfr.write_examples(tmp_path / "a", {"x": np.arange(2000), "y": [[1.0] * 200] * 2000})
    [batch] = tfr.read_batches(tmp_path / "a", {"x": tfr.RaggedFeature(np.int64)}, batch_size=9999)
    assert repr(batch["x"]) == "<Ragged, shape [2000, None], int64>"
    for shown in (tfr.describe(tmp_path / "a").files[0], *tfr.RecordSet(tmp_path / "a").splits()):
        assert "\n" not in repr(shown)
        assert len(repr(shown)) < 200 + len(str(tmp_path))


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
        f"<FileReport of {paths[0]}: 1 damaged region, 0 faults, 1 record>"
    )
    saved = tfr.salvage(paths[1], tmp_path / "c")
    assert saved


def test_notebooks_show_tables(tmp_path):
    hostile = "<script>"
    with tfr.ShardWriter(tmp_path / "set", num_shards=2, features={hostile: int}) as writer:
        writer.write_many([tfr.encode_example({hostile: n}) for n in range(5)])
    manifest = writer.manifest._repr_html_()
    assert "5 records, not compressed" in manifest
    assert manifest.count("<tr>") == 3
    dataset = tfr.Dataset(tmp_path / "set", batch_size=2)._repr_html_()
    assert "&lt;script&gt;" in dataset
    assert hostile not in dataset
    assert "int64" in dataset
    rows = tfr.Ragged(np.arange(6.0), np.array([0, *range(4), *[6] * 9]))
    assert repr(rows) == "<Ragged, shape [13, None], float64>"
    shown = rows._repr_html_()
    assert "Ragged, shape [13, None], float64" in shown
    assert shown.count("<tr>") == 12
    steps = tfr.Ragged(tfr.Ragged(np.array([b"<b>"], object), np.array([0, 1])), np.array([0, 1]))
    assert "shape [1, None, None], object" in steps._repr_html_()
    assert "&lt;b&gt;" in steps._repr_html_()
    sequences = tfr.SequenceFeatures({"id": int}, {"steps": tfr.RaggedFeature(np.int64)})
    path = tmp_path / "sequences"
    tfr.write_records(path, [tfr.encode_sequence_example({"id": 1}, {"steps": [[1]]})])
    shown = tfr.Dataset(path, sequences, batch_size=2)._repr_html_()
    assert "feature_lists" in shown


def test_a_report_is_shown_as_the_command_prints_it(tmp_path):
    for name in ("<b>", "b"):
        tfr.write_records(tmp_path / name, [b"one", b"two"])
    data = bytearray((tmp_path / "<b>").read_bytes())
    data[12] ^= 1
    (tmp_path / "<b>").write_bytes(data)
    report = tfr.verify([tmp_path / "<b>", tmp_path / "b"])
    assert "2 files, 1 damaged, 0 unreadable; 3 intact records, 1 region, 19 B damaged" in str(
        report
    )
    assert "record 0  byte 0  19 bytes  data" in str(report.files[0])
    shown = report._repr_html_()
    assert "<b>" not in shown
    assert "DAMAGED" in shown
    assert "checksum of the data" in shown
    assert report.to_json()["files"][1]["ok"]
