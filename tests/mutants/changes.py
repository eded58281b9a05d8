"""What a module may be changed to: in one place, to something near."""

from __future__ import annotations

import ast
import copy
from collections.abc import Iterator
from typing import Any, NamedTuple

SWAPS: dict[type, type] = {
    ast.Lt: ast.LtE, ast.LtE: ast.Lt, ast.Gt: ast.GtE, ast.GtE: ast.Gt,
    ast.Eq: ast.NotEq, ast.NotEq: ast.Eq, ast.Is: ast.IsNot, ast.IsNot: ast.Is,
    ast.In: ast.NotIn, ast.NotIn: ast.In, ast.And: ast.Or, ast.Or: ast.And,
    ast.Add: ast.Sub, ast.Sub: ast.Add, ast.Mult: ast.FloorDiv, ast.FloorDiv: ast.Mult,
    ast.LShift: ast.RShift, ast.RShift: ast.LShift, ast.Mod: ast.Mult,
    ast.BitAnd: ast.BitOr, ast.BitOr: ast.BitAnd, ast.BitXor: ast.BitOr,
}  # fmt: skip


class Change(NamedTuple):
    """One change: the how manieth of which place; line, its statement's line, and what it is.

    ``in_function`` says that nothing but a function's code is other than before.
    """

    place: int
    change: int
    line: int
    statement: int
    in_function: bool
    what: str


def changes(text: str) -> Iterator[Change]:
    """Yield all changes to a module."""
    for place, (parent, field, index, statement, inside) in enumerate(_places(ast.parse(text))):
        original = _at(parent, field, index)
        for change, node in enumerate(_changes(original)):
            what = f"{_shown(original)}  ->  {_shown(node)}"
            yield Change(place, change, original.lineno, statement, inside, what)


def changed(text: str, change: Change) -> ast.Module:
    """Return the tree of a module with a change."""
    tree = ast.parse(text)
    parent, field, index, *_ = list(_places(tree))[change.place]
    _put(parent, field, index, list(_changes(_at(parent, field, index)))[change.change])
    return ast.fix_missing_locations(tree)


def _shown(node: Any) -> str:
    """Return a node's first line."""
    return ast.unparse(node).partition("\n")[0]


_Place = tuple[ast.AST, str, int | None, int, bool]


def _places(tree: ast.AST, statement: int = 0, inside: bool = False) -> Iterator[_Place]:
    """Yield where in a tree expressions and statements stand that are run."""
    for field, value in ast.iter_fields(tree):
        skipped = ("annotation", "returns", "decorator_list", "type_comment")
        within = inside or (field == "body" and isinstance(tree, (ast.FunctionDef, ast.Lambda)))
        for index, child in enumerate(value if isinstance(value, list) else [value]):
            if not isinstance(child, ast.AST) or field in skipped or _is_idle(child):
                continue
            at = child.lineno if isinstance(child, ast.stmt) else statement
            if isinstance(child, (ast.expr, ast.stmt)):
                yield tree, field, index if isinstance(value, list) else None, at, within
            yield from _places(child, at, within)


def _is_idle(node: ast.AST) -> bool:
    """Tell whether a node is no code to test: docstrings, imports, names, types, assertions."""
    if isinstance(node, ast.Expr):
        return isinstance(node.value, ast.Constant)
    if isinstance(node, ast.If):
        return ast.unparse(node.test) == "TYPE_CHECKING"
    if isinstance(node, ast.Assign):
        return ast.unparse(node.targets[0]) in ("__all__", "__slots__")
    if isinstance(node, ast.keyword):  # an assertion: that of zip() never fails
        return node.arg == "strict"
    if isinstance(node, ast.FunctionDef):
        return any(ast.unparse(each) == "overload" for each in node.decorator_list)
    return isinstance(node, (ast.Import, ast.ImportFrom, ast.JoinedStr))


def _at(parent: ast.AST, field: str, index: int | None) -> Any:
    value = getattr(parent, field)
    return value if index is None else value[index]


def _put(parent: ast.AST, field: str, index: int | None, node: ast.AST) -> None:
    if index is None:
        setattr(parent, field, node)
    else:
        getattr(parent, field)[index] = node


def _changes(node: Any) -> Iterator[ast.AST]:
    """Yield what may stand in place of a node."""

    def other(**fields: Any) -> ast.AST:
        made = copy.copy(node)
        for name, value in fields.items():
            setattr(made, name, value)
        return made

    if isinstance(node, ast.Compare) and type(node.ops[0]) in SWAPS:
        yield other(ops=[SWAPS[type(node.ops[0])](), *node.ops[1:]])
    elif isinstance(node, (ast.BinOp, ast.BoolOp, ast.AugAssign)) and type(node.op) in SWAPS:
        yield other(op=SWAPS[type(node.op)]())
    elif isinstance(node, ast.UnaryOp):
        yield node.operand
    elif isinstance(node, ast.Constant):
        if isinstance(node.value, bool):
            yield other(value=not node.value)
        elif isinstance(node.value, int):
            yield other(value=node.value + 1)
            yield other(value=node.value - 1)
        elif isinstance(node.value, (str, bytes)) and node.value:
            yield other(value=node.value[:0])
    elif isinstance(node, ast.Slice):
        for bound in ("lower", "upper"):
            if getattr(node, bound) is not None:
                yield other(**{bound: None})
    elif isinstance(node, (ast.If, ast.While, ast.IfExp)):
        yield other(test=ast.UnaryOp(ast.Not(), node.test))
    elif isinstance(node, ast.Return) and not isinstance(node.value, (ast.Constant, type(None))):
        yield other(value=ast.Constant(None))
    if isinstance(node, (ast.Expr, ast.AugAssign, ast.Break, ast.Continue)):
        yield ast.copy_location(ast.Pass(), node)
