"""How features become the columns of record batches: those of Examples, and of SequenceExamples."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, NamedTuple

import pyarrow as pa

from tfrecord_lite.arrow.arrays import has_views, list_array, validity_of
from tfrecord_lite.arrow.columns import ArrowColumns
from tfrecord_lite.arrow.types import (
    SEQUENCE_PARTS,
    Binary,
    Form,
    Layout,
    natural_form,
    tfx_form,
)
from tfrecord_lite.example.sequence_columns import SequenceMakers, Steps
from tfrecord_lite.example.sequence_features import SequenceFeatures, step_feature

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping

    from tfrecord_lite.dataset.table import Table
    from tfrecord_lite.example.features import FeatureSpec

__all__ = ["Plan", "plan_examples", "plan_sequences"]


class Plan(NamedTuple):
    """What is decoded, what makes the columns, and the schema and arrays of a batch of them."""

    features: Mapping[str, FeatureSpec] | SequenceFeatures
    column: Any
    schema: pa.Schema
    arrays: Callable[[Table], list[pa.Array]]

    @property
    def shares(self) -> bool:
        """Whether arrays share memory with the blocks that are decoded."""
        return any(map(has_views, self.schema.types))


def plan_examples(
    features: Mapping[str, FeatureSpec], asked: Mapping[str, Any], layout: Layout, binary: Binary
) -> Plan:
    """Plan the columns of Examples."""
    forms = {
        name: tfx_form(name, feature, asked.get(name))
        if layout == "tfx"
        else natural_form(name, feature, asked.get(name), binary)
        for name, feature in features.items()
    }
    return Plan(
        {name: form.feature for name, form in forms.items()},
        ArrowColumns(forms),
        pa.schema([(name, form.type) for name, form in forms.items()]),
        lambda table: [table.columns[name] for name in forms],
    )


def plan_sequences(
    features: SequenceFeatures, asked: Mapping[str, Mapping[str, Any]], binary: Binary
) -> Plan:
    """Plan the columns of SequenceExamples: a struct for the context, one for feature lists."""
    types: dict[str, dict[str, pa.DataType]] = {}
    forms: dict[str, dict[str, Form]] = {}
    for part in SEQUENCE_PARTS:
        types[part], forms[part] = {}, {}
        for name, feature in getattr(features, part).items():
            kind = asked.get(part, {}).get(name)
            if part == "context":
                form = natural_form(name, feature, kind, binary)
                types[part][name] = form.type
            else:
                of_step = None if kind is None else kind.value_type
                form = natural_form(name, step_feature(feature), of_step, binary)
                types[part][name] = kind or pa.list_(form.type)
            forms[part][name] = form
    schema = pa.schema(
        [(part, pa.struct(list(named.items()))) for part, named in types.items() if named]
    )

    def arrays(table: Table) -> list[pa.Array]:
        structs = []
        for column in schema:
            children = [
                table.columns[column.name, field.name]
                if column.name == "context"
                else _lists(table.columns[column.name, field.name], field.type)
                for field in column.type
            ]
            structs.append(pa.StructArray.from_arrays(children, fields=list(column.type)))
        return structs

    makers = SequenceMakers(*(ArrowColumns(forms[part]) for part in SEQUENCE_PARTS))
    return Plan(features, makers, schema, arrays)


def _lists(steps: Steps, kind: pa.DataType) -> pa.Array:
    return list_array(steps.column, steps.counts, kind, validity_of(steps.present))
