"""Records looked at, block by block: their sizes, what they are, and what is in their features."""

from __future__ import annotations

from collections import Counter
from typing import TYPE_CHECKING, Final

import numpy as np

from tfrecord_lite.description.features import FeatureDescription, Found, find_values
from tfrecord_lite.description.sampling import rows_of, some_rows
from tfrecord_lite.description.spread import Spread
from tfrecord_lite.errors import ExampleError
from tfrecord_lite.example.columns import UnfitError
from tfrecord_lite.example.decode import decode_example
from tfrecord_lite.example.infer import are_mostly_sequences
from tfrecord_lite.example.layouts import Layouts
from tfrecord_lite.example.other_messages import is_sequence_example, name_of_other
from tfrecord_lite.example.sequence import decode_sequence_example, sequence_names
from tfrecord_lite.example.sequence_spans import find_sequence_spans
from tfrecord_lite.example.spans import MISSING, find_spans
from tfrecord_lite.example.unknown import UnknownFeatures

if TYPE_CHECKING:
    from tfrecord_lite._types import Int64Array
    from tfrecord_lite.records.framing import RecordBlock

__all__ = ["EXAMPLE", "SEQUENCE", "Scan"]

EXAMPLE: Final = "Example"
SEQUENCE: Final = "SequenceExample"
# By so many of a block is told of which kind its records are.
_JUDGED: Final = 16
# Names beyond these are not told apart: they are data.
MOST_FEATURES: Final = 1000


class Scan:
    """What was seen in records.

    ``sizes`` are bytes of all records, without frames; ``payloads`` says what those that were
    ``looked_at`` are, by name, and ``features`` describes what is in them, by part and name.
    ``more_features`` says that there are others, which were left out: there are too many.
    """

    def __init__(self) -> None:
        self.sizes = Spread()
        self.looked_at = 0
        self.payloads: Counter[str] = Counter()
        self.features: dict[tuple[str, str], FeatureDescription] = {}
        self.more_features = False
        self._names: list[str] = []
        self._layouts: Layouts | None = None
        self._unknown: UnknownFeatures | None = None

    def add(
        self, block: RecordBlock, most: int | None = None, sizes: Int64Array | None = None
    ) -> None:
        """Add the records of a block; ``most`` is how many of them are looked at, None all.

        ``sizes`` are their sizes where they were cut.
        """
        self.sizes.add(block.lengths if sizes is None else sizes)
        if most is not None:
            block = block[:most]
        if not len(block):
            return
        self.looked_at += len(block)
        some = some_rows(len(block), _JUDGED).tolist()
        sequences = sum(is_sequence_example(block[row]) for row in some)
        mostly = are_mostly_sequences(sequences, len(some))
        self._add_all(block, SEQUENCE if mostly else EXAMPLE)

    def merge(self, other: Scan) -> None:
        """Add all that was seen by another one."""
        self.sizes.merge(other.sizes)
        self.looked_at += other.looked_at
        self.payloads += other.payloads
        self.more_features |= other.more_features
        for key, feature in other.features.items():
            self._feature(*key).merge(feature)

    def finish(self) -> Scan:
        """Forget what is for reading on."""
        self._names, self._layouts, self._unknown = [], None, None
        return self

    def _feature(self, part: str, name: str) -> FeatureDescription:
        key = part, name
        if key not in self.features:
            self.features[key] = FeatureDescription(part, name)
        return self.features[key]

    def _add_all(self, block: RecordBlock, kind: str) -> None:
        """Add records of one kind, and one by one those that turn out to be of another."""
        try:
            self._add_of_kind(block, kind)
            return
        except ExampleError:
            kinds = [_kind_of(data) for data in block]
        for one in dict.fromkeys(kinds):
            self._add_of_kind(rows_of(block, np.flatnonzero(np.array(kinds) == one)), one)

    def _add_of_kind(self, block: RecordBlock, kind: str) -> None:
        """Add records that are all of this kind."""
        try:
            if kind == EXAMPLE:
                self._add_examples(block)
            elif kind == SEQUENCE:
                self._add_sequences(block)
        except UnfitError as unfit:
            raise ExampleError(unfit.reason, record=unfit.record) from None
        self.payloads[kind] += len(block)

    def _add_examples(self, block: RecordBlock) -> None:
        while True:
            if self._layouts is None:
                # Of those that find no place one is enough to know that there are more.
                left = MOST_FEATURES - len(self._names)
                full = left == 0 and self.more_features
                self._unknown = None if full else UnknownFeatures(max(left, 1))
                self._layouts = Layouts(self._names, self._unknown)
            buffer, spans = find_spans(block, self._names, self._layouts, strict=True)
            new = {} if self._unknown is None else self._unknown.take(len(block))
            if not new:
                break
            names = [*self._names, *new]
            self.more_features |= len(names) > MOST_FEATURES
            self._names = names[:MOST_FEATURES]
            self._layouts = None
        found = [find_values(buffer, of_name) for of_name in spans]
        for name, of_name, values in zip(self._names, spans, found, strict=True):
            self._add("features", name, values, int((of_name.kind != MISSING).sum()))

    def _add_sequences(self, block: RecordBlock) -> None:
        context: dict[str, None] = {}
        lists: dict[str, None] = {}
        for data in block:
            in_context, of_lists = sequence_names(data)
            context.update(dict.fromkeys(in_context))
            lists.update(dict.fromkeys(of_lists))
        names, list_names = [*context][:MOST_FEATURES], [*lists][:MOST_FEATURES]
        self.more_features |= max(len(context), len(lists)) > MOST_FEATURES
        buffer, spans, found_lists = find_sequence_spans(block, names, list_names, strict=True)
        found = [find_values(buffer, of_name) for of_name in spans]
        of_steps = [find_values(buffer, of_name.spans) for of_name in found_lists]
        for name, of_name, values in zip(names, spans, found, strict=True):
            self._add("context", name, values, int((of_name.kind != MISSING).sum()))
        for name, of_list, values in zip(list_names, found_lists, of_steps, strict=True):
            counts: Int64Array = of_list.counts[of_list.present]
            self._feature("feature_lists", name).add_lists(counts)
            self._add("feature_lists", name, values, 0)

    def _add(self, part: str, name: str, found: list[Found], rows: int) -> None:
        if found or part == "feature_lists":
            self._feature(part, name).add(found, rows=rows)


def _kind_of(data: bytes) -> str:
    """Say what a record is."""
    try:
        if is_sequence_example(data):
            decode_sequence_example(data)
            return SEQUENCE
        decode_example(data)
    except ExampleError:
        return name_of_other(data)
    return EXAMPLE
