"""`verify(examples=True)`: what is no Example, what does not fit, what TensorFlow misreads."""

from __future__ import annotations

import io
import pickle
import random

import numpy as np
import pytest
from example.odd_bytes import field, group, varint
from example.odd_examples import (
    NEW_ODD_EXAMPLES,
    ODD_EXAMPLES,
    UNKNOWN,
    entry,
    example,
    floats,
    loose_floats,
    of_bytes,
    of_floats,
    of_ints,
    packed,
    strings,
    unpacked,
)
from example.odd_table import EXAMPLES
from example.test_columns_tensorflow import theirs_of

import tfrecord_lite as tfr
from tfrecord_lite.dataset.shard_writer import ShardWriter
from tfrecord_lite.errors import ExampleError
from tfrecord_lite.example.decode import decode_example
from tfrecord_lite.integrity import payloads as payloads_module
from tfrecord_lite.integrity import verify
from tfrecord_lite.integrity.oddities import tensorflow_difference
from tfrecord_lite.integrity.payloads import Payloads
from tfrecord_lite.thresholds import limits

A = tfr.FixedLenFeature([], np.int64)
GOOD = [tfr.encode_example({"a": number, "name": b"x" * (number % 7)}) for number in range(300)]
FEATURES = {"a": A, "name": tfr.FixedLenFeature([], bytes)}


def found(report) -> list[tuple[int | None, str]]:
    """Return record and kind of each fault."""
    return [(fault.record, fault.kind) for file in report.files for fault in file.faults]


def write(path, records) -> str:
    tfr.write_records(path, records)
    return str(path)


@pytest.fixture
def path(tmp_path):
    return tmp_path / "a.tfrecord"


@pytest.mark.parametrize("features", [None, FEATURES, {"a": A}])
def test_good_examples(path, features):
    write(path, GOOD)
    report = verify(path, examples=True, features=features)
    assert report.ok
    assert report.files[0].records == 300


def test_nothing_to_look_at(path):
    write(path, [])
    assert verify(path, examples=True).ok
    write(path, [b"", b"\n\x00"])
    assert verify(path, examples=True).ok


ODD = {
    "two packed runs": (example(entry(b"a", of_ints(packed(1) + packed(2)))), "tensorflow"),
    "two kinds": (example(entry(b"a", of_floats(floats(1)) + of_ints(packed(2)))), "tensorflow"),
    "two kinds, floats one by one": (
        example(entry(b"a", of_floats(b"\x0d\0\0\x80?\x0d\0\0\0@") + of_ints(packed(2)))),
        "tensorflow",
    ),
    "no key": (example(field(1, 2, field(2, 2, of_ints(packed(1))))), "tensorflow"),
    "last of no kind": (
        example(entry(b"a", of_ints(packed(1))), entry(b"a", b"")),
        "tensorflow",
    ),
    "unknown in Features": (example(entry(b"a", of_ints(packed(1))), UNKNOWN["varint"]), None),
    "not an Example": (b"\xff\xff", "example"),
    "an event": (field(1, 1, b"12345678"), "example"),
    "a SequenceExample": (tfr.encode_sequence_example({"a": 1}, {"b": [[1], [2]]}), "example"),
    "a name that is not UTF-8": (example(entry(b"\xff", of_ints(packed(1)))), "example"),
}


@pytest.mark.parametrize("name", ODD)
@pytest.mark.parametrize("at", [0, 150, 299])
def test_odd_ones_among_good_ones(path, name, at):
    data, kind = ODD[name]
    kind = kind or "tensorflow"
    records = [tfr.encode_example({"a": number}) for number in range(300)]
    records[at] = data
    write(path, records)
    report = verify(path, examples=True)
    (file,) = report.files
    assert not report.ok
    assert found(report) == [(at, kind)]
    assert file.records == 300
    (fault,) = file.faults
    assert (fault.path, fault.offset) == (str(path), sum(16 + len(r) for r in records[:at]))
    assert fault.reason


def test_records_that_do_not_fit(path):
    records = list(GOOD)
    records[7] = tfr.encode_example({"a": [1, 2], "name": "x"})
    records[8] = tfr.encode_example({"name": "x"})
    records[250] = tfr.encode_example({"a": 1.5, "name": "x"})
    write(path, records)
    report = verify(path, examples=True, features=FEATURES)
    assert found(report) == [(7, "features"), (8, "features"), (250, "features")]
    reasons = [fault.reason for fault in report.files[0].faults]
    assert all("feature 'a'" in reason for reason in reasons)
    assert not any("inferred" in reason for reason in reasons)


def test_features_of_the_first_records(path):
    """Those of another kind than the ones before do not count, nor what is no Example."""
    records = [b"\xff", tfr.encode_example({"a": 1.5}), *GOOD[:10] * 100]
    records += [tfr.encode_example({"a": 2.5}), tfr.encode_example({"a": [1.5, 2.5]})]
    write(path, [*records])
    report = verify(path, examples=True)
    # The first Example has floats.
    assert found(report)[:4] == [(0, "example"), (2, "features"), (3, "features"), (4, "features")]
    assert found(report)[-1] == (1003, "features")
    assert "inferred from the first" in report.files[0].faults[-1].reason


def test_features_of_the_first_file_hold_for_the_others(tmp_path):
    first = write(tmp_path / "a", GOOD[:20] * 50)
    second = write(tmp_path / "b", [tfr.encode_example({"other": 1})] * 1000)
    report = verify([first, second], examples=True)
    assert [file.fault_count for file in report.files] == [0, 1000]
    report = verify([second, first], examples=True)
    assert [file.fault_count for file in report.files] == [0, 1000]


def test_a_stream_is_read_but_once(path):
    data = io.BytesIO()
    tfr.write_records(data, [*GOOD, tfr.encode_example({"a": 1})])
    report = verify(io.BytesIO(data.getvalue()), examples=True)
    assert found(report) == [(300, "features")]


def test_features_of_a_manifest(tmp_path):
    name = tmp_path / "train"
    with ShardWriter(name, records_per_shard=20, features=FEATURES) as writer:
        writer.write_many([tfr.encode_example({"a": 1})] * 3 + GOOD[:50])
    for paths in (name, tmp_path):
        report = verify(paths, examples=True)
        assert found(report) == [(0, "features"), (1, "features"), (2, "features")]
        assert "features of" in report.files[0].faults[0].reason
    manifest = tmp_path / "train.manifest.json"
    manifest.write_text(manifest.read_text().replace("FixedLenFeature", "Nonsense"))
    report = verify(name, examples=True)
    kinds = [kind for _, kind in found(report)]
    assert kinds == ["features"] * len(kinds[:-1]) + ["manifest"] or kinds == ["manifest"]


def test_damage_and_odd_records_together(path):
    records = [*GOOD[:10], b"\xff", *GOOD[10:]]
    data = bytearray()
    write(path, records)
    data = bytearray(path.read_bytes())
    data[3] ^= 1
    path.write_bytes(data)
    report = verify(path, examples=True)
    assert (report.files[0].regions, found(report)) == (1, [(10, "example")])


@pytest.mark.parametrize("workers", [1, 2])
def test_many_files(tmp_path, workers):
    for number in range(5):
        write(tmp_path / f"{number}", [*GOOD, *[b"\xff"] * number])
    report = verify(tmp_path, examples=True, workers=workers)
    assert [file.fault_count for file in report.files] == [0, 1, 2, 3, 4]


def test_the_list_ends_somewhere(path, monkeypatch):
    monkeypatch.setattr(limits, "listed_faults", 10)
    monkeypatch.setattr(payloads_module.RecordReader, "block_bytes", 4000, raising=False)
    write(path, [b"\xff" * 1000] * 5000)
    (file,) = verify(path, examples=True).files
    assert len(file.faults) == 10
    assert 10 <= file.fault_count < 5000
    assert file.records == 5000


def test_a_check_travels(path):
    payloads = Payloads(payloads_module._Expected(FEATURES), {}, None, strict=True)
    again = pickle.loads(pickle.dumps(payloads))
    assert again.given.features == FEATURES


def test_a_file_that_cannot_be_read_tells_no_features(tmp_path, monkeypatch):
    path = write(tmp_path / "a", GOOD)

    def fail(*args, **options):
        raise OSError(5, "Input/output error")

    monkeypatch.setattr(payloads_module, "RecordReader", fail)
    assert verify(path, examples=True).ok


# What TensorFlow reads otherwise.

CASES = {
    **{name: data for name, (data, _) in {**ODD_EXAMPLES, **NEW_ODD_EXAMPLES}.items()},
    **{f"row: {name}": data for name, (data, _) in EXAMPLES.items()},
}


def test_what_is_no_example_raises():
    refused = 0
    for data in CASES.values():
        try:
            decode_example(data, strict=False)
        except ExampleError:
            refused += 1
            with pytest.raises(ExampleError):
                tensorflow_difference(data)
    assert refused > 100


def test_plain_examples_are_read_alike():
    for data in GOOD:
        assert tensorflow_difference(data) is None


@pytest.mark.parametrize(
    ("name", "reason"),
    [
        ("two packed runs", "feature 'a': TensorFlow reads 1 value, and not the 2 that are there"),
        ("same key twice, last without kind", "TensorFlow reads 1 value, where it has no kind"),
        ("int64_list, float_list, int64_list", "which are others than those that are there"),
        ("padded tags", "TensorFlow does not find it"),
        ("entry without a key", "refuses it: byte 4: an entry of Features that is not a key and"),
        ("unknown varint in Features", "a field that Features does not have"),
        ("unknown group in Example", "an unknown group at top level"),
        ("over-long tag of a kind", "a Feature that begins with no list"),
        ("unpacked, then packed", "a field that such a list does not have"),
    ],
)
def test_what_is_said_of_a_difference(name, reason):
    assert reason in str(tensorflow_difference(CASES[name]))


def as_tensorflow_reads(tf, data: bytes) -> bool:
    """Ask TensorFlow for every feature that protobuf finds; tell whether both find the same."""
    values = decode_example(data, strict=False)
    for name, value in values.items() or {"none": None}.items():
        for kind in (np.int64, np.float32, bytes):
            own = bytes if isinstance(value, list) else getattr(value, "dtype", np.dtype(kind)).type
            if own is not kind:
                continue
            try:
                spec = theirs_of(tf, {name: tfr.VarLenFeature(kind)})
                theirs = tf.io.parse_single_example(data, spec)[name].values.numpy()
            except (tf.errors.InvalidArgumentError, UnicodeDecodeError):
                return False
            if list(theirs) != [] if value is None else not same(theirs, value):
                return False
            if value is not None and len(value) == 0:
                # An empty list is no missing one, which has a default.
                default = {np.int64: 9, np.float32: 9.0, bytes: b"9"}[kind]
                spec = theirs_of(tf, {name: tfr.FixedLenFeature([], kind, default)})
                try:
                    tf.io.parse_single_example(data, spec)
                except (tf.errors.InvalidArgumentError, UnicodeDecodeError):
                    continue
                return False
    return True


def same(theirs, value) -> bool:
    if isinstance(value, list):
        return list(theirs) == value
    return theirs.tobytes() == value.tobytes()


def random_example(rng: random.Random) -> bytes:
    """Make an Example of pieces that are mostly right."""
    lists = {
        of_ints: [packed(1, 2), unpacked(3), packed(), packed(300), field(1, 1, b"12345678")],
        of_floats: [floats(1), loose_floats(2), floats(), field(1, 0, b"\x05"), UNKNOWN["4 bytes"]],
        of_bytes: [strings(b"x"), strings(b"", b"yy"), UNKNOWN["varint"], field(1, 0, b"\x05")],
    }

    def feature() -> bytes:
        content = b""
        for _ in range(rng.choice([0, 1, 1, 1, 1, 2])):
            kind = rng.choice(list(lists))
            pieces = [rng.choice(lists[kind]) for _ in range(rng.choice([0, 1, 1, 1, 2, 3]))]
            odd = [UNKNOWN["varint"], varint(0x1A, padding=1) + b"\x00", group(7)]
            content += rng.choice([kind(b"".join(pieces))] * 9 + odd)
        return content

    def one_entry() -> bytes:
        parts = [field(1, 2, rng.choice([b"a", b"b"])), field(2, 2, feature())]
        if rng.random() < 0.3:
            parts = rng.choices(
                [*parts, field(1, 2), UNKNOWN["length"]], k=rng.choice([1, 2, 2, 3])
            )
        return rng.choice([field(1, 2, b"".join(parts))] * 20 + [UNKNOWN["varint"]])

    parts = []
    for _ in range(rng.choice([1, 1, 1, 2])):
        entries = [one_entry() for _ in range(rng.choice([0, 1, 1, 2, 3]))]
        parts.append(rng.choice([example(*entries)] * 12 + [UNKNOWN[rng.choice(list(UNKNOWN))]]))
    return b"".join(parts)


@pytest.mark.tensorflow
def test_the_differences_are_those_of_tensorflow():
    tf = pytest.importorskip("tensorflow")
    rng = random.Random(5)
    cases = {**CASES, **{f"random {index}": random_example(rng) for index in range(1500)}}
    differences = 0
    for name, data in cases.items():
        try:
            difference = tensorflow_difference(data)
        except ExampleError:
            continue
        assert (difference is None) == as_tensorflow_reads(tf, data), (name, data, difference)
        differences += difference is not None
    assert differences > 500


def test_records_of_a_block_are_judged_as_each_by_itself(path):
    """Names that come twice, features of no kind, names that no other record has."""
    rng = random.Random(8)
    values = [b"", of_ints(packed(1)), of_ints(b""), of_ints(packed(1) + packed(2))]
    values += [of_floats(floats(2)), of_bytes(strings(b"x"))]
    plain = example(entry(b"a", of_ints(packed(7))), entry(b"b", of_ints(packed(7))))
    records = []
    for _ in range(250):
        names = [rng.choice([b"a", b"b", b"z"]) for _ in range(rng.choice([1, 2, 2, 3]))]
        odd = example(*(entry(name, rng.choice(values)) for name in names))
        records += [odd, *[plain] * rng.choice([0, 1, 40])]
    features = {name: tfr.VarLenFeature(np.int64) for name in "ab"}
    expected = [row for row, data in enumerate(records) if tensorflow_difference(data) is not None]
    assert len(expected) > 50
    write(path, records)
    report = verify(path, examples=True, features=features)
    assert [row for row, kind in found(report) if kind == "tensorflow"] == expected


@pytest.mark.parametrize("behind", [b"", UNKNOWN["varint"], field(1, 2, b"")])
@pytest.mark.parametrize("feature", [of_ints(b""), of_floats(b""), of_bytes(b"")], ids=repr)
def test_empty_lists_are_read_alike(feature, behind):
    """Nothing after an empty list is taken for its content, at the record's end or before it."""
    assert tensorflow_difference(example(entry(b"a", feature)) + behind) is None
    both = example(entry(b"a", feature), entry(b"b", of_ints(packed(1))))
    assert tensorflow_difference(both + behind) is None


@pytest.mark.parametrize("where", ["Features", "entry", "run"])
@pytest.mark.parametrize("features", [None, {"a": A}])
def test_tags_longer_than_they_need_be_are_told_of_many_records_alike(path, where, features):
    """TensorFlow does not take these for the tags that they are."""

    def tagged(tag: str, content: bytes) -> bytes:
        return varint(0x0A, padding=tag == where) + varint(len(content)) + content

    def record(number: int) -> bytes:
        values = of_ints(tagged("run", varint(number % 100)))
        return tagged("Features", tagged("entry", field(1, 2, b"a") + field(2, 2, values)))

    records = [record(number) for number in range(300)]
    assert None not in map(tensorflow_difference, records)
    write(path, records)
    report = verify(path, examples=True, features=features)
    assert report.files[0].fault_count == 300


def test_features_that_come_late_are_named_with_their_first_record(path):
    late = [tfr.encode_example({"a": 1, "name": b"", "late": 2})]
    write(path, [*GOOD * 4, *late, *GOOD, *late])
    (file,) = verify(path, examples=True).files
    assert file.late_features == {"late": 1200}


def test_names_over_sequence_examples_say_how_these_are_named(tmp_path):
    """As everything else that takes a list of names says it."""
    record = tfr.encode_sequence_example({"id": 1}, {"steps": [[1], [2]]})
    tfr.write_records(tmp_path / "a", [record] * 3)
    data = (tmp_path / "a").read_bytes()
    for source in (tmp_path / "a", io.BytesIO(data)):
        with pytest.raises(
            ValueError, match="these are SequenceExamples, whose features are named"
        ):
            verify(source, examples=True, features=["id"], workers=0)
    with pytest.raises(ValueError, match="these are SequenceExamples, whose features are named"):
        next(tfr.read_batches(tmp_path / "a", ["id"]))


def test_a_late_feature_of_a_record_that_tensorflow_misreads_is_named(path):
    odd = GOOD[0] + example(entry(b"late", of_ints(packed(1) + packed(2))))
    write(path, [*GOOD * 4, odd, tfr.encode_example({"a": 1, "name": b"", "late": 2})])
    (file,) = verify(path, examples=True).files
    assert [(fault.kind, fault.record) for fault in file.faults] == [("tensorflow", 1200)]
    assert file.late_features == {"late": 1200}
