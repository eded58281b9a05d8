"""Files of SequenceExamples as columns: read, written, inferred and checked as Examples are."""

from __future__ import annotations

import json
import random
from itertools import chain, islice

import numpy as np
import pytest

import tfrecord_lite as tfr
from tfrecord_lite.integrity import verify

COUNT = 300
FEATURES = tfr.SequenceFeatures(
    {"id": int, "tags": tfr.RaggedFeature(bytes)},
    {
        "frame": tfr.FixedLenFeature([2], np.float32),
        "token": int,
        "padded": tfr.FixedLenSequenceFeature([], np.int64),
        "words": tfr.RaggedFeature(bytes),
    },
)


def row(number: int) -> tuple[dict, dict]:
    draw = random.Random(number)
    steps = number % 5
    return (
        {"id": number, "tags": np.array([b"t"] * (number % 3), object) if number % 3 else None},
        {
            "frame": [np.array([number, step], np.float32) for step in range(steps)],
            "token": [[draw.randint(0, 300)] for _ in range(number % 4)],
            "padded": [[step] for step in range(number % 7)],
            "words": [[b"w" * draw.randint(0, 3)] * (1 + step % 2) for step in range(steps)],
        },
    )


RECORDS = [tfr.encode_sequence_example(*row(number)) for number in range(COUNT)]


def plain(value):
    """Return a batch's values as lists, those of a padded column too."""
    if isinstance(value, dict):
        return {name: plain(item) for name, item in value.items()}
    return value.to_list() if isinstance(value, tfr.Ragged) else value.tolist()


def expected_batch(begin, end):
    rows = [row(number) for number in range(begin, end)]
    lists = {name: [of[name] for _, of in rows] for name in ("frame", "token", "padded", "words")}
    longest = max(len(steps) for steps in lists["padded"])
    return {
        "context": {
            "id": [context["id"] for context, _ in rows],
            "tags": [[] if c["tags"] is None else c["tags"].tolist() for c, _ in rows],
        },
        "feature_lists": {
            "frame": [[step.tolist() for step in steps] for steps in lists["frame"]],
            "token": [[step[0] for step in steps] for steps in lists["token"]],
            "padded": [
                [step[0] for step in steps] + [0] * (longest - len(steps))
                for steps in lists["padded"]
            ],
            "words": lists["words"],
        },
    }


@pytest.fixture(params=["plain", "gzip"])
def path(request, tmp_path):
    compression = None if request.param == "plain" else "GZIP"
    path = tmp_path / "a"
    tfr.write_records(path, RECORDS, compression=compression)
    return path


@pytest.mark.parametrize("batch_size", [7, 64, 1000])
def test_batches(path, batch_size):
    for batches in (
        tfr.read_batches(path, FEATURES, batch_size=batch_size),
        tfr.Dataset(path, FEATURES, batch_size=batch_size),
        tfr.Dataset(path, FEATURES, batch_size=batch_size, workers=2),
    ):
        found = list(batches)
        begins = range(0, COUNT, batch_size)
        assert [plain(batch) for batch in found] == [
            expected_batch(begin, min(begin + batch_size, COUNT)) for begin in begins
        ]
        assert found[0]["feature_lists"]["frame"].values.shape[1:] == (2,)


@pytest.mark.parametrize("shuffle", [40, True])
def test_shuffled_and_resumed(path, shuffle):
    dataset = tfr.Dataset(path, FEATURES, batch_size=7, shuffle=shuffle, seed=3)
    whole = [plain(batch) for batch in dataset]
    ids = [number for batch in whole for number in batch["context"]["id"]]
    assert sorted(ids) == list(range(COUNT))
    rows = expected_batch(0, COUNT)
    for batch in whole:
        for at, number in enumerate(batch["context"]["id"]):
            for name in ("frame", "token", "words"):
                expected = rows["feature_lists"][name][number]
                assert batch["feature_lists"][name][at] == expected
    dataset = tfr.Dataset(path, FEATURES, batch_size=7, shuffle=shuffle, seed=3)
    list(islice(dataset, 5))
    state = dataset.state_dict()
    dataset = tfr.Dataset(path, FEATURES, batch_size=7, shuffle=shuffle, seed=3)
    dataset.load_state_dict(state)
    assert [plain(batch) for batch in dataset] == whole[5:]


def test_inferred(path):
    features = tfr.infer_features(RECORDS)
    assert isinstance(features, tfr.SequenceFeatures)
    assert features.context == {
        "id": tfr.FixedLenFeature([], np.int64),
        "tags": tfr.RaggedFeature(bytes),
    }
    assert features.feature_lists == {
        "frame": tfr.FixedLenFeature([2], np.float32),
        "token": tfr.FixedLenFeature([], np.int64),
        "padded": tfr.FixedLenFeature([], np.int64),
        "words": tfr.RaggedFeature(bytes),
    }
    lists = plain(next(tfr.read_batches(path)))["feature_lists"]
    assert lists["words"] == expected_batch(0, COUNT)["feature_lists"]["words"]
    assert tfr.Dataset(path, batch_size=7).features == features


EXAMPLE = tfr.encode_example({"id": 7})


@pytest.mark.parametrize(
    ("records", "sequences"),
    [
        ([EXAMPLE, *RECORDS[:9]], True),
        ([*RECORDS[:9], EXAMPLE], True),
        ([RECORDS[0], *[EXAMPLE] * 9], False),
        ([*[EXAMPLE] * 9, RECORDS[0]], False),
    ],
)
def test_what_most_records_are(tmp_path, records, sequences):
    """An Example passes for a SequenceExample; one among Examples is the odd one."""
    tfr.write_records(tmp_path / "a", records)
    at = next(number for number, record in enumerate(records) if record != EXAMPLE)
    text = rf"record {at} at byte \d+: .*looks like a SequenceExample"
    report = tfr.verify(tmp_path / "a", examples=True)
    if sequences:
        assert isinstance(tfr.infer_features(records), tfr.SequenceFeatures)
        (batch,) = tfr.read_batches(tmp_path / "a")
        assert len(batch["context"]["id"]) == 10
        assert report.ok
        return
    assert list(tfr.infer_features(records, strict=False)) == ["id"]
    for call in (
        lambda: next(tfr.read_batches(tmp_path / "a")),
        lambda: tfr.Dataset(tmp_path / "a", batch_size=2),
    ):
        with pytest.raises(tfr.ExampleError, match=text):
            call()
    assert [fault.record for fault in report.files[0].faults] == [at]
    assert len(next(tfr.read_batches(tmp_path / "a", strict=False))["id"]) == 10


def test_written_and_read_again(path, tmp_path):
    """What is read is what may be written, by the file and as a set with its features."""
    unpadded = tfr.SequenceFeatures(
        FEATURES.context, {**FEATURES.feature_lists, "padded": tfr.RaggedFeature(np.int64)}
    )
    (batch,) = tfr.read_batches(path, unpadded, batch_size=COUNT)
    block = tfr.encode_sequence_examples(batch, unpadded)
    without_tags = [
        record
        if number % 3
        else tfr.encode_sequence_example(
            {**row(number)[0], "tags": np.array([], "S1")}, row(number)[1]
        )
        for number, record in enumerate(RECORDS)
    ]
    assert block.to_list() == without_tags
    again = tmp_path / "again"
    assert tfr.write_examples(again, batch, unpadded) == COUNT
    assert list(tfr.read_records(again)) == without_tags
    with tfr.ShardWriter(tmp_path / "set", num_shards=3, features=unpadded) as writer:
        writer.write_examples(batch)
    assert tfr.Dataset(tmp_path / "set", batch_size=9).features == unpadded
    found = sorted(
        number
        for batch in tfr.read_batches(tmp_path / "set", batch_size=9)
        for number in batch["context"]["id"].tolist()
    )
    assert found == list(range(COUNT))
    assert tfr.verify(tmp_path / "set", examples=True).ok


def test_as_json():
    text = tfr.features_to_json(FEATURES)
    assert json.loads(text)["version"] == 2
    assert tfr.features_from_json(text) == FEATURES
    # A feature of Examples may have this name.
    named = {"version": tfr.FixedLenFeature([], np.int64)}
    assert tfr.features_from_json(tfr.features_to_json(named)) == named
    with pytest.raises(ValueError, match="version 3; this version supports 2"):
        tfr.features_from_json(text.replace('"version": 2', '"version": 3'))


def test_a_record_that_does_not_fit(tmp_path):
    records = list(RECORDS[:50])
    records[31] = tfr.encode_sequence_example({"id": 1}, {"token": [[1], [2, 3]]})
    tfr.write_records(tmp_path / "a", records)
    features = tfr.SequenceFeatures({"id": int}, {"token": int})
    text = r"a: record 31 at byte \d+: feature list 'token', step 1: found 2 values, expected 1"
    with pytest.raises(tfr.ExampleError, match=text):
        list(tfr.read_batches(tmp_path / "a", features))
    dataset = iter(tfr.Dataset(tmp_path / "a", features, batch_size=10))
    assert len(list(islice(dataset, 3))) == 3
    with pytest.raises(tfr.ExampleError, match=text):
        next(dataset)
    report = tfr.verify(tmp_path / "a", examples=True, features=features)
    (fault,) = report.files[0].faults
    assert (fault.kind, fault.record) == ("features", 31)


def test_kinds_that_most_records_do_not_have(tmp_path):
    """Without features, verify expects what the first records have that agree with each other."""
    records = list(RECORDS)
    records[31] = tfr.encode_sequence_example({"id": 1}, {"frame": [[1], [2]]})
    records[33] = tfr.encode_sequence_example({"id": 0.5}, {"frame": [[1.0, 2.0]]})
    # A list of two kinds: as entries of the same list, one serialized after the other.
    one, other = (
        tfr.SequenceExample.FromString(tfr.encode_sequence_example({}, {"token": [value]}))
        for value in (1, b"x")
    )
    one.feature_lists.feature_list["token"].feature.extend(
        other.feature_lists.feature_list["token"].feature
    )
    records[35] = one.SerializeToString()
    tfr.write_records(tmp_path / "a", records)
    faults = tfr.verify(tmp_path / "a", examples=True).files[0].faults
    assert [(fault.kind, fault.record) for fault in faults] == [
        ("features", 31),
        ("features", 33),
        ("features", 35),
    ]
    assert "feature list 'frame', step 0: found int64 values" in faults[0].reason


def test_what_is_no_sequence_example(tmp_path):
    records = [*RECORDS[:20], RECORDS[20] + b"\x18\x05"]
    tfr.write_records(tmp_path / "a", records)
    with pytest.raises(tfr.ExampleError, match="record 20 .*unknown field 3 at top level"):
        list(tfr.read_batches(tmp_path / "a", FEATURES))
    (fault,) = tfr.verify(tmp_path / "a", examples=True).files[0].faults
    assert (fault.kind, fault.record) == ("example", 20)
    assert len(list(tfr.read_batches(tmp_path / "a", FEATURES, strict=False, batch_size=7))) == 3


def test_features_of_examples_do_not_read_sequence_examples(path):
    for call in (
        lambda: next(tfr.read_batches(path, {"id": int})),
        lambda: tfr.Dataset(path, {"id": int}, batch_size=2),
    ):
        with pytest.raises(tfr.ExampleError, match=r"SequenceExample: .*features=SequenceFeatures"):
            call()
    with pytest.raises(ValueError, match="named by SequenceFeatures"):
        next(tfr.read_batches(path, ["id"]))
    with pytest.raises(TypeError, match="parse_sequence_example reads SequenceExamples"):
        tfr.parse_example(RECORDS, FEATURES)


CUT = tfr.SequenceFeatures(
    {},
    {
        "rows": tfr.RaggedFeature(
            np.int64,
            value_key="of",
            partitions=[
                tfr.RaggedFeature.RowLengths("lengths"),
                tfr.RaggedFeature.UniformRowLength(2),
            ],
        ),
        "of": tfr.RaggedFeature(np.int64),
    },
)


def flat(lists):
    return list(chain.from_iterable(lists))


def of_rows(number):
    """Return what the steps of "rows" are, and a record of them; none in each third."""
    draw = random.Random(number)
    steps = [
        [[[step, draw.randint(0, 300)]] * draw.randrange(3) for _ in range(draw.randrange(3))]
        for step in range(number % 3 * 2)
    ]
    lists = {
        "of": [np.array(flat(flat(step)), np.int64) for step in steps],
        "lengths": [np.array([len(inner) for inner in step], np.int64) for step in steps],
    }
    return steps, tfr.encode_sequence_example({}, lists if number % 3 else {})


@pytest.mark.parametrize("batch_size", [7, 1000])
def test_steps_are_cut_by_partitions(tmp_path, batch_size):
    steps, records = zip(*map(of_rows, range(COUNT)), strict=True)
    with tfr.ShardWriter(tmp_path / "a", features=CUT) as writer:
        writer.write_many(records)
    for batches in (
        tfr.read_batches(tmp_path / "a", batch_size=batch_size),
        tfr.Dataset(tmp_path / "a", batch_size=batch_size),
    ):
        columns = [batch["feature_lists"] for batch in batches]
        assert flat(plain(column["rows"]) for column in columns) == list(steps)
        found = flat(plain(column["of"]) for column in columns)
        assert found == [[flat(flat(step)) for step in row] for row in steps]
    assert verify(tmp_path / "a", examples=True)


@pytest.mark.parametrize(
    ("lengths", "reason"),
    [([[2], [5]], "step 1: RowLengths of 'lengths', 5, do not fit"), ([[1]], "found 1 steps of")],
)
def test_partitions_that_do_not_fit_are_told(tmp_path, lengths, reason):
    records = [of_rows(number)[1] for number in range(COUNT)]
    lists = {"of": [[1, 2, 3, 4], [5, 6]], "lengths": lengths}
    records[50] = tfr.encode_sequence_example({}, lists)
    tfr.write_records(tmp_path / "a", records)
    with pytest.raises(tfr.ExampleError, match=f"record 50 at .* feature list 'rows'.*{reason}"):
        list(tfr.read_batches(tmp_path / "a", CUT, batch_size=COUNT))
    assert reason in str(verify(tmp_path / "a", examples=True, features=CUT))


@pytest.mark.parametrize(
    ("context", "lists", "text"),
    [
        ({}, {}, "no features"),
        ({"a": tfr.FixedLenSequenceFeature([], np.int64)}, {}, "is a FixedLenSequenceFeature"),
        ({}, {"a": tfr.SparseFeature("i", "v", np.int64, 3)}, "is a SparseFeature"),
        ({}, {"a": tfr.FixedLenFeature([], np.int64, 3)}, "take no default_value"),
        ({}, {"a": tfr.FixedLenSequenceFeature([], np.int64, True, 3)}, "has a default_value"),
    ],
)
def test_invalid_features(context, lists, text):
    with pytest.raises(ValueError, match=text):
        tfr.SequenceFeatures(context, lists)


@pytest.mark.parametrize(
    ("columns", "error", "text"),
    [
        ({"context": {"a": [1, 2]}, "feature_lists": {"b": [[[1]]]}}, ValueError, "different"),
        ({"context": {"a": [1]}, "lists": {}}, ValueError, "columns of SequenceExamples are"),
        (
            {"context": {"a": [1, 2]}, "feature_lists": {"b": [[[1]], [[1], [2.5]]]}},
            tfr.ExampleError,
            "row 1: feature list 'b', step 1 has floats",
        ),
        ({"context": {}, "feature_lists": {}}, ValueError, "no columns"),
    ],
)
def test_invalid_columns(columns, error, text):
    with pytest.raises(error, match=text):
        tfr.encode_sequence_examples(columns)


@pytest.mark.parametrize("steps", [0, 2])
def test_records_in_which_nothing_has_a_kind(tmp_path, steps):
    record = tfr.SequenceExample()
    record.feature_lists.feature_list["empty"].feature.extend([tfr.Feature()] * steps)
    path = tmp_path / "a.tfrecord"
    tfr.write_records(path, [record.SerializeToString()] * 2)
    found = tfr.infer_features(tfr.read_records(path))
    assert isinstance(found, tfr.SequenceFeatures)
    assert not found
    for read in (tfr.read_batches, tfr.Dataset):
        with pytest.raises(tfr.ExampleError, match=r"a\.tfrecord: record 0 .*no feature in any"):
            next(iter(read(path, batch_size=1)))
    assert tfr.verify(path, examples=True).ok
