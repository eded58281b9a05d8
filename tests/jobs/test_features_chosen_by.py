"""`where` and `by` of `jobs.shard`: features are what `read_batches` makes of them."""

from __future__ import annotations

from collections import Counter

import numpy as np
import pytest
from job_sets import of_set, tree

import tfrecord_lite as tfr
from tfrecord_lite.jobs import shard

N = 12


def _example(number):
    values = {"a": number % 3, "f": number / 2, "v": [number] * (number % 3) or None}
    values["n"] = [number % 3]
    if number % 2:
        values |= {"z": number % 4, "s": b"x%d" % (number % 4), "p": [number, 7], "y": 0.5}
    return tfr.encode_example(values)


RECORDS = [_example(number) for number in range(N)]
WITH_DEFAULTS = {
    "a": int,
    "z": tfr.FixedLenFeature([], np.int64, 7),
    "s": tfr.FixedLenFeature([1], bytes, [b"none"]),
    "p": tfr.FixedLenFeature([2], np.int64, [7, 8]),
    "y": tfr.FixedLenFeature((), np.float32, 0.1),
}


@pytest.fixture
def described(tmp_path):
    with tfr.ShardWriter(tmp_path / "in", records_per_shard=5, features=WITH_DEFAULTS) as writer:
        writer.write_many(RECORDS)
    return tmp_path / "in"


@pytest.fixture(params=["manifest", "given"])
def chosen(request, described, tmp_path):
    """Return the numbers of the records that are chosen; features are said here or there."""

    def chosen(features=WITH_DEFAULTS, **options):
        src = described
        if request.param == "given":
            src, options["features"] = f"{described}-*", features
            (tmp_path / "in.manifest.json").unlink(missing_ok=True)
        elif features is not WITH_DEFAULTS:
            (src,) = (one.name for one in shard(described, tmp_path / "other", features=features))
        found = shard(src, tmp_path / "out", overwrite=True, **options)
        return {one.value: [RECORDS.index(data) for data in of_set(one.name)] for one in found}

    return chosen


@pytest.mark.parametrize(
    ("where", "rule"),
    [
        ("z == 7", lambda row: row["z"] == 7),
        ("z + a > 7", lambda row: row["z"] + row["a"] > 7),
        ("z is None", lambda row: False),
        ("s == 'none'", lambda row: row["s"][0] == b"none"),
        ("s in ('x1', 'none') and a > 0", lambda row: row["s"][0] in (b"x1", b"none") and row["a"]),
        ("8 in p", lambda row: 8 in row["p"]),
        ("7 in p", lambda row: 7 in row["p"]),
        ("y == 0.1", lambda row: row["y"] == np.float32(0.1)),
    ],
)
def test_defaults_stand_in_where_a_feature_is_missing(described, chosen, where, rule):
    batch = next(tfr.read_batches(described, WITH_DEFAULTS, batch_size=N))
    rows = [{name: column[number] for name, column in batch.items()} for number in range(N)]
    expected = [number for number in range(N) if rule(rows[number])]
    assert chosen(where=where)[None] == expected


def test_defaults_are_those_of_sql(described, tmp_path):
    pytest.importorskip("duckdb")
    from tfrecord_lite.sql import query

    for where in ("z = 7", "z + a > 7", "z is null", "y > 0.25"):
        rows = query(f"select count(*) as n from '{described}' where {where}").read_all()
        in_our_words = where.replace("null", "None").replace(" = ", " == ")
        (found,) = shard(described, tmp_path / "out", where=in_our_words, overwrite=True)
        assert rows["n"].to_pylist() == [found.manifest.records]


def test_defaults_tell_sets_apart(described, chosen):
    batch = next(tfr.read_batches(described, WITH_DEFAULTS, batch_size=N))
    for by, name in (("z", int), ("s", lambda value: bytes(value[0]))):
        expected = Counter(map(name, batch[by]))
        assert {value: len(rows) for value, rows in chosen(by=by).items()} == expected


def test_values_that_a_default_does_not_fit(described, chosen, tmp_path):
    """As everywhere, a FixedLenFeature has so many values or is missing."""
    features = {"v": tfr.FixedLenFeature([], np.int64, 3)}
    with pytest.raises(tfr.ExampleError) as expected:
        next(tfr.read_batches(tfr.expand_shards(described), features, batch_size=N))
    with pytest.raises(tfr.ExampleError, match="record 2 .*feature 'v': found 2 values") as found:
        chosen(features, where="v == 3")
    assert found.value.reason in expected.value.reason
    assert not list(tmp_path.glob("out*"))


RENAMED = {
    "c": tfr.RaggedFeature(np.int64, value_key="a"),
    "r": tfr.RaggedFeature(np.int64, "v", [tfr.RaggedFeature.RowLengths("n")]),
    "t": tfr.SparseFeature(["a", "n"], "f", np.float32, [9, 9]),
    "u": tfr.RaggedFeature(np.uint8, value_key="s"),
    "z": int,
    # Called as one of its keys, which is meant.
    "n": tfr.SparseFeature("a", "n", np.int64, 9),
}


@pytest.mark.parametrize(
    ("where", "expected"),
    [
        ("c == 1", [1, 4, 7, 10]),
        ("a == 1", [1, 4, 7, 10]),
        ("c == a", [*range(N)]),
        ("4 in r", [4]),
        ("5 in v", [5]),
        ("r is None", [0, 3, 6, 9]),
        ("n == 2", [2, 5, 8, 11]),
        ("f >= 5", [10, 11]),
        ("u == 'x3'", [3, 7, 11]),
        ("s == 'x3'", [3, 7, 11]),
    ],
)
def test_keys_that_have_other_names(chosen, where, expected):
    """A feature of one key is its values, and the keys of all are there by their own names."""
    assert chosen(RENAMED, where=where)[None] == expected


def test_a_feature_of_several_keys(described, tmp_path):
    before = tree(tmp_path)
    told = "feature 't' has several keys; name one of these: 'f', 'a', 'n'"
    for options in ({"where": "t is None"}, {"by": "t"}):
        with pytest.raises(ValueError, match=told):
            shard(described, tmp_path / "out", features=RENAMED, **options)
    with pytest.raises(
        ValueError, match="no feature 'x'; there are: 'c', .*'z', 'n', 'a', 'v', 'f', 's'"
    ):
        shard(described, tmp_path / "out", features=RENAMED, where="x == 1")
    assert tree(tmp_path) == before
    found = shard(described, tmp_path / "out", features=RENAMED, by="c")
    assert {one.value: one.manifest.records for one in found} == {0: 4, 1: 4, 2: 4}
