"""`jobs.shard`: options that are refused, and that a job that fails leaves all as it was."""

from __future__ import annotations

import numpy as np
import pytest
from job_sets import N, of_set, tree

import tfrecord_lite as tfr
from tfrecord_lite.jobs import shard


def labels(name):
    return [int(tfr.decode_example(record)["image/id"][0]) for record in of_set(name)]


@pytest.mark.parametrize(
    ("options", "told"),
    [
        ({"split": {"a": 0.5, "b": 0.4}}, "0.9 together"),
        ({"split": {"a": 1.5, "b": -0.5}}, "above 0"),
        ({"split": {}}, "above 0"),
        ({"split": {"a": 0.5, "A": 0.5}}, "take for one"),
        ({"split": {"a": 1.0}, "by": "label"}, "exclude each other"),
        ({"split": {"a/../../evil": 0.5, "b": 0.5}}, "'a/../../evil' is not safe as a name"),
        ({"split": {"/evil": 1.0}}, "not safe"),
        ({"split": {"": 1.0}}, "not safe"),
        ({"split": {"..": 1.0}}, "not safe"),
        ({"split": {"a\\b": 1.0}}, "not safe"),
        ({"split": {"a\0": 1.0}}, "not safe"),
        ({"split": {"a-00000-of-00001": 1.0}}, "not safe"),
        ({"split": {"a.tfrecord": 1.0}}, "leave it out"),
        ({"split": {"a": float("nan")}}, "above 0"),
        ({"sample": 0}, "at least 1"),
        ({"seed": -1}, "seed=-1 must be at least 0"),
        ({"seed": -1, "sample": 2}, "seed=-1 must be at least 0"),
        ({"shuffle": -1}, "shuffle=-1 must be at least 0"),
        ({"num_shards": 0}, "at least 1"),
        ({"records_per_shard": -1}, "at least 1"),
        ({"where": "1 < 'a'"}, "cannot be compared"),
        ({"where": "nothing > 3"}, "there is no feature 'nothing'; there are: 'image/id', 'label'"),
        ({"by": "nothing"}, "there is no feature 'nothing'"),
        ({"by": "score"}, "a feature of floats"),
        ({"where": "name > 3"}, "cannot be compared"),
        ({"where": "open('x')"}, "not supported"),
        ({"by": "words", "where": "label < 1"}, "record 0 at .* 'words' is missing"),
        ({"by": "words", "where": "words is not None"}, "2 values where one is meant"),
        ({"where": "words == 'cat'"}, "2 values where one is meant"),
        ({"num_shards": 2, "bytes_per_shard": 3}, "exclude each other"),
        ({"write_compression": "LZ4"}, "unknown compression"),
    ],
)
def test_what_is_refused_leaves_nothing(train, tmp_path, options, told):
    before = tree(tmp_path)
    for name in ("a", "new/deep/a"):
        with pytest.raises(ValueError, match=told):
            shard(train, tmp_path / name, **options)
        assert tree(tmp_path) == before
    with pytest.raises(ValueError, match="pass the NAME alone"):
        shard(train, tmp_path / "a_{index}", by="label")


@pytest.mark.parametrize(
    ("options", "told"),
    [
        ({"shuffle": True}, "shuffle=True must be an integer"),
        ({"shuffle": "7"}, "shuffle='7' must be an integer"),
        ({"shuffle": 7.0}, "shuffle=7.0 must be"),
        ({"shuffle": np.True_}, "shuffle=.*True.* must be"),
        ({"seed": True}, "seed=True must be"),
        ({"seed": None}, "seed=None must be"),
        ({"seed": "1"}, "seed='1' must be"),
        ({"sample": True}, "sample=True must be"),
        ({"sample": 2.5}, "sample=2.5 must be"),
        ({"num_shards": True}, "num_shards=True must be"),
        ({"records_per_shard": "3"}, "records_per_shard='3' must be"),
        ({"bytes_per_shard": 1e6}, "bytes_per_shard=1000000.0 must be"),
        ({"split": "a=.5,b=.5"}, "must be a mapping"),
        ({"split": [("a", 0.5), ("b", 0.5)]}, "must be a mapping"),
        ({"split": {1: 0.5, 2: 0.5}}, "must be a mapping"),
        ({"split": {"a": "1.0"}}, "shares are numbers"),
        ({"by": 3}, "by=3 must be the name"),
        ({"where": 3}, "an expression is a str"),
    ],
)
def test_options_of_other_types(train, tmp_path, options, told):
    before = tree(tmp_path)
    with pytest.raises(TypeError, match=told):
        shard(train, tmp_path / "new" / "a", **options)
    assert tree(tmp_path) == before


def test_no_shuffle(train, tmp_path):
    for name, shuffle in {"a": None, "b": False}.items():
        shard(train, tmp_path / name, shuffle=shuffle)
        assert labels(tmp_path / name) == list(range(N))
    for name, seed in {"c": 0, "d": np.int64(0)}.items():
        shard(train, tmp_path / name, shuffle=seed, seed=seed)
    assert list(range(N)) != labels(tmp_path / "c") == labels(tmp_path / "d")


@pytest.mark.parametrize("options", [{}, {"shuffle": 1}, {"by": "label"}, {"num_shards": 3}])
@pytest.mark.parametrize("raised", [KeyboardInterrupt, ZeroDivisionError])
def test_folders_that_a_job_made_go_with_it(train, tmp_path, options, raised):
    before = tree(tmp_path)

    def progress(*_):
        assert (tmp_path / "new" / "deep").is_dir()
        raise raised

    with pytest.raises(raised):
        shard(train, tmp_path / "new" / "deep" / "a", progress=progress, **options)
    assert tree(tmp_path) == before


def test_folders_that_others_made_or_use_stay(train, tmp_path, monkeypatch):
    (tmp_path / "there").mkdir()

    def progress(*_):
        (tmp_path / "there" / "new" / "other").write_bytes(b"x")
        raise KeyboardInterrupt

    monkeypatch.chdir(tmp_path / "there")
    with pytest.raises(KeyboardInterrupt):
        shard(train, "new/a/b", progress=progress)
    assert tree(tmp_path / "there") == ["new", "new/other"]
    with pytest.raises(FileNotFoundError):
        shard(tmp_path / "nothing", "empty/a")
    assert tree(tmp_path / "there") == ["new", "new/other"]
