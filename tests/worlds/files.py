"""Files of Examples for the tests of all worlds."""

from __future__ import annotations

from pathlib import Path

import numpy as np

import tfrecord_lite as tfr

FEATURES = {
    "id": tfr.FixedLenFeature([], np.int64),
    "pair": tfr.FixedLenFeature([2], np.float32),
    "name": tfr.FixedLenFeature([], bytes),
    "steps": tfr.FixedLenSequenceFeature([2], np.int64, allow_missing=True),
    "tags": tfr.RaggedFeature(np.int64),
    "words": tfr.RaggedFeature(bytes),
}


def row(number: int) -> dict:
    """Return what record ``number`` holds."""
    return {
        "id": number,
        "pair": [number + 0.5, -number],
        "name": f"name {number}".encode(),
        "steps": [*range(2 * (number % 3))],
        "tags": [number] * (number % 4),
        "words": [b"w%d" % step for step in range(number % 2)],
    }


def write(folder: Path, counts, **options) -> list[str]:
    """Write files of so many records each, numbered on from one to the next."""
    folder.mkdir(parents=True, exist_ok=True)
    paths, first = [], 0
    for file, count in enumerate(counts):
        paths.append(str(folder / f"{file}.tfrecord"))
        with tfr.RecordWriter(paths[-1], **options) as writer:
            for number in range(first, first + count):
                writer.write(tfr.encode_example(row(number), FEATURES))
        first += count
    return paths


def write_ids(folder: Path | str, counts, **options) -> list[str]:
    """Write files of records that have nothing but their number; ``folder`` may be a URL."""
    if isinstance(folder, Path):
        folder.mkdir(parents=True, exist_ok=True)
    paths, first = [], 0
    for file, count in enumerate(counts):
        paths.append(f"{folder}/{file}.tfrecord")
        tfr.write_examples(paths[-1], {"id": range(first, first + count)}, {"id": int}, **options)
        first += count
    return paths


def damage(path: str, record: int) -> None:
    """Change a byte of a record's data."""
    index = tfr.RecordIndex.build(path)
    with open(path, "r+b") as file:
        file.seek(int(index.offsets[record]) + 12)
        byte = file.read(1)
        file.seek(-1, 1)
        file.write(bytes([byte[0] ^ 1]))


SPARSE = {"s": tfr.SparseFeature("at", "value", np.float32, 5)}


def write_sparse(path: str) -> list[tuple[list[int], list[float]]]:
    """Write records with a sparse feature; return the places and values of each."""
    rows = [([0, 3], [1.0, 2.0]), ([], []), ([4], [3.0])]
    with tfr.RecordWriter(path) as writer:
        for at, values in rows:
            writer.write(
                tfr.encode_example(
                    {"at": np.array(at, np.int64), "value": np.array(values, np.float32)}
                )
            )
    return rows


def write_sequences(path: str) -> list[dict]:
    """Write SequenceExamples; return what each holds."""
    rows = [
        {"context": {"id": n}, "feature_lists": {"steps": [[n * 10 + s] for s in range(n % 3)]}}
        for n in range(5)
    ]
    with tfr.RecordWriter(path) as writer:
        for row in rows:
            writer.write(tfr.encode_sequence_example(row["context"], row["feature_lists"]))
    return rows


SEQUENCES = tfr.SequenceFeatures(
    context={"id": tfr.FixedLenFeature([], np.int64)},
    feature_lists={"steps": tfr.FixedLenSequenceFeature([], np.int64)},
)
