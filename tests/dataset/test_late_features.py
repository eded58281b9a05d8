"""Features that only later records have, where features are inferred, are warned of and named."""

from __future__ import annotations

import warnings
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from differential.settings import applied

import tfrecord_lite as tfr
from tfrecord_lite.errors import ExampleError

BASE = [tfr.encode_example({"a": number, "text": b"x" * (number % 50)}) for number in range(2500)]
LATE = {"weight": 0.5, "z": b"yes"}
FIRST = 1207


def rows(first: int = FIRST) -> list[bytes]:
    """Make records that have, from one on, two features more, in every third."""
    return [
        tfr.encode_example(
            {"a": number, "text": b"x" * (number % 50), **(LATE if late(number, first) else {})}
        )
        for number in range(2500)
    ]


def late(number: int, first: int) -> bool:
    return number >= first and (number - first) % 3 == 0


@pytest.fixture
def path(tmp_path: Path) -> Path:
    path = tmp_path / "a.tfrecord"
    tfr.write_records(path, rows())
    return path


def warned(run: Any) -> list[str]:
    with warnings.catch_warnings(record=True) as caught:
        warnings.simplefilter("always")
        # It points to the caller, and not to who called that.
        eval(compile("run()", "who called that", "eval"))
    assert {warning.category for warning in caught} <= {UserWarning}
    assert {warning.filename for warning in caught} <= {__file__}
    return [str(warning.message) for warning in caught]


def message(path: Path, record: int, name: str) -> str:
    return (
        f"{path}: record {record}: feature '{name}' is in none of the first 1,000 records, from "
        "which features were inferred, and so in no batch; pass features= with it, or without it "
        "if that is meant"
    )


def both(path: Path, record: int = FIRST) -> list[str]:
    return [message(path, record, name) for name in LATE]


@pytest.mark.parametrize("setting", [None, "walked_records=never", "layout_records=smallest"])
def test_read_batches(path: Path, setting: str | None) -> None:
    with applied(setting):
        assert sorted(warned(lambda: list(tfr.read_batches(path, batch_size=100)))) == both(path)


def test_only_in_the_second_file(tmp_path: Path) -> None:
    first, second = tmp_path / "1", tmp_path / "2"
    tfr.write_records(first, BASE)
    tfr.write_records(second, rows(0))
    found = warned(lambda: list(tfr.read_batches([first, second])))
    assert sorted(found) == both(second, 0)
    found = warned(lambda: list(tfr.Dataset([first, second], batch_size=100)))
    assert sorted(found) == both(second, 0)


@pytest.mark.parametrize("workers", [0, 2])
@pytest.mark.parametrize("shuffle", [False, 100, True])
def test_dataset_warns_once_in_all_epochs(path: Path, shuffle: Any, workers: int) -> None:
    with tfr.Dataset(path, batch_size=100, shuffle=shuffle, workers=workers) as dataset:
        found = sorted(warned(lambda: [list(dataset), list(dataset)]))
    assert [text.partition("record ")[0] for text in found] == [f"{path}: "] * 2
    # The first in the order of the epoch, in its file.
    numbers = {int(text.split("record ")[1].split(":")[0]) for text in found}
    assert all(late(number, FIRST) for number in numbers)
    if shuffle is False:
        assert found == both(path)


def test_an_unusual_encoding_and_no_kind(tmp_path: Path) -> None:
    """A record that is read by itself is noted as well; a feature of no kind is no feature."""

    def field(number: int, content: bytes) -> bytes:
        return bytes([number << 3 | 2, len(content)]) + content

    values = field(3, b"\x08\x05\x08\x06")  # not packed
    odd = field(1, field(1, field(1, b"odd") + field(2, values)))
    nothing = field(1, field(1, field(1, b"none") + field(2, b"")))
    path = tmp_path / "a.tfrecord"
    plain = [tfr.encode_example({"a": 1})] * 1100
    both_of = [plain[0] + odd, plain[0] + nothing]
    tfr.write_records(path, [*plain, *both_of, *plain])
    assert warned(lambda: list(tfr.read_batches(path))) == [message(path, 1100, "odd")]
    report = tfr.verify(path, examples=True)
    assert report.files[0].late_features == {"odd": 1100}


@pytest.mark.parametrize(
    "features",
    [{"a": int}, ["a"], ["a", "text"]],
    ids=["a mapping", "a name", "names"],
)
def test_who_chooses_is_not_warned(path: Path, features: Any) -> None:
    assert warned(lambda: list(tfr.read_batches(path, features))) == []
    assert warned(lambda: list(tfr.Dataset(path, features, batch_size=100))) == []


def test_features_of_a_manifest_are_a_choice(tmp_path: Path) -> None:
    features = {"a": tfr.FixedLenFeature([], np.int64)}
    with tfr.ShardWriter(tmp_path / "set", features=features) as writer:
        writer.write_many(rows())
    paths = tfr.expand_shards(tmp_path / "set")
    for run in (
        lambda: list(tfr.read_batches(paths)),
        lambda: list(tfr.Dataset(tmp_path / "set", batch_size=100)),
    ):
        assert warned(run) == []


WAYS: dict[str, Callable[[Path], Iterator[Any]]] = {
    "read_batches": lambda path: tfr.read_batches(path, batch_size=100),
    "Dataset": lambda path: iter(tfr.Dataset(path, batch_size=100)),
    "Dataset with workers": lambda path: iter(tfr.Dataset(path, batch_size=100, workers=2)),
}


@pytest.mark.parametrize("way", WAYS)
def test_a_warning_that_is_an_error_loses_no_batch(path: Path, way: str) -> None:
    """Whoever makes warnings errors can go on after it, and hears of each once."""
    batches = WAYS[way](path)
    found: list[int] = []
    raised = 0
    with warnings.catch_warnings():
        warnings.simplefilter("error")
        while True:
            try:
                found += next(batches)["a"].tolist()
            except UserWarning:
                raised += 1
            except StopIteration:
                break
    assert (raised, found) == (2, list(range(2500)))


def test_records_behind_one_that_does_not_fit_are_not_reported(tmp_path: Path) -> None:
    path = tmp_path / "a.tfrecord"
    records = rows()
    records[FIRST - 1] = tfr.encode_example({"a": b"another kind"})
    tfr.write_records(path, records)

    def run() -> None:
        with pytest.raises(ExampleError, match=f"record {FIRST - 1} "):
            list(tfr.read_batches(path))

    assert warned(run) == []


def test_many_names_are_bounded(tmp_path: Path) -> None:
    path = tmp_path / "a.tfrecord"
    records = [tfr.encode_example({"a": 1, f"name{number}": 1}) for number in range(3000)]
    tfr.write_records(path, [tfr.encode_example({"a": 1})] * 1000 + records)
    found = warned(lambda: list(tfr.read_batches(path)))
    assert len(found) == 100
    assert set(found) <= {message(path, 1000 + number, f"name{number}") for number in range(3000)}


def test_verify_names_them_and_they_are_no_fault(path: Path, tmp_path: Path) -> None:
    other = tmp_path / "b.tfrecord"
    tfr.write_records(other, rows(100))
    report = tfr.verify([path, other], examples=True)
    assert report.ok
    assert [file.late_features for file in report.files] == [
        dict.fromkeys(sorted(LATE), FIRST),
        dict.fromkeys(sorted(LATE), 100),
    ]
    assert tfr.verify(path, examples=True, features={"a": int}).files[0].late_features == {}


def test_verify_with_misfits_between(tmp_path: Path) -> None:
    """Records that do not fit are found by halving a block; what halves tell is not mixed up."""
    paths = [tmp_path / name for name in ("1", "2", "3")]
    records = rows()
    for number in (300, 1400, 1403):
        records[number] = tfr.encode_example({"a": [1, 2, 3]})
    for path in paths[:2]:
        tfr.write_records(path, records)
    tfr.write_records(paths[2], BASE)
    report = tfr.verify(paths, examples=True, features=None)
    numbers = [[fault.record for fault in file.faults] for file in report.files]
    found = [file.late_features for file in report.files]
    expected = dict.fromkeys(sorted(LATE), FIRST)
    assert found == [expected, expected, {}]
    assert all(set(of_file) <= {300, 1400, 1403} for of_file in numbers)
