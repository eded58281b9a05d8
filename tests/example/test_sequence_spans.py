"""SequenceExamples decoded by the block, held against one by one, whatever their bytes are."""

from __future__ import annotations

import random

import numpy as np
import pytest
from variants import first

import tfrecord_lite as tfr
from tfrecord_lite.example.sequence_spans import find_sequence_spans
from tfrecord_lite.example.steps import find_steps
from tfrecord_lite.example.wire import varint
from tfrecord_lite.records.framing import RecordBlock
from tfrecord_lite.thresholds import thresholds

NAMES = ["a", "bb", "long_name_of_a_list", "k" * 130, "ü", ""]
KINDS = ["int", "float", "bytes"]


@pytest.fixture(params=[0, 600, 1 << 40], ids=["chained", "some", "one by one"], autouse=True)
def walked(request, monkeypatch):
    monkeypatch.setattr(thresholds, "chained_list_bytes", request.param)


@pytest.fixture(params=["set", "always", "never"])
def short(request, monkeypatch):
    """Look for short steps by their form where it pays, always and never."""
    if request.param != "set":
        least = 0 if request.param == "always" else 1 << 40
        monkeypatch.setattr(thresholds, "short_features_bytes", least)
        monkeypatch.setattr(thresholds, "short_features_share", 1 << 40)


def value_of(draw, kind):
    if draw.random() < 0.1:
        return None
    size = draw.choice([0, 1, 1, 1, 2, 40])
    if kind == "int":
        return np.array([draw.choice([0, 5, 200, -1, 2**40]) for _ in range(size)], np.int64)
    if kind == "float":
        return np.array([draw.random() for _ in range(size)], np.float32)
    strings = [draw.randbytes(draw.choice([0, 1, 5, 130, 20_000])) for _ in range(size % 5)]
    return np.array(strings, object) if strings else np.array([], "S1")


def record_of(draw, kinds, steps):
    context = {name: value_of(draw, kind) for name, kind in kinds.items() if draw.random() < 0.8}
    lists = {}
    for name, kind in kinds.items():
        if draw.random() < 0.8:
            count = steps or draw.choice([0, 1, 2, 9])
            same = value_of(draw, kind) if draw.random() < 0.5 else None
            lists[name] = [value_of(draw, kind) if same is None else same for _ in range(count)]
    return tfr.encode_sequence_example(context, lists)


def odd_form(draw, data):
    """Return the same record, or one with another content, in bytes that few writers make."""
    fields = []
    at = 0
    while at < len(data):
        size, shift, start = 0, 0, at + 1
        while True:
            size |= (data[start] & 0x7F) << shift
            shift, start = shift + 7, start + 1
            if data[start - 1] < 0x80:
                break
        fields.append(data[at : start + size])
        at = start + size
    choice = draw.randrange(5)
    if choice == 0:
        fields.reverse()
    elif choice == 1:
        fields.append(b"\x18\x05")
    elif choice == 2:
        fields = fields * 2
    elif choice == 3:
        # A list that comes twice, in one message: the last counts.
        contents = [b"\x0a\x00" * steps for steps in draw.sample(range(4), 2)]
        entries = [b"\x0a\x01a\x12" + varint(len(content)) + content for content in contents]
        lists = b"".join(b"\x0a" + varint(len(entry)) + entry for entry in entries)
        fields = [*fields[:1], b"\x12" + varint(len(lists)) + lists]
    else:
        fields = fields[:1]
    return b"".join(fields)


def plain(value):
    if value is None:
        return None
    if isinstance(value, list):
        return value
    return value.tolist()


def expected_of(records, name, where):
    found = []
    for record in records:
        context, lists = tfr.decode_sequence_example(record)
        if where == "context":
            found.append(plain(context.get(name)) or [])
        else:
            found.append([plain(value) or [] for value in lists.get(name, [])])
    return found


@pytest.mark.usefixtures("short")
@pytest.mark.parametrize("seed", first(16, range(40)))
def test_against_one_by_one(seed):
    draw = random.Random(seed)
    kinds = {name: draw.choice(KINDS) for name in draw.sample(NAMES, draw.randint(1, 5))}
    steps = draw.choice([None, None, 1, 4])
    count = draw.choice([1, 3, 30, 200])
    records = [record_of(draw, kinds, steps) for _ in range(count)]
    odd = draw.choice([0, 0, 0.1, 1])
    records = [odd_form(draw, r) if r and draw.random() < odd else r for r in records]
    dtypes = {"int": np.int64, "float": np.float32, "bytes": bytes}
    asked = {
        name: tfr.RaggedFeature(dtypes[kind]) for name, kind in kinds.items() if draw.random() < 0.8
    }
    asked["not there"] = tfr.RaggedFeature(np.int64)
    # Each record stands somewhere in a larger buffer, and in another order.
    block = RecordBlock.from_records([b"\xff\x0a", *records, b"\x0a"])[1:-1]
    context, lists, _ = tfr.parse_sequence_example(block, asked, asked, strict=False)
    for name in asked:
        assert context[name].to_list() == expected_of(records, name, "context")
        assert lists[name].to_list() == expected_of(records, name, "lists")


SHORT = [
    np.array([7]),
    np.array([200, -1]),
    np.array([2**27, 2**28]),
    np.array([], np.int64),
    np.array([0x0A, 0x1A, 0x0A]),
    # Its bytes look like the beginning of a step of one integer.
    np.array([10, 5, 26, 3, 10, 1, 7]),
]
FLOATS = [np.array([0.5], np.float32), np.array([], np.float32), np.arange(29, dtype=np.float32)]
STRINGS = [np.array([b"w"], object), np.array([b""], object), np.array([b"x" * 121], object)]
# One byte longer than the form allows; of no kind; two strings.
OTHERS = [np.array([b"x" * 124], object), None, np.array([b"a", b"b"], object)]


@pytest.mark.usefixtures("short")
@pytest.mark.parametrize("seed", range(30))
def test_short_steps(seed):
    """Ids, floats and words in steps of a few bytes; and lists with others among them."""
    draw = random.Random(seed)
    kinds = {"ids": SHORT, "floats": FLOATS, "words": STRINGS}
    kinds = dict(draw.sample(list(kinds.items()), draw.choice([1, 3])))
    dtypes = {"ids": np.int64, "floats": np.float32, "words": bytes}
    others = draw.choice([0, 0, 0.1])
    if draw.random() < 0.6:
        # An empty list is written without a run, and so is not of the form.
        kinds = {name: [value for value in kinds[name] if len(value)] for name in kinds}
    records = []
    for _ in range(draw.choice([1, 100, 300])):
        lists = {
            name: [draw.choice(values) for _ in range(draw.randrange(12))]
            for name, values in kinds.items()
            if draw.random() < 0.9
        }
        if "words" in lists and draw.random() < others:
            lists["words"] = [*lists["words"], *draw.sample(OTHERS, 2), STRINGS[0]]
        records.append(tfr.encode_sequence_example({}, lists))
    # Records are reordered, left out, and there twice.
    count = len(records)
    some = [draw.randrange(count) for _ in range(150)]
    shuffled = draw.sample(range(count), count)
    # Of the last all but the first stand in another order.
    rows = draw.choice([list(range(count)), shuffled, some, [0, *range(count - 1, 0, -1)]])
    block = RecordBlock.from_records([b"\x0a", *records, b"\x0a"])[1:-1]
    block = RecordBlock(block.buffer, block.starts[rows], block.lengths[rows])
    asked = {
        name: tfr.RaggedFeature(dtypes[name])
        for name in draw.sample(sorted(kinds), (len(kinds) + 1) // 2)
    }
    _, lists, _ = tfr.parse_sequence_example(block, {}, asked)
    for name in asked:
        assert lists[name].to_list() == expected_of([records[row] for row in rows], name, "lists")


def lists_record(*contents):
    """Return a record with feature lists "a", "b", ... of these bytes."""
    entries = b""
    for name, content in zip("abc", contents, strict=False):
        entry = b"\x0a\x01" + name.encode() + b"\x12" + varint(len(content)) + content
        entries += b"\x0a" + varint(len(entry)) + entry
    return b"\x12" + varint(len(entries)) + entries


GOOD = b"\x0a\x05\x1a\x03\x0a\x01\x07"
NEARLY = {
    "another run": b"\x0a\x05\x1a\x03\x12\x01\x07",
    "a group": b"\x0a\x05\x1a\x03\x0b\x01\x07",
    "another kind": b"\x0a\x05\x22\x03\x0a\x01\x07",
    "field number 0": b"\x0a\x05\x02\x03\x0a\x01\x07",
    "a shorter list": b"\x0a\x05\x1a\x02\x0a\x01\x07",
    "a longer list": b"\x0a\x05\x1a\x04\x0a\x01\x07",
    "a shorter run": b"\x0a\x05\x1a\x03\x0a\x00\x07",
    "a longer run": b"\x0a\x05\x1a\x03\x0a\x02\x07",
    "a size of two bytes": b"\x0a\x80\x1a\x7e\x0a\x7c" + bytes(0x7C),
    "three bytes of floats": b"\x0a\x07\x12\x05\x0a\x03\x00\x00\x00",
    "half an integer": b"\x0a\x05\x1a\x03\x0a\x01\x80",
    "two lists": b"\x0a\x0a\x1a\x03\x0a\x01\x07\x1a\x03\x0a\x01\x08",
    "integers one by one": b"\x0a\x04\x1a\x02\x08\x07",
    "what follows": b"\x0a\x05\x1a\x03\x0a\x01\x07\x00",
    "what stands before": b"\x00" + GOOD,
    # The first step reaches over the header of the next entry.
    "more than the list": b"\x0a\x0c\x1a\x0a\x0a\x08\x07",
}


@pytest.mark.usefixtures("short")
@pytest.mark.parametrize("what", NEARLY)
def test_what_is_nearly_a_short_step(what):
    """Read as protobuf reads it, or refused, wherever it stands between good ones."""
    features = {name: tfr.RaggedFeature(np.int64) for name in "ab"}
    for content in (NEARLY[what], GOOD + NEARLY[what], NEARLY[what] + GOOD):
        for contents in ((content, GOOD * 2), (GOOD, content), (content, content)):
            bad, good = lists_record(*contents), lists_record(GOOD * 3, GOOD)
            try:
                lists = tfr.decode_sequence_example(bad, strict=False)[1]
            except tfr.ExampleError:
                lists = None
            for records in ([bad], [good, bad, good] * 20):
                if lists is None:
                    with pytest.raises(tfr.ExampleError):
                        tfr.parse_sequence_example(records, {}, features, strict=False)
                    continue
                _, found, _ = tfr.parse_sequence_example(records, {}, features, strict=False)
                for name in features:
                    assert found[name].to_list() == expected_of(records, name, "lists")


@pytest.mark.usefixtures("short")
def test_one_integer_a_step():
    """As labels of frames are: a column of them, whatever the size of their varints."""
    values = [0, 1, 127, 128, 16383, 16384, 2**21 - 1, 2**21, 2**28 - 1]
    for some in (values[:3], values[:5], values[:7], values, [*values, 2**28], [*values, -1]):
        records = [tfr.encode_sequence_example({}, {"id": some}) for _ in range(100)]
        _, lists, _ = tfr.parse_sequence_example(
            records, {}, {"id": tfr.FixedLenSequenceFeature([], np.int64)}
        )
        assert lists["id"].tolist() == [some] * 100


@pytest.mark.usefixtures("short")
def test_what_is_malformed_anywhere_is_an_error():
    good = tfr.encode_sequence_example({"c": 1}, {"asked": [[1]], "other": [[2], [3.5]][:1]})
    float_list = b"\x0a\x07\x12\x05\x0a\x03\x00\x00\x00"
    for content in (
        b"\x0a",  # a step without a length
        b"\x0a\x05\x1a",  # a step that ends too late
        b"\x0a\x02\x1a\x05",  # a list that does
        float_list,  # three bytes of floats
        b"\x0a\x04\x1a\x02\x0a\x80",  # a run that ends within an integer
        b"\x0a\x0f\x1a\x0d\x0a\x0b" + b"\x80" * 10 + b"\x01",  # one of eleven bytes
    ):
        entry = b"\x0a\x05other\x12" + varint(len(content)) + content
        lists = b"\x0a" + varint(len(entry)) + entry
        bad = b"\x12" + varint(len(lists)) + lists
        with pytest.raises(tfr.ExampleError):
            tfr.decode_sequence_example(bad)
        for records in ([bad], [good, bad] * 20):
            with pytest.raises(tfr.ExampleError):
                tfr.parse_sequence_example(records, {}, {"asked": tfr.RaggedFeature(np.int64)})


@pytest.mark.parametrize("asked", ["list", "other"])
@pytest.mark.parametrize("count", [1, 40])
def test_an_integer_that_is_too_long_where_a_list_comes_twice(asked, count):
    """The last of two counts, and the first is read too, whether it was asked for or not."""
    step = b"\x0a\x0f\x1a\x0d\x0a\x0b" + b"\x80" * 10 + b"\x01"
    good = b"\x0a\x05\x1a\x03\x0a\x01\x07"

    def entry(content):
        inner = b"\x0a\x04list\x12" + varint(len(content)) + content
        return b"\x0a" + varint(len(inner)) + inner

    def record(*contents):
        lists = b"".join(map(entry, contents))
        return b"\x12" + varint(len(lists)) + lists

    features = {asked: tfr.RaggedFeature(np.int64)}
    fine = [record(good, good)] * count
    _, lists, _ = tfr.parse_sequence_example(fine, {}, features)
    assert lists[asked].to_list() == [[[7]] if asked == "list" else []] * count
    for bad in (record(step, good), record(good, step)):
        with pytest.raises(tfr.ExampleError):
            tfr.decode_sequence_example(bad)
        with pytest.raises(tfr.ExampleError, match="ten bytes|10 bytes|varint"):
            tfr.parse_sequence_example([*fine, bad], {}, features)


def test_spans_of_no_records_and_of_empty_ones():
    for records in ([], [b""], [b""] * 5):
        block = RecordBlock.from_records(records)
        _, (context,), (lists,) = find_sequence_spans(block, ["a"], ["b"])
        assert context.kind.tolist() == [0] * len(records)
        assert lists.counts.tolist() == [0] * len(records)
        assert not lists.present.any()


@pytest.mark.parametrize("seed", range(20))
def test_steps_of_any_sizes(seed):
    draw = random.Random(seed)
    lists, expected = [], []
    for _ in range(draw.choice([1, 5, 200])):
        size = draw.choice([None, 0, 3, 127, 128, 20_000])
        strings = [
            draw.randbytes(draw.choice([0, 1, 100, 300]) if size is None else size)
            for _ in range(draw.choice([0, 1, 2, 7]))
        ]
        data = b"".join(b"\x0a" + varint(len(string)) + string for string in strings)
        if draw.random() < 0.2:
            # What is no such list: cut, with another tag, or with a byte after it.
            data = draw.choice([data[:-1] or b"\x0a", b"\x12\x00" + data, data + b"\x0a"])
            strings = None
        lists.append(data)
        expected.append(strings)
    block = RecordBlock.from_records([*lists, bytes(8)])
    begin = block.starts[:-1]
    found = find_steps(block.buffer, begin, begin + block.lengths[:-1])
    data = block.buffer.tobytes()
    at = 0
    for strings, count, good in zip(expected, found.counts, found.good, strict=True):
        if good:
            ours = [data[found.begin[i] : found.end[i]] for i in range(at, at + count)]
            # One with a byte less may still be such a list, if that was an empty string's.
            assert strings is None or ours == strings
        else:
            assert strings is None
            assert count == 0
        at += count
    assert at == len(found.begin)
