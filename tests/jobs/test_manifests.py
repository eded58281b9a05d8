"""`jobs.make_manifest`: for shards that have none, and anew where they have become others."""

from __future__ import annotations

import gzip
import os
import shutil

import numpy as np
import pytest
from job_sets import RECORDS, N, of_set, tree

import tfrecord_lite as tfr
from tfrecord_lite.jobs import make_manifest


def manifest_of(train):
    return train.with_name("train.manifest.json")


def test_it_is_what_the_writer_wrote(train):
    written = manifest_of(train).read_text()
    manifest_of(train).unlink()
    seen = []
    manifest = make_manifest(train, progress=lambda *at: seen.append(at))
    assert manifest_of(train).read_text() == written == manifest.to_json()
    assert {path for path, _ in seen} == set(manifest.files)
    assert tfr.verify(train).ok
    assert len(tfr.RecordSet(train)) == N


@pytest.mark.parametrize("suffix", ["", ".gz", ".tfrec", ".tfrecord.gz"])
def test_shards_that_others_wrote(tmp_path, suffix):
    for index in range(3):
        path = tmp_path / f"train-{index:05d}-of-00003{suffix}"
        tfr.write_records(path, RECORDS[index::3])
    manifest = make_manifest(tmp_path / "train", features={"label": int})
    assert manifest.compression == ("GZIP" if suffix.endswith("gz") else None)
    assert manifest.records == N
    assert of_set(tmp_path / "train") == [*RECORDS[::3], *RECORDS[1::3], *RECORDS[2::3]]
    batch = next(tfr.read_batches(tmp_path / "train", batch_size=3))
    assert {name: column.tolist() for name, column in batch.items()} == {"label": [0, 3, 6]}
    assert tfr.verify(tmp_path / "train").ok


def test_a_pattern(tmp_path):
    for index in range(3):
        tfr.write_records(tmp_path / f"s_{index:03d}.tfrecord", [b"%d" % index])
    manifest = make_manifest(tmp_path / "s_{index:03d}.tfrecord")
    assert manifest.path == str(tmp_path / "s.manifest.json")
    assert of_set(tmp_path / "s") == [b"0", b"1", b"2"]
    (tmp_path / "s_001.tfrecord").unlink()
    with pytest.raises(FileNotFoundError, match=r"s_001.tfrecord: missing"):
        make_manifest(tmp_path / "s_{index:03d}.tfrecord", overwrite=True)


def test_files_that_are_given(tmp_path, monkeypatch):
    for name in "bac":
        tfr.write_records(tmp_path / name, [name.encode()])
    make_manifest(tmp_path / "set", [tmp_path / "c", tmp_path / "a"])
    assert of_set(tmp_path / "set") == [b"c", b"a"]
    monkeypatch.chdir(tmp_path)
    make_manifest("set", "[ab]", overwrite=True)
    assert of_set("set") == [b"a", b"b"]
    with pytest.raises(ValueError, match="each once"):
        make_manifest("other", ["a", "a"])
    (tmp_path / "below").mkdir()
    with pytest.raises(ValueError, match="lie in the folder of their set"):
        make_manifest("below/set", ["a"])
    with pytest.raises(FileExistsError, match=r"set.manifest.json: these files are already"):
        make_manifest("other", ["a", "c"])
    assert sorted(path.name for path in tmp_path.glob("*.json")) == ["set.manifest.json"]


def test_after_a_rescue(train):
    features = {"label": tfr.FixedLenFeature([], np.int64)}
    make_manifest(train, features=features, overwrite=True)
    shard = sorted(train.parent.glob("*.tfrecord"))[1]
    data = bytearray(shard.read_bytes())
    data[20] ^= 1
    shard.write_bytes(data)
    with pytest.raises(tfr.CorruptRecordError, match=f"{shard}: record 0"):
        make_manifest(train, overwrite=True)
    assert tfr.Manifest.load(manifest_of(train)).records == N
    tfr.salvage(shard, f"{shard}.new")
    shutil.move(f"{shard}.new", shard)
    with pytest.raises(tfr.TFRecordError, match="this shard was cut"):
        tfr.RecordSet(train)
    with pytest.raises(FileExistsError, match="overwrite=True"):
        make_manifest(train)
    manifest = make_manifest(train, overwrite=True)
    assert len(tfr.RecordSet(train)) == manifest.records == N - 1
    # What the manifest said of features it says still.
    assert manifest.features is not None
    assert tfr.features_from_json(manifest.features) == features


def test_features_by_their_names(tmp_path):
    """Kind and count are those of the manifest that is replaced, or else of the records."""
    for index in range(2):
        tfr.write_records(tmp_path / f"s-{index:05d}-of-00002.tfrecord", RECORDS[index::2])
    name = tmp_path / "s"
    manifest = make_manifest(name, features=["words", "label"])
    inferred = tfr.infer_features(RECORDS)
    found = tfr.features_from_json(manifest.features)
    assert list(found.items()) == [(name, inferred[name]) for name in ("words", "label")]
    given = {"label": tfr.VarLenFeature(np.int64), "z": tfr.FixedLenFeature([], bytes, "?")}
    make_manifest(name, features=given, overwrite=True)
    # The shard is not the manifest's any more.
    tfr.write_records(tmp_path / "s-00000-of-00002.tfrecord", RECORDS)
    manifest = make_manifest(name, features=("z",), overwrite=True)
    assert tfr.features_from_json(manifest.features) == {"z": given["z"]}
    before = tree(tmp_path)
    with pytest.raises(ValueError, match="'nothing' is not among those that were found: 'z'"):
        make_manifest(name, features=["nothing"], overwrite=True)
    with pytest.raises(TypeError, match="no mapping of names"):
        make_manifest(name, features="label", overwrite=True)
    assert tree(tmp_path) == before
    assert tfr.Manifest.load(manifest.path).records == manifest.records


def test_what_is_no_set(tmp_path):
    with pytest.raises(FileNotFoundError, match="no shards of this name"):
        make_manifest(tmp_path / "train")
    tfr.write_records(tmp_path / "train-00000-of-00003", [b"x"])
    tfr.write_records(tmp_path / "train-00002-of-00003", [b"x"])
    with pytest.raises(FileNotFoundError, match=r"1 of 3 shards are missing: .*-00001-of-00003"):
        make_manifest(tmp_path / "train")
    tfr.write_records(tmp_path / "train-00001-of-00003", [b"x"], compression="GZIP")
    with pytest.raises(ValueError, match=r"has compression None, .*00001.* has GZIP"):
        make_manifest(tmp_path / "train")
    tfr.write_records(tmp_path / "train-00000-of-00001", [b"x"])
    with pytest.raises(ValueError, match=r"several sets, of \[1, 3\] shards"):
        make_manifest(tmp_path / "train")
    assert not [name for name in tree(tmp_path) if "json" in name or "publishing" in name]


def test_an_empty_file_is_of_any_compression(tmp_path):
    (tmp_path / "a").touch()
    tfr.write_records(tmp_path / "b", [b"x"], compression="GZIP")
    assert make_manifest(tmp_path / "set", [tmp_path / "a", tmp_path / "b"]).compression == "GZIP"
    assert of_set(tmp_path / "set") == [b"x"]


@pytest.mark.parametrize("written", [None, "GZIP", "ZLIB"])
@pytest.mark.parametrize("named", [None, "GZIP", "ZLIB"])
def test_a_compression_that_the_shards_do_not_have(tmp_path, written, named):
    shard = tmp_path / "a"
    tfr.write_records(shard, RECORDS, compression=written)
    if named == written:
        assert make_manifest(tmp_path / "set", shard, compression=named).records == N
        return
    with pytest.raises(tfr.TFRecordError) as expected:
        list(tfr.read_records(shard, compression=named))
    with pytest.raises(type(expected.value)) as found:
        make_manifest(tmp_path / "set", shard, compression=named)
    assert str(found.value) == str(expected.value)
    assert tree(tmp_path) == ["a"]


def test_damage_that_is_mended_while_it_is_read(tmp_path):
    shard = tmp_path / "a.gz"
    tfr.write_records(shard, RECORDS)
    intact = shard.read_bytes()
    tfr.write_records(shard, RECORDS, compression=None)
    damaged = bytearray(shard.read_bytes())
    damaged[20] ^= 1
    shard.write_bytes(gzip.compress(damaged))
    with pytest.raises(tfr.TFRecordError, match="record 0 .* the file has changed since"):
        make_manifest(tmp_path / "set", shard, progress=lambda *_: shard.write_bytes(intact))
    assert tree(tmp_path) == ["a.gz"]
    assert make_manifest(tmp_path / "set", shard).records == N


def test_files_that_are_given_as_a_set(tmp_path):
    for name in "ab":
        tfr.write_records(tmp_path / name, [name.encode()] * 3, compression="ZLIB")
    records = tfr.RecordSet([tmp_path / "b", tmp_path / "a"], compression="ZLIB")
    made = make_manifest(tmp_path / "m", records)
    again = [tmp_path / "b", tmp_path / "a"]
    assert made == make_manifest(tmp_path / "m", again, overwrite=True)
    assert [*map(os.path.basename, made.files)] == ["b", "a"]
    with pytest.raises(ValueError, match="compression: a RecordSet is read with its own"):
        make_manifest(tmp_path / "m", records, overwrite=True, compression="ZLIB")


def test_open_files_are_no_shards(tmp_path):
    tfr.write_records(tmp_path / "a", [b"a"])
    with open(tmp_path / "a", "rb") as file:
        for given in (file, [file], tfr.RecordSet(file)):
            with pytest.raises(TypeError, match="an open file has no name in a folder"):
                make_manifest(tmp_path / "m", given)
    assert not (tmp_path / "m.manifest.json").exists()
