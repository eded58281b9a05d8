"""The conformance suite over TensorFlow: what it does in another way is in docs/conformance.md."""

from __future__ import annotations

import subprocess
import sys
from collections.abc import Iterable
from pathlib import Path
from typing import Any

import pytest
from conformance.document import TABLES
from conformance.files import frame, header
from conformance.modules import (
    IteratorReading,
    ModuleParsing,
    ModuleSingleParsing,
    ModuleWriting,
)
from conformance.suite import SequenceParsing
from example.odd_table import by_tensorflow
from example.test_columns_tensorflow import theirs_of

from tfrecord_lite import RecordReader, RecordTooLargeError

pytestmark = pytest.mark.tensorflow
tensorflow = pytest.importorskip("tensorflow")


class TestIterator(IteratorReading):
    names = ("tf_record_iterator", "TensorFlow")
    tf = tensorflow


class TestDataset(IteratorReading):
    names = ("TFRecordDataset", "TensorFlow")
    tf = tensorflow

    def read(self, path: Path, codec: str | None) -> Iterable[bytes]:
        return tensorflow.data.TFRecordDataset(str(path), codec or "").as_numpy_iterator()


class TestUnbufferedDataset(TestDataset):
    def read(self, path: Path, codec: str | None) -> Iterable[bytes]:
        dataset = tensorflow.data.TFRecordDataset(str(path), codec or "", buffer_size=0)
        return dataset.as_numpy_iterator()


class TestWriter(ModuleWriting):
    names = ("TensorFlow", "TFRecordWriter")
    tf = tensorflow


class TestParsing(ModuleParsing):
    names = ("tf.io.parse_example", "TensorFlow")
    odd_column = "TensorFlow"
    tf = tensorflow


class TestSingleParsing(ModuleSingleParsing):
    names = ("tf.io.parse_single_example", "TensorFlow")
    odd_column = "TensorFlow"
    tf = tensorflow


class TestSequences(SequenceParsing):
    names = ("TensorFlow",)
    odd_column = "TensorFlow"

    def shown(self, table: str, data: bytes, feature: Any) -> str:
        return by_tensorflow(tensorflow, theirs_of, table, data, feature)


def test_a_length_of_which_tensorflow_dies(tmp_path: Path) -> None:
    path = tmp_path / "file"
    path.write_bytes(frame(b"a") + header(1 << 40) + bytes(20))
    with RecordReader(path) as reader:
        assert next(reader) == b"a"
        with pytest.raises(RecordTooLargeError):
            next(reader)
    program = "import sys, tensorflow as tf; list(tf.data.TFRecordDataset(sys.argv[1]))"
    done = subprocess.run([sys.executable, "-c", program, path], capture_output=True)
    assert done.returncode < 0
    assert ("a length of 2^40", "TensorFlow") in TABLES["Files"]
