"""``where``: which records are meant, as an expression over their features.

The text is parsed by Python's own parser, and walked: there are names, literals, comparisons,
arithmetic, ``and``, ``or``, ``not``, ``in`` and ``is None``, and nothing else; nothing is ever
called or looked up. As in SQL a value that is missing makes a comparison neither true nor false,
and records are taken for which all is true.
"""

from __future__ import annotations

import ast
import operator
import re
from typing import TYPE_CHECKING, Any, Final, NamedTuple, NoReturn

import numpy as np

from tfrecord_lite.example.quote import quote
from tfrecord_lite.example.ragged import Ragged
from tfrecord_lite.example.spans import error_at
from tfrecord_lite.records.framing import RecordBlock

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping

    import numpy.typing as npt

    from tfrecord_lite._types import Int64Array

__all__ = ["Expression", "single_values"]

_MOST_CHARACTERS: Final = 10_000
_INT64: Final = 1 << 63
_TOKENS: Final = re.compile(r"""'(?:\\.|[^'\\])*'|"(?:\\.|[^"\\])*"|`([^`]+)`""", re.DOTALL)
_COMPARISONS: Final[dict[type, Callable[[Any, Any], Any]]] = {
    ast.Eq: operator.eq,
    ast.NotEq: operator.ne,
    ast.Lt: operator.lt,
    ast.LtE: operator.le,
    ast.Gt: operator.gt,
    ast.GtE: operator.ge,
}
_ARITHMETIC: Final[dict[type, Callable[[Any, Any], Any]]] = {
    ast.Add: operator.add,
    ast.Sub: operator.sub,
    ast.Mult: operator.mul,
    ast.Div: operator.truediv,
    ast.FloorDiv: operator.floordiv,
    ast.Mod: operator.mod,
}
_DIVISIONS: Final = (ast.Div, ast.FloorDiv, ast.Mod)
_TAKEN: Final = (
    "names of features (`in backticks` where they are no identifiers), numbers, strings, bytes, "
    "comparisons, in, is None, and, or, not, + - * / // %"
)


class _Values(NamedTuple):
    """A value for each record, ``[records]``, or one for all; ``known`` tells where there is one.

    ``kind`` is "number", "bytes" or "truth".
    """

    values: Any
    known: Any
    kind: str


class Expression:
    """An expression over features, such as ``label > 6 and "cat" in words``.

    ``names`` are the features it is about. A str in it is its UTF-8 bytes. Raises ValueError, which
    quotes the part that is wrong, for whatever is no such expression.

    >>> Expression("label in (3, 4) and `image/format` != 'PNG'").names
    ['label', 'image/format']
    """

    def __init__(self, text: str) -> None:
        self.text = text
        if len(text) > _MOST_CHARACTERS:
            raise ValueError(f"where: {len(text)} characters; {_MOST_CHARACTERS} are the most")
        self._quoted: dict[str, str] = {}
        prefix = "quoted_"
        while prefix in text:
            prefix += "_"

        def identifier(token: re.Match[str]) -> str:
            if token[1] is None:
                return token[0]
            name = f"{prefix}{len(self._quoted)}"
            self._quoted[name] = token[1]
            return name

        try:
            tree = ast.parse(_TOKENS.sub(identifier, text.strip()), mode="eval")
            self.names: list[str] = []
            self._check(tree.body)
        except (SyntaxError, RecursionError, MemoryError) as error:
            raise ValueError(f"where={text!r}: no expression ({error}); it has {_TAKEN}") from None
        self._tree = tree.body

    def __call__(self, block: RecordBlock, columns: Mapping[str, Ragged]) -> npt.NDArray[np.bool_]:
        """Tell which records of a block are meant, bool ``[records]``; ``columns`` are all ragged.

        Raises `ExampleError` for a record with several values where one is compared, and ValueError
        for what cannot be compared.
        """
        with np.errstate(all="ignore"):
            found = self._truth(self._tree, _Rows(block, columns))
        return np.broadcast_to(np.asarray(found.values & found.known, bool), len(block))

    def check_kinds(self, kinds: Mapping[str, Any]) -> None:
        """Raise ValueError where features of these dtypes cannot be compared as they are."""
        columns = {
            name: Ragged(np.empty(0, object if kinds[name] is bytes else kinds[name]), _NO_ROWS)
            for name in self.names
        }
        self(RecordBlock.from_records([]), columns)

    def _refuse(self, node: ast.AST, why: str) -> NoReturn:
        try:
            part = ast.unparse(node)
        except (AttributeError, RecursionError):
            part = type(node).__name__
        for name, quoted in self._quoted.items():
            part = re.sub(rf"\b{name}\b", f"`{quoted}`".replace("\\", r"\\"), part)
        where = self.text if len(self.text) <= 200 else f"{self.text[:200]}..."
        raise ValueError(f"where={where!r}: {part[:200]}: {why}")

    def _check(self, node: ast.AST) -> None:
        """Refuse whatever is not of the language; note the names."""
        inside: list[ast.AST] = []
        if isinstance(node, ast.Name):
            name = self._quoted.get(node.id, node.id)
            if name not in self.names:
                self.names.append(name)
        elif isinstance(node, ast.Constant):
            value = node.value
            if not isinstance(value, (bool, int, float, str, bytes)):
                self._refuse(node, f"there is {_TAKEN}")
            if isinstance(value, int) and not -_INT64 <= value < _INT64:
                self._refuse(node, "an integer has 64 bits")
        elif isinstance(node, ast.BoolOp):
            inside += node.values
        elif isinstance(node, ast.UnaryOp) and not isinstance(node.op, ast.Invert):
            inside.append(node.operand)
        elif isinstance(node, ast.BinOp) and type(node.op) in _ARITHMETIC:
            inside += [node.left, node.right]
        elif isinstance(node, ast.Compare):
            inside.append(node.left)
            for operation, right in zip(node.ops, node.comparators, strict=True):
                self._check_comparison(node, operation, right, inside)
        else:
            self._refuse(node, f"there is {_TAKEN}")
        for part in inside:
            self._check(part)

    def _check_comparison(
        self, node: ast.Compare, operation: ast.cmpop, right: ast.expr, inside: list[ast.AST]
    ) -> None:
        if isinstance(operation, (ast.In, ast.NotIn, ast.Is, ast.IsNot)) and len(node.ops) > 1:
            self._refuse(node, "one comparison at a time; join them by and")
        if isinstance(operation, (ast.Is, ast.IsNot)):
            is_none = isinstance(right, ast.Constant) and right.value is None
            if not (is_none and isinstance(node.left, ast.Name)):
                self._refuse(node, "a feature can be None, or not None, and nothing else")
        elif isinstance(operation, (ast.In, ast.NotIn)):
            if isinstance(right, (ast.Tuple, ast.List, ast.Set)):
                inside += right.elts
            elif isinstance(right, ast.Name) and isinstance(node.left, ast.Constant):
                inside.append(right)
            else:
                self._refuse(node, "write FEATURE in (1, 2), or 'value' in FEATURE")
        else:
            inside.append(right)

    # What an expression comes to.

    def _truth(self, node: ast.expr, rows: _Rows) -> _Values:
        found = self._value(node, rows)
        if found.kind == "bytes":
            self._refuse(node, "a string is neither true nor false; compare it")
        return _Values(found.values != 0, found.known, "truth")

    def _number(self, node: ast.expr, rows: _Rows) -> _Values:
        found = self._value(node, rows)
        if found.kind != "number":
            self._refuse(node, "no number")
        return found

    def _value(self, node: ast.expr, rows: _Rows) -> _Values:
        if isinstance(node, ast.Constant):
            return _constant(node.value)
        if isinstance(node, ast.Name):
            return rows.single(self._quoted.get(node.id, node.id))
        if isinstance(node, ast.BoolOp):
            return self._joined(node, rows)
        if isinstance(node, ast.UnaryOp):
            if isinstance(node.op, ast.Not):
                found = self._truth(node.operand, rows)
                return found._replace(values=np.logical_not(found.values))
            found = self._number(node.operand, rows)
            return found._replace(
                values=-found.values if isinstance(node.op, ast.USub) else +found.values
            )
        if isinstance(node, ast.BinOp):
            return self._computed(node, rows)
        assert isinstance(node, ast.Compare)
        return self._compared(node, rows)

    def _joined(self, node: ast.BoolOp, rows: _Rows) -> _Values:
        """Return what ``and`` or ``or`` come to: known where one of the two decides."""
        decides = isinstance(node.op, ast.Or)
        parts = [self._truth(part, rows) for part in node.values]
        values, known = parts[0].values, parts[0].known
        for part in parts[1:]:
            decided = (known & (values == decides)) | (part.known & (part.values == decides))
            known = decided | (known & part.known)
            values = np.where(decided, decides, not decides)
        return _Values(values, known, "truth")

    def _computed(self, node: ast.BinOp, rows: _Rows) -> _Values:
        left, right = self._number(node.left, rows), self._number(node.right, rows)
        known = left.known & right.known
        divisor = right.values
        if isinstance(node.op, _DIVISIONS):
            # Nothing is known of what is divided by 0.
            known = known & (np.asarray(divisor) != 0)
            divisor = np.where(
                np.asarray(divisor) == 0, np.asarray(1, np.asarray(divisor).dtype), divisor
            )
        operation = _ARITHMETIC[type(node.op)]
        values = operation(left.values, divisor)
        if np.asarray(values).dtype.kind == "i":
            near = operation(np.asarray(left.values, float), np.asarray(divisor, float))
            if (np.abs(near) >= _INT64).any():
                self._refuse(node, "an integer of more than 64 bits; multiply one side by 1.0")
        return _Values(values, known, "number")

    def _compared(self, node: ast.Compare, rows: _Rows) -> _Values:
        operation, right = node.ops[0], node.comparators[0]
        if isinstance(operation, (ast.Is, ast.IsNot)):
            assert isinstance(node.left, ast.Name)
            missing = rows.counts(self._quoted.get(node.left.id, node.left.id)) == 0
            return _Values(missing == isinstance(operation, ast.Is), np.True_, "truth")
        if isinstance(operation, (ast.In, ast.NotIn)):
            if isinstance(right, ast.Name):
                found = self._contained(node, right, rows)
            else:
                assert isinstance(right, (ast.Tuple, ast.List, ast.Set))
                found = self._one_of(node, right.elts, rows)
            inverted = isinstance(operation, ast.NotIn)
            return found._replace(values=np.logical_xor(found.values, inverted))
        values: Any = np.True_
        known: Any = np.True_
        left = self._value(node.left, rows)
        for operation, part in zip(node.ops, node.comparators, strict=True):
            other = self._value(part, rows)
            values = values & self._pair(node, _COMPARISONS[type(operation)], left, other)
            known = known & left.known & other.known
            left = other
        return _Values(values, known, "truth")

    def _pair(self, node: ast.Compare, compare: Any, left: _Values, right: _Values) -> Any:
        if left.kind != right.kind:
            self._refuse(node, f"a {left.kind} and a {right.kind} cannot be compared")
        return np.asarray(compare(left.values, right.values), bool)

    def _one_of(self, node: ast.Compare, elements: list[ast.expr], rows: _Rows) -> _Values:
        left = self._value(node.left, rows)
        values: Any = np.False_
        known = left.known
        for element in elements:
            other = self._value(element, rows)
            values = values | self._pair(node, operator.eq, left, other)
            known = known & other.known
        return _Values(values, known, "truth")

    def _contained(self, node: ast.Compare, feature: ast.Name, rows: _Rows) -> _Values:
        """Tell for each record whether any value of a feature is the one on the left."""
        assert isinstance(node.left, ast.Constant)
        wanted = _constant(node.left.value)
        name = self._quoted.get(feature.id, feature.id)
        all_values = rows.all(name)
        hits = self._pair(node, operator.eq, wanted, all_values)
        found = np.zeros(rows.count, bool)
        found[np.repeat(np.arange(rows.count), rows.counts(name))[hits]] = True
        return _Values(found, np.True_, "truth")


class _Rows:
    """The columns of a block, as one value a record or as all of them."""

    def __init__(self, block: RecordBlock, columns: Mapping[str, Ragged]) -> None:
        self._block = block
        self._columns = columns
        self.count = len(block)

    def counts(self, name: str) -> Int64Array:
        return np.diff(self._columns[name].row_splits)

    def all(self, name: str) -> _Values:
        values: Any = self._columns[name].values
        return _Values(values, np.True_, "bytes" if values.dtype == object else "number")

    def single(self, name: str) -> _Values:
        advice = f"write 'value' in `{name}` to look at all of them"
        values, known = single_values(self._block, name, self._columns[name], advice)
        return _Values(values, known, "bytes" if values.dtype == object else "number")


def single_values(
    block: RecordBlock, name: str, column: Ragged, advice: str, rows: Int64Array | None = None
) -> tuple[npt.NDArray[Any], npt.NDArray[np.bool_]]:
    """Return the one value of each record, or of these rows, and where there is one.

    `ExampleError` for a record with several.
    """
    rows = np.arange(len(block)) if rows is None else rows
    counts = np.diff(column.row_splits)[rows]
    if (counts > 1).any():
        at = int(np.argmax(counts > 1))
        reason = f"feature {quote(name)} has {counts[at]} values where one is meant; {advice}"
        raise error_at(block, int(rows[at]), reason)
    known = counts == 1
    flat: Any = column.values
    values = np.full(len(counts), b"" if flat.dtype == object else 0, flat.dtype)
    values[known] = flat[column.row_splits[:-1][rows][known]]
    return values, known


def _constant(value: Any) -> _Values:
    if isinstance(value, (str, bytes)):
        held = np.empty((), object)
        held[()] = value.encode() if isinstance(value, str) else value
        return _Values(held, np.True_, "bytes")
    if isinstance(value, bool):
        return _Values(np.bool_(value), np.True_, "truth")
    return _Values(value, np.True_, "number")


_NO_ROWS = np.zeros(1, np.int64)
