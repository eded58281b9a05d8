"""Tables as callers have them, written as Examples: never all of a table at once.

Columns by name; what is an Arrow stream (tables of pyarrow, polars, DuckDB); a DataFrame or a
Series of pandas; rows that are dicts.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping, Sequence
from importlib.util import find_spec
from itertools import islice
from typing import TYPE_CHECKING, Any, Final, NamedTuple

import numpy as np

from tfrecord_lite.errors import ExampleError
from tfrecord_lite.example.batch import encode_blocks
from tfrecord_lite.example.buffers import Present
from tfrecord_lite.example.encode import encode_example
from tfrecord_lite.example.features import FeatureSpec, FixedLenFeature, RaggedFeature
from tfrecord_lite.example.kinds import KIND_NAMES, KINDS
from tfrecord_lite.example.normalize import is_sequences, normalize_features
from tfrecord_lite.example.quote import quote
from tfrecord_lite.example.sequence import encode_sequence_example
from tfrecord_lite.example.sequence_batch import are_sequences, encode_sequence_blocks
from tfrecord_lite.example.sequence_features import SequenceFeatures, by_part, of_parts

if TYPE_CHECKING:
    from tfrecord_lite.example.column_payloads import FirstRow
    from tfrecord_lite.records.frame_writer import FrameWriter

__all__ = [
    "FoundFeatures",
    "Meaning",
    "TablePart",
    "check_cast",
    "check_meanings_of_tasks",
    "without_missing",
    "write_any",
]

# So many rows of dicts become columns at once.
_ROWS: Final = 1024
_KINDS: Final = {*KIND_NAMES.values(), "bools"}
_DTYPES: Final = {KIND_NAMES[kind]: dtype for dtype, kind in KINDS.items()}
_NUMBERS: Final = {"bools", "integers", "floats"}
# Types of pandas, of which there is one value each.
_MISSING: Final = {"NAType", "NaTType"}
_TAKEN: Final = (
    "a mapping of names to columns, an Arrow table or stream, a DataFrame, or rows: dicts, in a "
    "list or an iterator"
)


class Meaning(NamedTuple):
    """What the values of a column mean, in words: their kind or unit; and the first row of them."""

    what: str
    row: int


class TablePart(NamedTuple):
    """Some rows of a table: columns by name, and how many rows these are.

    ``features`` are those that the types of the columns say, None where types say nothing; so are
    ``meanings``, of the columns that have values. Columns of SequenceExamples are encoded as
    ``encode_as`` says.
    """

    columns: Mapping[str, Any]
    rows: int
    features: Mapping[str, FeatureSpec] | SequenceFeatures | None = None
    meanings: Mapping[str, Meaning] | None = None
    encode_as: Any = None


class FoundFeatures:
    """What is known of the tables that one writer wrote.

    That is the features that the types of their columns say, and which kind each column has, or in
    which unit its times are.
    """

    def __init__(self) -> None:
        self.rows = 0
        self._kinds: dict[str, tuple[Meaning, str]] = {}
        self._meanings: dict[str, tuple[Meaning, str]] = {}
        # By the part of a SequenceExample, "" for Examples, and by name.
        self._features: dict[tuple[str, str], FeatureSpec] = {}
        self._of_no_rows: Mapping[str, FeatureSpec] | SequenceFeatures | None = None
        self._there: dict[tuple[str, str], int] = {}
        self._known = True

    def add(self, part: TablePart, table: str) -> None:
        """Take note of the features of some rows of a table, and of what its values mean."""
        if not part.rows:
            self._of_no_rows = self._of_no_rows or part.features
            return
        self.rows += part.rows
        for name, meaning in (part.meanings or {}).items():
            self._meanings.setdefault(name, (meaning, table))
        if part.features is None:
            self._known = False
            return
        for key, feature in by_part(part.features).items():
            known = self._features.setdefault(key, feature)
            if known != feature:
                self._known &= known.dtype == feature.dtype
                self._features[key] = RaggedFeature(feature.dtype)
            self._there[key] = self._there.get(key, 0) + _rows_with(part, *key)

    def check_kinds(self, kinds: Mapping[str, FirstRow | None], table: str) -> None:
        """Raise `ExampleError` for a column of a table that has another kind in one before.

        No table of both could be read again.
        """
        for name, first in kinds.items():
            if first is not None:
                here = Meaning(KIND_NAMES[first.kind], first.row)
                _require_same(name, here, *self._kinds.setdefault(name, (here, table)))

    def check_meanings(self, part: TablePart) -> None:
        """Raise `ExampleError` for a column whose types say another kind or unit than those before.

        Of both units the integers could not be told apart.
        """
        for name, here in (part.meanings or {}).items():
            known = self._meanings.get(name, (here, ""))
            of_examples = bool(part.features) and not isinstance(part.features, SequenceFeatures)
            _require_same(name, here, *known, of_examples=of_examples)

    def meanings(self) -> dict[str, Meaning]:
        """Return what the values of columns mean, as their types say."""
        return {name: meaning for name, (meaning, _) in self._meanings.items()}

    def features(self) -> Mapping[str, FeatureSpec] | SequenceFeatures | None:
        """Return the features by which all rows can be read; None where they are not known."""
        if not self.rows and self._of_no_rows:
            return self._of_no_rows
        return of_parts(self._of_rows(self.rows)) if self._known and self._features else None

    def besides(self, keys: Sequence[str], records: int) -> dict[str, FeatureSpec]:
        """Return the features of the columns of other names, by which all records can be read.

        A column whose type says nothing has any number of values of its kind.
        """
        found: dict[str, FeatureSpec] = {
            name: RaggedFeature(_DTYPES[kind.what]) for name, (kind, _) in self._kinds.items()
        }
        of_types = self._of_rows(records) if records else by_part(self._of_no_rows or {})
        found |= {name: feature for (part, name), feature in of_types.items() if not part}
        return {name: feature for name, feature in found.items() if name not in keys}

    def _of_rows(self, records: int) -> dict[tuple[str, str], FeatureSpec]:
        return {
            key: RaggedFeature(feature.dtype)
            if isinstance(feature, FixedLenFeature)
            and key[0] != "feature_lists"
            and self._there[key] < records
            else feature
            for key, feature in self._features.items()
        }


def _rows_with(part: TablePart, where: str, name: str) -> int:
    """Return how many rows have a feature; which feature lists do is of no account to readers."""
    if where == "feature_lists":
        return 0
    column = (part.columns[where] if where else part.columns)[name]
    return len(column.rows if isinstance(column, Present) else column)


def check_meanings_of_tasks(tasks: Iterable[Mapping[str, Meaning]]) -> None:
    """Raise `ExampleError` for a column of which the types mean several things in several tasks."""
    known: dict[str, Meaning] = {}
    for meanings in tasks:
        for name, here in meanings.items():
            _require_same(name, here, known.setdefault(name, here), "another task")


def _require_same(
    name: str, here: Meaning, there: Meaning, before: str, *, of_examples: bool = True
) -> None:
    if here.what == there.what:
        return
    kinds = {here.what, there.what}
    times = kinds - _KINDS
    families = {what.partition("[")[0].rstrip("0123456789") for what in times}
    wanted: str | None = "string"
    if kinds == {"bools", "integers"}:
        wanted = "int64"
    elif kinds <= _NUMBERS:
        wanted = "float32"
    elif len(times) == 2 and (len(families) == 1 or families == {"date", "timestamp"}):
        # What holds the other, as far as names tell.
        units = ("[ns]", "[us]", "[ms]")
        finest = max(sorted(kinds), key=lambda what: [unit in what for unit in units])
        unit = next((unit for unit in units if unit in finest), "[s]")
        wanted = f"timestamp{unit}" if "timestamp" in families else finest
    elif len(times) == 2 or (times and kinds & _NUMBERS):
        wanted = None  # no type that both can be cast to
    advice = "convert one of them"
    if of_examples and wanted is not None:
        by_features = "say which by features=, or, for columns that have types, by"
        advice = by_features if kinds <= _KINDS else "say which by"
        advice += f" cast={{{quote(name)}: {wanted!r}}}"
    raise ExampleError(
        f"feature {quote(name)}: row {here.row} has {here.what}, where row {there.row} of {before} "
        f"has {there.what}, but a column has one kind in all tables: {advice}"
    )


def write_any(
    writer: FrameWriter,
    data: Any,
    features: Mapping[str, Any] | None,
    *,
    cast: Mapping[str, Any] | None = None,
    found: FoundFeatures | None = None,
) -> int:
    """Write a table, and return how many rows it has.

    ``found`` is of the tables that were written before, and takes note of this one. Errors name the
    file of a table whose ``path`` says it. Raises TypeError for what is no table, `ExampleError`
    for a column that has another kind or unit in a table before, else as `encode_examples`.
    """
    check_cast(cast)
    if hasattr(data, "iloc") and (not _is_frame(data) or find_spec("pyarrow") is None):
        data = _columns_of_pandas(data)
    found = FoundFeatures() if found is None else found
    if isinstance(data, Mapping) and not cast and not _have_types(data, features):
        if are_sequences(data, features):
            return writer.write_examples(data, features)
        data = {name: without_missing(column) for name, column in data.items()}
        return _write_part(writer, data, features, 0, {}, found, _name_of(data))
    if features and not is_sequences(features):
        features = normalize_features(features)
    kinds: dict[str, Any] = {}
    row = 0
    for part in _parts(data, features or None, cast):
        found.check_meanings(part)
        if not part.rows:
            pass
        elif are_sequences(part.columns, None) and not any(part.columns.values()):
            writer.write_many([encode_sequence_example({}, {})] * part.rows)
        elif are_sequences(part.columns, None):
            for block in encode_sequence_blocks(part.columns, part.encode_as, first_row=row):
                writer.write_many(block)
        elif part.columns:
            _write_part(writer, part.columns, features, row, kinds, found, _name_of(data))
        else:
            writer.write_many([encode_example({})] * part.rows)
        found.add(part, _name_of(data))
        row += part.rows
    return row


def check_cast(cast: Any) -> None:
    """Raise TypeError for what is no mapping."""
    if cast is not None and not isinstance(cast, Mapping):
        raise TypeError(
            f"cast={quote(cast)} must be a mapping of columns to types, such as "
            "{'price': 'float32'}"
        )


def _name_of(data: Any) -> str:
    """Return what errors call a table: by its file, where it is one."""
    path = getattr(data, "path", None)
    return path if isinstance(path, str) else "a table before"


def _write_part(
    writer: FrameWriter,
    columns: Mapping[str, Any],
    features: Mapping[str, Any] | None,
    first_row: int,
    kinds: dict[str, FirstRow | None],
    found: FoundFeatures,
    table: str,
) -> int:
    """Write some rows of the table that errors call ``table``, and return how many."""
    rows = 0
    for block in encode_blocks(columns, features, first_row=first_row, kinds=kinds):
        found.check_kinds(kinds, table)
        writer.write_many(block)
        rows += len(block)
    return rows


def _parts(data: Any, features: Any, cast: Mapping[str, Any] | None) -> Iterator[TablePart]:
    of_unknown_types = hasattr(data, "with_format") and getattr(data, "features", True) is None
    if features and not cast and of_unknown_types:
        # A stream of Hugging Face whose types are not known, as after `map`: here they are.
        return _parts_of_rows(data.with_format(None))
    if (isinstance(data, Mapping) and _have_types(data)) or _is_frame(data) or _is_stream(data):
        from tfrecord_lite.arrow.writing import arrow_parts

        return arrow_parts(data, features, cast)
    if cast:
        raise TypeError(
            "cast is for tables whose columns have types: of Arrow, pandas, polars; pass features= "
            "for others"
        )
    if isinstance(data, (str, bytes, bytearray, memoryview)) or not isinstance(data, Iterable):
        raise TypeError(f"a table is {_TAKEN}; not {quote(data)}")
    return _parts_of_rows(data)


def _is_frame(data: Any) -> bool:
    return hasattr(data, "iloc") and getattr(data, "ndim", 0) == 2


def _have_types(columns: Mapping[str, Any], features: Any = None) -> bool:
    """Tell whether columns are a table to Arrow: one of them is its own, or all are of pandas.

    Beside columns of other kinds those of pandas are known without it; and so are arrays among
    objects, of whose shapes ``features`` tell.
    """
    series = [column for column in columns.values() if _is_series(column)]
    if series and len(series) == len(columns):
        by_features = features and any(str(column.dtype) == "object" for column in series)
        return not by_features and find_spec("pyarrow") is not None
    others = [column for column in columns.values() if not hasattr(column, "iloc")]
    known = ("__arrow_c_array__", "__arrow_c_stream__")
    return any(hasattr(column, name) for column in others for name in known)


def _is_series(data: Any) -> bool:
    return hasattr(data, "iloc") and getattr(data, "ndim", 0) == 1


def _is_stream(data: Any) -> bool:
    """Tell whether a table can be had from Arrow: a stream, a dataset of files, a Parquet file.

    Hugging Face's datasets give theirs where they are asked for by ``with_format``.
    """
    known = ("__arrow_c_stream__", "__arrow_c_array__", "scanner", "iter_batches", "with_format")
    if isinstance(data, Mapping) or not any(hasattr(data, name) for name in known):
        return False
    # What with_transform of Hugging Face makes are rows.
    form = getattr(data, "format", None)
    return not (isinstance(form, Mapping) and form.get("type") == "custom")


def _columns_of_pandas(data: Any) -> Mapping[str, Any]:
    if _is_series(data):
        if not isinstance(data.name, str):
            raise TypeError("a Series has one column, of its name, which is to be a str; name it")
        return {data.name: data}
    return {name: data[name] for name in data.columns}


def _parts_of_rows(data: Iterable[Any]) -> Iterator[TablePart]:
    rows = iter(data)
    done = 0
    while some := list(islice(rows, _ROWS)):
        names: dict[str, None] = {}
        for number, row in enumerate(some):
            if not isinstance(row, Mapping):
                raise TypeError(f"row {done + number} is {quote(row)}; a table is {_TAKEN}")
            names.update(dict.fromkeys(row))
        columns = {name: without_missing([row.get(name) for row in some]) for name in names}
        yield TablePart(columns, len(some))
        done += len(some)


def without_missing(column: Any) -> Any:
    """Return a column of Python objects in which what is missing to pandas is None."""
    is_objects = isinstance(column, np.ndarray) and column.dtype == object and column.ndim == 1
    if not is_objects and not isinstance(column, (list, tuple)):
        return column
    missing = {cls for cls in set(map(type, column)) if cls.__name__ in _MISSING}
    return [None if type(value) in missing else value for value in column] if missing else column
