"""What features records have, from looking at some of them."""

from __future__ import annotations

from collections import Counter, defaultdict
from copy import deepcopy
from typing import TYPE_CHECKING, Any, Final

from tfrecord_lite.byte_strings import as_bytes, check_records
from tfrecord_lite.errors import ExampleError
from tfrecord_lite.example.decode import Value, decode_example
from tfrecord_lite.example.features import FeatureSpec, FixedLenFeature, RaggedFeature
from tfrecord_lite.example.other_messages import is_sequence_example
from tfrecord_lite.example.quote import quote
from tfrecord_lite.example.sequence import decode_sequence_example
from tfrecord_lite.example.sequence_features import SequenceFeatures, found_features
from tfrecord_lite.example.wire import read_length

if TYPE_CHECKING:
    from collections.abc import Iterable, Mapping


__all__ = ["are_mostly_sequences", "infer_all", "infer_features", "infer_sequences"]

_FEATURES: Final = 0x0A


def infer_features(
    records: Iterable[bytes], *, strict: bool = True
) -> dict[str, FeatureSpec] | SequenceFeatures:
    """Infer the features of serialized Examples, in the order in which they first appear.

    Where more than half of the records have feature lists, all are read as SequenceExamples, and it
    is a `SequenceFeatures`: of feature lists the number of values is that of each step.

    A feature that every record has, with the same number of values, is a `FixedLenFeature` of that
    many (one: of shape ``()``); any other is a `RaggedFeature`. One that never has a kind is left
    out. Raises `ExampleError` for a feature of two kinds and for what is no Example; ``strict`` is
    that of `decode_example`.

    >>> from tfrecord_lite.example.encode import encode_example
    >>> records = [encode_example({"label": 1, "words": words}) for words in (["a"], ["b", "c"])]
    >>> infer_features(records)
    ... # doctest: +NORMALIZE_WHITESPACE
    {'label': FixedLenFeature(shape=(), dtype=<class 'numpy.int64'>, default_value=None),
     'words': RaggedFeature(dtype=<class 'bytes'>)}
    """
    if isinstance(records, (bytes, bytearray, memoryview, str)):
        raise TypeError(
            f"records={quote(records)}: a list of serialized Examples, not one; [record] is one"
        )
    if not hasattr(records, "__iter__"):
        raise TypeError(
            f"records={quote(records)} is no list of serialized Examples; read_records(path) gives "
            "those of files"
        )
    check_records(records)
    return infer_all(records, strict=strict)[0]


def infer_all(
    records: Iterable[bytes], *, strict: bool
) -> tuple[dict[str, FeatureSpec] | SequenceFeatures, list[str]]:
    """Infer features, and the names of the features of Examples that never have a kind."""
    # Which it is, the last record may tell, and all of them may be too large to be kept. Both
    # readings are one up to the first record that has more than what both have.
    examples, sequences = _Reading(as_sequences=False), None
    number, with_lists = -1, 0
    for number, record in enumerate(map(as_bytes, records)):
        if sequences is None:
            example = _context_alone(record, strict=strict)
            if example is not None:
                examples.add(example, {}, number)
                if examples.error is not None:
                    break
                continue
            sequences = examples.as_sequences()
        with_lists += is_sequence_example(record)
        for reading in (examples, sequences):
            reading.read(record, number, strict=strict)
        if examples.error is not None and sequences.error is not None:
            break
    chosen = examples
    if sequences is not None and are_mostly_sequences(with_lists, number + 1):
        chosen = sequences
    return chosen.features(number + 1), chosen.names_without_kind()


def _context_alone(record: bytes, *, strict: bool) -> dict[str, Value] | None:
    """Decode an Example that as a SequenceExample is the same; None for what may differ."""
    try:
        if record and (
            record[0] != _FEATURES or read_length(record, 1, len(record))[1] < len(record)
        ):
            return None
        return decode_example(record, strict=strict)
    except ExampleError:
        return None


def infer_sequences(records: Iterable[bytes]) -> SequenceFeatures:
    """Infer the features of SequenceExamples, whether or not most of them have feature lists."""
    reading = _Reading(as_sequences=True)
    number = -1
    for number, record in enumerate(records):
        reading.read(record, number, strict=True)
    features = reading.features(number + 1)
    assert isinstance(features, SequenceFeatures)
    return features


def are_mostly_sequences(with_lists: int, count: int) -> bool:
    """Tell whether records are SequenceExamples, so many of which have feature lists.

    An Example passes for a SequenceExample without lists, so one with lists among many others is
    the odd one.
    """
    return 2 * with_lists > count


class _Reading:
    """What is known of records, read as Examples or as SequenceExamples, up to the first error."""

    def __init__(self, *, as_sequences: bool) -> None:
        self._as_sequences = as_sequences
        self._known, self._steps = _Known("feature"), _Known("feature list")
        self.error: ExampleError | None = None

    def as_sequences(self) -> _Reading:
        """Return what is known of the same records, read as SequenceExamples."""
        reading = _Reading(as_sequences=True)
        reading._known = deepcopy(self._known)
        return reading

    def read(self, record: bytes, number: int, *, strict: bool) -> None:
        """Take note of a record."""
        if self.error is not None:
            return
        try:
            if self._as_sequences:
                self.add(*decode_sequence_example(record, strict=strict), number)
            else:
                self.add(decode_example(record, strict=strict), {}, number)
        except ExampleError as error:
            self._keep(error, number)

    def add(
        self, example: Mapping[str, Value], lists: Mapping[str, list[Value]], number: int
    ) -> None:
        """Take note of what a record has."""
        try:
            for name, value in example.items():
                self._known.add(name, value, number)
            for name, values in lists.items():
                self._steps.add_all(name, values, number)
        except ExampleError as error:
            self._keep(error, number)

    def _keep(self, error: ExampleError, number: int) -> None:
        error.record = number
        # In its traceback are all who hold the records: see below.
        self.error = error.with_traceback(None)

    def features(self, count: int) -> dict[str, FeatureSpec] | SequenceFeatures:
        """Return the features of all records, ``count`` of them, or raise the error."""
        if self.error is not None:
            try:
                raise self.error
            finally:
                # Else a circle, with the files of the records in it, which only the collector of
                # garbage would close, and in any order.
                self.error = None
        features = self._known.features(count)
        if not self._as_sequences:
            return features
        return found_features(features, self._steps.features(None))

    def names_without_kind(self) -> list[str]:
        """Return the names of the features that never have a kind, of Examples."""
        return [] if self._as_sequences else self._known.names_without_kind()


class _Known:
    """What is known of features by name: their dtypes, and how many values they have."""

    def __init__(self, what: str) -> None:
        self._what = what
        self._dtypes: dict[str, Any] = {}
        # By name, how often each number of values came.
        self._counts: defaultdict[str, Counter[int]] = defaultdict(Counter)
        self.wanted: Counter[str] = Counter()
        """How many there are of each name, of a kind or not."""
        self._without_kind: set[str] = set()

    def add_all(self, name: str, values: list[Value], record: int) -> None:
        self.wanted[name] += len(values)
        for (dtype, count), times in Counter(map(_dtype_and_count, values)).items():
            self._add(name, dtype, count, times, record)

    def add(self, name: str, value: Value, record: int) -> None:
        self._add(name, *_dtype_and_count(value), 1, record)

    def _add(self, name: str, dtype: Any, count: int, times: int, record: int) -> None:
        if dtype is None:
            self._without_kind.add(name)
            return
        known = self._dtypes.setdefault(name, dtype)
        if known is not dtype:
            raise ExampleError(
                f"{self._what} {name!r}: found {dtype.__name__} values, where records before have "
                f"{known.__name__}; a column has one kind: pass features= without it",
                record=record,
            )
        self._counts[name][count] += times

    def features(self, wanted: int | None) -> dict[str, FeatureSpec]:
        """Return them; always there are those of which there are ``wanted``, or all that came."""
        return {
            name: _feature(
                dtype,
                self._counts[name],
                always=sum(self._counts[name].values())
                == (self.wanted[name] if wanted is None else wanted),
            )
            for name, dtype in self._dtypes.items()
        }

    def names_without_kind(self) -> list[str]:
        """Return the names of those that came, and never had a kind."""
        return sorted(self._without_kind - self._dtypes.keys())


def _dtype_and_count(value: Value) -> tuple[Any, int]:
    """Return the dtype of a value, None where it has no kind, and how many values it has."""
    if value is None:
        return None, 0
    return bytes if isinstance(value, list) else value.dtype.type, len(value)


def _feature(dtype: Any, counts: Counter[int], *, always: bool) -> FeatureSpec:
    count, *others = counts
    if not always or others or count == 0:
        return RaggedFeature(dtype)
    return FixedLenFeature([] if count == 1 else [count], dtype)
