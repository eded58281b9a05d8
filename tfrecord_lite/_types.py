"""Names for types that several modules share; for annotations alone."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping, Sequence
from os import PathLike  # noqa: TC003 - the aliases are made at run time
from typing import Any, BinaryIO, Literal, Protocol, TypeAlias, Union

import numpy as np
import numpy.typing as npt

from tfrecord_lite.errors import Damage  # noqa: TC001 - as above

AnyArray: TypeAlias = npt.NDArray[Any]
BoolArray: TypeAlias = npt.NDArray[np.bool_]
Uint8Array: TypeAlias = npt.NDArray[np.uint8]
Uint32Array: TypeAlias = npt.NDArray[np.uint32]
Uint64Array: TypeAlias = npt.NDArray[np.uint64]
Int64Array: TypeAlias = npt.NDArray[np.int64]
Path: TypeAlias = Union[str, bytes, "PathLike[str]", "PathLike[bytes]"]
PathOrFile: TypeAlias = Path | BinaryIO
# A file as a path means it: its name, or an open one.
NameOrFile: TypeAlias = str | BinaryIO
# What RecordSet takes, but for a RecordSet itself.
Paths: TypeAlias = PathOrFile | Iterable[PathOrFile]
# Both checksums of each record, that of its length alone, or none.
Verify: TypeAlias = Literal[True, False, "none"]
OnDamage: TypeAlias = Literal["raise"] | Callable[["Damage"], Any]
# A feature class of ours or of tf.io, or a plain type, for each name; or names alone.
FeaturesLike: TypeAlias = "Mapping[str, Any] | Sequence[str] | _OfSequences"
Compression: TypeAlias = Literal["infer", "GZIP", "ZLIB", ""] | None
CompressionOrAuto: TypeAlias = Literal["auto", "GZIP", "ZLIB", ""] | None


class _OfSequences(Protocol):
    """A `SequenceFeatures`, of which nothing is known here but what it has."""

    @property
    def context(self) -> Mapping[str, Any]: ...
    @property
    def feature_lists(self) -> Mapping[str, Any]: ...
