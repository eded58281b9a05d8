"""Mutation testing: change a module in one place at a time, and see whether the tests notice.

``python tests/mutate.py tfrecord_lite/records/checksum.py tests/records/test_checksum.py ...``
prints each mutant that all of these tests let live, and how many were killed. Nothing is written:
each mutant is compiled in a process of its own, in the place of the module. Not a test by itself,
and not run with the tests: it takes some minutes, and whether a survivor matters is for a person.
What a person found of those in `checksum` and `framing` is in ``HARMLESS``.
"""

from __future__ import annotations

import ast
import copy
import importlib.abc
import importlib.util
import os
import resource
import sys
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import numpy as np  # noqa: F401 - loaded once for all processes
import pytest

ROOT = Path(__file__).parents[1]
# A mutant that takes longer never ends. Time on the clock may be other processes'.
CPU_SECONDS = 60
# Lines of which some mutants do live, and why that does no harm: the same comes of them.
HARMLESS = {
    # framing.py
    "SLACK_BYTES = 16": "more slack than decoders ask for",
    "_SLICE_BYTES = 2048": "where one way of copying records begins to be faster than the other",
    "if end - begin < _SLICE_BYTES * len(self):": "which of two ways is faster",
    "if 0 < longest <= _SLICE_BYTES and longest * len(self) <= 2 * int(self.lengths.sum()):": (
        "which of two ways is faster"
    ),
    'places: Any = np.ndarray((end - 11,), f"V{HEADER_SIZE}", buffer=buffer, strides=(1,))': (
        "how many places there are; the last is never used, a footer is behind any header"
    ),
    "places[starts - HEADER_SIZE] = headers[which.reshape(-1)]": "NumPy takes any negative for -1",
    "if end - begin < _SLICE_BYTES * len(block):": "which of two ways is faster",
    "if end - begin < FRAME_OVERHEAD:": "a lone frame of no data is followed instead",
    "length = unpack(view, begin)[0]": "the last of one is the first",
    "if len(edges) == 1:": "of no frames none is wrong; the rest of the function says so as well",
    'lengths: Any = np.ndarray((len(buffer) - 7,), "<u8", buffer=buffer, strides=(1,))': (
        "how many places there are; behind the last frame there is slack"
    ),
    "position += unpack(view, position)[0] + FRAME_OVERHEAD": "the last of one is the first",
    "if end - begin < _TRIAL * size or any(unpack(view, at)[0] != length for at in trials):": (
        "the last of one is the first"
    ),
    "stored: int = _CRC.unpack_from(buffer, at + 8)[0]": "the last of one is the first",
    "if begin > end - FRAME_OVERHEAD or (length := _LENGTH.unpack_from(view, begin)[0]) > 255:": (
        "the last of one is the first"
    ),
    # checksum.py
    "short = np.flatnonzero(lengths < 4)": "more records are checked one by one",
    "lines = seams.view(np.uint8).reshape(-1, 20)": "NumPy takes any negative for -1",
    'windows: Any = np.ndarray((len(buffer) - 11,), "V12", buffer=buffer, strides=(1,))': (
        "how many places there are; the last is never used, a footer is behind any header"
    ),
    'headers: Any = windows[starts - 12].view("<u4").reshape(-1, 3)': (
        "NumPy takes any negative for -1"
    ),
}
SWAPS: dict[type, type] = {
    ast.Lt: ast.LtE, ast.LtE: ast.Lt, ast.Gt: ast.GtE, ast.GtE: ast.Gt,
    ast.Eq: ast.NotEq, ast.NotEq: ast.Eq, ast.Is: ast.IsNot, ast.IsNot: ast.Is,
    ast.In: ast.NotIn, ast.NotIn: ast.In, ast.And: ast.Or, ast.Or: ast.And,
    ast.Add: ast.Sub, ast.Sub: ast.Add, ast.Mult: ast.FloorDiv, ast.FloorDiv: ast.Mult,
    ast.LShift: ast.RShift, ast.RShift: ast.LShift, ast.Mod: ast.Mult,
    ast.BitAnd: ast.BitOr, ast.BitOr: ast.BitAnd, ast.BitXor: ast.BitOr,
}  # fmt: skip


def mutants(tree: ast.Module) -> Iterator[tuple[int, str, ast.Module]]:
    """Yield line, what was changed, and the changed tree."""
    places = [(parent, field, index) for parent, field, index in _places(tree)]
    for number, (parent, field, index) in enumerate(places):
        for change, node in enumerate(_changes(_at(parent, field, index))):
            mutant = copy.deepcopy(tree)
            where = list(_places(mutant))[number]
            replaced = list(_changes(_at(*where)))[change]
            _put(*where, replaced)
            original = _at(parent, field, index)
            what = f"{_shown(original)}  ->  {_shown(node)}"
            yield original.lineno, what, ast.fix_missing_locations(mutant)


def _shown(node: Any) -> str:
    """Return a node's first line."""
    return ast.unparse(node).partition("\n")[0]


def _places(tree: ast.AST) -> Iterator[tuple[ast.AST, str, int | None]]:
    """Yield where in a tree expressions and statements stand that are run."""
    for field, value in ast.iter_fields(tree):
        skipped = ("annotation", "returns", "decorator_list", "type_comment")
        for index, child in enumerate(value if isinstance(value, list) else [value]):
            if not isinstance(child, ast.AST) or field in skipped or _is_idle(child):
                continue
            if isinstance(child, (ast.expr, ast.stmt)):
                yield tree, field, index if isinstance(value, list) else None
            yield from _places(child)


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


class Replacement(importlib.abc.MetaPathFinder, importlib.abc.Loader):
    """Puts a mutant in the place of its module."""

    def __init__(self, path: Path, tree: ast.Module) -> None:
        self._path = path
        self._name = ".".join(path.relative_to(ROOT).with_suffix("").parts)
        self._tree = tree

    def find_spec(self, name: str, path: Any, target: Any = None) -> Any:
        if name != self._name:
            return None
        return importlib.util.spec_from_loader(name, self, origin=str(self._path))

    def exec_module(self, module: Any) -> None:
        exec(compile(self._tree, str(self._path), "exec"), vars(module))


def is_killed(path: Path, tree: ast.Module, tests: list[str]) -> bool:
    """Run the tests over a mutant, in a process of its own."""
    child = os.fork()
    if child == 0:
        for stream in (1, 2):
            os.dup2(os.open(os.devnull, os.O_WRONLY), stream)
        sys.meta_path.insert(0, Replacement(path, tree))
        resource.setrlimit(resource.RLIMIT_CPU, (CPU_SECONDS, CPU_SECONDS))
        code = 1
        try:
            code = int(pytest.main(["-x", "-q", "-p", "no:cacheprovider", *tests]))
        finally:
            os._exit(min(code, 100))
    return os.waitpid(child, 0)[1] != 0


def main() -> int:
    path, *tests = sys.argv[1:]
    os.chdir(ROOT)
    sys.path.insert(0, str(ROOT))
    text = (ROOT / path).read_text(encoding="utf-8")
    tree, source = ast.parse(text), text.splitlines()
    if is_killed(ROOT / path, tree, tests):
        print("the tests fail without a mutant")
        return 2
    count = survived = 0
    for line, what, mutant in mutants(tree):
        count += 1
        if not is_killed(ROOT / path, mutant, tests):
            survived += 1
            reason = HARMLESS.get(source[line - 1].strip(), "?")
            print(f"{path}:{line}: {what} ({reason})", flush=True)
    print(f"{count - survived} of {count} mutants killed, {(count - survived) / count:.1%}")
    return 0


if __name__ == "__main__":
    sys.exit(main())
