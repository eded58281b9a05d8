"""What is in the features of the first records, or of those that a search found."""

from __future__ import annotations

import time
from typing import TYPE_CHECKING, Any, Final

import numpy as np

from tfrecord_lite.description.result import Description, FileDescription
from tfrecord_lite.description.sampling import rows_of
from tfrecord_lite.description.scan import Scan
from tfrecord_lite.records.framing import RecordBlock
from tfrecord_lite.view.looking import Looking
from tfrecord_lite.view.many_features import SMALL_BYTES, first_features
from tfrecord_lite.view.shown import exact_number

if TYPE_CHECKING:
    from collections.abc import Iterator

    from tfrecord_lite._types import Int64Array
    from tfrecord_lite.view.query import Query
    from tfrecord_lite.view.viewed_set import ViewedSet

__all__ = ["Statistics"]

_SHOWN_FEATURES: Final = 200
_NAME_CHARACTERS: Final = 200
# What was found by now is told so soon, so often, and in no more than a part of the time.
_FIRST_SECONDS: Final = 0.4
_SECONDS: Final = 1.0
_TIMES_TELLING: Final = 9
_WAIT_SECONDS: Final = 0.1


class Statistics(Looking):
    """A description of features, which grows as records are looked at."""

    def __init__(self, viewed: ViewedSet, query: Query | None = None) -> None:
        super().__init__(viewed)
        self._query = query
        self._meant = np.empty(0, np.int64)
        self._scan = Scan()
        self._latest: dict[str, Any] | None = None
        self._edition = 0
        self._next_telling = time.monotonic() + _FIRST_SECONDS

    def _prepare(self) -> None:
        if self._query is not None:
            while not (self._query.wait(_WAIT_SECONDS) or self.cancelled):
                pass
            self._meant = self._query.all_numbers()

    def _add(self, block: RecordBlock, numbers: Int64Array) -> None:
        if self._query is not None:
            begin, end = np.searchsorted(self._meant, (numbers[0], numbers[-1] + 1))
            block = rows_of(block, self._meant[begin:end] - numbers[0])
        for part, sizes in self._few_features(block):
            self._scan.add(part, sizes=sizes)
        now = time.monotonic()
        if now >= self._next_telling:
            self._tell()
            took = time.monotonic() - now
            # Of very many features telling takes long: counting goes on meanwhile.
            self._next_telling = now + took + max(_SECONDS, _TIMES_TELLING * took)

    def _few_features(self, block: RecordBlock) -> Iterator[tuple[RecordBlock, Int64Array]]:
        """Yield the records with their sizes; those of very many features cut, and by themselves.

        Otherwise one record could take so long that nobody could cancel it.
        """
        cut = {}
        for row in np.flatnonzero(block.lengths >= SMALL_BYTES).tolist():
            few = first_features(block[row])
            if few is not None:
                cut[row] = few
        if not cut:
            yield block, block.lengths
            return
        self._scan.more_features = True
        rows = np.delete(np.arange(len(block)), [*cut])
        yield rows_of(block, rows), block.lengths[rows]
        for row, few in cut.items():
            yield RecordBlock.from_records([few]), block.lengths[row : row + 1]

    def _finish(self) -> None:
        if self._query is not None:
            both = zip(self.begins, self._query.begins, strict=False)
            if any(own != other for own, other in both):
                raise ValueError("records have other numbers since the search; search again")
        self._tell()

    def _tell(self) -> None:
        """Put what was found by now into JSON, in the thread that counts."""
        found = Description([FileDescription("", self._scan)]).to_json()
        found["more_features"] |= len(found["features"]) > _SHOWN_FEATURES
        found["features"] = found["features"][:_SHOWN_FEATURES]
        for feature in found["features"]:
            feature["name"] = feature["name"][:_NAME_CHARACTERS]
            feature["top"] = [(exact_number(value), times) for value, times in feature["top"]]
            numbers = feature.get("numbers", {})
            numbers.update((end, exact_number(numbers[end])) for end in ("min", "max") if numbers)
        self._edition += 1
        self._latest = {"edition": self._edition} | {
            name: found[name]
            for name in ("record_bytes", "payloads", "features", "more_features", "sample")
        }

    def state(self) -> dict[str, Any]:
        """Say in JSON how far it is, and what was found by now; None at the very beginning."""
        # First whether it is done: what was found is then all of it.
        state = super().state()
        return {**state, "filtered": self._query is not None, "found": self._latest}
