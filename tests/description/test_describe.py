"""describe: what files hold, held against what is in them."""

from __future__ import annotations

import io
import json
import random
from collections import Counter

import numpy as np
import pytest

import tfrecord_lite as tfr
from tfrecord_lite.thresholds import limits
from tfrecord_lite.view.shown import read_content

KINDS = {"int64": np.int64, "float32": np.float32}


def kind_of(value):
    return "bytes" if isinstance(value, list) else value.dtype.name


def expected(records):
    """Describe the features of Examples one by one, by decode_example."""
    found = {}
    for data in records:
        for name, value in tfr.decode_example(data).items():
            if value is None:
                continue
            one = found.setdefault(
                name, {"records": 0, "kinds": Counter(), "counts": [], "values": Counter()}
            )
            one["records"] += 1
            one["kinds"][kind_of(value)] += 1
            one["counts"].append(len(value))
            one["values"].update(value if isinstance(value, list) else value.tolist())
    return found


def check(description, records):
    assert description.records == len(records)
    assert description.sizes.min == min(map(len, records), default=None)
    assert description.sizes.max == max(map(len, records), default=None)
    assert description.sizes.total == sum(map(len, records))
    wanted = expected(records)
    assert set(description.features) == set(wanted)
    for name, one in wanted.items():
        feature = description.features[name]
        assert (feature.records, feature.kinds) == (one["records"], one["kinds"]), name
        counts = feature.counts
        assert (counts.min, counts.max, counts.total) == (
            min(one["counts"]),
            max(one["counts"]),
            sum(one["counts"]),
        )
        assert sum(count for *_, count in counts.buckets) == len(one["counts"])
        numbers = {value: n for value, n in one["values"].items() if not isinstance(value, bytes)}
        if numbers:
            assert (feature.min, feature.max) == (min(numbers), max(numbers))
            total = sum(value * n for value, n in numbers.items())
            assert feature.mean == pytest.approx(total / sum(numbers.values()), rel=1e-6)
        lengths = [len(value) for value in one["values"] if isinstance(value, bytes)]
        assert (feature.lengths.min, feature.lengths.max) == (
            min(lengths, default=None),
            max(lengths, default=None),
        )
        assert feature.distinct == len(one["values"])
        assert feature.distinct_exact
        times = sorted(one["values"].values(), reverse=True)
        assert [n for _, n in feature.top] == times[:10]
        for value, n in feature.top:
            if not isinstance(value, bytes) or len(value) < 64:
                assert one["values"][value] == n


def random_records(rng, count):
    words = [
        bytes(rng.randrange(256) for _ in range(rng.choice((0, 1, 7, 8, 9, 63, 64, 65, 200))))
        for _ in range(30)
    ]
    records = []
    for _ in range(count):
        features = {"label": rng.randrange(5), "id": rng.randrange(-(2**40), 2**40)}
        if rng.random() < 0.7:
            features["score"] = np.array(
                [rng.random() for _ in range(rng.randrange(4))], np.float32
            )
        if rng.random() < 0.5:
            features["words"] = rng.choices(words, k=rng.randrange(1, 4))
        if rng.random() < 0.1:
            # Of another kind now and then.
            features["odd"] = rng.choice((1, 0.5, b"text"))
        if rng.random() < 0.02:
            features[f"late{rng.randrange(3)}"] = 1
        names = list(features)
        rng.shuffle(names)
        records.append(tfr.encode_example({name: features[name] for name in names}))
    return records


@pytest.mark.parametrize("seed", range(6))
@pytest.mark.parametrize("compression", [None, "GZIP"])
def test_random_examples(tmp_path, seed, compression):
    rng = random.Random(seed)
    records = random_records(rng, rng.choice((1, 40, 3000)))
    cut = rng.randrange(len(records) + 1)
    for name, part in (("a", records[:cut]), ("b", records[cut:])):
        tfr.write_records(tmp_path / name, part, compression=compression)
    description = tfr.describe(tmp_path)
    check(description, records)
    assert description.ok
    assert description.payloads == {"Example": len(records)}
    assert description.compression == compression
    assert [file.records for file in description.files] == [cut, len(records) - cut]
    assert description.bytes == sum((tmp_path / name).stat().st_size for name in "ab")
    assert description.raw_bytes == sum(len(record) + 16 for record in records)
    json.dumps(description.to_json(), allow_nan=False)


def test_processes_find_the_same(tmp_path, monkeypatch):
    monkeypatch.setattr(limits, "described_part_bytes", 10_000)
    records = random_records(random.Random(7), 2000)
    tfr.write_records(tmp_path / "a", records[:1500])
    tfr.write_records(tmp_path / "b", records[1500:], compression="GZIP")
    seen = []
    description = tfr.describe(
        tmp_path, workers=2, progress=lambda path, at: seen.append((path[-1], at))
    )
    check(description, records)
    sizes = {name: (tmp_path / name).stat().st_size for name in "ab"}
    assert dict(seen) == sizes
    assert sum(name == "a" for name, _ in seen) > 5
    alone = tfr.describe(tmp_path, workers=0)
    assert description.to_json() == alone.to_json() | {
        "features": description.to_json()["features"]
    }


def test_damage_in_a_part_is_told_as_from_the_front(tmp_path, monkeypatch):
    monkeypatch.setattr(limits, "described_part_bytes", 10_000)
    path = tmp_path / "a"
    records = random_records(random.Random(1), 1000)
    tfr.write_records(path, records)
    offset = int(tfr.RecordIndex.build(path).offsets[700])
    data = bytearray(path.read_bytes())
    data[offset + 12] ^= 1
    path.write_bytes(data)
    description = tfr.describe(path, workers=2)
    (file,) = description.files
    assert [region.record for region in file.damage] == [700]
    assert (file.regions, file.ok, description.ok) == (1, False, False)
    check(description, records[:700] + records[701:])
    assert "1 region, " in str(description)


def test_a_file_that_is_missing_does_not_stop_the_others(tmp_path):
    tfr.write_records(tmp_path / "a", [tfr.encode_example({"x": 1})])
    (tmp_path / "b").write_bytes(b"no records at all")
    description = tfr.describe([tmp_path / "none", tmp_path / "a", tmp_path / "b"])
    assert description.records == 1
    assert [type(file.error) for file in description.files[:1]] == [type(None)]
    errors = {file.path[-4:]: type(file.error) for file in description.files if file.error}
    assert errors["none"] is FileNotFoundError
    assert not description.ok
    with pytest.raises(FileNotFoundError, match="none"):
        tfr.describe(tmp_path / "none")
    with pytest.raises(TypeError, match="is no path"):
        tfr.describe(3)


def test_many_distinct_values(tmp_path):
    rng = np.random.default_rng(0)
    path = tmp_path / "a"
    few, many = rng.integers(0, 12_000, 60_000), rng.integers(-(2**62), 2**62, 60_000)
    names = [b"n%d" % number for number in many.tolist()]
    tfr.write_examples(path, {"few": few, "many": many, "names": names})
    features = tfr.describe(path).features
    assert features["few"].distinct == len(np.unique(few))
    assert features["few"].distinct_exact
    assert features["few"].top == []
    for name in ("many", "names"):
        assert not features[name].distinct_exact
        assert abs(features[name].distinct / 60_000 - 1) < 0.03
    assert "about " in str(tfr.describe(path))


def test_numbers_that_are_not_finite_are_counted_apart(tmp_path):
    path = tmp_path / "a"
    values = np.array([1, np.nan, -np.inf, 0, np.inf, np.nan, -0.0, 3], np.float32)
    tfr.write_examples(path, {"x": values})
    feature = tfr.describe(path).features["x"]
    numbers = feature.numbers
    assert (numbers.nan, numbers.infinite, numbers.zeros, numbers.count) == (2, 2, 2, 4)
    assert (feature.min, feature.max, feature.mean) == (0, 3, 1)
    assert feature.distinct == 6
    json.dumps(tfr.describe(path).to_json(), allow_nan=False)


def test_nan_is_one_value_whatever_its_bits_and_zero_whatever_its_sign(tmp_path):
    # The first is a signaling one, of which adding warns.
    bits = np.array([0x7F800001, 0xFFC00000, 0x7FC00001, 0x80000000, 0], np.uint32)
    tfr.write_examples(tmp_path / "a", {"x": [bits.view(np.float32)] * 2})
    found = tfr.describe(tmp_path / "a").features["x"]
    assert (found.distinct, found.numbers.nan, str(found.top)) == (2, 6, "[(nan, 6), (0.0, 4)]")


@pytest.mark.parametrize("values", [[-(2**63), 2**63 - 1], [2**63 - 1] * 3, [5], [-3, 4, 4]])
def test_sums_of_large_integers(tmp_path, values):
    path = tmp_path / "a"
    tfr.write_examples(path, {"x": np.array(values)})
    feature = tfr.describe(path).features["x"]
    assert (feature.min, feature.max) == (min(values), max(values))
    assert feature.mean == sum(values) / len(values)
    edges, counts = feature.histogram()
    assert sum(counts) == pytest.approx(len(values))
    assert edges[0] <= float(min(values))


@pytest.mark.parametrize("dtype", [np.int64, np.float32])
def test_histograms_of_few_different_numbers_are_exact(tmp_path, dtype):
    path = tmp_path / "a"
    rng = np.random.default_rng(0)
    values = (rng.zipf(1.5, 20_000) % 40).astype(dtype)
    tfr.write_examples(path, {"x": values})
    feature = tfr.describe(path).features["x"]
    edges, counts = feature.histogram()
    assert counts == np.histogram(values, edges)[0].tolist()
    assert feature.to_json()["numbers"]["histogram"]["counts"] == counts


def test_sequence_examples_and_all_else(tmp_path):
    path = tmp_path / "a"
    sequences = [
        tfr.encode_sequence_example(
            {"id": n}, {"frames": [[1.5] * 2] * n, "words": [[b"a"], [b"b"] * n][: n % 3]}
        )
        for n in range(20)
    ]
    event = b"\x09\x00\x00\x00\x00\x00\x00\xf0\x3f\x10\x01\x1a\x0dbrain.Event:2"
    others = [event, b"\xff\xd8\xff\xe0jpeg", b"opaque\x00\x01", tfr.encode_example({"x": 1})]
    tfr.write_records(path, sequences + others)
    description = tfr.describe(path)
    assert description.payloads == {
        "SequenceExample": 20,
        "TensorBoard event": 1,
        "JPEG image": 1,
        "other bytes": 1,
        "Example": 1,
    }
    features = description.features
    assert set(features) == {"context/id", "feature_lists/frames", "feature_lists/words", "x"}
    frames, words = features["feature_lists/frames"], features["feature_lists/words"]
    assert (frames.records, frames.steps.min, frames.steps.max, frames.steps.total) == (
        20,
        0,
        19,
        190,
    )
    assert (frames.counts.min, frames.counts.max, frames.kind) == (2, 2, "float32")
    assert words.kinds == {"bytes": sum(min(n % 3, 2) for n in range(20))}
    assert (words.counts.min, words.counts.max) == (1, 17)
    assert (features["context/id"].records, features["context/id"].max) == (20, 19)
    assert "20 SequenceExample" in str(description)


def test_a_sequence_example_that_is_broken(tmp_path):
    whole = tfr.encode_sequence_example({"id": 1}, {"a": [[1], [2]]})
    # The run of the last step ends within an integer.
    broken = whole[:-1] + b"\x80"
    with pytest.raises(tfr.ExampleError):
        tfr.decode_sequence_example(broken)
    for records in ([whole] * 3 + [broken], [broken], [broken, tfr.encode_example({"x": 1})]):
        tfr.write_records(tmp_path / "a", records)
        description = tfr.describe(tmp_path / "a")
        assert description.payloads["broken SequenceExample"] == 1
        assert description.payloads["SequenceExample"] == records.count(whole)
        assert read_content(broken).kind == "broken SequenceExample"


def test_a_list_of_examples_is_named(tmp_path):
    example = tfr.encode_example({"label": 3})
    data = b"\n" + bytes([len(example)]) + example
    tfr.write_records(tmp_path / "a", [data * 2])
    assert tfr.describe(tmp_path / "a").payloads == {"ExampleListWithContext": 1}


def test_a_sample_is_spread_over_the_files(tmp_path):
    for name in "abc":
        tfr.write_examples(tmp_path / name, {name: range(1000)})
    description = tfr.describe(tmp_path, sample=30)
    assert description.records == 3000
    assert 30 <= description.looked_at <= 33
    assert set(description.features) == set("abc")
    assert "3,000 Example" not in str(description)
    assert "looked at" in str(description)
    with pytest.raises(ValueError, match="sample=0 must be at least 1"):
        tfr.describe(tmp_path, sample=0)


@pytest.mark.parametrize("counts", [(), (0,), (0, 0)])
def test_no_records(tmp_path, counts):
    for name, _ in zip("ab", counts, strict=False):
        (tmp_path / name).touch()
    if not counts:
        with pytest.raises(FileNotFoundError):
            tfr.describe(tmp_path)
        with pytest.raises(FileNotFoundError, match="empty list"):
            tfr.describe([])
        return
    description = tfr.describe(tmp_path)
    assert (description.records, description.features, description.sizes.min) == (0, {}, None)
    for text in (str(description), description.to_html(), description._repr_html_()):
        assert "0" in text


def test_open_files_and_sets(tmp_path):
    with tfr.ShardWriter(tmp_path / "train", num_shards=3) as writer:
        writer.write_many([tfr.encode_example({"x": n}) for n in range(9)])
    data = b"".join(
        (tmp_path / name).read_bytes() for name in sorted(p.name for p in tmp_path.glob("*-of-*"))
    )
    for given in (tmp_path / "train", tfr.RecordSet(tmp_path / "train"), io.BytesIO(data)):
        assert tfr.describe(given).records == 9
    with pytest.raises(ValueError, match="own options"):
        tfr.describe(tfr.RecordSet(tmp_path / "train"), compression="GZIP")


def test_a_long_text_is_cut_between_characters(tmp_path):
    tfr.write_examples(tmp_path / "a", {"x": ["x" + 40 * "\u00e9"] * 2 + [b"\xff" * 80]})
    found = tfr.describe(tmp_path / "a")
    assert found.to_json()["features"][0]["top"] == [["x" + 31 * "\u00e9", 2], [64 * r"\xff", 1]]
    assert "x" + 31 * "\u00e9" + " (2)" in found.to_html()


def test_hostile_names_and_values_are_text(tmp_path):
    path = tmp_path / "<b>"
    hostile = "<script>alert(1)</script>\x1b[31m"
    tfr.write_examples(path, {hostile: [hostile] * 2, "x": [1, 2]})
    description = tfr.describe(path)
    for page in (description.to_html(hostile), description._repr_html_()):
        assert "<script" not in page
        assert "\x1b" not in page
        assert "&lt;script&gt;" in page
    assert "\x1b" not in str(description)


def test_too_many_names_are_not_told(tmp_path):
    path = tmp_path / "a"
    with tfr.RecordWriter(path) as writer:
        for n in range(1500):
            writer.write(tfr.encode_example({f"feature {n}": n}))
    description = tfr.describe(path)
    assert len(description.features) == 1000
    assert description.more_features
    assert "there are too many names" in str(description)
    assert "more features" in description.to_html()


def test_text_fits_a_width(tmp_path):
    tfr.write_examples(tmp_path / "a", {"a" * 60: [1, 2], "short": [b"x" * 300, b"y"]})
    text = tfr.describe(tmp_path / "a").table(files=True, width=60)
    assert max(map(len, text.splitlines())) <= 60
    assert "records" in text
