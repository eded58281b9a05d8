"""What is in records: whether it is Examples, of the right features, that all read alike."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from contextlib import suppress
from dataclasses import dataclass
from itertools import islice
from typing import TYPE_CHECKING, Any, cast

import numpy as np

from tfrecord_lite.dataset.schema import INFER_RECORDS
from tfrecord_lite.errors import ExampleError, ignore_damage
from tfrecord_lite.example.columns import decode_block
from tfrecord_lite.example.composites import feature_keys
from tfrecord_lite.example.decode import decode_example
from tfrecord_lite.example.feature_json import features_from_json
from tfrecord_lite.example.infer import are_mostly_sequences, infer_features, infer_sequences
from tfrecord_lite.example.layouts import Layouts
from tfrecord_lite.example.normalize import check_given, normalize_features, select_features
from tfrecord_lite.example.other_messages import is_sequence_example
from tfrecord_lite.example.quote import quote
from tfrecord_lite.example.sequence import decode_sequence_example
from tfrecord_lite.example.sequence_columns import decode_sequences
from tfrecord_lite.example.sequence_features import SequenceFeatures, examples_only
from tfrecord_lite.example.spans import walk
from tfrecord_lite.example.unknown import UnknownFeatures
from tfrecord_lite.integrity.oddities import tensorflow_difference
from tfrecord_lite.integrity.report import Fault, FileReport
from tfrecord_lite.records.file_system import is_file
from tfrecord_lite.records.framing import SLACK_BYTES, RecordBlock
from tfrecord_lite.records.reader import RecordReader
from tfrecord_lite.thresholds import limits

if TYPE_CHECKING:
    from tfrecord_lite._types import CompressionOrAuto, FeaturesLike, Int64Array
    from tfrecord_lite.example.features import FeatureSpec
    from tfrecord_lite.files.manifest import Manifest
    from tfrecord_lite.integrity.inventory import Inventory

__all__ = ["Payloads"]

# The tag of the Feature in an entry.
_VALUE = 0x12
_INFERRED = f"; features inferred from the first {INFER_RECORDS:,} records"


class _Expected:
    """What is expected of the records of some files: features, and where these are from, in words.

    Where they were ``inferred``, it is noted which others there are.
    """

    def __init__(
        self,
        features: Mapping[str, FeatureSpec] | SequenceFeatures,
        source: str = "",
        *,
        inferred: bool = False,
    ) -> None:
        self.sequences = features if isinstance(features, SequenceFeatures) else None
        self.features = {} if isinstance(features, SequenceFeatures) else features
        self.source = source
        self.unknown = UnknownFeatures() if inferred else None
        self.layouts = Layouts(feature_keys(self.features), self.unknown)


@dataclass
class Payloads:
    """A check of what is in records. Picklable."""

    given: _Expected | None
    of_files: dict[str, _Expected]
    names: Sequence[str] | None
    strict: bool

    @classmethod
    def of(
        cls,
        inventory: Inventory,
        features: FeaturesLike | None,
        compression: CompressionOrAuto,
        *,
        strict: bool,
    ) -> Payloads:
        """Find out which features to expect: as given, in a manifest, or in the first records."""
        check_given(features)
        if isinstance(features, Mapping):
            features = normalize_features(features)
        if isinstance(features, (Mapping, SequenceFeatures)):
            return cls(_Expected(features), {}, None, strict=strict)
        names = None if features is None else list(cast("Sequence[str]", features))
        of_sets: dict[str, _Expected | None] = {}
        expected: dict[str, _Expected] = {}
        for file, entries in inventory.entries.items():
            manifest = entries[0][0]
            if manifest.path not in of_sets:
                of_sets[manifest.path] = None
                spec = _features_of(manifest)
                if spec is not None:
                    if names is not None:
                        spec = select_features(examples_only(spec), names)
                    of_sets[manifest.path] = _Expected(spec, f"; features of {manifest.path}")
            found = of_sets[manifest.path]
            if found is not None:
                expected[file] = found
        # What can be read twice.
        rest = [
            file
            for file in inventory.files
            if isinstance(file, str) and file not in expected and is_file(file)
        ]
        if rest:
            inferred = _inferred(_first_records(rest, compression), names)
            expected.update(dict.fromkeys(rest, inferred))
        return cls(None, expected, names, strict=strict)

    def check(self, block: RecordBlock, report: FileReport) -> None:
        """Look at the records of a block, and note in the report what is wrong with them."""
        if report.fault_count >= limits.listed_faults:
            return
        expected = self.given or self.of_files.get(report.path)
        if expected is None:
            expected = self.of_files[report.path] = _inferred(block, self.names)
        if expected.sequences is not None:
            found = _sequence_faults(block, expected, strict=self.strict)
        else:
            found = self._example_faults(block, expected, report)
        for index, (kind, reason) in sorted(found.items()):
            number, offset = block.number(index), block.offset(index)
            report.add_fault(Fault(report.path, kind, reason, number, offset))

    def _example_faults(
        self, block: RecordBlock, expected: _Expected, report: FileReport
    ) -> dict[int, tuple[str, str]]:
        """Return kind and reason by row of what is wrong; note in the report what is late."""
        found: dict[int, tuple[str, str]] = {}
        for index in _irregular(block, expected).tolist():
            judgement = _judge(block[index], strict=self.strict)
            if judgement is not None:
                found[index] = judgement
                if judgement[0] == "example":
                    continue
            if expected.unknown is not None:
                values = decode_example(block[index], strict=False)
                expected.unknown.add_record(values, expected.features.keys(), index)
        if expected.unknown is not None:
            for name, row in sorted(expected.unknown.take(len(block)).items()):
                report.late_features.setdefault(name, block.number(row))
        for index, error in _misfits(block, expected):
            found.setdefault(index, ("features", error.reason + expected.source))
        if expected.unknown is not None:
            # What was noted of halves of the block.
            expected.unknown.take(0)
        return found


def _first_records(files: Sequence[str], compression: CompressionOrAuto) -> Iterator[bytes]:
    for file in files:
        with (
            suppress(OSError),
            RecordReader(file, compression=compression, on_damage=ignore_damage) as reader,
        ):
            for block in reader.blocks():
                yield from block


def _features_of(manifest: Manifest) -> Mapping[str, FeatureSpec] | SequenceFeatures | None:
    """Return the features in a manifest; None where they are invalid, a fault that is known."""
    with suppress(ValueError):
        return None if manifest.features is None else features_from_json(manifest.features)
    return None


def _inferred(records: Iterable[bytes], names: Sequence[str] | None) -> _Expected:
    """Infer features from records of which some may be no Examples, or disagree with others."""
    some = [*islice(records, INFER_RECORDS)]
    with_lists = sum(map(is_sequence_example, some))
    if are_mostly_sequences(with_lists, len(some)):
        sequences = infer_sequences(_agreeing(some, as_sequences=True))
        if names is not None:
            # Which says how they are named.
            examples_only(sequences)
        return _Expected(sequences, _INFERRED)
    features = examples_only(infer_features(_agreeing(some, as_sequences=False)))
    if names is not None:
        features = select_features(features, names)
    return _Expected(features, _INFERRED, inferred=names is None)


def _agreeing(records: Iterable[bytes], *, as_sequences: bool) -> Iterator[bytes]:
    """Yield the records whose features are of the kinds of those before."""
    dtypes: dict[Any, Any] = {}
    for record in records:
        try:
            found = _kinds_of(record, as_sequence=as_sequences)
        except ExampleError:
            continue
        if all(dtypes.get(name, dtype) is dtype for name, dtype in found.items()):
            dtypes.update(found)
            yield record


def _kinds_of(record: bytes, *, as_sequence: bool) -> dict[Any, Any]:
    """Return the kinds by part and name; ExampleError where the steps of a list have several."""
    context, lists = (
        decode_sequence_example(record, strict=True)
        if as_sequence
        else (decode_example(record), {})
    )
    values = [("context", name, value) for name, value in context.items()]
    values += [("feature_lists", name, step) for name, steps in lists.items() for step in steps]
    kinds: dict[Any, Any] = {}
    for part, name, value in values:
        if value is not None:
            dtype = bytes if isinstance(value, list) else value.dtype.type
            if kinds.setdefault((part, name), dtype) is not dtype:
                raise ExampleError(f"feature list {quote(name)} has steps of several kinds")
    return kinds


def _sequence_faults(
    block: RecordBlock, expected: _Expected, *, strict: bool
) -> dict[int, tuple[str, str]]:
    """Return kind and reason by row of the records that are no such SequenceExamples."""
    features = expected.sequences
    assert features is not None
    context, lists = features.context, features.feature_lists
    refused = _refused(block, lambda part: decode_sequences(part, context, lists, strict=strict))
    return {
        row: ("features", error.reason + expected.source)
        if error.misfit
        else ("example", error.reason)
        for row, error in refused
    }


def _misfits(block: RecordBlock, expected: _Expected) -> Iterator[tuple[int, ExampleError]]:
    """Return the records that do not have the features, and what is said of each."""
    if not expected.features:
        return iter(())
    # Whether it is an Example is for `_judge` to say.
    features, layouts = expected.features, expected.layouts
    return _refused(block, lambda part: decode_block(part, features, layouts, strict=False))


def _refused(
    block: RecordBlock, decode: Callable[[RecordBlock], object]
) -> Iterator[tuple[int, ExampleError]]:
    """Yield the records that cannot be decoded, in order, halving the block to find them."""
    ranges = [(0, len(block))]
    while ranges:
        begin, end = ranges.pop()
        try:
            decode(block[begin:end])
        except ExampleError as error:
            if end - begin == 1:
                yield begin, error
            else:
                middle = (begin + end) // 2
                ranges += [(middle, end), (begin, middle)]


def _judge(data: bytes, *, strict: bool) -> tuple[str, str] | None:
    """Say what is odd about a record, if anything is."""
    try:
        decode_example(data, strict=strict)
    except ExampleError as error:
        return "example", error.reason
    difference = tensorflow_difference(data)
    return None if difference is None else ("tensorflow", difference)


def _irregular(block: RecordBlock, expected: _Expected) -> Int64Array:
    """Return all records that may be of a form that is read in different ways."""
    names = feature_keys(expected.features)
    buffer, starts, lengths = block.padded_buffer(), block.starts, block.lengths
    end = int((starts + lengths).max()) + SLACK_BYTES
    found = np.zeros((len(names), 3, len(starts)), np.int64)
    lane = expected.layouts.locate(buffer, starts, lengths, found)
    odd = walk(buffer, block, names, found, lane, expected.unknown)
    # A feature of no kind is plain, unless its name comes twice.
    begin = int(starts[0])
    data = buffer[begin:end]
    places = begin + np.flatnonzero((data[:-1] == _VALUE) & (data[1:] == 0))
    return np.union1d(odd, np.searchsorted(starts, places, "right") - 1)
