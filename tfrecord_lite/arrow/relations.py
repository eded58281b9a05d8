"""Columns of a query of DuckDB's whose values are others in Arrow; DuckDB is not imported."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, Final

if TYPE_CHECKING:
    from collections.abc import Iterator

__all__ = ["not_in_arrow"]

# Types of less range in Arrow, or of no zone, or bytes of DuckDB's own.
_OTHERS: Final = {"uhugeint", "time with time zone", "bit", "bignum", "varint", "variant"}
_NESTED: Final = {"list", "array", "struct", "map", "union"}


def not_in_arrow(relation: Any) -> Iterator[tuple[str, Any]]:
    """Yield name and type of the columns that become another value, or bytes of DuckDB's own."""
    for name, asked in zip(relation.columns, relation.types, strict=True):
        kinds = [asked]
        while kinds:
            kind = kinds.pop()
            if kind.id in _OTHERS:
                yield name, kind
                break
            if kind.id in _NESTED:
                kinds += [child for _, child in kind.children if isinstance(child, type(kind))]
