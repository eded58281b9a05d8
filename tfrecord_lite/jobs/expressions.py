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
from itertools import pairwise
from typing import TYPE_CHECKING, Any, Final, NamedTuple, NoReturn, TypeAlias

import numpy as np

from tfrecord_lite.example.quote import quote
from tfrecord_lite.example.ragged import Ragged
from tfrecord_lite.example.spans import error_at
from tfrecord_lite.jobs.values import Values, compared, computed, constant, joined, of_feature
from tfrecord_lite.records.framing import RecordBlock

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping

    from tfrecord_lite._types import AnyArray, BoolArray, Int64Array

    # What a node comes to, for each record of a block.
    _Computed: TypeAlias = Callable[["_Rows"], Values]

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
_SIGNS: Final[dict[type, Values]] = {ast.USub: constant(-1), ast.UAdd: constant(1)}
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
            # Python's place in a file tells nobody anything.
            said = error.msg if isinstance(error, SyntaxError) else error
            reason = f"no expression ({said}); expressions consist of {_TAKEN}"
            raise ValueError(f"where={text!r}: {reason}") from None
        self._check_spelling(source)
        try:
            self._truth = self._as_truth(self._tree)
        except RecursionError:
            self._refuse(self._tree, _TOO_DEEP)

    def __call__(self, block: RecordBlock, columns: Mapping[str, Ragged]) -> BoolArray:
        """Tell which records of a block are meant, bool ``[records]``; ``columns`` are all ragged.

        Raises `ExampleError` for a record with several values where one is compared, and ValueError
        for what cannot be compared.
        """
        with np.errstate(all="ignore"):
            try:
                found = self._truth(_Rows(block, columns))
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

    def _name(self, node: ast.Name) -> str:
        """Return the name of a feature, and note it."""
        name = self._quoted.get(node.id, node.id)
        if name not in self.names:
            self.names.append(name)
        return name

    def _tried(self, node: ast.AST, function: Callable[..., Values], *operands: Any) -> Values:
        """Return what the function makes of these, or refuse the node for the reason it gives."""
        try:
            return function(*operands)
        except ValueError as error:
            self._refuse(node, str(error))

    # What computes each kind of node. What is not of the language is refused here.

    def _as_value(self, node: ast.expr, depth: int = 0) -> _Computed:
        if depth > _DEEPEST:
            self._refuse(node, _TOO_DEEP)
        if _literal(node) is not None:
            value = self._tried(node, constant, _literal(node))
            return lambda _: value
        if isinstance(node, ast.Name):
            name = self._name(node)
            return lambda rows: rows.single(name)
        if isinstance(node, ast.BoolOp):
            parts = [self._as_truth(part, depth + 1) for part in node.values]
            decides = isinstance(node.op, ast.Or)
            return lambda rows: joined([part(rows) for part in parts], decides=decides)
        if isinstance(node, ast.UnaryOp) and isinstance(node.op, ast.Not):
            return _inverted(self._as_truth(node.operand, depth + 1))
        if isinstance(node, ast.UnaryOp) and type(node.op) in _SIGNS:
            number, sign = self._as_number(node.operand, depth + 1), _SIGNS[type(node.op)]
            return lambda rows: self._tried(node, computed, operator.mul, number(rows), sign)
        if isinstance(node, ast.BinOp) and type(node.op) in _ARITHMETIC:
            left = self._as_number(node.left, depth + 1)
            right = self._as_number(node.right, depth + 1)
            operation = _ARITHMETIC[type(node.op)]
            return lambda rows: self._tried(node, computed, operation, left(rows), right(rows))
        if not isinstance(node, ast.Compare):
            self._refuse(node, f"not supported; expressions consist of {_TAKEN}")
        return self._as_comparison(node, depth + 1)

    def _as_truth(self, node: ast.expr, depth: int = 0) -> _Computed:
        value = self._as_value(node, depth)

        def truth(rows: _Rows) -> Values:
            found = value(rows)
            if found.kind == "bytes":
                self._refuse(node, "a string is neither true nor false; compare it")
            return Values(np.not_equal(found.values, 0), found.known, "truth")

        return truth

    def _as_number(self, node: ast.expr, depth: int) -> _Computed:
        value = self._as_value(node, depth)

        def number(rows: _Rows) -> Values:
            found = value(rows)
            if found.kind != "number":
                self._refuse(node, "not a number")
            return found

        return number

    def _as_comparison(self, node: ast.Compare, depth: int) -> _Computed:
        operation, right = node.ops[0], node.comparators[0]
        if len(node.ops) > 1 and not {*map(type, node.ops)} <= _COMPARISONS.keys():
            self._refuse(node, "write one comparison at a time, and join them with `and`")
        if isinstance(operation, (ast.Is, ast.IsNot)):
            is_none = isinstance(right, ast.Constant) and right.value is None
            if not (is_none and isinstance(node.left, ast.Name)):
                self._refuse(node, "only a feature can be None, or not None")
            name, wanted = self._name(node.left), isinstance(operation, ast.Is)
            return lambda rows: Values((rows.counts(name) == 0) == wanted, np.True_, "truth")
        if isinstance(operation, (ast.In, ast.NotIn)):
            found = self._as_membership(node, right, depth)
            return found if isinstance(operation, ast.In) else _inverted(found)
        sides = [self._as_value(side, depth) for side in (node.left, *node.comparators)]
        compare = [_COMPARISONS[type(operation)] for operation in node.ops]

        def chained(rows: _Rows) -> Values:
            """As Python does, a chain is an `and` of its pairs."""
            pairs = zip(compare, pairwise([side(rows) for side in sides]), strict=True)
            parts = [self._tried(node, compared, test, *pair) for test, pair in pairs]
            return joined(parts, decides=False)

        return chained

    def _as_membership(self, node: ast.Compare, right: ast.expr, depth: int) -> _Computed:
        """Tell whether a value is one of some, or any value of a feature the one on the left."""

        def equal(one: Values, other: Values) -> Values:
            return self._tried(node, compared, operator.eq, one, other)

        if isinstance(right, (ast.Tuple, ast.List, ast.Set)):
            sides = [self._as_value(side, depth) for side in (node.left, *right.elts)]

            def is_one_of(rows: _Rows) -> Values:
                value, *others = [side(rows) for side in sides]
                return joined([equal(value, other) for other in others], decides=True)

            return is_one_of
        if not (isinstance(right, ast.Name) and _literal(node.left) is not None):
            self._refuse(node, "write FEATURE in (1, 2), or 'value' in FEATURE")
        name, value = self._name(right), self._as_value(node.left)

        def is_in_feature(rows: _Rows) -> Values:
            counts = rows.counts(name)
            found = np.zeros(len(counts), bool)
            hits = equal(value(rows), rows.all(name)).values
            found[np.repeat(np.arange(len(counts)), counts)[hits]] = True
            return Values(found, np.True_, "truth")

        return is_in_feature


def _inverted(truth: _Computed) -> _Computed:
    def inverted(rows: _Rows) -> Values:
        found = truth(rows)
        return found._replace(values=np.logical_not(found.values))

    return inverted


def _literal(node: ast.AST) -> Any:
    """Return the value of a literal, or None: of a number with its sign, too."""
    inner = node.operand if isinstance(node, ast.UnaryOp) else node
    value = inner.value if isinstance(inner, ast.Constant) else None
    if not isinstance(node, ast.UnaryOp):
        return value if isinstance(value, _LITERALS) else None
    sign = _SIGNS.get(type(node.op))
    return sign.values * value if sign and type(value) in (int, float) else None


class _Rows(NamedTuple):
    """The columns of a block, as one value a record or as all of them."""

    block: RecordBlock
    columns: Mapping[str, Ragged]

    def counts(self, name: str) -> Int64Array:
        return np.diff(self.columns[name].row_splits)

    def all(self, name: str) -> Values:
        return of_feature(self.columns[name].values, np.True_)

    def single(self, name: str) -> Values:
        advice = f"write 'value' in `{name}` to look at all of them"
        return of_feature(*single_values(self.block, name, self.columns[name], advice))


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
