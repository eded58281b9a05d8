"""serialize_tensor and parse_tensor, without TensorFlow at hand."""

from __future__ import annotations

import subprocess
import sys
import tracemalloc
from typing import Any

import numpy as np
import pytest

from tfrecord_lite.errors import ExampleError
from tfrecord_lite.example import parse_tensor, serialize_tensor
from tfrecord_lite.example.messages import TensorProto

NAMES = [
    *("bool", "int8", "uint8", "int16", "uint16", "int32", "uint32", "int64", "uint64"),
    *("float16", "float32", "float64", "complex64", "complex128"),
]
ML_NAMES = [
    *("bfloat16", "float8_e5m2", "float8_e4m3fn", "float8_e4m3fnuz", "float8_e4m3b11fnuz"),
    *("float8_e5m2fnuz", "int4", "uint4", "int2", "uint2", "float4_e2m1fn"),
]


def dtype_of(name: str) -> np.dtype:
    if name in NAMES:
        return np.dtype(name)
    ml_dtypes = pytest.importorskip("ml_dtypes")
    if not hasattr(ml_dtypes, name):
        pytest.skip(f"{name} is not in this ml_dtypes")
    return np.dtype(getattr(ml_dtypes, name))


def arrays(dtype: np.dtype) -> list[np.ndarray]:
    values = np.array([[1, 0, 1], [0, 1, 1]]).astype(dtype)
    return [
        values,
        values[0],
        values[0, 0],
        values[:0],
        values[None, :, None, :],
        values.T,
        values[:, ::2],
    ]


@pytest.mark.parametrize("name", NAMES + ML_NAMES)
def test_there_and_back(name: str) -> None:
    for array in arrays(dtype_of(name)):
        parsed = parse_tensor(serialize_tensor(array))
        assert parsed.dtype == array.dtype
        assert parsed.shape == array.shape
        assert parsed.tobytes() == array.tobytes()
        assert parsed.flags.writeable
        assert not np.shares_memory(parsed, array)


def test_bytes() -> None:
    # As tf.io.serialize_tensor writes them.
    assert serialize_tensor(np.array(5, np.int32)) == b'\x08\x03\x12\x00"\x04\x05\x00\x00\x00'
    assert (
        serialize_tensor(np.zeros((0, 3), np.float32))
        == b"\x08\x01\x12\x06\x12\x00\x12\x02\x08\x03"
    )
    strings = b"\x08\x07\x12\x04\x12\x02\x08\x02B\x02a\x00B\x02\xc3\xa9"
    assert serialize_tensor(np.array([b"a\0", "é"], object)) == strings


def test_byte_order() -> None:
    for name in NAMES:
        big = np.arange(3).astype(np.dtype(name).newbyteorder(">"))
        assert serialize_tensor(big) == serialize_tensor(np.arange(3).astype(name))


@pytest.mark.parametrize(
    "array",
    [
        np.array([b"a\0", "é", b""], object),
        np.array([[b"ab", b"\0c"]]),
        np.array(["ab", "é"]),
        np.array(b"ab"),
        np.array([], "S3"),
        np.array([[]], object),
        np.array("a\0", object),
    ],
)
def test_strings(array: np.ndarray) -> None:
    parsed = parse_tensor(serialize_tensor(array))
    assert parsed.dtype == object
    assert parsed.shape == array.shape
    flat = [item.encode() if isinstance(item, str) else item for item in array.ravel().tolist()]
    assert parsed.ravel().tolist() == flat
    assert parse_tensor(serialize_tensor(b"a\0")).item() == b"a\0"
    assert parse_tensor(serialize_tensor("é")).item() == "é".encode()


@pytest.mark.skipif(not hasattr(np.dtypes, "StringDType"), reason="NumPy before 2.0")
def test_variable_strings() -> None:
    array = np.array(["a\0", "é"], np.dtypes.StringDType())
    assert parse_tensor(serialize_tensor(array)).tolist() == [b"a\0", "é".encode()]


def test_what_becomes_an_array() -> None:
    class Tensor:
        def __array__(self, dtype: Any = None, copy: Any = None) -> np.ndarray:
            return np.array([1, 2], np.int16)

    assert serialize_tensor(Tensor()) == serialize_tensor(np.array([1, 2], np.int16))
    assert serialize_tensor(np.float32(0.5)) == serialize_tensor(np.array(0.5, np.float32))


@pytest.mark.parametrize("value", [[1, 2], 5, 0.5, None, (b"a",), bytearray(b"a")])
def test_what_is_not_an_array(value: Any) -> None:
    with pytest.raises(TypeError, match=r"takes an array, not a \w+; np.asarray\(..., dtype\)"):
        serialize_tensor(value)


@pytest.mark.parametrize(
    ("array", "message"),
    [
        (np.array(["2020"], "M8[Y]"), r"dtype datetime64\[Y\], which no tensor has"),
        (np.zeros(1, np.longdouble), "which no tensor has"),
        (np.zeros(1, [("x", "i4")]), "which no tensor has"),
        (np.array([1, b"a"], object), "1 in an array of objects, of which"),
        (np.array([None]), "None in an array of objects"),
        (np.array([b"a\0"]), "no element has 2 characters"),
        (np.ma.masked_array([1, 2], [True, False]), "masked array"),
        (np.array("\ud800", object), "not Unicode text"),
        (np.broadcast_to(np.int64(0), (1 << 28,)), "2 GiB - 1"),
        (np.broadcast_to(np.array(bytes(1 << 30), object), (2,)), "2 GiB - 1"),
    ],
)
def test_arrays_that_no_tensor_holds(array: np.ndarray, message: str) -> None:
    with pytest.raises(ExampleError, match=message):
        serialize_tensor(array)


def proto(dtype: int, shape: tuple[int, ...], **fields: Any) -> bytes:
    dimensions = [{"size": size} for size in shape]
    return TensorProto(dtype=dtype, tensor_shape={"dim": dimensions}, **fields).SerializeToString()


# What tf.io.parse_tensor makes of these too.
VALUES = {
    "one for all": (proto(1, (2, 2), float_val=[2.5]), np.full((2, 2), 2.5, np.float32)),
    "the last for the rest": (proto(3, (3,), int_val=[1, 2]), np.array([1, 2, 2], np.int32)),
    "too many": (proto(1, (2,), float_val=[1, 2, 3]), np.array([1, 2], np.float32)),
    "none": (proto(9, (2,)), np.zeros(2, np.int64)),
    "no shape": (TensorProto(dtype=2, double_val=[3]).SerializeToString(), np.array(3.0)),
    "values of another type": (proto(1, (1,), int_val=[2]), np.zeros(1, np.float32)),
    "content and values": (
        proto(3, (1,), tensor_content=b"\1\0\0\0", int_val=[2]),
        np.array([1], np.int32),
    ),
    "int8 from an int beyond it": (proto(6, (1,), int_val=[300]), np.array([44], np.int8)),
    "uint8 from a negative int": (proto(4, (1,), int_val=[-1]), np.array([255], np.uint8)),
    "uint16": (proto(17, (2,), int_val=[1, 65535]), np.array([1, 65535], np.uint16)),
    "uint32": (proto(22, (1,), uint32_val=[2**32 - 1]), np.array([2**32 - 1], np.uint32)),
    "uint64": (proto(23, (1,), uint64_val=[2**64 - 1]), np.array([2**64 - 1], np.uint64)),
    "bool": (proto(10, (2,), bool_val=[True, False]), np.array([True, False])),
    "half": (proto(19, (2,), half_val=[0x3C00, 0x13C00]), np.ones(2, np.float16)),
    "complex64": (proto(8, (2,), scomplex_val=[1, 2]), np.array([1 + 2j] * 2, np.complex64)),
    "complex64, half of one": (
        proto(8, (2,), scomplex_val=[1, 2, 3]),
        np.array([1 + 2j] * 2, np.complex64),
    ),
    "complex128": (proto(18, (1,), dcomplex_val=[1, 2]), np.array([1 + 2j])),
    "strings": (
        proto(7, (3,), string_val=[b"a\0", b"b"]),
        np.array([b"a\0", b"b", b"b"], object),
    ),
    "no strings": (proto(7, (2,)), np.array([b"", b""], object)),
    "too many strings": (proto(7, (), string_val=[b"a", b"b"]), np.array(b"a", object)),
    "no elements": (proto(7, (0, 2)), np.empty((0, 2), object)),
    "no numbers": (proto(1, (3, 0)), np.empty((3, 0), np.float32)),
    "unknown rank": (
        TensorProto(
            dtype=1, tensor_shape={"unknown_rank": True}, float_val=[3]
        ).SerializeToString(),
        np.array(3, np.float32),
    ),
}


@pytest.mark.parametrize("name", VALUES)
def test_values(name: str) -> None:
    data, expected = VALUES[name]
    for form in (data, bytearray(data), memoryview(data)):
        parsed = parse_tensor(form)
        assert parsed.dtype == expected.dtype
        assert parsed.shape == expected.shape
        assert parsed.tolist() == expected.tolist()


def test_values_of_ml_dtypes() -> None:
    ml_dtypes = pytest.importorskip("ml_dtypes")
    for number, fields, values, name in (
        (14, {"half_val": [0x3F80, 0xBF80]}, [1, -1, -1], "bfloat16"),
        (24, {"float8_val": b"\x3c\x00"}, [1, 0, 0], "float8_e5m2"),
        (29, {"int_val": [1, 9]}, [1, -7, -7], "int4"),
        (29, {"tensor_content": b"\x01\x19\x0f"}, [1, -7, -1], "int4"),
        (30, {"tensor_content": b"\x01\x09\x0f"}, [1, 9, 15], "uint4"),
    ):
        parsed = parse_tensor(proto(number, (3,), **fields))
        assert parsed.dtype == getattr(ml_dtypes, name)
        assert parsed.astype(float).tolist() == values


@pytest.mark.parametrize(
    ("name", "number"),
    [("float8_e5m2fnuz", 28), ("int2", 31), ("uint2", 32), ("float4_e2m1fn", 33)],
)
def test_numbers_of_new_dtypes(name: str, number: int) -> None:
    """The numbers of TensorFlow's types.proto, whatever version of ml_dtypes there is."""
    try:
        parsed = parse_tensor(proto(number, (0,)))
    except ExampleError as error:
        assert f"a tensor of {name}, which NumPy has only" in str(error)
    else:
        assert parsed.dtype.name == name


def test_a_dtype_whose_package_is_not_yet_imported() -> None:
    pytest.importorskip("ml_dtypes")
    code = (
        "from tfrecord_lite.example import parse_tensor\n"
        f"print(parse_tensor({proto(14, (1,), half_val=[0x3F80])}).dtype)"
    )
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    assert done.stdout == "bfloat16\n"


def test_a_dtype_that_is_not_there(monkeypatch: pytest.MonkeyPatch) -> None:
    from tfrecord_lite.example import tensor

    monkeypatch.setitem(tensor._FIELDS, 14, ("bfloat17", "half_val"))
    with pytest.raises(ExampleError, match="bfloat17, which NumPy has only with .* ml_dtypes"):
        parse_tensor(proto(14, (1,), half_val=[1]))


REFUSED = {
    "not a message": (b"\x08", "not a TensorProto"),
    "text": (b"hello world", "not a TensorProto"),
    "nothing": (b"", "data type 0, for which NumPy has none"),
    "no dtype": (proto(0, (1,), float_val=[1]), "data type 0"),
    "resource": (proto(20, ()), "data type 20"),
    "quantized": (proto(11, (1,), int_val=[1]), "data type 11"),
    "dtype of the future": (proto(99, ()), "data type 99"),
    "negative size": (proto(1, (-1,), float_val=[1]), r"shape \(-1,\), which is no shape"),
    "content too short": (
        proto(1, (2,), tensor_content=b"1234"),
        "4 bytes .* 2 elements of float32 take 8",
    ),
    "content too long": (proto(1, (1,), tensor_content=b"12345678"), "8 bytes .* take 4"),
    "content for nothing": (proto(1, (0,), tensor_content=b"1234"), "4 bytes .* 0 elements"),
    "bool of 2": (proto(10, (2,), tensor_content=b"\1\2"), "neither 0 nor 1"),
    "strings in content": (proto(7, (1,), tensor_content=b"\1a"), "strings in tensor_content"),
    "65 dimensions": (proto(1, (1,) * 65, float_val=[1]), "a tensor of shape"),
    "no elements of an impossible shape": (proto(1, (2**62, 2**62, 0)), "a tensor of shape"),
    "2^40 of one value": (
        proto(1, (2**40,), float_val=[1]),
        "4398046511104 bytes, more than max_bytes",
    ),
    "2^40 zeros": (proto(1, (2**40,)), "1099511627776 elements of which 0 are given"),
    "2^124 zeros": (proto(1, (2**62, 2**62)), "more than max_bytes=1073741824"),
    "2^40 strings": (proto(7, (2**40,), string_val=[b"a"]), "more than max_bytes"),
    "content of 2^40": (proto(1, (2**40,), tensor_content=b"1234"), "4 bytes"),
}


@pytest.mark.parametrize("name", REFUSED)
def test_bad_input_is_refused_in_little_memory(name: str) -> None:
    data, message = REFUSED[name]
    tracemalloc.start()
    try:
        with pytest.raises(ExampleError, match=message):
            parse_tensor(data)
        assert tracemalloc.get_traced_memory()[1] < 1 << 20
    finally:
        tracemalloc.stop()


def test_no_elements_of_a_large_shape() -> None:
    assert parse_tensor(proto(1, (2**40, 0))).shape == (2**40, 0)


def test_the_limit_is_on_what_is_filled_in() -> None:
    data = proto(1, (1000,), float_val=[1])
    assert parse_tensor(data, max_bytes=4000).sum() == 1000
    with pytest.raises(ExampleError, match="4000 bytes, more than max_bytes=3999"):
        parse_tensor(data, max_bytes=3999)
    whole = serialize_tensor(np.zeros(1000))
    assert parse_tensor(whole, max_bytes=0).size == 1000


def test_one_copy() -> None:
    array = np.zeros(1 << 23)
    tracemalloc.start()
    try:
        data = serialize_tensor(array)
        assert tracemalloc.get_traced_memory()[1] < 1.01 * array.nbytes
    finally:
        tracemalloc.stop()
    assert len(data) == array.nbytes + 16


def test_every_truncation_and_bit_flip() -> None:
    for array in (np.arange(6, dtype=np.int16).reshape(2, 3), np.array([[b"ab"], [b""]], object)):
        data = serialize_tensor(array)
        for size in range(len(data)):
            changed = [data[:size]]
            for bit in range(8):
                flipped = bytearray(data)
                flipped[size] ^= 1 << bit
                changed.append(bytes(flipped))
            for bad in changed:
                try:
                    assert isinstance(parse_tensor(bad, max_bytes=1 << 16), np.ndarray)
                except ExampleError:
                    pass
