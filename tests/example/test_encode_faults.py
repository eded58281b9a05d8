"""The fault matrix, rows 60 and 61: values that an Example holds exactly, and those it refuses."""

from __future__ import annotations

import datetime as dt
from decimal import Decimal
from typing import Any

import numpy as np
import pytest
from example.judge import judge_example, plain

from tfrecord_lite.errors import ExampleError
from tfrecord_lite.example import (
    FixedLenFeature,
    FixedLenSequenceFeature,
    RaggedFeature,
    RawFeature,
    VarLenFeature,
    decode_example,
    encode_example,
    encode_examples,
    encode_sequence_example,
)

NAN_BITS = np.array([0x7FC00001, 0x7F800001, 0xFFC12345, 0x80000000, 1], np.uint32).view(np.float32)


def ints(*values: int) -> Any:
    return "int64", list(values)


def floats(*values: float) -> Any:
    return "float32", np.array(values, np.float32).tobytes()


def make(values: Any, dtype: Any) -> Any:
    """Make an array of a dtype of ml_dtypes."""
    ml_dtypes = pytest.importorskip("ml_dtypes")
    return np.array(values).astype(getattr(ml_dtypes, dtype))


KEPT: dict[str, tuple[Any, Any]] = {
    "int": (5, ints(5)),
    "int of one byte at most": (127, ints(127)),
    "int of two bytes": (128, ints(128)),
    "negative int": (-1, ints(-1)),
    "smallest int": (-(2**63), ints(-(2**63))),
    "largest int": (2**63 - 1, ints(2**63 - 1)),
    "largest int in a list": ([0, 2**63 - 1], ints(0, 2**63 - 1)),
    "bool": (True, ints(1)),
    "bool and int": ([True, 2, False], ints(1, 2, 0)),
    "numpy bool": (np.True_, ints(1)),
    "numpy bools": ([np.True_, np.False_], ints(1, 0)),
    "bool array": (np.array([True, False]), ints(1, 0)),
    "long bool array": (np.ones(100, bool), ints(*[1] * 100)),
    "numpy integers": ([np.int8(-1), np.uint64(2**63 - 1), 7], ints(-1, 2**63 - 1, 7)),
    "uint64 at the limit": (np.uint64(2**63 - 1), ints(2**63 - 1)),
    "uint64 array at the limit": (np.array([2**63 - 1], np.uint64), ints(2**63 - 1)),
    "long uint64 array": (np.full(40, 2**63 - 1, np.uint64), ints(*[2**63 - 1] * 40)),
    "long list": (list(range(-50, 500)), ints(*range(-50, 500))),
    "long array": (np.arange(-50, 500), ints(*range(-50, 500))),
    "tuple": ((1, 2), ints(1, 2)),
    "float": (0.1, floats(0.1)),
    "floats": ([0.1, -0.0, 1e-45, float("inf")], floats(0.1, -0.0, 1e-45, float("inf"))),
    "not a number": (float("nan"), floats(float("nan"))),
    "largest float32": (3.4028234663852886e38, floats(3.4028234663852886e38)),
    "infinite": (np.array([np.inf, -np.inf]), floats(np.inf, -np.inf)),
    "float16": (np.float16(1.5), floats(1.5)),
    "float16 array": (np.array([1.5, np.inf], np.float16), floats(1.5, np.inf)),
    "float32": (np.float32(0.1), floats(0.1)),
    "float32 that is no number": (NAN_BITS[1], ("float32", NAN_BITS[1].tobytes())),
    "float64": (np.float64(0.1), floats(0.1)),
    "longdouble": (np.longdouble(0.5), floats(0.5)),
    "floats of several widths": ([np.float16(0.5), np.longdouble(1.5), 0.1], floats(0.5, 1.5, 0.1)),
    "list of float32": (list(NAN_BITS), ("float32", NAN_BITS.tobytes())),
    "list of float64": ([np.float64(0.1), 0.2], floats(0.1, 0.2)),
    "bits of no number": (NAN_BITS, ("float32", NAN_BITS.tobytes())),
    "big-endian floats": (NAN_BITS.astype(">f4"), ("float32", NAN_BITS.tobytes())),
    "big-endian doubles": (np.array([0.1, -2.5], ">f8"), floats(0.1, -2.5)),
    "big-endian integers": (np.array([1, -2], ">i4"), ints(1, -2)),
    "many big-endian integers": (np.arange(-50, 50).astype(">i2"), ints(*range(-50, 50))),
    "every other float": (np.arange(200, dtype=np.float32)[::2], floats(*range(0, 200, 2))),
    "every other integer": (np.arange(200)[::-2], ints(*range(199, 0, -2))),
    "read-only": (np.broadcast_to(np.float32(1), (50,)), floats(*[1] * 50)),
    "0-d": (np.array(5), ints(5)),
    "0-d float": (np.array(0.5), floats(0.5)),
    "0-d bytes": (np.array(b"ab"), [b"ab"]),
    "0-d object": (np.array("a\0", object), [b"a\0"]),
    "empty integers": (np.array([], np.int32), ints()),
    "empty floats": (np.array([], np.float64), floats()),
    "empty bytes": (np.array([], bytes), []),
    "bytes": (b"\0\xff", [b"\0\xff"]),
    "no bytes": (b"", [b""]),
    "bytearray": (bytearray(b"ab"), [b"ab"]),
    "memoryview": (memoryview(b"abcd")[::2], [b"ac"]),
    "text": ("grün", ["grün".encode()]),
    "bytes and text": ([b"a", "b", bytearray(b"c")], [b"a", b"b", b"c"]),
    "many strings": ([b"", b"x" * 200], [b"", b"x" * 200]),
    "trailing NULs in a list": ([b"a\0", "b\0"], [b"a\0", b"b\0"]),
    "trailing NULs in objects": (np.array([b"a\0", "b\0"], object), [b"a\0", b"b\0"]),
    "numpy bytes": (np.bytes_(b"ab\0"), [b"ab\0"]),
    "numpy text": (np.str_("ü\0"), ["ü\0".encode()]),
    "list of numpy text": ([np.str_("ü\0"), np.bytes_(b"a")], ["ü\0".encode(), b"a"]),
    "array of bytes": (np.array([b"ab", b"\0c"]), [b"ab", b"\0c"]),
    "array of text": (np.array(["ab", "ü"]), [b"ab", "ü".encode()]),
    "big-endian text": (np.array(["ab", "ü"]).astype(">U2"), [b"ab", "ü".encode()]),
    "objects": (np.array([1, 2], object), ints(1, 2)),
    "many objects": (np.array([0.5] * 50, object), floats(*[0.5] * 50)),
}


def kept(value: Any) -> Any:
    data = encode_example({"a": value})
    found = plain(decode_example(data)["a"])
    assert found == judge_example(data)["a"]
    return found


@pytest.mark.parametrize("name", KEPT)
def test_row_60_kept(name: str) -> None:
    value, expected = KEPT[name]
    assert kept(value) == expected
    steps = decode_sequence(value)
    assert steps == expected


def decode_sequence(value: Any) -> Any:
    from tfrecord_lite.example import decode_sequence_example

    _, lists = decode_sequence_example(encode_sequence_example({}, {"a": [value]}))
    return plain(lists["a"][0])


@pytest.mark.parametrize(
    ("dtype", "expected"),
    [
        ("bfloat16", floats(1, 3)),
        ("float8_e4m3fn", floats(1, 3)),
        ("float8_e5m2", floats(1, 3)),
        ("int4", ints(1, 3)),
        ("uint2", ints(1, 3)),
    ],
)
def test_row_60_kept_of_ml_dtypes(dtype: str, expected: Any) -> None:
    array = make([1, 3], dtype)
    assert kept(array) == expected
    assert kept(list(array)) == expected
    assert kept(array[:1]) == kept(array[0])
    assert kept(np.tile(array, 50)) == kept(
        np.tile(array, 50).astype(np.float32 if "f" in dtype else int)
    )


@pytest.mark.skipif(not hasattr(np.dtypes, "StringDType"), reason="NumPy before 2.0")
def test_row_60_kept_of_variable_strings() -> None:
    dtype = np.dtypes.StringDType()
    assert kept(np.array(["a\0", "ü"], dtype)) == [b"a\0", "ü".encode()]
    assert kept(np.array([], dtype)) == []


@pytest.mark.skipif(not hasattr(np.dtypes, "StringDType"), reason="NumPy before 2.0")
def test_row_60_variable_strings_are_no_raw_feature() -> None:
    feature = {"a": RawFeature([1], np.int32)}
    array = np.array([["x"]], np.dtypes.StringDType())
    with pytest.raises(ExampleError, match=r"StringDType.*RawFeature wants \(1,\) and int32"):
        encode_example({"a": array[0]}, feature)
    with pytest.raises(ExampleError, match=r"row 0.*RawFeature wants \(1,\) and int32"):
        encode_examples({"a": array}, feature)


REFUSED: dict[str, tuple[Any, str]] = {
    "int above int64": (2**63, "9223372036854775808 is beyond int64; store it as bytes"),
    "int below int64": (-(2**63) - 1, "beyond int64"),
    "int in a list": ([0, 2**63], "9223372036854775808 is beyond int64"),
    "int in a long list": ([0] * 100 + [-(2**64)], "beyond int64"),
    "huge int": (10**5000, "<int of 16610 bits> is beyond int64"),
    "huge int in a list": ([1, 10**5000], "<int of 16610 bits> is beyond int64"),
    "uint64": (np.uint64(2**63), "beyond int64"),
    "uint64 in a list": ([1, np.uint64(2**63)], "beyond int64"),
    "uint64 array": (np.array([1, 2**63], np.uint64), "9223372036854775808 is beyond int64"),
    "long uint64 array": (np.full(100, 2**63, np.uint64), "beyond int64"),
    "float": (1e39, r"1e\+39 is beyond float32 and would become infinite; scale it"),
    "float in a list": ([0.0, -1e300], r"-1e\+300 is beyond float32"),
    "float in a long list": ([0.0] * 100 + [1e300], r"1e\+300 is beyond float32"),
    "float64": (np.float64(1e39), r"1e\+39 is beyond float32"),
    "float64 array": (np.array([1.0, np.inf, 1e39]), r"1e\+39 is beyond float32"),
    "longdouble": (np.longdouble(2) ** 200, "beyond float32"),
    "longdouble in a list": ([1.0, np.longdouble(2) ** 200], "beyond float32"),
    "integers and floats": ([1, 2.0], "element 1 is 2.0 in a list that begins with integers"),
    "floats and bools": ([1.0, True], "element 1 is True in a list that begins with floats"),
    "bytes and integers": ([b"a", 1], "element 1 is 1 in a list that begins with bytes"),
    "None in a list": ([1, None], "element 1 is None, of type NoneType; an Example holds"),
    "None alone": ([None], "element 0 is None, of type NoneType"),
    "empty list": ([], r"does not tell its kind; pass .*np.array\(\[\], np.int64\), or features="),
    "empty tuple": ((), "does not tell its kind"),
    "empty objects": (np.array([], object), "does not tell its kind"),
    "list in a list": ([[1, 2]], r"element 0 is \[1, 2\], but a Feature is flat"),
    "array in a list": ([1, np.array([1])], r"element 1 is <array of shape \(1,\)"),
    "empty list in a list": ([[]], r"element 0 is \[\], but a Feature is flat"),
    "2-d array": (np.zeros((2, 2)), r"shape \(2, 2\), where a Feature is flat: pass features="),
    "empty 2-d array": (np.zeros((0, 2)), r"shape \(0, 2\)"),
    "complex": (1j, "1j, of type complex; an Example holds bytes, text, integers and floats"),
    "complex array": (np.zeros(1, complex), "an array of dtype complex128; an Example holds"),
    "complex scalar": (np.complex64(1), "of type complex64"),
    "datetime": (dt.date(2020, 1, 1), "of type date;"),
    "datetime64": (np.datetime64("2020-01-01"), "of type datetime64"),
    "datetime64 array": (np.array(["2020"], "M8[Y]"), r"dtype datetime64\[Y\]"),
    "timedelta64": (np.timedelta64(1, "s"), "of type timedelta64"),
    "timedelta64 in a list": ([1, np.timedelta64(1, "s")], "element 1 is .*timedelta64"),
    "record": (np.zeros(1, [("x", "i4")]), "an array of dtype"),
    "void": (np.void(b"ab"), "of type void"),
    "decimal": (Decimal(1), "of type Decimal"),
    "dict": ({"a": 1}, "of type dict"),
    "set": ({1}, "of type set"),
    "range": (range(3), "of type range"),
    "generator": ((value for value in [1]), "of type generator"),
    "lone surrogate": ("a\ud800", r"'a\\ud800' is not Unicode text \(surrogates not allowed\)"),
    "lone surrogate in a list": (["a", "\udcff"], "not Unicode text"),
    "masked array": (
        np.ma.masked_array([1, 2], [True, False]),
        r"masked array; say with .filled\(\)",
    ),
    "bytes that may have had NULs": (
        np.array([b"a\0", b"b"]),
        r"dtype \|S2 in which no element has 2 characters: .* pass a list, or .* dtype=object",
    ),
    "text that may have had NULs": (np.array(["a\0"]), "dtype <U2 in which no element has 2"),
    "0-d bytes that may have had NULs": (np.array(b"a\0"), "no element has 2 characters"),
}


@pytest.mark.parametrize("name", REFUSED)
def test_row_60_refused(name: str) -> None:
    value, message = REFUSED[name]
    with pytest.raises(ExampleError, match=f"^feature 'a': .*{message}"):
        encode_example({"a": value})
    with pytest.raises(ExampleError, match=f"^feature list 'l', step 1: .*{message}"):
        encode_sequence_example({}, {"l": [1, value]})


@pytest.mark.parametrize(
    ("name", "message"),
    [
        (b"a", "feature name b'a' is of type bytes; a name is a str"),
        (1, "feature name 1 is of type int; a name is a str"),
        (None, "feature name None is of type NoneType"),
        ("\ud800", "surrogates not allowed; a name is UTF-8"),
    ],
)
def test_row_60_names(name: Any, message: str) -> None:
    for features in ({name: 1}, {name: 1, "a": 1}):
        with pytest.raises(ExampleError, match=message):
            encode_example(features)


LABEL = FixedLenFeature([], np.int64)
IMAGE = FixedLenFeature([2, 3], np.int64)
RAW = RawFeature([2, 3], np.uint16)
PIXELS = np.arange(6).reshape(2, 3)
KEPT_AS: dict[str, tuple[Any, Any, Any]] = {
    "scalar": (LABEL, 5, ints(5)),
    "scalar in a list": (LABEL, [5], ints(5)),
    "0-d": (LABEL, np.array(5), ints(5)),
    "2-d": (IMAGE, PIXELS, ints(*range(6))),
    "2-d in Fortran's order": (IMAGE, np.asfortranarray(PIXELS), ints(*range(6))),
    "flat": (IMAGE, list(range(6)), ints(*range(6))),
    "no elements": (FixedLenFeature([0], bytes), [], []),
    "no elements, 2-d": (FixedLenFeature([0, 2], np.float32), np.zeros((0, 2)), floats()),
    "empty list": (VarLenFeature(np.int64), [], ints()),
    "empty tuple": (RaggedFeature(np.float32), (), floats()),
    "empty objects": (VarLenFeature(bytes), np.array([], object), []),
    "empty array": (VarLenFeature(np.int64), np.array([], np.int8), ints()),
    "list": (VarLenFeature(np.float32), [0.5], floats(0.5)),
    "integers for floats": (VarLenFeature(np.float32), [1, True, 2**24 + 1], floats(1, 1, 2**24)),
    "float that rounds to the largest": (
        VarLenFeature(np.float32),
        3.40282356e38,
        floats(3.4028234663852886e38),
    ),
    "texts": (RaggedFeature(bytes), ["a", b"b"], [b"a", b"b"]),
    "sequence of scalars": (FixedLenSequenceFeature([], np.int64), [1, 2], ints(1, 2)),
    "sequence of pairs": (FixedLenSequenceFeature([2], np.int64), [1, 2, 3, 4], ints(1, 2, 3, 4)),
    "sequence of rows": (FixedLenSequenceFeature([3], np.int64), PIXELS, ints(*range(6))),
    "empty sequence": (FixedLenSequenceFeature([3], np.int64), [], ints()),
    "empty sequence of nothing": (FixedLenSequenceFeature([0], np.int64), [], ints()),
    "raw": (RAW, PIXELS.astype(np.uint16), [PIXELS.astype("<u2").tobytes()]),
    "raw big-endian": (RAW, PIXELS.astype(">u2"), [PIXELS.astype("<u2").tobytes()]),
    "raw in Fortran's order": (
        RAW,
        np.asfortranarray(PIXELS.astype(np.uint16)),
        [PIXELS.astype("<u2").tobytes()],
    ),
    "raw bytes": (RAW, bytes(12), [bytes(12)]),
    "raw memory": (RAW, memoryview(bytes(12)), [bytes(12)]),
    "raw scalar": (RawFeature([], np.float64), np.float64(0.1), [np.float64(0.1).tobytes()]),
    "raw complex": (RawFeature([1], "c16"), np.array([1j]), [np.array([1j], "<c16").tobytes()]),
}


@pytest.mark.parametrize("name", KEPT_AS)
def test_row_60_kept_with_features(name: str) -> None:
    spec, value, expected = KEPT_AS[name]
    data = encode_example({"a": value, "b": 1, "c": None}, {"a": spec, "c": LABEL, "d": LABEL})
    assert judge_example(data) == {"a": expected, "b": ints(1)}


def test_row_60_kept_with_features_of_ml_dtypes() -> None:
    array = make([[1, 3]], "bfloat16")
    data = encode_example({"a": array}, {"a": RawFeature([1, 2], array.dtype)})
    assert judge_example(data) == {"a": [array.tobytes()]}


REFUSED_AS: dict[str, tuple[Any, Any, str]] = {
    "too many": (LABEL, [1, 2], "2 values, which FixedLenFeature.* does not allow"),
    "too few": (IMAGE, [1, 2], "2 values"),
    "none": (LABEL, [], "0 values"),
    "another shape": (IMAGE, PIXELS.T, r"shape \(3, 2\)"),
    "floats for integers": (LABEL, 1.0, "1.0 makes floats, not the integers of FixedLenFeature"),
    "text for floats": (VarLenFeature(np.float32), ["1"], r"\['1'\] makes bytes, not the floats"),
    "text for integers": (LABEL, "1", "'1' makes bytes, not the integers"),
    "empty floats for integers": (VarLenFeature(np.int64), np.array([]), "makes floats"),
    "2-d for ragged": (RaggedFeature(np.int64), PIXELS, r"shape \(2, 3\)"),
    "2-d for a sequence of scalars": (FixedLenSequenceFeature([], np.int64), PIXELS, "shape"),
    "half a row": (FixedLenSequenceFeature([2], np.int64), [1, 2, 3], "3 values"),
    "scalar for a sequence of pairs": (FixedLenSequenceFeature([2], np.int64), 1, "1 values"),
    "values for a sequence of nothing": (FixedLenSequenceFeature([0], np.int64), [1], "1 values"),
    "mixed": (IMAGE, [1, 2, 3, 4, 5, 6.0], "element 5 is 6.0"),
    "nested list": (FixedLenFeature([1], np.int64), [[1]], "but a Feature is flat"),
    "raw of another dtype": (
        RAW,
        PIXELS,
        "dtype int64, where RawFeature wants .* uint16; .reshape",
    ),
    "raw of another shape": (RAW, PIXELS.T.astype(np.uint16), r"shape \(3, 2\)"),
    "raw bytes of another size": (RAW, bytes(11), "11 bytes, where RawFeature.* has 12"),
    "raw masked": (RAW, np.ma.masked_array(PIXELS.astype(np.uint16)), "masked array"),
    "raw list": (RAW, [1, 2], r"\[1, 2\] is not an array; make it np.asarray\(..., uint16\)"),
}


@pytest.mark.parametrize("name", REFUSED_AS)
def test_row_60_refused_with_features(name: str) -> None:
    spec, value, message = REFUSED_AS[name]
    with pytest.raises(ExampleError, match=f"^feature 'a': .*{message}"):
        encode_example({"a": value}, {"a": spec})


def test_row_60_what_does_not_describe_a_feature() -> None:
    with pytest.raises(TypeError, match="feature 'a': 'int64' is not a feature class"):
        encode_example({"a": 1}, {"a": "int64"})


HALF = bytes(1 << 30)  # never written to, hence no memory
TOO_LARGE: dict[str, Any] = {
    "one value": {"a": bytes((1 << 31) - 10)},
    "a list": {"a": [HALF, HALF]},
    "together": {"a": HALF, "b": HALF},
    "floats": {"a": np.broadcast_to(np.float32(0), (1 << 29,))},
    "doubles": {"a": np.broadcast_to(np.float64(0), (1 << 29,))},
    "integers": {"a": np.broadcast_to(np.int8(0), (1 << 31,))},
}


@pytest.mark.parametrize("name", TOO_LARGE)
def test_row_61_more_than_two_gigabytes(name: str) -> None:
    with pytest.raises(ExampleError, match=r"2147483647 \(2 GiB - 1\); spread them over several"):
        encode_example(TOO_LARGE[name])
    with pytest.raises(ExampleError, match=r"2 GiB - 1"):
        encode_sequence_example(TOO_LARGE[name], {})
    with pytest.raises(ExampleError, match=r"2 GiB - 1"):
        encode_sequence_example({}, {"l": list(TOO_LARGE[name].values())})
