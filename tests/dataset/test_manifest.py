"""Manifests: written and read, checked against their files, and anything else in their place."""

from __future__ import annotations

import json
import os
from pathlib import Path
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from tfrecord_lite import (
    FixedLenFeature,
    TFRecordError,
    features_from_json,
    read_records,
    salvage,
    write_records,
)
from tfrecord_lite.dataset.shard_writer import ShardWriter
from tfrecord_lite.files.manifest import Manifest, ManifestEntry, find_manifest
from tfrecord_lite.jobs import make_manifest
from tfrecord_lite.records.checksum import crc32c

FEATURES = {"label": FixedLenFeature([], int), "name": FixedLenFeature([2], bytes, [b"a", b"\xff"])}

entries = st.builds(
    ManifestEntry,
    name=st.text(st.characters(exclude_characters="/\\\0:", exclude_categories=["Cs"]), min_size=1)
    .filter(lambda name: name not in (".", ".."))
    .map(lambda name: name + ".tfrecord"),
    records=st.just(3),
    raw_bytes=st.integers(48, 2**63 - 1),
    size=st.integers(0, 2**63 - 1),
    crc32c=st.integers(0, 2**32 - 1),
)


@given(
    st.lists(entries, min_size=1, unique_by=lambda entry: entry.name),
    st.sampled_from(["GZIP", "ZLIB"]),
    st.none() | st.just('{"a": {"class": "x"}}'),
)
def test_reads_what_it_wrote(tmp_path_factory, shards, codec, features) -> None:
    path = tmp_path_factory.mktemp("set") / "train.manifest.json"
    manifest = Manifest(str(path), tuple(shards), codec, features)
    path.write_text(manifest.to_json())
    assert Manifest.load(path) == manifest
    assert Manifest.load(os.fsencode(path)) == manifest


@pytest.fixture
def name(tmp_path: Path) -> str:
    name = str(tmp_path / "train")
    with ShardWriter(name, records_per_shard=2, features=FEATURES) as writer:
        writer.write_many([b"one", b"two", b"three"])
    return name


def test_tells_of_each_file(name: str) -> None:
    manifest = Manifest.load(name + ".manifest.json")
    assert (manifest.records, manifest.raw_bytes, manifest.compression) == (3, 59, None)
    assert (manifest.version, features_from_json(manifest.features or "")) == (1, FEATURES)
    for file, entry, records in zip(manifest.files, manifest.entries, (2, 1), strict=True):
        data = Path(file).read_bytes()
        assert entry == ManifestEntry(
            os.path.basename(file), records, len(data), len(data), crc32c(data)
        )
    manifest.check()


def test_checks_its_files(name: str) -> None:
    manifest = Manifest.load(name + ".manifest.json")
    first, second = manifest.files
    data = Path(first).read_bytes()
    for other in (data[:-1], data + b"\0", b""):
        Path(first).write_bytes(other)
        with pytest.raises(TFRecordError, match=rf"{first}: {len(other)} bytes, .* says 38"):
            manifest.check()
    os.unlink(second)
    Path(first).write_bytes(data)
    with pytest.raises(FileNotFoundError, match=f"1 of 2 shards are missing: {second}; restore"):
        manifest.check()


def test_names_at_most_three_missing_shards(tmp_path: Path) -> None:
    entries = tuple(ManifestEntry(f"{i}.tfrecord", 0, 0, 0, 0) for i in range(9))
    with pytest.raises(FileNotFoundError, match=r"9 of 9 .*0\.tf.*1\.tf.*2\.tfrecord and 6 more"):
        Manifest(str(tmp_path / "a.manifest.json"), entries).check()


def content(**changes: Any) -> dict[str, Any]:
    shard = {"name": "a.tfrecord", "records": 1, "raw_bytes": 19, "size": 19, "crc32c": 5}
    shard.update(changes.pop("shard", {}))
    return {
        "format": "tfrecord_lite shards",
        "version": 1,
        "compression": None,
        "records": 1,
        "raw_bytes": 19,
        "features": None,
        "shards": [shard],
        **changes,
    }


def without(key: str) -> dict[str, Any]:
    return {name: value for name, value in content().items() if name != key}


# Rows 40 and 42: what a manifest may not be, and what is said of it.
BROKEN: dict[str, tuple[Any, str]] = {
    "empty": (b"", "JSONDecodeError"),
    "cut": (json.dumps(content()).encode()[:-1], "JSONDecodeError"),
    "no_json": (b"\x1f\x8b\x08", "Error"),
    "no_utf_8": (b'"\xff"', "UnicodeDecodeError"),
    "deep": (b"[" * 10**6, "RecursionError"),
    "deep_features": (b'{"features": ' + b'{"a":' * 10**5, "RecursionError"),
    "a_huge_number": (b'{"version": ' + b"1" * 5000 + b"}", "Error"),
    "a_list": ([content()], "TypeError"),
    "a_number": (7, "TypeError"),
    "null": (None, "TypeError"),
    "another_format": (content(format="x"), "format"),
    "no_format": (without("format"), "KeyError: 'format'"),
    "no_shards": (without("shards"), "KeyError: 'shards'"),
    "no_features": (without("features"), "KeyError: 'features'"),
    "version_0": (content(version=0), "version"),
    "version_true": (content(version=True), "version"),
    "version_2": (content(version=2), "supports 1; install a newer one"),
    "compression": (content(compression="gzip"), "compression"),
    "compression_list": (content(compression=[]), "compression"),
    "features_list": (content(features=[1]), "features"),
    "features_text": (content(features="{"), "features"),
    "shards_object": (content(shards={}), "no list"),
    "shard_number": (content(shards=[7]), "TypeError|without"),
    "shard_text": (content(shards=["name"]), "without"),
    "no_crc": (content(shards=[{"name": "a", "records": 0, "raw_bytes": 0, "size": 0}]), "crc32c"),
    "name_number": (content(shard={"name": 7}), "name"),
    "name_surrogate": (content(shard={"name": "\ud800"}), "name"),
    "twice": (content(shards=content()["shards"] * 2, records=2, raw_bytes=38), "twice"),
    "totals": (content(records=2), "sum"),
    "totals_text": (content(raw_bytes="19"), "sum"),
    "too_many_records": (content(shard={"records": 2}, records=2), "more records than"),
    "two_sizes": (content(shard={"size": 20}), "two sizes"),
    **{
        f"name_{name!r}": (content(shard={"name": name}), "outside the manifest's folder")
        for name in ("", ".", "..", "../a", "/etc/passwd", "b/a", "a/", "..\\a", "C:a", "a\0b")
    },
    **{
        f"{field}_{value!r}": (content(shard={field: value}), "not a non-negative integer")
        for field in ("records", "raw_bytes", "size", "crc32c")
        for value in (-1, 2**63, 1.0, float("nan"), "1", None, True, [])
    },
    "crc32c_33_bits": (content(shard={"crc32c": 2**32}), "checksum"),
}


@pytest.mark.parametrize("fault", BROKEN)
def test_row_40_refuses_what_is_none(fault: str, tmp_path: Path) -> None:
    broken, message = BROKEN[fault]
    path = tmp_path / "train.manifest.json"
    path.write_bytes(broken if isinstance(broken, bytes) else json.dumps(broken).encode())
    with pytest.raises(TFRecordError, match=message) as caught:
        Manifest.load(path)
    assert caught.value.path == str(path)
    assert len(str(caught.value)) < 1000
    assert str(caught.value).isprintable()


def test_row_40_refuses_a_manifest_that_is_too_large(tmp_path: Path) -> None:
    path = tmp_path / "train.manifest.json"
    with open(path, "wb") as file:
        file.truncate((1 << 26) + 1)
    with pytest.raises(TFRecordError, match="larger than"):
        Manifest.load(path)


@given(st.binary() | st.recursive(st.none() | st.integers() | st.text(), st.lists))
def test_any_bytes_are_a_manifest_or_an_error(tmp_path_factory, found) -> None:
    path = tmp_path_factory.mktemp("any") / "a.manifest.json"
    path.write_bytes(found if isinstance(found, bytes) else json.dumps(found).encode())
    with pytest.raises(TFRecordError):
        Manifest.load(path)


@given(st.sampled_from(sorted(content())), st.none() | st.integers() | st.text() | st.booleans())
def test_any_value_in_its_place_is_read_or_an_error(tmp_path_factory, key, value) -> None:
    path = tmp_path_factory.mktemp("any") / "a.manifest.json"
    for changed in (content(**{key: value}), content(shard={key: value})):
        path.write_text(json.dumps(changed))
        try:
            Manifest.load(path).check()
        except (TFRecordError, FileNotFoundError):
            pass


def test_a_missing_manifest_is_an_os_error(tmp_path: Path) -> None:
    with pytest.raises(FileNotFoundError):
        Manifest.load(tmp_path / "a.manifest.json")


def test_more_than_it_knows_is_no_fault(tmp_path: Path) -> None:
    path = tmp_path / "a.manifest.json"
    path.write_text(json.dumps(content(more=1, shard={"more": 2})))
    assert Manifest.load(path).records == 1


# find_manifest.


def test_finds_what_covers_exactly_these_files(name: str, tmp_path: Path) -> None:
    manifest = Manifest.load(name + ".manifest.json")
    first, second = manifest.files
    other = str(tmp_path / "other.tfrecord")
    write_records(other, [b"x"])
    assert find_manifest([first, second]) == manifest
    assert find_manifest([second, first]) == manifest
    for files in ([], [first], [first, second, other], [first, first], [first, first, second]):
        assert find_manifest(files) is None
    assert find_manifest([other]) is None


def test_finds_it_by_paths_of_every_type(name: str) -> None:
    manifest = Manifest.load(name + ".manifest.json")
    for form in (os.fsencode, Path, str):
        assert find_manifest(list(map(form, manifest.files))) == manifest
        assert find_manifest(iter(map(form, manifest.files))) == manifest
        assert find_manifest(form(manifest.files[0])) is None
    with ShardWriter(name + "-one", num_shards=1) as writer:
        writer.write(b"x")
    assert writer.manifest is not None
    for form in (os.fsencode, Path, str):
        assert find_manifest(form(writer.manifest.files[0])) == writer.manifest


def test_finds_it_in_the_working_directory(name: str, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(os.path.dirname(name))
    manifest = Manifest.load("train.manifest.json")
    assert manifest.files[0] == "train-00000-of-00002.tfrecord"
    assert find_manifest(manifest.files) == manifest


def test_what_it_finds_fits_the_files(name: str) -> None:
    files = Manifest.load(name + ".manifest.json").files
    with open(files[1], "ab") as file:
        file.write(b"\0")
    with pytest.raises(TFRecordError, match="says 21"):
        find_manifest(files)


@pytest.mark.parametrize("other", ["a", "z"])
def test_each_manifest_that_names_these_files_is_checked(name: str, other: str) -> None:
    """As where a glob finds them; of several that fit it is the first by name."""
    own = Manifest.load(f"{name}.manifest.json")
    path = os.path.join(os.path.dirname(name), f"{other}.manifest.json")
    said = json.loads(own.to_json())
    Path(path).write_text(json.dumps(said))
    found = find_manifest(own.files)
    assert found is not None
    assert found.path == min(path, own.path)
    shard = max(said["shards"], key=lambda shard: shard["raw_bytes"])
    for key in ("size", "raw_bytes"):
        shard[key] += 1
    said["raw_bytes"] += 1
    Path(path).write_text(json.dumps(said))
    with pytest.raises(TFRecordError, match=f"{other}.manifest.json says"):
        find_manifest(own.files)


def test_a_manifest_of_others_is_passed_over_and_a_broken_one_of_ours_is_not(name: str) -> None:
    files = Manifest.load(name + ".manifest.json").files
    path = Path(name + ".manifest.json")
    text = path.read_text()
    for others in (b"", b"[", b"\xff", json.dumps(["train-00000-of-00002.tfrecord"]).encode()):
        path.write_bytes(others)
        assert find_manifest(files) is None
    path.write_text(text[:-10])
    with pytest.raises(TFRecordError, match="JSONDecodeError"):
        find_manifest(files)


def test_a_broken_one_is_replaced_with_its_set(name: str) -> None:
    """Its error says to write the set again, which it did not let happen."""
    path = Path(name + ".manifest.json")
    broken = path.read_text()[:-10]
    records = list(read_records(Manifest.load(path).files))

    def write_again() -> None:
        with ShardWriter(name, num_shards=1, overwrite=True) as writer:
            writer.write_many(records)

    def rescue() -> None:
        salvage(f"{name}-*", f"{name}-rescued")
        salvage(f"{name}-rescued", name, overwrite=True)

    for replace in (lambda: make_manifest(name, overwrite=True), write_again, rescue):
        path.write_text(broken)
        replace()
        assert sorted(read_records(name)) == sorted(records)
