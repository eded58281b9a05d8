"""Two structs of Arrow, a context and feature lists, as columns of SequenceExamples."""

from __future__ import annotations

from itertools import pairwise
from typing import TYPE_CHECKING, Any

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc
import pyarrow.types as pt

from tfrecord_lite.arrow.arrays import plain_array
from tfrecord_lite.arrow.encoding import Columns, row_from, row_of
from tfrecord_lite.arrow.types import SEQUENCE_PARTS, are_sequences, is_any_list, plain_type
from tfrecord_lite.dataset.tables import TablePart
from tfrecord_lite.errors import ExampleError
from tfrecord_lite.example.quote import quote
from tfrecord_lite.example.sequence_features import SequenceFeatures

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

    from tfrecord_lite.example.features import FeatureSpec

__all__ = ["SequenceColumns", "columns_of"]


class SequenceColumns:
    """Makes columns of SequenceExamples: of the struct of the context, and of that of the lists."""

    def __init__(self, schema: pa.Schema, features: SequenceFeatures | None) -> None:
        self.schema = schema
        self._of: dict[str, Columns] = {}
        known: dict[str, dict[str, FeatureSpec]] = {part: {} for part in SEQUENCE_PARTS}
        for column in schema:
            steps = column.name == "feature_lists"
            given = {} if features is None else getattr(features, column.name)
            fields = [
                pa.field(field.name, _step_type(field) if steps else field.type)
                for field in column.type
            ]
            what = "feature list" if steps else "context feature"
            self._of[column.name] = columns = Columns(pa.schema(fields), given, None, what)
            known[column.name] = {**columns.lists_of_bytes(), **given}
        self._features = SequenceFeatures(**known) if any(known.values()) else None

    def part(self, batch: pa.RecordBatch, first_row: int) -> TablePart:
        """Return the columns of some rows, the first of which errors call ``first_row``."""
        parts: dict[str, dict[str, Any]] = {part: {} for part in SEQUENCE_PARTS}
        features: dict[str, dict[str, FeatureSpec]] = {}
        meanings = {}
        for name, columns in self._of.items():
            children = _children(batch.column(self.schema.get_field_index(name)))
            if name == "context":
                parts[name] = columns.columns(children, row_from(first_row))
                features[name] = columns.flat_features(parts[name])
            else:
                parts[name], features[name] = _rows_of_steps(columns, children, first_row)
            for feature, meaning in columns.meanings(parts[name], first_row).items():
                meanings[f"{name}: {feature}"] = meaning
        found = SequenceFeatures(**features) if any(features.values()) else None
        return TablePart(parts, batch.num_rows, found, meanings, encode_as=self._features)


def columns_of(
    schema: pa.Schema, features: Any, cast: Mapping[str, Any]
) -> Columns | SequenceColumns:
    """Return what makes columns of the batches of a schema."""
    if not are_sequences(schema):
        if isinstance(features, SequenceFeatures):
            raise TypeError(
                "features is a SequenceFeatures, whose tables have two structs, context and "
                f"feature_lists; these columns are {', '.join(map(quote, schema.names))}"
            )
        return Columns(schema, features or {}, cast)
    if cast:
        raise TypeError("cast is for tables of Examples, and these are SequenceExamples")
    if features and not isinstance(features, SequenceFeatures):
        raise TypeError(
            "features is for Examples, and these columns, context and feature_lists, are those of "
            "SequenceExamples: pass a SequenceFeatures"
        )
    return SequenceColumns(schema, features or None)


def _children(struct: pa.StructArray) -> list[pa.Array]:
    """Return the plain fields of a struct, null where it is; Arrow does that to runs wrongly."""
    children = [plain_array(struct.field(at)) for at in range(struct.type.num_fields)]
    if not struct.null_count:
        return children
    names = [str(at) for at in range(len(children))]
    return pa.StructArray.from_arrays(children, names, mask=struct.is_null()).flatten()  # type: ignore[no-any-return]


def _step_type(field: pa.Field) -> pa.DataType:
    kind = plain_type(field.type)
    if pt.is_null(kind):
        return kind
    if is_any_list(kind):
        return kind.value_type
    raise ExampleError(
        f"feature list {quote(field.name)} is of type {kind}, but a feature list is a list of steps"
    )


def _rows_of_steps(
    columns: Columns, lists: Sequence[pa.Array], first_row: int
) -> tuple[dict[str, list[Any]], dict[str, FeatureSpec]]:
    """Return for each row the list of its steps, None where there is no list; and the features."""
    steps, edges = [], []
    for array in lists:
        if pt.is_null(array.type):
            array = array.cast(pa.list_(pa.null()))  # noqa: PLW2901 - the same values
        there = array.is_valid().to_numpy(zero_copy_only=False)
        sizes = pc.list_value_length(array).fill_null(0).to_numpy()
        steps.append(array.flatten())  # without what lies behind nulls
        edges.append((np.append(0, np.cumsum(sizes)).tolist(), there.tolist()))
    found = {}

    def place(name: str, at: int) -> str:
        splits, _ = edges[columns.schema.get_field_index(name)]
        row = row_of(at, splits)
        return f"row {first_row + row}, step {at - splits[row]}"

    of_all = columns.columns(steps, place)
    for name, (splits, there) in zip(columns.schema.names, edges, strict=True):
        found[name] = [
            _steps(of_all.get(name), *span) if valid else None
            for span, valid in zip(pairwise(splits), there, strict=True)
        ]
    return found, columns.flat_features(of_all)


def _steps(column: Any, begin: int, end: int) -> Any:
    if isinstance(column, np.ndarray):
        return column[begin:end]
    return [None if column is None else column[step] for step in range(begin, end)]
