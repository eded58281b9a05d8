"""describe: values of several kinds, very many features, and files that are there twice."""

from __future__ import annotations

import io
import subprocess

import pytest

import tfrecord_lite as tfr
from tfrecord_lite.thresholds import limits


@pytest.mark.parametrize("workers", [0, 2])
def test_a_file_named_twice_counts_twice(tmp_path, monkeypatch, workers):
    monkeypatch.setattr(limits, "described_part_bytes", 100)
    path = tmp_path / "a"
    tfr.write_examples(path, {"x": list(range(50))})
    told = []
    options = {"workers": workers, "progress": lambda name, at: told.append((name, at))}
    for paths in ([path, path], [path, tmp_path / "missing", path], tfr.RecordSet([path, path])):
        description = tfr.describe(paths, **options)
        assert (description.records, description.bytes) == (100, 2 * path.stat().st_size)
        assert [file.records for file in description.files if not file.error] == [50, 50]
        assert description.features["x"].top[0] == (0, 2)
    assert max(at for _, at in told) == path.stat().st_size


def test_an_open_file_that_is_there_twice_is_read_twice_from_where_it_stood(tmp_path):
    tfr.write_examples(tmp_path / "a", {"x": [1, 2]})
    file = io.BytesIO(b"before" + (tmp_path / "a").read_bytes())
    file.seek(6)
    assert tfr.describe([file, file]).records == 4
    file.seek(6)
    records = tfr.RecordSet([file])
    assert tfr.describe(records).records == len(list(records)) == tfr.describe(records).records


def test_a_pipe_that_is_there_twice_is_an_error_and_not_empty(tmp_path):
    tfr.write_examples(tmp_path / "a", {"x": [1, 2]})
    with subprocess.Popen(["cat", tmp_path / "a"], stdout=subprocess.PIPE) as process:
        first, second = tfr.describe([process.stdout, process.stdout]).files
    assert (first.records, first.error) == (2, None)
    assert "can be read once" in str(second.error)


@pytest.mark.parametrize("in_one_record", [True, False])
@pytest.mark.parametrize("sequences", [False, True])
@pytest.mark.parametrize("names", [999, 1000, 1001])
def test_more_features_are_told_only_where_one_was_left_out(
    tmp_path, names, sequences, in_one_record
):
    values = {f"feature {n}": n for n in range(names)}
    messages = [values] if in_one_record else [{name: n} for name, n in values.items()]
    with tfr.RecordWriter(tmp_path / "a") as writer:
        for message in messages:
            if sequences:
                writer.write(tfr.encode_sequence_example(message, {"steps": [[1]]}))
            else:
                writer.write(tfr.encode_example(message))
    description = tfr.describe(tmp_path / "a")
    features = [name for name, feature in description.features.items() if not feature.steps]
    # The first ones that there are; a record has them in the order of their names.
    first = (sorted(values) if in_one_record else [*values])[:1000]
    assert sorted(features) == sorted(f"context/{name}" if sequences else name for name in first)
    assert description.more_features == (names > 1000)


def test_kinds_of_records_are_told_in_the_order_in_which_they_come(tmp_path):
    kinds = {
        "JSON": b"[1, 2]",
        "Example": tfr.encode_example({"a": 1}),
        "text": b"some text",
        "SequenceExample": tfr.encode_sequence_example({"b": 1}, {"c": [[1]]}),
        "PNG image": b"\x89PNG\r\n\x1a\n",
        "Zstandard": b"\x28\xb5\x2f\xfd" + bytes(9),
    }
    tfr.write_records(tmp_path / "a", kinds.values())
    description = tfr.describe(tmp_path / "a")
    assert list(description.payloads) == list(kinds)
    assert list(description.features) == ["a", "context/b", "feature_lists/c"]


def test_values_of_several_kinds_are_not_taken_for_each_other(tmp_path):
    values = [0, b"", 0.0, 1065353216, 1.0]
    paths = [tmp_path / "a", tmp_path / "b"]
    for path in paths:
        tfr.write_records(path, [tfr.encode_example({"x": value}) for value in values])
    for given, times in ((paths[:1], 1), (paths, 2)):
        feature = tfr.describe(given).features["x"]
        assert (feature.distinct, feature.distinct_exact) == (5, True)
        top = {(type(value), value, count) for value, count in feature.top}
        assert top == {(type(value), value, times) for value in values}
        edges, counts = feature.histogram()
        assert (edges[0], edges[-1]) == (0, 1065353216)
        assert [count for count in counts if count] == [3 * times, times]


def test_of_two_kinds_one_may_have_too_many_values_to_list(tmp_path):
    numbers = [tfr.encode_example({"x": n}) for n in range(20_000)]
    others = [tfr.encode_example({"x": value}) for value in (b"a", 0.5, b"a")]
    tfr.write_records(tmp_path / "a", [*numbers, *others])
    feature = tfr.describe(tmp_path / "a").features["x"]
    assert (feature.distinct_exact, feature.top) == (False, [])
    assert abs(feature.distinct / 20_002 - 1) < 0.03
    # Of all numbers, not of the one float that is known one by one.
    assert sum(count > 0 for count in feature.histogram()[1]) == 30
    assert sum(feature.histogram()[1]) == pytest.approx(20_001)


def test_a_sample_is_shared_by_bytes_and_looked_at_says_what_it_is(tmp_path):
    tfr.write_examples(tmp_path / "large", {"x": [bytes(100_000)] * 10})
    tfr.write_examples(tmp_path / "small", {"x": [b"a"] * 1000})
    description = tfr.describe([tmp_path / "large", tmp_path / "small"], sample=1010)
    sizes = [file.bytes for file in description.files]
    # Of the large file all, fewer than its share; the small one is not asked for more.
    shares = [-(-1010 * size // sum(sizes)) for size in sizes]
    assert shares[0] > 10
    assert [file.scan.looked_at for file in description.files] == [10, shares[1]]
    assert description.looked_at == 10 + shares[1] == sum(description.payloads.values())
    assert f"{description.looked_at} looked at" in str(description)
