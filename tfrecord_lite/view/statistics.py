"""What is in the features of the first records, or of those that a search found."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, Final

import numpy as np

from tfrecord_lite.description.result import Description, FileDescription
from tfrecord_lite.description.scan import Scan
from tfrecord_lite.view.looking import MOST_RECORDS, Looking, rows_of

if TYPE_CHECKING:
    from tfrecord_lite._types import Int64Array
    from tfrecord_lite.records.framing import RecordBlock
    from tfrecord_lite.view.query import Query
    from tfrecord_lite.view.viewed_set import ViewedSet

__all__ = ["Statistics"]

_SHOWN_FEATURES: Final = 200
_NAME_CHARACTERS: Final = 200


class Statistics(Looking):
    """A description of features, which grows as records are looked at."""

    def __init__(
        self, viewed: ViewedSet, query: Query | None = None, most: int = MOST_RECORDS
    ) -> None:
        super().__init__(viewed, most)
        self._query = query
        self._scan = Scan()
        self._latest: dict[str, Any] | None = None

    def _add(self, block: RecordBlock, numbers: Int64Array) -> None:
        if self._query is not None:
            block = rows_of(block, np.flatnonzero(self._query.meant(numbers)))
        self._scan.add(block)

    def state(self) -> dict[str, Any]:
        """Say in JSON how far it is, and, once that is done, what was found."""
        state = {**super().state(), "filtered": self._query is not None}
        if self.done and self._latest is None:
            found = Description([FileDescription("", self._scan)]).to_json()
            found["features"] = found["features"][:_SHOWN_FEATURES]
            for feature in found["features"]:
                feature["name"] = feature["name"][:_NAME_CHARACTERS]
            self._latest = {
                name: found[name] for name in ("record_bytes", "payloads", "features", "sample")
            }
        return {**state, "found": self._latest}
