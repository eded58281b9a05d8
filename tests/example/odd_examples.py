"""A table of odd and malformed Examples: what each is, its bytes, and what protobuf finds in it."""

from __future__ import annotations

import struct
from typing import Any

from example.judge import REFUSED
from example.odd_bytes import field, group, nested_groups, varint


def packed(*values: int) -> bytes:
    """Make an Int64List, packed."""
    return field(1, 2, b"".join(map(varint, values)))


def unpacked(*values: int) -> bytes:
    """Make an Int64List, one field for each value."""
    return b"".join(field(1, 0, varint(value)) for value in values)


def floats(*values: float) -> bytes:
    """Make a FloatList, packed."""
    return field(1, 2, struct.pack(f"<{len(values)}f", *values))


def loose_floats(*values: float) -> bytes:
    """Make a FloatList, one field for each value."""
    return b"".join(field(1, 5, struct.pack("<f", value)) for value in values)


def strings(*values: bytes) -> bytes:
    """Make a BytesList."""
    return b"".join(field(1, 2, value) for value in values)


def of_bytes(content: bytes) -> bytes:
    """Make a Feature of a BytesList."""
    return field(1, 2, content)


def of_floats(content: bytes) -> bytes:
    """Make a Feature of a FloatList."""
    return field(2, 2, content)


def of_ints(content: bytes) -> bytes:
    """Make a Feature of an Int64List."""
    return field(3, 2, content)


def entry(key: bytes, feature: bytes) -> bytes:
    """Make an entry of a map."""
    return field(1, 2, field(1, 2, key) + field(2, 2, feature))


def example(*entries: bytes) -> bytes:
    """Make an Example of the fields of its Features message."""
    return field(1, 2, b"".join(entries))


def ints(*values: int) -> Any:
    return "int64", list(values)


def singles(*values: float) -> Any:
    return "float32", struct.pack(f"<{len(values)}f", *values)


A1 = entry(b"a", of_ints(packed(1)))
UNKNOWN = {
    "varint": field(7, 0, varint(300)),
    "8 bytes": field(7, 1, b"12345678"),
    "length": field(7, 2, b"abc"),
    "group": group(7, field(1, 0, b"\x01") + group(9, field(2, 2, b"x"))),
    "4 bytes": field(7, 5, b"1234"),
}
MALFORMED = {
    "field number 0, varint": field(0, 0, b"\x01"),
    "field number 0, length": field(0, 2, b""),
    "wire type 6": field(7, 6),
    "wire type 7": field(7, 7),
    "wire type 6 of a known field": field(1, 6),
    "wire type 7 in a group": group(7, field(3, 7)),
    "end of a group that is not open": field(7, 4),
    "end of another group": field(7, 3) + field(8, 4),
    "group without an end": field(7, 3) + field(1, 0, b"\x01"),
    "tag of six bytes": varint(7 << 3, padding=5) + b"\x01",
    "tag of 33 bits": varint(1 << 32 | 7 << 3) + b"\x01",
    "tag cut off": b"\xba",
    "tag alone, varint": field(7, 0),
    "tag alone, 8 bytes": field(7, 1),
    "tag alone, length": varint(7 << 3 | 2),
    "tag alone, 4 bytes": field(7, 5),
    "varint cut off": field(7, 0, b"\x80\x80"),
    "varint of eleven bytes": field(7, 0, b"\x80" * 10 + b"\x01"),
    "7 of 8 bytes": field(7, 1, b"1234567"),
    "3 of 4 bytes": field(7, 5, b"123"),
    "length beyond the end": varint(7 << 3 | 2) + b"\x02a",
    "length of 2^31 - 1": varint(7 << 3 | 2) + varint(2**31 - 1),
    "length of 2^31": varint(7 << 3 | 2) + varint(2**31),
    "length of 2^63": varint(7 << 3 | 2) + varint(2**63),
    "length of 2^64 - 1": varint(7 << 3 | 2) + varint(2**64 - 1),
    "length of eleven bytes": varint(7 << 3 | 2) + b"\x80" * 10 + b"\x00",
}

# One for each level of an Example: a field put into the message there, beside a feature a = [1].
LEVELS = {
    "Example": lambda odd: example(A1) + odd,
    "Features": lambda odd: example(A1, odd),
    "entry": lambda odd: example(A1, field(1, 2, field(1, 2, b"z") + odd)),
    "Feature": lambda odd: example(entry(b"a", of_ints(packed(1)) + odd)),
    "Int64List": lambda odd: example(entry(b"a", of_ints(packed(1) + odd))),
    "FloatList": lambda odd: example(A1, entry(b"b", of_floats(floats(1) + odd))),
    "BytesList": lambda odd: example(A1, entry(b"b", of_bytes(strings(b"1") + odd))),
}
ADDED = {"FloatList": {"b": singles(1)}, "BytesList": {"b": [b"1"]}}

ODD_EXAMPLES: dict[str, tuple[bytes, Any]] = {
    # What is there.
    "nothing": (b"", {}),
    "empty Features": (example(), {}),
    "no kind": (example(entry(b"a", b"")), {"a": None}),
    "empty bytes_list": (example(entry(b"a", of_bytes(b""))), {"a": []}),
    "empty float_list": (example(entry(b"a", of_floats(b""))), {"a": singles()}),
    "empty int64_list": (example(entry(b"a", of_ints(b""))), {"a": ints()}),
    "empty packed run": (example(entry(b"a", of_ints(packed()))), {"a": ints()}),
    "empty packed run of floats": (example(entry(b"a", of_floats(floats()))), {"a": singles()}),
    "empty byte string": (example(entry(b"a", of_bytes(strings(b"")))), {"a": [b""]}),
    "empty name": (example(entry(b"", of_ints(packed(1)))), {"": ints(1)}),
    "key of 127 bytes": (example(entry(b"k" * 127, of_ints(packed(1)))), {"k" * 127: ints(1)}),
    "key of 128 bytes": (example(entry(b"k" * 128, of_ints(packed(1)))), {"k" * 128: ints(1)}),
    "key of 133 bytes": (
        example(entry(b"\x12" * 133, of_ints(packed(1)))),
        {"\x12" * 133: ints(1)},
    ),
    # Packed and unpacked.
    "unpacked integers": (example(entry(b"a", of_ints(unpacked(1, 300)))), {"a": ints(1, 300)}),
    "unpacked floats": (example(entry(b"a", of_floats(loose_floats(1, 2)))), {"a": singles(1, 2)}),
    "two packed runs": (example(entry(b"a", of_ints(packed(1) + packed(2)))), {"a": ints(1, 2)}),
    "two packed runs of floats": (
        example(entry(b"a", of_floats(floats(1) + floats(2)))),
        {"a": singles(1, 2)},
    ),
    "packed, then unpacked": (
        example(entry(b"a", of_ints(packed(1, 2) + unpacked(3)))),
        {"a": ints(1, 2, 3)},
    ),
    "unpacked, then packed": (
        example(entry(b"a", of_ints(unpacked(3) + packed(1, 2)))),
        {"a": ints(3, 1, 2)},
    ),
    "floats unpacked, then packed": (
        example(entry(b"a", of_floats(loose_floats(3) + floats(1, 2)))),
        {"a": singles(3, 1, 2)},
    ),
    # Twice.
    "same key twice": (example(A1, entry(b"a", of_ints(packed(2)))), {"a": ints(2)}),
    "same key twice, last without kind": (example(A1, entry(b"a", b"")), {"a": None}),
    "Features twice": (
        example(A1, entry(b"b", b"")) + example(entry(b"a", of_floats(floats(2)))),
        {"a": singles(2), "b": None},
    ),
    "float_list, then int64_list": (
        example(entry(b"a", of_floats(floats(1)) + of_ints(packed(2)))),
        {"a": ints(2)},
    ),
    "int64_list, then float_list": (
        example(entry(b"a", of_ints(packed(2)) + of_floats(floats(1)))),
        {"a": singles(1)},
    ),
    "int64_list, float_list, int64_list": (
        example(entry(b"a", of_ints(packed(1)) + of_floats(floats(1)) + of_ints(packed(3)))),
        {"a": ints(3)},
    ),
    "int64_list twice": (
        example(entry(b"a", of_ints(packed(1)) + of_ints(packed(2)))),
        {"a": ints(1, 2)},
    ),
    "bytes_list twice": (
        example(entry(b"a", of_bytes(strings(b"x")) + of_bytes(strings(b"", b"y")))),
        {"a": [b"x", b"", b"y"]},
    ),
    "float_list, then an empty bytes_list": (
        example(entry(b"a", of_floats(floats(1)) + of_bytes(b""))),
        {"a": []},
    ),
    # Entries of the map.
    "entry without a key": (example(field(1, 2, field(2, 2, of_ints(packed(1))))), {"": ints(1)}),
    "entry without a value": (example(field(1, 2, field(1, 2, b"a"))), {"a": None}),
    "entry without either": (example(field(1, 2)), {"": None}),
    "value before key": (
        example(field(1, 2, field(2, 2, of_ints(packed(1))) + field(1, 2, b"a"))),
        {"a": ints(1)},
    ),
    "value twice": (
        example(
            field(
                1,
                2,
                field(1, 2, b"a")
                + field(2, 2, of_ints(packed(1)))
                + field(2, 2, of_ints(packed(2))),
            )
        ),
        {"a": ints(1, 2)},
    ),
    "value twice, of two kinds": (
        example(
            field(
                1,
                2,
                field(1, 2, b"a")
                + field(2, 2, of_ints(packed(1)))
                + field(2, 2, of_bytes(strings(b"x"))),
            )
        ),
        {"a": [b"x"]},
    ),
    "key twice": (
        example(
            field(1, 2, field(1, 2, b"b") + field(1, 2, b"a") + field(2, 2, of_ints(packed(1))))
        ),
        {"a": ints(1)},
    ),
    "key of another wire type": (
        example(field(1, 2, field(1, 0, b"\x05") + field(2, 2, of_ints(packed(1))))),
        {},
    ),
    "a dropped entry after a good one": (
        example(A1, field(1, 2, field(1, 2, b"a") + UNKNOWN["varint"])),
        {"a": ints(1)},
    ),
    # Wrong wire types are unknown fields.
    "Features as a varint": (field(1, 0, b"\x05") + example(A1), {"a": ints(1)}),
    "an entry as 8 bytes": (example(field(1, 1, b"12345678"), A1), {"a": ints(1)}),
    "a kind as a varint": (example(entry(b"a", field(3, 0, b"\x05"))), {"a": None}),
    "integers as 4 bytes": (example(entry(b"a", of_ints(field(1, 5, b"1234")))), {"a": ints()}),
    "integers as 8 bytes": (
        example(entry(b"a", of_ints(packed(1) + field(1, 1, b"12345678")))),
        {"a": ints(1)},
    ),
    "floats as varints": (example(entry(b"a", of_floats(unpacked(1)))), {"a": singles()}),
    "floats as 8 bytes": (
        example(entry(b"a", of_floats(field(1, 1, b"12345678")))),
        {"a": singles()},
    ),
    "a byte string as a varint": (example(entry(b"a", of_bytes(unpacked(1)))), {"a": []}),
    # Tags, lengths and varints written the long way round.
    "padded tags": (
        varint(10, padding=4) + varint(len(A1) + 1) + varint(10, padding=1) + A1[1:],
        {"a": ints(1)},
    ),
    "over-long tag of a kind": (
        example(entry(b"a", varint(0x1A, padding=1) + b"\x03" + packed(1))),
        {"a": ints(1)},
    ),
    "padded lengths": (b"\x0a" + varint(len(A1), padding=4) + A1, {"a": ints(1)}),
    "a padded varint": (
        example(entry(b"a", of_ints(field(1, 2, varint(1, padding=9))))),
        {"a": ints(1)},
    ),
    "ten bytes with excess bits": (
        example(entry(b"a", of_ints(field(1, 2, b"\xff" * 9 + b"\x7f")))),
        {"a": ints(-1)},
    ),
    "ten bytes with excess bits, unpacked": (
        example(entry(b"a", of_ints(field(1, 0, b"\xff" * 9 + b"\x7e")))),
        {"a": ints(2**63 - 1)},
    ),
    "the largest and the smallest": (
        example(entry(b"a", of_ints(packed(2**63 - 1, -(2**63))))),
        {"a": ints(2**63 - 1, -(2**63))},
    ),
    "eleven bytes": (
        example(entry(b"a", of_ints(field(1, 2, b"\xff" * 10 + b"\x01")))),
        REFUSED,
    ),
    "eleven bytes, unpacked": (
        example(entry(b"a", of_ints(field(1, 0, b"\xff" * 10 + b"\x01")))),
        REFUSED,
    ),
    "eleven bytes, in a long run": (
        example(entry(b"a", of_ints(field(1, 2, b"\x01" * 200 + b"\xff" * 10 + b"\x01")))),
        REFUSED,
    ),
    "a field of the largest number": (
        example(A1) + field(2**29 - 1, 2, b"abc") + field(2**29 - 1, 5, b"1234"),
        {"a": ints(1)},
    ),
    # What is cut off.
    "last varint of a run cut off": (
        example(entry(b"a", of_ints(field(1, 2, b"\x01\x80"))), entry(b"b", b"")),
        REFUSED,
    ),
    "last varint of a long run cut off": (
        example(entry(b"a", of_ints(field(1, 2, b"\x01" * 200 + b"\x80")))),
        REFUSED,
    ),
    "varint across the end of its list": (
        example(entry(b"a", of_ints(field(1, 0, b"\x80")) + b"\x01")),
        REFUSED,
    ),
    "5 bytes of packed floats": (
        example(entry(b"a", of_floats(field(1, 2, b"12345")))),
        REFUSED,
    ),
    "3 bytes of a float": (example(entry(b"a", of_floats(field(1, 5, b"123")))), REFUSED),
    "inner length beyond the outer": (
        b"\x0a\x0c" + b"\x0a\x09" + field(1, 2, b"a") + b"\x12\x05" + of_ints(packed(1)) + A1,
        REFUSED,
    ),
    # What is dropped is read all the same.
    "malformed value under a key that comes again": (
        example(entry(b"a", of_ints(field(1, 2, b"\x80"))), A1),
        REFUSED,
    ),
    "malformed list of a kind that is replaced": (
        example(entry(b"a", of_floats(field(1, 2, b"12345")) + of_ints(packed(1)))),
        REFUSED,
    ),
    "malformed value in an entry that is dropped": (
        example(
            field(1, 2, field(1, 2, b"a") + field(2, 2, field(3, 2, b"\x08")) + UNKNOWN["varint"])
        ),
        REFUSED,
    ),
    # Names.
    "length of a name in two bytes, of which the first looks like one": (
        example(
            field(
                1,
                2,
                b"\x0a\xff\x00"
                + b"a" * 127
                + field(1, 2, b"b" * 125 + b"\x12\x08")
                + field(2, 2, of_bytes(strings(b"xy"))),
            )
        ),
        {"b" * 125 + "\x12\x08": [b"xy"]},
    ),
    "name of invalid UTF-8": (example(entry(b"\xff", of_ints(packed(1)))), REFUSED),
    "name cut off in a character": (example(entry(b"\xc3", of_ints(packed(1)))), REFUSED),
    "name with a surrogate": (example(entry(b"\xed\xa0\x80", of_ints(packed(1)))), REFUSED),
    "name of overlong UTF-8": (example(entry(b"\xc0\x80", of_ints(packed(1)))), REFUSED),
    "name beyond Unicode": (example(entry(b"\xf4\x90\x80\x80", of_ints(packed(1)))), REFUSED),
    "name of invalid UTF-8, then a good one": (
        example(field(1, 2, field(1, 2, b"\xff") + field(1, 2, b"a"))),
        REFUSED,
    ),
    "name of invalid UTF-8 in an entry that is dropped": (
        example(field(1, 2, field(1, 2, b"\xff") + UNKNOWN["varint"])),
        REFUSED,
    ),
    "name with a NUL and one outside the BMP": (
        example(entry("\0😀".encode(), of_ints(packed(1)))),
        {"\0😀": ints(1)},
    ),
    "name as bytes in a value": (
        example(entry(b"a", of_bytes(strings(b"\xff\xfe")))),
        {"a": [b"\xff\xfe"]},
    ),
}

for _level, _put in LEVELS.items():
    for _name, _odd in UNKNOWN.items():
        ODD_EXAMPLES[f"unknown {_name} in {_level}"] = (
            _put(_odd),
            {"a": ints(1), **ADDED.get(_level, {})},
        )
    for _name, _odd in MALFORMED.items():
        ODD_EXAMPLES[f"{_name}, in {_level}"] = (_put(_odd), REFUSED)

# How deep unknown groups may go in each message: 100 levels in all, the outermost not counted.
DEPTHS = {"Example": 100, "Features": 99, "entry": 98, "Feature": 97, "Int64List": 96}
for _level, _depth in DEPTHS.items():
    for _more, _expected in ((0, {"a": ints(1)}), (1, REFUSED), (50, REFUSED), (100_000, REFUSED)):
        ODD_EXAMPLES[f"groups {_depth + _more} deep in {_level}"] = (
            LEVELS[_level](nested_groups(_depth + _more)),
            _expected,
        )

# Where protobuf before 7.34 differs.
NEW_ODD_EXAMPLES: dict[str, tuple[bytes, Any]] = {
    "length of six bytes": (b"\x0a" + varint(0, padding=5), REFUSED),
    "length of ten bytes": (b"\x0a" + varint(0, padding=9), REFUSED),
    "field number 0 in a group": (group(7, field(0, 0, b"\x01")) + example(A1), {"a": ints(1)}),
    "group number 0 in a group": (group(7, group(0)) + example(A1), {"a": ints(1)}),
}
