"""What is sent of a record: all that is in it where that is little, and never too much."""

from __future__ import annotations

import io
import json
import zlib

import numpy as np
import pytest

import tfrecord_lite as tfr
from tfrecord_lite.view.pictures import array_of, parse_shape, png_of
from tfrecord_lite.view.shown import shown_card, shown_record

PNG = png_of(np.zeros((8, 9, 3), np.uint8))


def one(value):
    return shown_record(tfr.encode_example({"a": value}))["features"][0]


def test_numbers_are_whole():
    assert one([2**62, -(2**63), 2**53 - 1])["values"] == [str(2**62), str(-(2**63)), 2**53 - 1]
    assert one([0.1, float("nan"), float("-inf")])["values"] == [0.1, "nan", "-inf"]


@pytest.mark.parametrize(
    ("value", "expected"),
    [
        (b"a cat", {"content": "UTF-8 text", "text": "a cat", "cut": False}),
        (PNG, {"content": "PNG 9x8", "media": "image/png"}),
        (b"\xff\xfe\xfd", {"content": "raw bytes", "hex": "ff fe fd"}),
        (bytes(784), {"picture": "28x28x1"}),
        (b"\xff" * 3072, {"picture": "32x32x3"}),
        (tfr.serialize_tensor(np.zeros((4, 5), np.float32)), {"picture": "tensor"}),
        (b"", {"size": 0}),
    ],
)
def test_bytes_are_told_by_what_they_hold(value, expected):
    shown = one(value)["values"][0]
    assert {name: shown.get(name) for name in expected} == expected


def test_a_shape_is_taken_from_the_features_beside():
    example = {"image_raw": b"\x80" * 60, "height": 4, "width": 5, "depth": 3}
    features = {one["name"]: one for one in shown_record(tfr.encode_example(example))["features"]}
    assert features["image_raw"]["values"][0]["picture"] == "4x5x3"
    example = {"pixels": [0.5] * 20, "image/height": 4, "image/width": 5}
    features = {one["name"]: one for one in shown_record(tfr.encode_example(example))["features"]}
    assert features["pixels"]["picture"] == "4x5x1"


def test_sequences_have_their_steps():
    data = tfr.encode_sequence_example(
        {"id": 1},
        {
            "speed": [[1.0], [2.0]],
            "frames": [[1.0, 2.0], [3.0, 4.0]],
            "words": [[b"a"], [b"b", b"c"]],
        },
    )
    shown = shown_record(data)
    assert shown["kind"] == "SequenceExample"
    features = {one["name"]: one for one in shown["features"]}
    assert features["speed"]["values"] == [1, 2]
    assert features["frames"]["heatmap"]
    assert features["words"]["counts"] == [1, 2]
    assert [one["part"] for one in shown["features"]] == ["features", "lists", "lists", "lists"]


@pytest.mark.parametrize(
    "example",
    [
        {"a": b"x" * 30_000_000},
        {"a": [b"text" * 1000] * 10_000},
        {"a": np.zeros(1_000_000)},
        {"a": np.zeros(1_000_000, np.int64)},
        {"n" * 100_000: 1},
        {f"feature {number}": [number] * 50 for number in range(20_000)},
        {f"{number}": b"text" * 10_000 for number in range(300)},
    ],
    ids=["a long text", "many texts", "floats", "ints", "a long name", "features", "long texts"],
)
def test_what_is_sent_is_bounded(example):
    data = tfr.encode_example(example)
    assert len(json.dumps(shown_card(data))) < 50_000
    assert len(json.dumps(shown_record(data))) < 6_000_000
    shown = shown_record(data)
    assert shown["all_features"] == min(len(example), 2000)
    assert shown["more"] == (len(example) > 2000)


def test_features_come_in_parts():
    data = tfr.encode_example({f"f{number:03}": number for number in range(450)})
    names = []
    while len(names) < 450:
        part = shown_record(data, len(names))["features"]
        assert [one["at"] for one in part] == list(range(len(names), len(names) + len(part)))
        names += [one["name"] for one in part]
    assert names == [f"f{number:03}" for number in range(450)]


def pixels_of(png):
    """Read back what `png_of` writes."""
    assert png.startswith(b"\x89PNG\r\n\x1a\n")
    file = io.BytesIO(png[8:])
    chunks = {}
    while size := file.read(4):
        name, data = file.read(4), None
        data = file.read(int.from_bytes(size, "big"))
        assert zlib.crc32(name + data) == int.from_bytes(file.read(4), "big")
        chunks[name] = data
    width, height = (int.from_bytes(chunks[b"IHDR"][at : at + 4], "big") for at in (0, 4))
    channels = {0: 1, 4: 2, 2: 3, 6: 4}[chunks[b"IHDR"][9]]
    rows = np.frombuffer(zlib.decompress(chunks[b"IDAT"]), np.uint8).reshape(height, -1)
    assert not rows[:, 0].any()
    return rows[:, 1:].reshape(height, width, channels)


@pytest.mark.parametrize("channels", [1, 2, 3, 4])
def test_png(channels):
    array = np.random.default_rng(1).integers(0, 255, (5, 7, channels)).astype(np.uint8)
    assert (pixels_of(png_of(array)) == array).all()
    if channels != 2:
        assert (pixels_of(png_of(np.moveaxis(array, 2, 0))) == array).all()


def test_what_is_no_byte_is_spread():
    assert pixels_of(png_of(np.array([[-1.0, 0.0, 1.0]]))).ravel().tolist() == [0, 127, 255]
    assert pixels_of(png_of(np.array([[0, 7, 200]]))).ravel().tolist() == [0, 7, 200]
    assert pixels_of(png_of(np.array([[np.nan, 1.0, np.inf]]))).ravel().tolist()[0] == 0
    assert pixels_of(png_of(np.full((2, 2), 5.0))).ravel().tolist() == [0] * 4
    assert pixels_of(png_of(np.array([[False, True]]))).ravel().tolist() == [0, 255]


def test_large_pictures_are_thinned():
    assert pixels_of(png_of(np.zeros((10, 5000), np.uint8))).shape == (4, 1667, 1)


@pytest.mark.parametrize(
    "text", ["", "x", "3x", "0x3", "-1x3", "1x2x3x4x5", "3x3 complex64", "9" * 200, "1e3x2"]
)
def test_what_is_no_shape(text):
    with pytest.raises(ValueError, match="no shape|dimensions"):
        parse_shape(text)


def test_bytes_are_of_the_type_that_fits():
    data = np.arange(6, dtype="<f4").tobytes()
    assert array_of(data, "2x3").tolist() == [[0, 1, 2], [3, 4, 5]]
    assert array_of(data, "24 uint8").shape == (24,)
    assert array_of(data, "2x3 float32").dtype == np.float32
    with pytest.raises(ValueError, match="5 values, but there are 24 bytes"):
        array_of(data, "5x1")
    with pytest.raises(ValueError, match="values, but there are 6"):
        array_of(np.arange(6), "2x2")
    for shape in ([5, 6, 7], [1, 2, 3, 4, 5], [0, 3]):
        with pytest.raises(ValueError, match="no shape of a picture"):
            png_of(np.zeros(shape))


def test_pictures_and_values_over_http(tmp_path, view):
    pixels = np.arange(60, dtype=np.uint8)
    with tfr.RecordWriter(tmp_path / "a") as writer:
        writer.write_example({"png": PNG, "raw": pixels.tobytes(), "svg": b"<svg onload='x()'/>"})
        writer.write(tfr.encode_sequence_example({}, {"frames": [[1.0, 2.0], [3.0, 4.0]]}))
    client = view(tmp_path / "a")
    answer = client.raw("value", number=0, part="features", at=0)
    assert (answer.headers["Content-Type"], answer.body) == ("image/png", PNG)
    asked = {"number": 0, "part": "features", "at": 1}
    assert (
        pixels_of(client.raw("picture", shape="4x5x3", **asked).body) == pixels.reshape(4, 5, 3)
    ).all()
    # What a browser could run is saved, and never shown.
    answer = client.raw("value", number=0, part="features", at=2)
    assert answer.headers["Content-Type"] == "application/octet-stream"
    assert answer.headers["Content-Disposition"].startswith("attachment")
    heat = client.raw("picture", number=1, part="lists", at=0, step="all").body
    assert pixels_of(heat).ravel().tolist() == [0, 85, 170, 255]
    whole = client.raw("json", number=1, whole=1)
    assert "frames" in whole.json()["feature_lists"]
    assert "frames" in client.get("json", number=1)["text"]
