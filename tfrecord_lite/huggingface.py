"""Hugging Face: files of Examples as a dataset of theirs, without a Python object for each value.

It needs the extra: ``pip install 'tfrecord-lite-np[huggingface]'``.
"""

from __future__ import annotations

import os
import uuid
from hashlib import sha256
from importlib.util import find_spec
from typing import TYPE_CHECKING, Any, Final, Literal, NamedTuple

if find_spec("datasets") is None:
    raise ImportError(
        "tfrecord_lite.huggingface needs datasets: pip install 'tfrecord-lite-np[huggingface]'"
    )

import datasets
import pyarrow as pa
import pyarrow.types as pt
from datasets.iterable_dataset import ArrowExamplesIterable

from tfrecord_lite._version import __version__
from tfrecord_lite.arrow.arrays import wrapped_array
from tfrecord_lite.arrow.files import write_batches
from tfrecord_lite.arrow.reading import Selection
from tfrecord_lite.dataset.damage_report import DamageReport, reported
from tfrecord_lite.example.quote import quote
from tfrecord_lite.files.record_set import RecordSet
from tfrecord_lite.records.file_system import is_url
from tfrecord_lite.records.reader import DEFAULT_MAX_RECORD_BYTES

if TYPE_CHECKING:
    from collections.abc import Iterator, Sequence

    from tfrecord_lite._types import CompressionOrAuto, FeaturesLike, OnDamage, Paths, Verify
    from tfrecord_lite.files.splits import Split

__all__ = ["load"]

_ARRAYS: Final = {2: "Array2D", 3: "Array3D", 4: "Array4D", 5: "Array5D"}
# How many shards there are where nobody says, if none is to be smaller than so many bytes.
_MAX_SHARDS: Final = 64
_SHARD_BYTES: Final = 1 << 20


def load(
    paths: Paths | RecordSet,
    features: FeaturesLike | pa.Schema | None = None,
    streaming: bool = False,
    *,
    select: Sequence[str] | None = None,
    cache_dir: str | os.PathLike[str] | None = None,
    keep_in_memory: bool = False,
    num_shards: int | None = None,
    strict: bool = True,
    compression: CompressionOrAuto = "auto",
    verify: Verify = True,
    on_damage: OnDamage | Literal["report"] = "raise",
    report: str | os.PathLike[str] | None = None,
    max_record_bytes: int = DEFAULT_MAX_RECORD_BYTES,
) -> datasets.Dataset | datasets.IterableDataset:
    """Return files of Examples or SequenceExamples as a `datasets.Dataset`.

    ``paths``, ``features``, ``select`` and all of reading are those of `to_arrow`, and so are the
    columns, but that a shape of two to five dimensions is an ``Array2D`` to ``Array5D``; one of one
    dimension is a ``List`` of its length. ``dataset.cast_column("image", datasets.Image())`` makes
    pictures of bytes, ``ClassLabel(names=[...])`` names of numbers.

    The dataset lies in an Arrow file in ``cache_dir`` (left out: ``tfrecord_lite`` in the cache of
    datasets), from where it is mapped into memory, so it may be larger than that. The same call
    finds that file again while path, size and time of the source files are the same; what was read
    by URL, from open files, or with damage left out, is made again each time. With
    ``keep_in_memory`` nothing is written.

    With ``streaming`` it is an `datasets.IterableDataset`, which reads the files as it is iterated:
    nothing is written. It has ``num_shards`` shards or fewer, which ``shuffle``,
    ``split_dataset_by_node`` and the workers of a DataLoader share out: left out, at least one a
    file, and up to 64 of a MiB or more. Each shard is a part of a file, of plain and of blocked
    gzip files any. It can be pickled where all files are named by paths.

    ``on_damage`` may be "report": what is left out goes to the file ``report`` as lines of JSON.
    With ``streaming`` it must not be a function, which would be called in copies.

    Raises what `to_arrow` raises, and ``TypeError`` for a column that datasets has no type for.

    >>> import tempfile, tfrecord_lite as tfr
    >>> path = tempfile.mkdtemp() + "/a.tfrecord"
    >>> _ = tfr.write_examples(path, {"label": range(3), "name": ["a", "b", "c"]})
    >>> load(path, {"label": int, "name": str}, keep_in_memory=True)[2]
    {'label': 2, 'name': 'c'}
    >>> list(load(path, ["label"], streaming=True))
    [{'label': 0}, {'label': 1}, {'label': 2}]
    """
    options: dict[str, Any] = {
        "compression": compression,
        "verify": verify,
        "max_record_bytes": max_record_bytes,
    }
    if num_shards is not None and not streaming:
        raise ValueError(f"num_shards={num_shards} is of use with streaming=True alone")
    told = DamageReport(report)
    if streaming or on_damage == "report":
        records = reported(paths, on_damage, told, **options)  # type: ignore[arg-type]
    elif report is not None:
        raise ValueError("report= is of use with on_damage='report' alone")
    else:
        records = RecordSet.of(paths, on_damage=on_damage, **options)
    selection = Selection.find(records, features, select=select, strict=strict)
    columns = _Columns(selection.plan().schema)
    if streaming:
        return _streamed(records, selection, columns, num_shards)
    batches = map(columns.convert, selection.reader(records))
    if keep_in_memory:
        return datasets.Dataset(pa.Table.from_batches(batches, columns.schema))
    folder = os.path.join(datasets.config.HF_DATASETS_CACHE, "tfrecord_lite")
    path = os.path.join(cache_dir or folder, f"{_key(records, selection, columns)}.arrow")
    if not os.path.exists(path):
        os.makedirs(os.path.dirname(path), exist_ok=True)
        write_batches(batches, columns.schema, path, "stream", overwrite=True, fsync=False)
    return datasets.Dataset.from_file(path)


def _streamed(
    records: RecordSet, selection: Selection, columns: _Columns, num_shards: int | None
) -> datasets.IterableDataset:
    splits = records.splits()
    if num_shards is not None:
        splits = records.splits(num_shards)
    elif len(splits) < _MAX_SHARDS:
        size = sum(split.size_bytes for split in splits)
        count = min(_MAX_SHARDS, size // _SHARD_BYTES)
        if count > len(splits):
            splits = records.splits(count)
    tables = ArrowExamplesIterable(_Tables(selection, columns), {"splits": splits})
    info = datasets.DatasetInfo(features=columns.features)
    return datasets.IterableDataset(tables, info=info)


class _Tables(NamedTuple):
    """The tables of splits, with keys; it can be pickled."""

    selection: Selection
    columns: _Columns

    def __call__(self, splits: list[Split]) -> Iterator[tuple[str, pa.Table]]:
        for number, split in enumerate(splits):
            for part, batch in enumerate(self.selection.batches(split.blocks())):
                table = pa.Table.from_batches([self.columns.convert(batch)])
                yield f"{number}_{part}", table


class _Columns:
    """The columns of Arrow batches, as datasets has them."""

    def __init__(self, schema: pa.Schema) -> None:
        self.features = datasets.Features(
            {field.name: _feature(field.name, field.type) for field in schema}
        )
        self.schema = self.features.arrow_schema

    def convert(self, batch: pa.RecordBatch) -> pa.RecordBatch:
        """Return a batch in which arrays are the extension types of datasets."""
        columns = [
            wrapped_array(column, kind) if isinstance(kind, pa.ExtensionType) else column
            for column, kind in zip(batch.columns, self.schema.types, strict=True)
        ]
        return pa.RecordBatch.from_arrays(columns, schema=self.schema)


def _feature(name: str, kind: pa.DataType) -> Any:
    """Return the type that datasets has for an Arrow type."""
    shape, leaf = [], kind
    while pt.is_fixed_size_list(leaf):
        shape.append(leaf.list_size)
        leaf = leaf.value_type
    try:
        if len(shape) in _ARRAYS and pt.is_primitive(leaf):
            dtype = datasets.Features.from_arrow_schema(pa.schema({"": leaf}))[""].dtype
            return getattr(datasets, _ARRAYS[len(shape)])(shape=tuple(shape), dtype=dtype)
        return datasets.Features.from_arrow_schema(pa.schema({"": kind}))[""]
    except ValueError as error:
        raise TypeError(
            f"feature {quote(name)}: datasets has no type for {kind} ({error}); give another in "
            "features, or leave it out by select"
        ) from None


def _key(records: RecordSet, selection: Selection, columns: _Columns) -> str:
    """Return what the files, and all that is done with them, are told from others by."""
    # Two features may give columns of one type, of other values; and where a type was asked for,
    # what is missing is null, and else an error.
    schema = selection.schema
    known = [__version__, schema.strict, schema.features, selection.asked, records.options]
    known.append(columns.schema.serialize().to_pybytes())
    for file in records.files:
        if not isinstance(file, str) or is_url(file) or records.tolerant:
            return uuid.uuid4().hex
        state = os.stat(file)
        known += [os.path.realpath(file), state.st_size, state.st_mtime_ns]
    return sha256(repr(known).encode()).hexdigest()[:32]
