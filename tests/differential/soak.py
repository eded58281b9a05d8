"""Hold every way against reading record by record, with ever new schemas, for as long as wanted.

``python tests/differential/soak.py --seconds 600 --seed 1``: each case goes through all ways; half
of the cases with some threshold at its smallest value or never reached. Prints the rows compared,
and for a difference the command that shows it again; then the exit code is 1.
"""

from __future__ import annotations

import argparse
import os
import sys
import tempfile
import time
from collections import Counter
from pathlib import Path

sys.path.insert(0, os.fspath(Path(__file__).parents[1]))

from differential.settings import SETTINGS, applied
from differential.ways import SLOW, UNPADDED, WAYS, make_case, run


def main() -> int:
    """Run until the time is over."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--seconds", type=float, default=60)
    parser.add_argument("--seed", type=int, default=int(time.time()) % 10**9)
    parser.add_argument("--way", choices=WAYS, help="this one alone, of the very seed")
    parser.add_argument("--setting", choices=SETTINGS, help="with this threshold")
    options = parser.parse_args()
    if options.way:
        with applied(options.setting):
            print(f"{run(options.way, options.seed):,} rows, no difference")
        return 0
    end = time.monotonic() + options.seconds
    rows: Counter[str] = Counter()
    seed, failures = options.seed, 0
    while time.monotonic() < end:
        # By turns, so that each setting meets many schemas.
        setting = None if seed % 2 else list(SETTINGS)[seed // 2 % len(SETTINGS)]
        ways = [way for way in WAYS if way not in SLOW or seed % 20 == 1]
        rows.update(_through(ways, seed, setting, lambda *found: print(*found, flush=True)))
        failures += rows.pop("failures", 0)
        seed += 1
    for way, count in rows.items():
        print(f"{count:12,} rows {way}")
    print(f"{rows.total():12,} rows in {seed - options.seed:,} cases, {failures} differences")
    return 1 if failures else 0


def _through(ways: list[str], seed: int, setting: str | None, tell: object) -> Counter[str]:
    """Take the cases of a seed through ways."""
    rows: Counter[str] = Counter()
    for padded in (True, False):
        here = [way for way in ways if (way not in UNPADDED) == padded]
        with tempfile.TemporaryDirectory() as folder, applied(setting):
            case = make_case(seed, Path(folder), padded=padded)
            for way in here:
                case.oracle.rows = 0
                case.random.seed(seed)
                try:
                    WAYS[way](case)
                except Exception as error:
                    rows["failures"] += 1
                    with_setting = f" --setting {setting}" if setting else ""
                    assert callable(tell)
                    tell(
                        f"--way {way} --seed {seed}{with_setting}: "
                        f"{type(error).__name__}: {str(error)[:300]}"
                    )
                rows[way] += case.oracle.rows
    return rows


if __name__ == "__main__":
    sys.exit(main())
