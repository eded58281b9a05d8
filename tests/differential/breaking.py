"""Break each fast way by hand, and name the tests that notice.

``python tests/differential/breaking.py`` copies the package, makes one change in the copy (a row
swapped, a bit of a mask dropped, a place moved by one), runs the differential tests over it, and
prints the first test that fails; words choose the changes in whose names they are. A way that can
be broken without notice cannot be told from its fallback: then the exit code is 1.
"""

from __future__ import annotations

import os
import re
import shutil
import subprocess
import sys
import tempfile
from pathlib import Path
from typing import NamedTuple

ROOT = Path(__file__).parents[2]
# What is malformed or refused is no matter of the differential tests: there is nothing to compare.
TESTS = (
    "differential",
    "example/test_layouts.py",
    "example/test_spans.py",
    "example/test_values_that_change.py",
    "example/test_rows_and_columns.py",
)


class Break(NamedTuple):
    """A change: in which module, what text becomes what."""

    what: str
    module: str
    old: str
    new: str


BREAKS = (
    Break(
        "layouts: the bit that says that an integer goes on is no structure",
        "example/layouts.py",
        "0x80 if place.kind == INT64_LIST else 0",
        "0x00 if place.kind == INT64_LIST else 0",
    ),
    Break(
        "layouts: a value begins one byte later",
        "example/layouts.py",
        "columns[1][where] = begins + begin",
        "columns[1][where] = begins + begin + 1",
    ),
    Break(
        "layouts: the last word of the structure is not compared",
        "example/layouts.py",
        "            found &= mask\n",
        "            found &= mask\n            found[:, -1:] = 0\n",
    ),
    Break(
        "the walk: records are taken for all of them in their order",
        "example/spans.py",
        "every = self._ascending and len(entry) == self._found.shape[2]",
        "every = len(entry) == self._found.shape[2]",
    ),
    Break(
        "the walk: two rows swapped among those with one key",
        "example/spans.py",
        "row[lane] = column[rows]",
        "row[lane] = np.roll(column[rows], 1)",
    ),
    Break(
        "the walk: rows that go on are the first ones",
        "example/spans.py",
        "self.lane = self.lane.take(rows)",
        "self.lane = self.lane[: len(rows)]",
    ),
    Break(
        "keys: the end of a long key is not compared",
        "example/keys.py",
        "places = [*range(8, len(pattern) - 8, 8), len(pattern) - 8] if len(pattern) > 8 else []",
        "places = [*range(8, len(pattern) - 8, 8)]",
    ),
    Break(
        "records read one by one: the next one's place",
        "example/spans.py",
        "            ends[index] = at\n",
        "            ends[index] = at + len(payload) % 2\n",
    ),
    Break(
        "single integers: those of three bytes",
        "example/columns.py",
        "return values if np.all(fits & (width == size)) else None",
        "return values ^ (size == 3) if np.all(fits & (width == size)) else None",
    ),
    Break(
        "strings of one size: one size for another",
        "example/strings.py",
        "rows = np.flatnonzero(size == each) if len(sizes) > 1 else slice(None)",
        "rows = np.flatnonzero(size <= each) if len(sizes) > 1 else slice(None)",
    ),
    Break(
        "varints: the middle byte of three",
        "example/varints.py",
        "longer = words * np.uint32(127)",
        "longer = words * np.uint32(126)",
    ),
    Break(
        "varints: bytes beyond the eighth",
        "example/varints.py",
        "for index in (8, 9):",
        "for index in (8,):",
    ),
    Break(
        "varints in pieces: where the next begins",
        "example/varints.py",
        "        done += stops.size\n",
        "        done += stops.size - (begin > size)\n",
    ),
    Break(
        "varints written: those of four bytes",
        "example/varints.py",
        "for index in range(1, -(-bits // 7)):",
        "for index in range(1, min(-(-bits // 7), 3)):",
    ),
    Break(
        "columns to records: entries of a size in each other's places",
        "example/entries.py",
        "payloads = _items(content, size)[begins[of_size]] if size else None",
        "payloads = _items(content, size)[begins[of_size[::-1]]] if size else None",
    ),
    Break(
        "columns to records: more sizes than a byte counts",
        "example/entries.py",
        "narrow = np.min_scalar_type(len(self._sizes))",
        "narrow = np.uint8",
    ),
    Break(
        "columns to records: whole numbers beyond what float32 holds",
        "example/floats.py",
        "floats.max() < LARGEST_WHOLE",
        "floats.max() < 2 * LARGEST_WHOLE",
    ),
    Break(
        "columns to records: large payloads",
        "example/entries.py",
        "view[middle : middle + size] = rows[row * size : (row + 1) * size]",
        "view[middle : middle + size] = rows[:size]",
    ),
    Break(
        "columns to sequences: steps of a record in the place of another's",
        "example/entries.py",
        "steps = np.repeat(at - self._begins, self._counts) + self._bounds[:-1]",
        "steps = np.repeat((at - self._begins)[::-1], self._counts) + self._bounds[:-1]",
    ),
    Break(
        "columns to sequences: steps of no kind",
        "example/entries.py",
        "        _put(buffer, empty, _NO_KIND, None, 0)\n",
        "",
    ),
    Break(
        "steps: a message that may begin anywhere is one",
        "example/steps.py",
        "linked = places.where(_linked(places, begin[rest], end[rest]))",
        "linked = places",
    ),
    Break(
        "steps: what is told by bytes is not looked at again",
        "example/steps.py",
        "    good[found.of[found.after != expected]] = False\n",
        "",
    ),
    Break(
        "records of a block: those far apart",
        "records/framing.py",
        "begins = np.arange(len(self)) * longest + (starts - near)",
        "begins = np.arange(len(self)) * longest",
    ),
    Break(
        "frames of one length: one too many",
        "records/framing.py",
        "return edges[: _right_guesses(buffer, edges) + 1]",
        "return edges",
    ),
    Break(
        "random access: records of a run read at once",
        "files/plain_frames.py",
        "yield data[begin - at : end - at]",
        "yield data[: end - begin]",
    ),
    Break(
        "epochs: records of several files in the order of the files",
        "dataset/picker.py",
        "starts[rows], lengths[rows] = block.starts + size, block.lengths",
        "starts[np.sort(rows)[::-1]], lengths[rows] = block.starts + size, block.lengths",
    ),
)


def first_failure(each: Break, folder: Path) -> str | None:
    """Return the first test that fails with a change; None where none does."""
    shutil.copytree(ROOT / "tfrecord_lite", folder / "tfrecord_lite", dirs_exist_ok=True)
    module = folder / "tfrecord_lite" / each.module
    text = module.read_text(encoding="utf-8")
    if text.count(each.old) != 1:
        raise SystemExit(f"{each.what}: {each.module} has this {text.count(each.old)} times")
    module.write_text(text.replace(each.old, each.new), encoding="utf-8")
    run = subprocess.run(
        [
            *(sys.executable, "-m", "pytest", "-q", "-x", "--no-header", "-p", "no:cacheprovider"),
            *("-k", "not tensorflow and not workers and not numpy"),
            *(os.fspath(ROOT / "tests" / path) for path in TESTS),
        ],
        cwd=folder,
        env={**os.environ, "PYTHONPATH": os.fspath(folder)},
        capture_output=True,
        text=True,
        check=False,
    )
    failed = re.findall(r"^FAILED \S*::(\S+)", run.stdout, re.MULTILINE)
    if run.returncode and not failed:
        raise SystemExit(f"{each.what}: {run.stdout[-2000:]}{run.stderr[-2000:]}")
    return failed[0] if failed else None


def main() -> int:
    """Break one way after the other."""
    wanted = [each for each in BREAKS if all(word in each.what for word in sys.argv[1:])]
    unnoticed = 0
    for each in wanted:
        with tempfile.TemporaryDirectory() as folder:
            test = first_failure(each, Path(folder))
        print(f"{each.what}\n    {test or 'NO TEST FAILS'}", flush=True)
        unnoticed += test is None
    print(f"{len(wanted) - unnoticed} of {len(wanted)} are noticed")
    return 1 if unnoticed else 0


if __name__ == "__main__":
    sys.exit(main())
