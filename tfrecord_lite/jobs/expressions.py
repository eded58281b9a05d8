"""``where``: which records are meant, as an expression over their features.

The text is parsed by Python's own parser, and walked: there are names, literals, comparisons,
arithmetic, ``and``, ``or``, ``not``, ``in`` and ``is None``, and nothing else; nothing is ever
called or looked up. As in SQL a value that is missing makes a comparison neither true nor false,
and records are taken for which all is true. What values come to is `values`.
"""

from __future__ import annotations

import ast
import operator
import re
from typing import TYPE_CHECKING, Any, Final, NoReturn

import numpy as np

from tfrecord_lite.example.quote import quote
from tfrecord_lite.example.ragged import Ragged
from tfrecord_lite.example.spans import error_at
from tfrecord_lite.jobs.values import Values, compared, computed, constant, joined, of_feature
from tfrecord_lite.records.framing import RecordBlock

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping

    from tfrecord_lite._types import AnyArray, BoolArray, Int64Array

__all__ = ["Expression", "single_values"]

_MOST_CHARACTERS: Final = 10_000
# As deep as evaluation goes without reaching the limit of Python in most callers.
_DEEPEST: Final = 200
# Names in backticks; and what may have backticks in it, which are none: comments and strings.
_TOKENS: Final = re.compile(
    r"""\#[^\r\n]*|(?P<quote>\'{3}|"{3}|'|")(?:\\.|(?!(?P=quote))[^\\])*(?P=quote)|`(?P<name>[^`]+)`""",
    re.DOTALL,
)
_LINE_ENDS: Final = re.compile(rb"\r\n|\r|\n")
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
_TAKEN: Final = (
    "names of features (`in backticks` where they are no identifiers), numbers, strings, bytes, "
    "comparisons, in, is None, and, or, not, + - * / // %"
)
_TOO_DEEP: Final = f"nested too deeply; at most {_DEEPEST} operations may stand within each other"
_LITERALS: Final = (bool, int, float, str, bytes)


class Expression:
    """An expression over features, such as ``label > 6 and "cat" in words``.

    ``names`` are the features it is about. A str in it is its UTF-8 bytes. Raises ValueError, which
    quotes the part that is wrong, for whatever is no such expression.

    >>> Expression("label in (3, 4) and `image/format` != 'PNG'").names
    ['label', 'image/format']
    """

    def __init__(self, text: str) -> None:
        if not isinstance(text, str):
            raise TypeError(f"where={text!r}: an expression is a str")
        self.text = text
        if len(text) > _MOST_CHARACTERS:
            raise ValueError(
                f"where: {len(text)} characters; at most {_MOST_CHARACTERS} are allowed"
            )
        self._quoted: dict[str, str] = {}
        self.names: list[str] = []
        prefix = "quoted_"
        while prefix in text:
            prefix += "_"

        def identifier(token: re.Match[str]) -> str:
            if token["name"] is None:
                return token[0]
            name = f"{prefix}{len(self._quoted)}"
            self._quoted[name] = token["name"]
            # Apart from what stands beside it.
            return f" {name} "

        source = _TOKENS.sub(identifier, text).strip()
        try:
            self._tree = ast.parse(source, mode="eval").body
        # ValueError: of what is no UTF-8, or has zero bytes.
        except (SyntaxError, RecursionError, MemoryError, ValueError) as error:
            reason = f"no expression ({error}); expressions consist of {_TAKEN}"
            raise ValueError(f"where={text!r}: {reason}") from None
        self._check_spelling(source)
        self._check(self._tree)

    def __call__(self, block: RecordBlock, columns: Mapping[str, Ragged]) -> BoolArray:
        """Tell which records of a block are meant, bool ``[records]``; ``columns`` are all ragged.

        Raises `ExampleError` for a record with several values where one is compared, and ValueError
        for what cannot be compared.
        """
        with np.errstate(all="ignore"):
            try:
                found = self._truth(self._tree, _Rows(block, columns))
            except RecursionError:
                self._refuse(self._tree, _TOO_DEEP)
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
        except (AttributeError, RecursionError, ValueError):
            # ValueError: of an integer of thousands of digits.
            part = type(node).__name__
        for name, quoted in self._quoted.items():
            part = re.sub(rf"\b{name}\b", f"`{quoted}`".replace("\\", r"\\"), part)
        where = self.text if len(self.text) <= 200 else f"{self.text[:200]}..."
        raise ValueError(f"where={where!r}: {part[:200]}: {why}")

    def _check_spelling(self, source: str) -> None:
        """Refuse names that Python's parser takes for others, as it does with "µ" and "ﬁ"."""
        lines = _LINE_ENDS.split(source.encode())
        for node in ast.walk(self._tree):
            if isinstance(node, ast.Name):
                written = lines[node.lineno - 1][node.col_offset : node.end_col_offset].decode()
                if written != node.id:
                    other = f"Python takes the name {quote(written)} for this one"
                    self._refuse(node, f"{other}; put it in backticks: `{written}`")

    def _check(self, node: ast.AST, depth: int = 0) -> None:
        """Refuse whatever is not of the language; note the names."""
        if depth > _DEEPEST:
            self._refuse(node, _TOO_DEEP)
        inside: list[ast.AST] = []
        if _literal(node) is not None:
            self._tried(node, constant, _literal(node))
        elif isinstance(node, ast.Name):
            name = self._quoted.get(node.id, node.id)
            if name not in self.names:
                self.names.append(name)
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
            self._refuse(node, f"not supported; expressions consist of {_TAKEN}")
        for part in inside:
            self._check(part, depth + 1)

    def _check_comparison(
        self, node: ast.Compare, operation: ast.cmpop, right: ast.expr, inside: list[ast.AST]
    ) -> None:
        if isinstance(operation, (ast.In, ast.NotIn, ast.Is, ast.IsNot)) and len(node.ops) > 1:
            self._refuse(node, "write one comparison at a time, and join them with `and`")
        if isinstance(operation, (ast.Is, ast.IsNot)):
            is_none = isinstance(right, ast.Constant) and right.value is None
            if not (is_none and isinstance(node.left, ast.Name)):
                self._refuse(node, "only a feature can be None, or not None")
        elif isinstance(operation, (ast.In, ast.NotIn)):
            if isinstance(right, (ast.Tuple, ast.List, ast.Set)):
                inside += right.elts
            elif isinstance(right, ast.Name) and _literal(node.left) is not None:
                inside.append(right)
            else:
                self._refuse(node, "write FEATURE in (1, 2), or 'value' in FEATURE")
        else:
            inside.append(right)

    # What an expression comes to.

    def _truth(self, node: ast.expr, rows: _Rows) -> Values:
        found = self._value(node, rows)
        if found.kind == "bytes":
            self._refuse(node, "a string is neither true nor false; compare it")
        return Values(np.not_equal(found.values, 0), found.known, "truth")

    def _number(self, node: ast.expr, rows: _Rows) -> Values:
        found = self._value(node, rows)
        if found.kind != "number":
            self._refuse(node, "not a number")
        return found

    def _value(self, node: ast.expr, rows: _Rows) -> Values:
        if _literal(node) is not None:
            return self._tried(node, constant, _literal(node))
        if isinstance(node, ast.Name):
            return rows.single(self._quoted.get(node.id, node.id))
        if isinstance(node, ast.BoolOp):
            parts = [self._truth(part, rows) for part in node.values]
            return joined(parts, decides=isinstance(node.op, ast.Or))
        if isinstance(node, ast.UnaryOp):
            return self._signed(node, rows)
        if isinstance(node, ast.BinOp):
            left, right = self._number(node.left, rows), self._number(node.right, rows)
            return self._tried(node, computed, _ARITHMETIC[type(node.op)], left, right)
        assert isinstance(node, ast.Compare)
        return self._compared(node, rows)

    def _tried(self, node: ast.AST, function: Callable[..., Values], *operands: Any) -> Values:
        """Return what the function makes of these, or refuse the node for the reason it gives."""
        try:
            return function(*operands)
        except ValueError as error:
            self._refuse(node, str(error))

    def _signed(self, node: ast.UnaryOp, rows: _Rows) -> Values:
        if isinstance(node.op, ast.Not):
            return _inverted(self._truth(node.operand, rows))
        found = self._number(node.operand, rows)
        if isinstance(node.op, ast.UAdd):
            return found
        return self._tried(node, computed, operator.mul, found, constant(-1))

    def _compared(self, node: ast.Compare, rows: _Rows) -> Values:
        operation, right = node.ops[0], node.comparators[0]
        if isinstance(operation, (ast.Is, ast.IsNot)):
            assert isinstance(node.left, ast.Name)
            missing = rows.counts(self._quoted.get(node.left.id, node.left.id)) == 0
            return Values(missing == isinstance(operation, ast.Is), np.True_, "truth")
        if isinstance(operation, (ast.In, ast.NotIn)):
            if isinstance(right, ast.Name):
                found = self._contained(node, right, rows)
            else:
                assert isinstance(right, (ast.Tuple, ast.List, ast.Set))
                found = self._one_of(node, right.elts, rows)
            return found if isinstance(operation, ast.In) else _inverted(found)
        # As Python does, a chain is an `and` of its pairs.
        parts = []
        left = self._value(node.left, rows)
        for operation, part in zip(node.ops, node.comparators, strict=True):
            other = self._value(part, rows)
            parts.append(self._tried(node, compared, _COMPARISONS[type(operation)], left, other))
            left = other
        return joined(parts, decides=False)

    def _one_of(self, node: ast.Compare, elements: list[ast.expr], rows: _Rows) -> Values:
        """Tell whether a value is one of these, as an ``or`` of comparisons would."""
        left = self._value(node.left, rows)
        others = [self._value(element, rows) for element in elements]
        equal = [self._tried(node, compared, operator.eq, left, one) for one in others]
        return joined(equal, decides=True)

    def _contained(self, node: ast.Compare, feature: ast.Name, rows: _Rows) -> Values:
        """Tell for each record whether any value of a feature is the one on the left."""
        name = self._quoted.get(feature.id, feature.id)
        value = self._tried(node.left, constant, _literal(node.left))
        hits = self._tried(node, compared, operator.eq, value, rows.all(name)).values
        found = np.zeros(rows.count, bool)
        found[np.repeat(np.arange(rows.count), rows.counts(name))[hits]] = True
        return Values(found, np.True_, "truth")


def _inverted(found: Values) -> Values:
    return found._replace(values=np.logical_not(found.values))


def _literal(node: ast.AST) -> Any:
    """Return the value of a literal, or None: of a number with its sign, too."""
    sign = 1
    if isinstance(node, ast.UnaryOp) and isinstance(node.op, (ast.USub, ast.UAdd)):
        sign = -1 if isinstance(node.op, ast.USub) else 1
        node = node.operand
        if not (isinstance(node, ast.Constant) and type(node.value) in (int, float)):
            return None
    if not (isinstance(node, ast.Constant) and isinstance(node.value, _LITERALS)):
        return None
    return sign * node.value if type(node.value) in (int, float) else node.value


class _Rows:
    """The columns of a block, as one value a record or as all of them."""

    def __init__(self, block: RecordBlock, columns: Mapping[str, Ragged]) -> None:
        self._block = block
        self._columns = columns
        self.count = len(block)

    def counts(self, name: str) -> Int64Array:
        return np.diff(self._columns[name].row_splits)

    def all(self, name: str) -> Values:
        return of_feature(self._columns[name].values, np.True_)

    def single(self, name: str) -> Values:
        advice = f"write 'value' in `{name}` to look at all of them"
        return of_feature(*single_values(self._block, name, self._columns[name], advice))


def single_values(
    block: RecordBlock, name: str, column: Ragged, advice: str, rows: Int64Array | None = None
) -> tuple[AnyArray, BoolArray]:
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


_NO_ROWS = np.zeros(1, np.int64)
