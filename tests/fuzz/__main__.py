"""Fuzz by coverage, with atheris: ``python tests/fuzz [--seconds 60] [TARGET ...]``.

The seconds are shared out among the targets, which run one after another, each in a process of its
own. What the fuzzer learns stays in ``.fuzz/``, and so does the input of a finding: it is made
small, fixed, and kept in ``corpus/TARGET/`` under a name that tells what it found.
"""

from __future__ import annotations

import argparse
import os
import re
import resource
import subprocess
import sys
import warnings
from pathlib import Path

HERE = Path(__file__).parent
WORK = HERE.parents[1] / ".fuzz"
TIMEOUT = 60  # seconds that one input may take; by the clock, and the machine may be busy
MEMORY = 2048  # MiB
# A process that is instrumented slowly grows, whatever the target does, so it is not kept for long.
SPAN = 100  # seconds
LONGEST = 4096  # bytes of an input


def fuzz(name: str, seconds: int) -> None:
    """Run one target for so long; libFuzzer ends the process."""
    import atheris

    sys.path[:0] = [str(HERE.parents[1]), str(HERE.parent)]
    with atheris.instrument_imports(include=["tfrecord_lite"]):
        from fuzz.seeds import WORDS, seeds
        from fuzz.targets import TARGETS
    warnings.simplefilter("error")
    found, corpus = WORK / name, HERE / "corpus" / name
    found.mkdir(parents=True, exist_ok=True)
    if not any(found.iterdir()):
        for number, data in enumerate(seeds(name)):
            (found / f"seed-{number}").write_bytes(data)
    target = TARGETS[name]
    options: dict[str, object] = {
        "max_total_time": seconds,
        "timeout": TIMEOUT,
        "rss_limit_mb": MEMORY,
        "max_len": LONGEST,
        "artifact_prefix": WORK / f"{name}-",
        "print_final_stats": 1,
    }
    if name in WORDS:
        options["dict"] = words = WORK / f"{name}.dict"
        escaped = ("".join(f"\\x{byte:02x}" for byte in word) for word in WORDS[name])
        words.write_text("".join(f'"{word}"\n' for word in escaped))
    arguments = [f"-{key}={value}" for key, value in options.items()]
    folders = [str(found), *([str(corpus)] if corpus.is_dir() else [])]
    atheris.Setup([sys.argv[0], *arguments, *folders], lambda data: target(data) and None)
    atheris.Fuzz()


def run(name: str, seconds: int) -> bool:
    """Run one target in processes of its own; tell whether they found nothing."""
    before = resource.getrusage(resource.RUSAGE_CHILDREN)
    output, found = "", False
    runs = 0
    while seconds > 0 and not found:
        span = min(seconds, SPAN)
        seconds -= span
        command = [sys.executable, str(HERE), "--seconds", str(span), "--alone", name]
        done = subprocess.run(command, capture_output=True, text=True, errors="replace")
        output, found = done.stdout + done.stderr, done.returncode != 0
        runs += sum(map(int, re.findall(r"number_of_executed_units: (\d+)", output)))
    after = resource.getrusage(resource.RUSAGE_CHILDREN)
    used = after.ru_utime + after.ru_stime - before.ru_utime - before.ru_stime
    edges = re.findall(r" cov: (\d+)", output)
    print(
        f"{name:16} {'FOUND' if found else 'ok':5} {used / 60:6.1f} CPU minutes  {runs:>9,} runs  "
        f"{edges[-1] if edges else '?':>5} edges",
        flush=True,
    )
    if found:
        print(done.stdout[-4000:], done.stderr[-2000:], sep="\n", file=sys.stderr)
    return not found


def main() -> int:
    parser = argparse.ArgumentParser(prog="python tests/fuzz", description=__doc__)
    parser.add_argument("--seconds", type=int, default=60, help="in all (default 60)")
    parser.add_argument("--alone", action="store_true", help=argparse.SUPPRESS)
    parser.add_argument("targets", nargs="*", metavar="TARGET", help="default: all")
    options = parser.parse_args()
    if options.alone:
        fuzz(options.targets[0], options.seconds)
    sys.path[:0] = [str(HERE.parents[1]), str(HERE.parent)]
    from fuzz.targets import TARGETS

    unknown = set(options.targets) - TARGETS.keys()
    if unknown:
        parser.error(f"no target {', '.join(sorted(unknown))}; there are {', '.join(TARGETS)}")
    names = options.targets or list(TARGETS)
    WORK.mkdir(exist_ok=True)
    os.environ.setdefault("PYTHONHASHSEED", "0")
    results = [run(name, max(1, options.seconds // len(names))) for name in names]
    return 0 if all(results) else 1


if __name__ == "__main__":
    sys.exit(main())
