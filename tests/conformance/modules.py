"""The suite over TensorFlow's own calls, of TensorFlow or of `tfrecord_lite.compat`."""

from __future__ import annotations

from collections.abc import Iterable
from pathlib import Path
from typing import Any, ClassVar

import numpy as np
from conformance.suite import Parsing, Reading, Writing
from example.judge import REFUSED

from tfrecord_lite.example import FixedLenFeature, FixedLenSequenceFeature, VarLenFeature


class OfModule:
    tf: ClassVar[Any]
    """The module."""


class IteratorReading(OfModule, Reading):
    @property
    def errors(self) -> Any:  # type: ignore[override]
        return self.tf.errors.OpError

    def read(self, path: Path, codec: str | None) -> Iterable[bytes]:
        return self.tf.compat.v1.io.tf_record_iterator(str(path), codec)


class ModuleWriting(OfModule, Writing):
    def open_writer(self, path: Path, compression: Any = None) -> Any:
        return self.tf.io.TFRecordWriter(str(path), compression)


class ModuleParsing(OfModule, Parsing):
    def parse(self, records: list[bytes], features: dict[str, Any]) -> Any:
        tf = self.tf
        asked = {name: self.asked(feature) for name, feature in features.items()}
        try:
            found = self.parsed(records, asked)
        # TensorFlow's message shows the bytes, and Python may fail to decode it.
        except (tf.errors.InvalidArgumentError, UnicodeDecodeError):
            return REFUSED
        return {name: self.listed(found[name]) for name in features}

    def parsed(self, records: list[bytes], features: dict[str, Any]) -> Any:
        return self.tf.io.parse_example(records, features)

    def asked(self, feature: Any) -> Any:
        tf = self.tf
        dtype = {np.int64: tf.int64, np.float32: tf.float32, bytes: tf.string}[feature.dtype]
        if isinstance(feature, FixedLenFeature):
            default = feature.default_value
            if default is not None:
                default = np.array(default, object).reshape(feature.shape).tolist()
            return tf.io.FixedLenFeature(feature.shape, dtype, default)
        if isinstance(feature, FixedLenSequenceFeature):
            return tf.io.FixedLenSequenceFeature(feature.shape, dtype, True, feature.default_value)
        if isinstance(feature, VarLenFeature):
            return tf.io.VarLenFeature(dtype)
        return tf.io.RaggedFeature(dtype)

    def listed(self, column: Any) -> Any:
        if hasattr(column, "to_list"):
            return column.to_list()
        if not hasattr(column, "indices"):
            return np.asarray(column.numpy()).tolist()
        rows: list[Any] = [[] for _ in range(int(column.dense_shape.numpy()[0]))]
        values = column.values.numpy().tolist()
        for (row, _), value in zip(column.indices.numpy().tolist(), values, strict=True):
            rows[row].append(value)
        return rows


class ModuleSingleParsing(ModuleParsing):
    def takes(self, records: list[bytes], features: dict[str, Any]) -> bool:
        return len(records) == 1

    def parsed(self, records: list[bytes], features: dict[str, Any]) -> Any:
        return self.tf.io.parse_single_example(records[0], features)

    def listed(self, column: Any) -> Any:
        if hasattr(column, "to_list"):
            return [column.to_list()]
        value = getattr(column, "values", column).numpy()
        return [value if isinstance(value, bytes) else np.asarray(value).tolist()]
