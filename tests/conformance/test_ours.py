"""The conformance suite over this package: every way there is to read, write and parse."""

from __future__ import annotations

import io
import os
import tempfile
import threading
from collections.abc import Iterable
from pathlib import Path
from typing import Any

import numpy as np
from conformance.files import File
from conformance.modules import (
    IteratorReading,
    ModuleParsing,
    ModuleSingleParsing,
    ModuleWriting,
)
from conformance.suite import Parsing, Reading, SequenceParsing, Writing
from example.judge import REFUSED
from example.odd_table import by_us

import tfrecord_lite.compat
from tfrecord_lite import (
    RecordFile,
    RecordReader,
    RecordWriter,
    TFRecordError,
    decode_example,
    parse_example,
    parse_single_example,
    read_batches,
    read_records,
    write_records,
)
from tfrecord_lite.errors import ExampleError
from tfrecord_lite.example import Ragged, VarLenFeature
from tfrecord_lite.records import RecordBlock


class OurReading(Reading):
    errors = (TFRecordError, OSError)


class TestRecordReader(OurReading):
    names = ("RecordReader",)

    def read(self, path: Path, codec: str | None) -> Iterable[bytes]:
        with RecordReader(path, compression=codec) as reader:
            yield from reader


class TestNext(OurReading):
    names = ("RecordReader",)

    def read(self, path: Path, codec: str | None) -> Iterable[bytes]:
        with RecordReader(path, compression=codec) as reader:
            while (record := next(reader, None)) is not None:
                yield record


class TestBlocks(OurReading):
    names = ("RecordReader",)

    def read(self, path: Path, codec: str | None) -> Iterable[bytes]:
        with RecordReader(path, compression=codec) as reader:
            reader.block_bytes = 100
            for block in reader.blocks():
                yield from block


class TestPipe(OurReading):
    names = ("RecordReader",)

    def read(self, path: Path, codec: str | None) -> Iterable[bytes]:
        data = path.read_bytes()
        into, out = os.pipe()
        writing = threading.Thread(target=self.fill, args=(out, data))
        writing.start()
        with open(into, "rb", buffering=0) as file:
            try:
                yield from RecordReader(file, compression=codec)
            finally:
                file.read()  # what an error leaves; the other side waits for it
                writing.join()

    @staticmethod
    def fill(out: int, data: bytes) -> None:
        with open(out, "wb") as file:
            file.write(data)


class TestReadRecords(OurReading):
    names = ("read_records",)

    def read(self, path: Path, codec: str | None) -> Iterable[bytes]:
        return read_records([path], compression=codec)


class TestRecordFile(OurReading):
    names = ("RecordFile",)

    def takes(self, file: File) -> bool:
        # The compression is not named, but found.
        with RecordReader(io.BytesIO(file.data)) as reader:
            return reader.compression == file.codec or not file.data

    def read(self, path: Path, codec: str | None) -> Iterable[bytes]:
        with RecordFile(path) as file:
            for index in range(len(file)):
                yield file[index]


class TestRecordWriter(Writing):
    names = ("RecordWriter",)

    def open_writer(self, path: Path, compression: Any = None) -> Any:
        return RecordWriter(path, compression=compression)


class TestOneStream(TestRecordWriter):
    def open_writer(self, path: Path, compression: Any = None) -> Any:
        return RecordWriter(path, compression=compression, block_bytes=None)


class TestInPlace(Writing):
    names = ("RecordWriter(atomic=False)",)

    def open_writer(self, path: Path, compression: Any = None) -> Any:
        return RecordWriter(path, compression=compression, atomic=False)


def listed(column: Any) -> list[Any]:
    return column.to_list() if isinstance(column, Ragged) else column.tolist()


def plain_value(value: Any) -> Any:
    return value.tolist() if isinstance(value, (np.ndarray, np.generic)) else value


class TestParseExample(Parsing):
    names = ("parse_example",)

    def parse(self, records: list[bytes], features: dict[str, Any]) -> Any:
        try:
            columns = parse_example(records, features)
        except ExampleError:
            return REFUSED
        return {name: listed(column) for name, column in columns.items()}


class TestManyRecords(Parsing):
    """A block of many: other ways through the code than for a few records."""

    names = ("parse_example",)

    def parse(self, records: list[bytes], features: dict[str, Any]) -> Any:
        rows = len(records)
        try:
            columns = parse_example(RecordBlock.from_records(records * 50), features)
        except ExampleError:
            return REFUSED
        found = {name: listed(column) for name, column in columns.items()}
        for name, column in found.items():
            assert column == column[:rows] * 50
            found[name] = column[:rows]
        return found


class TestParseSingleExample(Parsing):
    names = ("parse_single_example",)

    def takes(self, records: list[bytes], features: dict[str, Any]) -> bool:
        return len(records) == 1

    def parse(self, records: list[bytes], features: dict[str, Any]) -> Any:
        try:
            found = parse_single_example(records[0], features)
        except ExampleError:
            return REFUSED
        return {name: [plain_value(value)] for name, value in found.items()}


class TestDecodeExample(Parsing):
    """Of what `decode_example` finds, the values of a feature of any number."""

    names = ("decode_example",)

    def takes(self, records: list[bytes], features: dict[str, Any]) -> bool:
        # Counts, shapes and defaults are not its matter.
        return all(isinstance(feature, VarLenFeature) for feature in features.values())

    def parse(self, records: list[bytes], features: dict[str, Any]) -> Any:
        try:
            examples = [decode_example(data) for data in records]
        except ExampleError:
            return REFUSED
        types = {np.int64: int, np.float32: float, bytes: bytes}
        columns: dict[str, list[list[Any]]] = {}
        for name, feature in features.items():
            rows = [plain_value(example.get(name)) or [] for example in examples]
            if any(type(value) is not types[feature.dtype] for row in rows for value in row):
                return REFUSED
            columns[name] = rows
        return columns


class TestReadBatches(Parsing):
    names = ("read_batches",)

    def parse(self, records: list[bytes], features: dict[str, Any]) -> Any:
        with tempfile.TemporaryDirectory() as folder:
            write_records(f"{folder}/file", records)
            try:
                (columns,) = read_batches(f"{folder}/file", features)
            except ExampleError:
                return REFUSED
        return {name: listed(column) for name, column in columns.items()}


class TestSequences(SequenceParsing):
    names = ("parse_single_sequence_example",)

    def shown(self, table: str, data: bytes, feature: Any) -> str:
        return by_us(table, data, feature)


class TestCompatIterator(IteratorReading):
    names = ("tfrecord_lite.compat",)
    tf = tfrecord_lite.compat


class TestCompatWriter(ModuleWriting):
    names = ("tfrecord_lite.compat", "TFRecordWriter")
    tf = tfrecord_lite.compat


class TestCompatParsing(ModuleParsing):
    names = ("tfrecord_lite.compat",)
    tf = tfrecord_lite.compat
    strict = False


class TestCompatSingleParsing(ModuleSingleParsing):
    names = ("tfrecord_lite.compat",)
    tf = tfrecord_lite.compat
    strict = False
