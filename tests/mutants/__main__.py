"""Mutation testing: change the package in one place, and see whether a test notices.

``make mutants COUNT=600 SEED=1`` takes a sample of all changes to the wings below, runs for each
the tests that run the changed line, shortest first, until one fails, and prints what no test
noticed. Results are appended to a file of JSON lines, and what is there is not run again. Nothing
else is written: a process in which all tests are collected, one for each core, is forked for each
of its mutants, and there the functions of the module get the code of the mutant. What is more than
the code of functions, or runs while modules are imported, is seen by a new process over a copy of
the package.

Not run with the tests: it takes about an hour, and whether a survivor matters is for a person.
What a person found is in ``harmless.py``.
"""

from __future__ import annotations

import argparse
import ast
import gc
import hashlib
import json
import os
import random
import shutil
import signal
import subprocess
import sys
import tempfile
import time
from collections import defaultdict
from functools import lru_cache
from pathlib import Path
from types import CodeType, FunctionType
from typing import Any

import pytest
from hypothesis import Phase, settings

sys.path.insert(0, str(Path(__file__).parents[1]))
from mutants.changes import Change, changed, changes
from mutants.harmless import HARMLESS
from mutants.reach import ROOT, TESTS, Reach, arguments, function_of, record

WINGS = ["parallel", "records", "files", "example", "dataset", "integrity"]
HANG_SECONDS = 20
# What a process tells in which no test failed.
PASSED = "."


class Mutant:
    """A change to a module."""

    def __init__(self, module: str, text: str, change: Change) -> None:
        self.module = module
        self.change = change
        self._text = text
        self.source = text.splitlines()[change.line - 1].strip()
        state = hashlib.sha256(text.encode()).hexdigest()[:12]
        self.key = f"{module}:{state}:{change.place}:{change.change}"

    @property
    def tree(self) -> ast.Module:
        return changed(self._text, self.change)

    @property
    def reason(self) -> str | None:
        """Why it does no harm, where that was found."""
        return HARMLESS.get(self.module, {}).get(self.source)

    def __str__(self) -> str:
        return f"{self.module}:{self.change.line}: {self.change.what}"


def sample(count: int, seed: int, only: str) -> list[Mutant]:
    """Return so many of all mutants; of these, those whose module begins like this.

    A change to the package changes little about the sample: each mutant is in it or not by itself.
    """
    every: list[tuple[bytes, Mutant]] = []
    seen: dict[str, int] = defaultdict(int)
    for wing in WINGS:
        for path in sorted((ROOT / "tfrecord_lite" / wing).rglob("*.py")):
            text, module = path.read_text(encoding="utf-8"), path.relative_to(ROOT).as_posix()
            for change in changes(text):
                mutant = Mutant(module, text, change)
                what = f"{seed} {module} {mutant.source} {change.what}"
                seen[what] += 1
                every.append((hashlib.sha256(f"{what} {seen[what]}".encode()).digest(), mutant))
    every.sort(key=lambda each: each[0])
    return [mutant for _, mutant in every[:count] if mutant.module.startswith(only)]


class Runner:
    """A plugin for pytest: instead of the tests, mutants are run."""

    def __init__(
        self, mutants: list[Mutant], reach: Reach, results: Path, most_seconds: float
    ) -> None:
        self._mutants, self._reach, self._results = mutants, reach, results
        self._most = most_seconds
        self._fails_anyway: dict[str, bool] = {}

    def pytest_runtestloop(self, session: pytest.Session) -> bool:
        self._session = session
        self._items = defaultdict(list)
        for item in session.items:
            if item.nodeid in self._reach.seconds:
                self._items[function_of(item.nodeid)].append(item)
        for items in self._items.values():
            # Equal ones are told apart by the seed alone.
            random.Random(1).shuffle(items)
        self._live = _functions()
        self._caches = _caches()
        gc.collect()
        gc.freeze()
        for mutant in self._mutants:
            begin = time.monotonic()
            how, tests = self._judge(mutant)
            told = {
                "key": mutant.key,
                "mutant": str(mutant),
                "source": mutant.source,
                "killed": how is not None,
                "by": how,
                "tests": tests,
                "seconds": round(time.monotonic() - begin, 1),
            }
            with self._results.open("a", encoding="utf-8") as file:
                file.write(json.dumps(told) + "\n")
        return True

    def _judge(self, mutant: Mutant) -> tuple[str | None, int]:
        """Return what noticed the mutant, and how many tests there were for it."""
        change = mutant.change
        functions, at_import = self._reach.functions(mutant.module, change.line, change.statement)
        # Those that run the line, and some that run the module: what is kept in a cache is made in
        # one test and used in many.
        items = self._in_order(functions, self._most)
        others = self._reach.functions(mutant.module)[0] - functions
        items += self._in_order(others, self._most / 3)
        swapped = None
        if change.in_function and not at_import:
            swapped = _swapped(self._live[str(ROOT / mutant.module)], mutant.tree)
        while True:
            if swapped is None:
                how = _in_a_new_process(mutant, items, self._seconds(items))
            else:
                how = self._forked(items, swapped)
            if how is None or how.startswith("-") or not self._does_fail_anyway(how):
                return how, len(items)
            items = [item for item in items if item.nodeid != how]

    def _in_order(self, functions: set[str], most: float) -> list[pytest.Item]:
        """Return tests: one of each function first, short ones first, as far as time goes."""
        rounds = [
            (number, self._reach.seconds[item.nodeid], item.nodeid, item)
            for name in functions
            for number, item in enumerate(self._items.get(name, ()))
        ]
        chosen, total = [], 0.0
        for _, seconds, _, item in sorted(rounds, key=lambda each: each[:3]):
            total += seconds
            if total > most and chosen:
                break
            chosen.append(item)
        return chosen

    def _seconds(self, items: list[pytest.Item]) -> float:
        return sum(self._reach.seconds[item.nodeid] for item in items)

    def _does_fail_anyway(self, test: str) -> bool:
        if test not in self._fails_anyway:
            (item,) = [each for each in self._session.items if each.nodeid == test]
            self._fails_anyway[test] = self._forked([item], []) is not None
        return self._fails_anyway[test]

    def _forked(
        self, items: list[pytest.Item], swapped: list[tuple[FunctionType, CodeType]]
    ) -> str | None:
        """Run tests in a child, over other code; return the first that fails."""
        told, tell = os.pipe()
        child = os.fork()
        if child == 0:
            os.setpgid(0, 0)
            # What was made while tests were collected is of the functions as they were.
            for cache in self._caches:
                cache.cache_clear()
            for function, code in swapped:
                function.__code__ = code
            failed = "-the process ended"
            try:
                failed = self._first_that_fails(items)
            finally:
                os.write(tell, failed.encode())
                os._exit(0)
        os.close(tell)
        return _end_of(child, told, HANG_SECONDS + 5 * self._seconds(items))

    def _first_that_fails(self, items: list[pytest.Item]) -> str:
        session = self._session
        for item, after in zip(items, [*items[1:], None], strict=True):
            most = HANG_SECONDS + 20 * self._reach.seconds[item.nodeid]
            item.add_marker(pytest.mark.timeout(most), append=False)
            item.config.hook.pytest_runtest_protocol(item=item, nextitem=after)
            if session.testsfailed:
                return item.nodeid
        return PASSED


def _end_of(child: int, told: int, seconds: float) -> str | None:
    """Wait for a child as long as that; return what it told."""
    until = time.monotonic() + seconds
    while os.waitpid(child, os.WNOHANG) == (0, 0):
        if time.monotonic() > until:
            os.killpg(child, signal.SIGKILL)
            os.waitpid(child, 0)
            os.close(told)
            return "-a hang"
        time.sleep(0.005)
    try:
        # What it has started and left.
        os.killpg(child, signal.SIGKILL)
    except ProcessLookupError:
        pass
    with open(told, "rb") as file:
        text = file.read(1 << 16).decode()
    # One that could not even begin tells nothing.
    return None if text == PASSED else text or "-the process ended"


def _functions() -> dict[str, dict[tuple[str, int], list[FunctionType]]]:
    """Return all functions there are, by file, and by name and line."""
    found: dict[str, Any] = defaultdict(lambda: defaultdict(list))
    for each in gc.get_objects():
        if isinstance(each, FunctionType):
            code = each.__code__
            found[code.co_filename][code.co_name, code.co_firstlineno].append(each)
    return found


def _caches() -> list[Any]:
    """Return the caches of all functions of the package that have one."""
    kind = type(lru_cache(lambda: None))
    found = [each for each in gc.get_objects() if isinstance(each, kind)]
    return [each for each in found if each.__module__.startswith("tfrecord_lite")]


def _swapped(
    live: dict[tuple[str, int], list[FunctionType]], tree: ast.Module
) -> list[tuple[FunctionType, CodeType]] | None:
    """Return the code for each function of a module; None where that cannot be told."""
    codes: dict[tuple[str, int], list[CodeType]] = defaultdict(list)
    left = [compile(tree, next(iter(live.values()))[0].__code__.co_filename, "exec")]
    while left:
        for code in left.pop().co_consts:
            if isinstance(code, CodeType):
                codes[code.co_name, code.co_firstlineno].append(code)
                left.append(code)
    swapped = []
    for key, functions in live.items():
        for function in functions:
            fitting = [
                code for code in codes[key] if code.co_freevars == function.__code__.co_freevars
            ]
            if len(fitting) > 1 or (not fitting and "tfrecord_lite" in function.__module__):
                return None
            swapped += [(function, code) for code in fitting]
    return swapped


def _in_a_new_process(mutant: Mutant, items: list[pytest.Item], seconds: float) -> str | None:
    """Run tests over a copy of the package; return the first that fails."""
    with tempfile.TemporaryDirectory() as folder:
        package = Path(folder) / "tfrecord_lite"
        shutil.copytree(ROOT / "tfrecord_lite", package, ignore=shutil.ignore_patterns("*.pyc"))
        (Path(folder) / mutant.module).write_text(ast.unparse(mutant.tree), encoding="utf-8")
        named = Path(folder) / "tests"
        named.write_text("\n".join(item.nodeid for item in items), encoding="utf-8")
        told, tell = os.pipe()
        process = subprocess.Popen(
            [sys.executable, __file__, "--tests", str(named), "--tell", str(tell)],
            env={**os.environ, "PYTHONPATH": folder},
            cwd=ROOT,
            stdin=subprocess.DEVNULL,
            stdout=subprocess.DEVNULL,
            stderr=subprocess.DEVNULL,
            pass_fds=[tell],
            process_group=0,
        )
        os.close(tell)
        process.returncode = 0  # waited for there
        return _end_of(process.pid, told, 60 + HANG_SECONDS + 5 * seconds)


class _Named:
    """A plugin for pytest: runs the named tests in their order, and tells the first that fails."""

    def __init__(self, names: list[str], tell: int) -> None:
        self._names, self._tell = names, tell
        self._failed = "-the package cannot be imported"

    def pytest_collection_modifyitems(self, items: list[pytest.Item]) -> None:
        there = {item.nodeid: item for item in items}
        items[:] = [there[name] for name in self._names if name in there]
        self._failed = PASSED

    def pytest_runtest_logreport(self, report: pytest.TestReport) -> None:
        if report.failed and self._failed == PASSED:
            self._failed = report.nodeid

    def pytest_sessionfinish(self) -> None:
        os.write(self._tell, self._failed.encode())


def run_named(tests: Path, tell: int) -> int:
    names = tests.read_text(encoding="utf-8").splitlines()
    files = list(dict.fromkeys(name.partition("::")[0] for name in names))
    common = arguments()[: -len(TESTS)]
    return int(pytest.main([*common, "-x", *files], plugins=[_Named(names, tell)]))


def summary(mutants: list[Mutant], results: Path) -> int:
    told = {}
    for line in results.read_text(encoding="utf-8").splitlines():
        told[json.loads(line)["key"]] = json.loads(line)
    run = [(mutant, told[mutant.key]) for mutant in mutants if mutant.key in told]
    lived = [mutant for mutant, result in run if not result["killed"]]
    for mutant in sorted(lived, key=str):
        print(f"{mutant}  ({mutant.reason or '?'})")
    explained = sum(mutant.reason is not None for mutant in lived)
    killed = len(run) - len(lived)
    print(f"{killed} of {len(run)} mutants killed, {killed / max(len(run), 1):.1%}")
    print(f"{explained} do no harm (harmless.py), {len(lived) - explained} are not explained")
    return 0


def _started(runner: Runner) -> int:
    """Run mutants in a process of their own; return its number."""
    child = os.fork()
    if child == 0:
        with open(os.devnull, "w", encoding="utf-8") as nowhere:
            for stream in (1, 2):
                os.dup2(nowhere.fileno(), stream)
        called = [*arguments(), "--hypothesis-profile=mutants", "--tb=no"]
        os._exit(min(int(pytest.main(called, plugins=[runner])), 100))
    return child


def main() -> int:
    parser = argparse.ArgumentParser("mutants")
    parser.add_argument(
        "results", nargs="?", type=Path, default=Path("mutants-output/results.jsonl")
    )
    parser.add_argument("--count", type=int, default=600)
    parser.add_argument("--seed", type=int, default=1)
    parser.add_argument("--only", default="", help="modules that begin like this")
    told = "of tests for one mutant, as long as they take without it"
    parser.add_argument("--most-seconds", type=float, default=30, help=told)
    told = "processes that run mutants"
    parser.add_argument("--jobs", type=int, default=os.cpu_count() or 1, help=told)
    parser.add_argument("--again", action="store_true", help="run what lived before once more")
    for hidden in ("--tests", "--reach"):
        parser.add_argument(hidden, type=Path, help=argparse.SUPPRESS)
    parser.add_argument("--tell", type=int, help=argparse.SUPPRESS)
    options = parser.parse_args()
    os.chdir(ROOT)
    # Shrinking what fails takes long, and nobody reads it.
    phases = [Phase.explicit, Phase.generate]
    settings.register_profile("mutants", deadline=None, database=None, phases=phases)
    if options.tests:
        return run_named(options.tests, options.tell)
    if options.reach:
        record(options.reach)
        return 0
    results = options.results.absolute()
    results.parent.mkdir(parents=True, exist_ok=True)
    results.touch()
    recorded = results.with_suffix(".reach")
    if not recorded.exists():
        command = [sys.executable, __file__, "--reach", str(recorded)]
        subprocess.run(command, check=True)
    mutants = sample(options.count, options.seed, options.only)
    done = {
        result["key"]
        for result in map(json.loads, results.read_text(encoding="utf-8").splitlines())
        if result["killed"] or not options.again
    }
    left = [mutant for mutant in mutants if mutant.key not in done]
    if left:
        print(f"{len(left)} of {len(mutants)} mutants are to be run; results in {results}")
        reach, most = Reach(recorded), options.most_seconds
        parts = [left[at :: options.jobs] for at in range(options.jobs)]
        children = [_started(Runner(part, reach, results, most)) for part in parts]
        for child in children:
            os.waitpid(child, 0)
    return summary(mutants, results)


if __name__ == "__main__":
    sys.exit(main())
