"""MapDataset: Examples by their numbers, for torch's DataLoader and its samplers."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import torch
from torch.utils.data import Dataset

from tfrecord_lite.dataset.rows import ExampleRows, as_index
from tfrecord_lite.records.reader import DEFAULT_MAX_RECORD_BYTES
from tfrecord_lite.torch.tensors import to_tensors

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable, Sequence

    from tfrecord_lite import RecordSet
    from tfrecord_lite._types import CompressionOrAuto, FeaturesLike, Paths, Verify

__all__ = ["MapDataset"]


class MapDataset(ExampleRows, Dataset):  # type: ignore[misc]
    """Examples by number: a map-style dataset for ``torch.utils.data.DataLoader``.

    ``data[i]`` is a dict, by feature, of what `parse_single_example` gives: tensors, and byte
    strings as they are (text of files is bytes too). ``transform`` is called with each dict, and
    what it returns is returned. A DataLoader asks for the records of a batch at once
    (``__getitems__``): they are read and decoded together.

    ``paths`` and the options are those of `RecordSet`, ``features`` and ``strict`` those of
    `Dataset`. For plain files and blocked gzip. It can be pickled, and used by several threads and
    by worker processes, however these are started. Damage raises, naming file, record and offset.

    Where all records are wanted in any order, `make_loader` is much faster: it makes no object for
    each record.

    >>> import tempfile, tfrecord_lite as tfr
    >>> path = tempfile.mkdtemp() + "/a.tfrecord"
    >>> _ = tfr.write_examples(path, {"label": range(5), "name": list("abcde")})
    >>> data = MapDataset(path)
    >>> data[4]
    {'label': tensor(4), 'name': b'e'}
    >>> from torch.utils.data import DataLoader
    >>> for batch in DataLoader(data, batch_size=3):
    ...     print(batch)
    {'label': tensor([0, 1, 2]), 'name': [b'a', b'b', b'c']}
    {'label': tensor([3, 4]), 'name': [b'd', b'e']}
    """

    def __init__(
        self,
        paths: Paths | RecordSet,
        features: FeaturesLike | None = None,
        transform: Callable[[dict[str, Any]], Any] | None = None,
        *,
        strict: bool = True,
        compression: CompressionOrAuto = "auto",
        verify: Verify = True,
        max_record_bytes: int = DEFAULT_MAX_RECORD_BYTES,
    ) -> None:
        if transform is not None and not callable(transform):
            raise TypeError(f"transform={transform!r} must be a function of a record's features")
        super().__init__(
            paths,
            features,
            strict=strict,
            compression=compression,
            verify=verify,
            max_record_bytes=max_record_bytes,
        )
        self._transform = transform

    def __getitem__(self, number: int) -> Any:
        return self.__getitems__([as_index(number, self)])[0]

    def __getitems__(self, numbers: Sequence[int]) -> list[Any]:
        """Return records of these numbers, in their order: one read for all."""
        rows = self._rows(numbers, _tensors)
        return rows if self._transform is None else list(map(self._transform, rows))


def _tensors(values: Iterable[Any]) -> Iterable[Any]:
    """Return the values of one feature, by record: views of one tensor, if they are of one."""
    found: Any = to_tensors(values)
    parts: Iterable[Any] = found.unbind(0) if isinstance(found, torch.Tensor) else found
    return parts
