"""Random schemas, and thousands of serialized Examples of each, put together byte by byte.

A schema says what its records have in common: which features there are, how often each is there,
in which order they stand, how many values they have and how large these are. Sizes crowd around
the places where an encoding takes another form: varints of another width, lengths of another
width, strings and lists that some fast way no longer takes. Some records of some schemas are
written in ways that are valid and rare.
"""

from __future__ import annotations

import math
import struct
from collections.abc import Callable
from dataclasses import dataclass
from random import Random
from typing import Any, Literal

import numpy as np
from example.odd_bytes import field, varint

import tfrecord_lite as tfr

Kind = Literal["int64", "float", "bytes"]

TAGS = {"bytes": 0x0A, "float": 0x12, "int64": 0x1A}
DTYPES: dict[Kind, Any] = {"bytes": bytes, "float": np.float32, "int64": np.int64}
NAMES = (
    *("", "a", "ab", "abc", "label", "weight", "image/encoded", "größe", "\0😀"),
    *("n" * size for size in (6, 7, 8, 9, 15, 16, 17, 24, 25, 126, 127, 128, 200)),
    *("n" * 24 + end for end in ("x", "y", "é")),
    *(f"feature_{index}" for index in range(40)),
)
# Where a varint, or the varint of a length that counts it, becomes a byte longer.
EDGES = (0, 1, 2, 3, 63, 64, 118, 120, 122, 123, 124, 125, 126, 127, 128, 129, 130, 255, 256, 257)
FAR_EDGES = (16_370, 16_376, 16_380, 16_383, 16_384, 16_385, 16_390, 16_400)
INTEGERS = tuple(
    value + step
    for value in (0, 1 << 7, 1 << 14, 1 << 21, 1 << 28, 1 << 35, 1 << 56, 1 << 63)
    for step in (-1, 0)
)
PRESENCE = (1.0, 1.0, 1.0, 0.99, 2 / 3, 0.5, 0.02)
ODDITIES = (0.0, 0.0, 0.0, 0.0, 0.001, 0.05)
POOL = 64


@dataclass(frozen=True)
class Field:
    """A feature of a schema."""

    name: str
    kind: Kind
    presence: float
    count: Callable[[Random], int]
    fixed_count: int | None
    value: Callable[[Random], Any]
    fixed_size: int | None

    def feature(self, random: Random) -> bytes:
        """Make a serialized Feature."""
        values = [self.value(random) for _ in range(self.count(random))]
        return serialized_feature(self.kind, values)


@dataclass(frozen=True)
class Schema:
    """What records have in common."""

    fields: tuple[Field, ...]
    orders: tuple[tuple[int, ...], ...]
    """The orders in which entries stand; none where each record has its own."""
    oddities: float
    """How many records of a hundred are written in a rare way, divided by 100."""

    def records(self, random: Random, count: int) -> list[bytes]:
        """Make records, each serialized."""
        pools = [[each.feature(random) for _ in range(POOL)] for each in self.fields]
        keys = [each.name.encode() for each in self.fields]
        heads = [b"\x0a" + varint(len(key)) + key + b"\x12" for key in keys]
        every = list(range(len(self.fields)))
        records = []
        for _ in range(count):
            if self.orders:
                order: Any = random.choice(self.orders)
            else:
                order = random.sample(every, len(every))
            odd = random.random() < self.oddities
            entries = []
            for index in order:
                if random.random() >= self.fields[index].presence:
                    continue
                # Of a pool, since most time would go into making values.
                fresh = random.random() < 0.1
                value = self.fields[index].feature(random) if fresh else random.choice(pools[index])
                if odd:
                    entries.append(_odd_entry(random, self.fields[index], value))
                else:
                    body = heads[index] + varint(len(value)) + value
                    entries.append(b"\x0a" + varint(len(body)) + body)
            body = b"".join(entries)
            records.append(_odd_record(random, body) if odd else _record(body))
        return records


def serialized_feature(kind: Kind, values: list[Any]) -> bytes:
    """Return the Feature of these values as protobuf writes it."""
    if kind == "bytes":
        content = b"".join([field(1, 2, value) for value in values])
    else:
        if kind == "float":
            run = struct.pack(f"<{len(values)}f", *values)
        else:
            run = b"".join(map(varint, values))
        content = field(1, 2, run) if values else b""
    return bytes((TAGS[kind],)) + varint(len(content)) + content


def _record(body: bytes) -> bytes:
    return b"\x0a" + varint(len(body)) + body


def _odd_entry(random: Random, spec: Field, value: bytes) -> bytes:
    """Write an entry in a way that protobuf reads and hardly writes."""
    key = field(1, 2, spec.name.encode())
    form = random.randrange(9)
    if form == 0:  # the value before its key
        return field(1, 2, field(2, 2, value) + key)
    if form == 1:  # no kind, and then it counts for nothing
        return field(1, 2, key + field(2, 2, value)) + field(1, 2, key + field(2, 2))
    if form == 2:  # the same key again, and the last counts
        other = serialized_feature(spec.kind, [spec.value(random)])
        return field(1, 2, key + field(2, 2, other)) + field(1, 2, key + field(2, 2, value))
    if form == 3:  # two values of one entry are merged
        return field(1, 2, key + field(2, 2, value) + field(2, 2, value))
    if form == 4:  # a field that nobody knows
        return field(1, 2, key + field(2, 2, value + field(9, 0, b"\x05")))
    if form == 5:  # a length that takes more bytes than it need
        body = key + field(2, 2, value)
        return b"\x0a" + varint(len(body), padding=1) + body
    if form == 6 and spec.kind == "int64":  # not packed
        values = b"".join(
            field(1, 0, varint(spec.value(random))) for _ in range(random.randrange(4))
        )
        return field(1, 2, key + field(2, 2, field(3, 2, values)))
    if form == 7 and spec.kind == "float":  # two runs
        run = field(1, 2, struct.pack("<f", spec.value(random)))
        return field(1, 2, key + field(2, 2, field(2, 2, run + run)))
    return field(1, 2, key + field(2, 2, value))


def _odd_record(random: Random, body: bytes) -> bytes:
    form = random.randrange(4)
    if form == 0:
        return b"" if random.random() < 0.5 else _record(b"")
    if form == 1:  # two Features messages are merged
        return _record(body) + _record(b"")
    if form == 2:
        return b"\x0a" + varint(len(body), padding=2) + body
    return _record(body)


def random_schema(random: Random) -> Schema:
    """Draw a schema; small ones more often, and now and then one of very many features."""
    many = random.random() < 0.05
    size = random.randrange(20, 40) if many else random.choice((1, 1, 2, 3, 3, 4, 5, 8))
    fields = tuple(_random_field(random, name) for name in random.sample(NAMES, size))
    every = range(size)
    orders = random.choice((1, 1, 1, 2, 5, 0))
    return Schema(
        fields,
        tuple(tuple(random.sample(every, size)) for _ in range(orders)),
        random.choice(ODDITIES),
    )


def _random_field(random: Random, name: str) -> Field:
    kind = random.choice(("int64", "int64", "float", "bytes"))
    fixed_count, count = _random_count(random, kind)
    fixed_size: int | None = None
    value: Callable[[Random], Any]
    if kind == "int64":
        value = _random_integers(random)
    elif kind == "float":
        value = _random_float
    else:
        fixed_size, value = _random_strings(random)
    return Field(name, kind, random.choice(PRESENCE), count, fixed_count, value, fixed_size)


def _random_count(random: Random, kind: Kind) -> tuple[int | None, Callable[[Random], int]]:
    form = random.randrange(11)
    if form < 5:
        return 1, lambda _: 1
    if form == 10:  # many records of each length, and more values than a layout has
        return None, lambda draw: draw.randrange(20, 41)
    if form < 7:
        fixed = random.choice((0, 2, 3, 7, 16, 31, 32, 33, 128))
        return fixed, lambda _: fixed
    if form == 7:
        few = random.sample(range(6), 2)
        return None, lambda draw: draw.choice(few)
    if form == 8 and kind != "bytes":
        edges = [edge // 4 + near for edge in EDGES for near in (0, 1)]
        return None, lambda draw: draw.choice(edges)
    most = random.choice((1, 2, 5, 40, 200) if kind != "bytes" else (1, 2, 5, 40))
    return None, lambda draw: draw.randrange(most + 1)


def _random_integers(random: Random) -> Callable[[Random], int]:
    form = random.randrange(6)
    if form == 5:  # of up to three bytes, which have a way of their own
        return lambda draw: draw.getrandbits(draw.choice((7, 14, 21)))
    if form == 0:
        return lambda draw: draw.randrange(128)
    if form == 1:
        return lambda draw: draw.choice(INTEGERS)
    if form == 2:
        return lambda draw: draw.randrange(20, 300)
    if form == 3:
        return lambda draw: draw.getrandbits(draw.randrange(65))
    bits = random.randrange(7, 64)
    return lambda draw: draw.getrandbits(bits)


def _random_float(random: Random) -> float:
    if random.random() < 0.05:
        return random.choice((math.inf, -math.inf, math.nan, -0.0, 1e-45))
    return float(np.float32(random.gauss(0, 1)))


def _random_strings(random: Random) -> tuple[int | None, Callable[[Random], bytes]]:
    form = random.randrange(6)
    if form < 2:
        size = random.choice((*EDGES, 3, 5, 20, 40, random.choice(FAR_EDGES)))
        return size, lambda draw: draw.randbytes(size)
    if form == 2:
        few = random.sample(EDGES, 2)
        return None, lambda draw: draw.randbytes(draw.choice(few))
    if form == 3:
        return None, lambda draw: draw.randbytes(draw.choice(EDGES))
    if form == 4:  # words, with NULs at their end
        words = [b"cat\0", b"cat", b"", b"\0", b"horse", "größe".encode(), b"x" * 20]
        return None, lambda draw: draw.choice(words)
    most = random.choice((8, 40, 300))
    return None, lambda draw: draw.randbytes(draw.randrange(most))


def many_of_some_lengths() -> Schema:
    """Return the schema whose records were mixed up once: several lengths, and of no layout."""
    numbers = Field(
        "numbers", "int64", 1.0, lambda draw: draw.randrange(20, 41), None, _small_integer, None
    )
    label = Field("label", "int64", 1.0, _one, 1, _small_integer, None)
    weight = Field("weight", "float", 1 / 3, _one, 1, _random_float, None)
    return Schema((numbers, label, weight), ((0, 1, 2),), 0.0)


def _one(_: Random) -> int:
    return 1


def _small_integer(random: Random) -> int:
    return random.randrange(100)


def random_features(random: Random, schema: Schema, *, padded: bool = True) -> dict[str, Any]:
    """Draw what a caller might ask of such records, so that every record fits it.

    Without ``padded`` no feature's rows depend on what else is in their batch.
    """
    fields = random.sample(schema.fields, random.randint(1, len(schema.fields)))
    features = {each.name: _feature_for(random, schema, each, padded) for each in fields}
    if random.random() < 0.2:
        features["no such feature"] = tfr.VarLenFeature(np.int64)
    return features


def _feature_for(random: Random, schema: Schema, spec: Field, padded: bool) -> Any:
    dtype = DTYPES[spec.kind]
    # What is written in a rare way may be missing, empty, or twice as long.
    regular = schema.oddities == 0
    if spec.fixed_count is not None and regular and random.random() < 0.8:
        count = spec.fixed_count
        always = spec.presence == 1.0
        if count == 1 and always and spec.fixed_size and random.random() < 0.5:
            return tfr.RawFeature([spec.fixed_size], np.uint8)
        shape = [count // 2, 2] if count % 2 == 0 and random.random() < 0.5 else [count]
        shape = [] if count == 1 and random.random() < 0.8 else shape
        default = None
        if not always:
            values = [b"de\0" if dtype is bytes else 7] * count
            default = values[0] if not shape else values
            if len(shape) == 2:
                default = [values[index : index + 2] for index in range(0, count, 2)]
        # TensorFlow's rule: with a list that is there and empty, no default helps.
        if count or always:
            return tfr.FixedLenFeature(shape, dtype, default)
    if padded and random.random() < 0.3:
        return tfr.FixedLenSequenceFeature([], dtype)
    return random.choice((tfr.VarLenFeature, tfr.RaggedFeature))(dtype)


def random_row_count(random: Random, most: int = 20_000) -> int:
    """Draw how many records there are: few or many, or about as many as some way wants at least."""
    if random.random() < 0.4:
        edges = (64, 65, 127, 128, 129, 1000, 1023, 1024, 1025, 4096, 5000)
        return min(random.choice(edges), most)
    return int(2 ** random.uniform(6, math.log2(most)))
