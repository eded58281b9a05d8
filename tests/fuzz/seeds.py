"""Inputs to begin with, and words to put in, where tables elsewhere in the tests have good ones."""

from __future__ import annotations

import json
from collections.abc import Iterator
from random import Random

import numpy as np
from example.odd_examples import ODD_EXAMPLES
from example.odd_table import TABLES
from example.schemas import random_features
from frames import FILES, frames
from fuzz.examples import TEMPLATES

from tfrecord_lite.example import features_to_json, serialize_tensor
from tfrecord_lite.files.manifest import Manifest, ManifestEntry

# Tags and lengths as they stand in Examples and tensors; what JSON of ours is made of.
PROTOBUF_WORDS = (
    *(b"\x0a", b"\x12", b"\x1a", b"\x0a\x01a", b"\x0a\x05label", b"\x12\x00", b"\x1a\x00"),
    *(b"\x1a\x03\x0a\x01", b"\x12\x06\x0a\x04", b"\x0a\x03\x0a\x01", b"\xff" * 9 + b"\x01"),
    *(b"\x80\x01", b"\x80\x80\x01", b"\x80\x80\x80\x01", b"\x80\x80\x80\x80\x08", TEMPLATES),
)
JSON_WORDS = tuple(
    f'"{word}"'.encode()
    for word in (
        *("class", "shape", "dtype", "default_value", "allow_missing", "FixedLenFeature", "int64"),
        *("VarLenFeature", "RaggedFeature", "RawFeature", "FixedLenSequenceFeature", "bytes"),
        *("float32", "uint8", "bfloat16", "V5", "format", "version", "compression", "records"),
        *("raw_bytes", "features", "shards", "name", "size", "crc32c", "GZIP", "nan", "../a"),
    )
)
WORDS = {
    **dict.fromkeys(("example", "sequence_example", "columns", "tensor"), PROTOBUF_WORDS),
    **dict.fromkeys(("features_json", "manifest"), JSON_WORDS),
}


def seeds(target: str) -> Iterator[bytes]:
    """Yield inputs for a target."""
    if target in ("example", "columns"):
        head = bytes([40, 1, 7, 0, 3, 1]) + bytes(16) if target == "columns" else b""
        for data, _ in (*ODD_EXAMPLES.values(), *TABLES["Examples"].values()):
            if len(data) < 500:
                yield head + data
    elif target == "sequence_example":
        for table in ("Contexts", "Feature lists"):
            yield from (data for data, _ in TABLES[table].values())
    elif target in ("framing", "build"):
        for records in FILES.values():
            if sum(map(len, records)) < 3000:
                yield bytes(7) + frames(records)
    elif target == "features_json":
        random = Random(7)
        for _ in range(20):
            yield features_to_json(random_features(random)).encode()
    elif target == "manifest":
        entries = (ManifestEntry("a", 3, 59, 59, 7), ManifestEntry("b.tfrecord", 0, 0, 0, 0))
        yield Manifest("", entries).to_json().encode()
        yield Manifest("", entries, "GZIP", json.dumps({"a": 1})).to_json().encode()
    elif target == "tensor":
        for name in ("int8", "int32", "uint64", "float16", "float32", "complex64", "bool"):
            yield serialize_tensor(np.array([[1, 0, 1]]).astype(name))
        yield serialize_tensor(np.array([b"a", b""], object))
    yield from (Random(n).randbytes(40 * n) for n in range(1, 12))
