"""What the loaders of other worlds have of the `Dataset` that they go through, and its batches."""

from __future__ import annotations

from copy import copy
from typing import TYPE_CHECKING, Any

from tfrecord_lite.records.closing import Closing

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping

    from tfrecord_lite.dataset.loader import Dataset
    from tfrecord_lite.example.features import FeatureSpec
    from tfrecord_lite.example.sequence_features import SequenceFeatures

__all__ = ["WrappedDataset", "each_item"]


class WrappedDataset(Closing):
    """A `Dataset` whose batches become something else."""

    def __init__(self, dataset: Dataset) -> None:
        self._dataset = dataset

    @property
    def features(self) -> Mapping[str, FeatureSpec] | SequenceFeatures:
        """The features, as given or as found."""
        return self._dataset.features

    def __len__(self) -> int:
        return len(self._dataset)

    def set_epoch(self, epoch: int) -> None:
        """Have the next ``iter()`` be that of an epoch, as `Dataset.set_epoch`."""
        self._dataset.set_epoch(epoch)

    def state_dict(self) -> dict[str, Any]:
        """Return where the newest iterator stands, as `Dataset.state_dict`."""
        return self._dataset.state_dict()

    def load_state_dict(self, state: Mapping[str, Any]) -> None:
        """Have the next ``iter()`` go on where a state was taken, as `Dataset.load_state_dict`."""
        self._dataset.load_state_dict(state)

    def __getstate__(self) -> dict[str, Any]:
        # As of a dataset: iterators of this one move no copy.
        return {**self.__dict__, "_dataset": copy(self._dataset)}

    def close(self) -> None:
        """End the worker processes that wait for another epoch."""
        self._dataset.close()

    def __repr__(self) -> str:
        return f"<Loader of {self._dataset!r}>"


def each_item(value: Any, convert: Callable[[Any], Any]) -> Any:
    """Return a dict, list or tuple, which may have names, of converted items; all else as it is.

    >>> each_item({"a": 1, "b": 2}, str)
    {'a': '1', 'b': '2'}
    """
    if isinstance(value, dict):
        return {name: convert(item) for name, item in value.items()}
    if isinstance(value, tuple) and hasattr(value, "_fields"):
        return type(value)(*map(convert, value))
    if type(value) in (list, tuple):
        return type(value)(map(convert, value))
    return value
