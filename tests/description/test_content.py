"""What byte strings hold."""

from __future__ import annotations

import io
import json
import struct

import numpy as np
import pytest

import tfrecord_lite as tfr
from tfrecord_lite.description.content import Contents, content_of, media_type

Image = pytest.importorskip("PIL.Image")


def image(form, size=(17, 5), **options):
    data = io.BytesIO()
    Image.new("RGB", size, (200, 10, 10)).save(data, form, **options)
    return data.getvalue()


@pytest.mark.parametrize(
    ("form", "options"),
    [
        ("JPEG", {}),
        ("JPEG", {"progressive": True}),
        ("PNG", {}),
        ("GIF", {}),
        ("BMP", {}),
        ("WebP", {"lossless": True}),
        ("WebP", {"quality": 50}),
        (
            "WebP",
            {"quality": 50, "exif": b"Exif\x00\x00MM\x00*\x00\x00\x00\x08\x00\x00\x00\x00\x00\x00"},
        ),
    ],
)
def test_images(form, options):
    data = image(form, **options)
    assert str(content_of(data)) == f"{form} 17x5"
    assert media_type(data) == f"image/{form.lower()}"
    for cut in range(len(data)):
        content_of(data[:cut])


def array_file():
    data = io.BytesIO()
    np.save(data, np.ones(3))
    return data.getvalue()


@pytest.mark.parametrize(
    ("data", "text"),
    [
        (b"", "nothing"),
        ("käse".encode(), "UTF-8 text"),
        (b"a\tb\r\n", "UTF-8 text"),
        (b"a" * 4095 + "ä".encode() + b"b", "UTF-8 text"),
        (json.dumps({"a": [1]}).encode(), "JSON"),
        (b"[" * 5000, "UTF-8 text"),
        (b"\xfftext", "raw bytes"),
        (bytes(100), "raw bytes"),
        (struct.pack("<3f", 1, 2, 3), "raw bytes"),
        (tfr.serialize_tensor(np.ones((2, 3), np.float32)), "TensorProto float32 [2, 3]"),
        (tfr.encode_example({"a": 1}), "serialized Example"),
        (b"RIFF\x24\0\0\0WAVEfmt ", "WAV"),
        (array_file(), "NumPy array"),
        (b"BMW is no bitmap", "UTF-8 text"),
    ],
)
def test_others(data, text):
    assert str(content_of(data)) == text


def test_many():
    contents, more = Contents(), Contents()
    for size in ((10, 20), (30, 5)):
        contents.add(image("PNG", size))
    more.add(image("PNG", (4, 90)))
    more.add(b"text")
    contents.merge(more)
    assert str(contents) == "PNG 4x5 to 30x90, UTF-8 text"
    assert contents.to_json() == {
        "looked_at": 4,
        "kinds": {"PNG": 3, "UTF-8 text": 1},
        "pixels": {"PNG": {"min": [4, 5], "max": [30, 90]}},
    }


def test_kinds_have_an_end():
    contents = Contents()
    for count in range(50):
        contents.add(tfr.serialize_tensor(np.ones(count)))
    assert len(contents.kinds) == 21
    assert contents.kinds["others"] == 30


def test_messages_are_told_from_raw_bytes():
    from tfrecord_lite.example.messages import Event

    scalar = {"tag": "loss", "simple_value": 2.0}
    event = Event(wall_time=1.5, step=3, summary={"value": [scalar]}).SerializeToString()
    sequence = tfr.encode_sequence_example({"id": 1, "n": "abcdef"}, {"x": [[1], [2]]})
    assert [str(content_of(data)) for data in (event, sequence)] == ["protobuf"] * 2
    assert str(content_of(event[:-1])) == "raw bytes"
    rng = np.random.default_rng(0)
    others = [bytes(784), b"\x01" * 784, *(rng.bytes(size) for size in [16] * 300 + [3072] * 300)]
    others += [rng.normal(size=64).astype(np.float32).tobytes() for _ in range(300)]
    told = [str(content_of(data)) for data in others]
    assert told.count("protobuf") <= 2


@pytest.mark.parametrize(
    "text",
    [
        "\U0001f468\u200d\U0001f469",
        "\u0645\u06cc\u200c\u062e",
        "10\xa0000\u202f€",
        "日本\u3000語",
        "\ufeffa,b",
    ],
)
def test_texts_have_characters_that_are_not_seen(text):
    """Joiners of emoji and of scripts, spaces that do not break, marks at the front."""
    assert str(content_of(text.encode())) == "UTF-8 text"
    assert str(content_of(text.encode() + b"\x07")) == "raw bytes"
