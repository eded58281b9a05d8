"""What messages of the library say to those who write programs, for those who type commands."""

from __future__ import annotations

import re
from typing import TYPE_CHECKING, Final

if TYPE_CHECKING:
    from tfrecord_lite.integrity.report import Report

__all__ = ["in_words_of_the_command", "say_in_words_of_the_command"]

# What advises a call, or a parameter that commands do not have, and what commands have instead.
_ADVICE: Final = tuple(
    (re.compile(found), said)
    for found, said in (
        (
            r"; reading with on_damage= goes on at the next true record",
            "; `tfrecord-lite salvage` copies all records that are intact",
        ),
        (
            r"max_record_bytes=(\d+); raise the limit to read it",
            r"\1; `tfrecord-lite salvage --max-record-bytes SIZE` copies it",
        ),
        (
            r"read such files with verify='none', which checks nothing, and write them again",
            "`tfrecord-lite salvage --verify none` writes such files again with true ones",
        ),
        (r"read from its front, with RecordReader", "read from its front"),
        (
            r"write it again, in blocks: write_records\(.*'\), or without compression",
            "write it again: `tfrecord-lite merge OLD NEW --compression GZIP`, or none",
        ),
        (
            r"write the file again: write_records\(.*'\)",
            "write the file again: `tfrecord-lite salvage OLD NEW`",
        ),
        (
            r"build it again: RecordIndex\.build\(path\)\.save\(\)",
            "`tfrecord-lite index` builds it again",
        ),
        (r"\. \(Pass features= for one that the first records do not have\)", ""),
        (r"; if only some records have it, pass a mapping that says what it is", ""),
        (
            r"pass an empty array that does, such as [^ ]+ np\.int64\), or features=, or None",
            "say it by --features, or write null",
        ),
        (r"\bpass features=(, in which float32)", r"pass --features\1"),
        (r"(cast is for columns that have types; pass) features=", r"\1 --features"),
        (r"\b(say it|say which) by features=", r"\1 by --features"),
        # Other commands infer features, too, and have no such option.
        (
            r"([:;]) pass features=(?= with it,|\)?$)",
            r"\1 `tfrecord-lite convert` takes --features",
        ),
        (r", or make it one array and pass features= with its shape", ""),
        (
            r"features is a SequenceFeatures, and these .*; parse_sequence_example.*",
            "--features are of SequenceExamples, and these records are read as Examples",
        ),
        (r": decode_sequence_example and parse_sequence_example read these, and features=.*", ""),
        (r": pass features= without it", ": name other features"),
        (r"say which there are by features=, or write", "write"),
        (r"; pass features=, or the path of a file", "; give the path of a file"),
        (r"cast=\{'([^'{}]*)': '([^'{}]*)'\}", r"--cast \1=\2"),
        (
            r"layout='tfx' and select are for Examples, and these are SequenceExamples: .*",
            "--select is for Examples, and these are SequenceExamples",
        ),
        (r"'GZIP', 'ZLIB' or None", "GZIP, ZLIB or none"),
        (r"\bwrite_compression is\b", "--compression is"),
        (r"\b(cast|features|select) (is|are) for\b", r"--\1 \2 for"),
        (r"\bsplit and by exclude\b", "--split and --by exclude"),
    )
)
# Parameters that commands have as options. What stands in a path, as `split=train/` does, is none.
_OPTION: Final = re.compile(
    r"(?<![^\s(])(by|bytes_per_shard|cast|compression|num_shards|overwrite|records_per_shard|sample"
    r"|seed|select|shuffle|split|where|write_compression)="
    r"(True|None|N|[0-9]+|'(?:[^'\\]|\\.)*'|\"(?:[^\"\\]|\\.)*\"|\{[^{}]*\})?"
    r"(?=[,;:.)]*(?:\s|$))"
)
_TWO_OPTIONS: Final = re.compile(
    r"\b((?:records_per_shard|bytes_per_shard|num_shards)(?: and (?:bytes_per_shard|num_shards))+)"
    r"(?= exclude)"
)


def in_words_of_the_command(message: str) -> str:
    """Return a message with options instead of parameters, and commands instead of calls.

    >>> in_words_of_the_command("there is a set of this name; pass overwrite=True to replace it")
    'there is a set of this name; pass --overwrite to replace it'
    >>> in_words_of_the_command("column 'a': CSV has no list; choose columns by select=")
    "column 'a': CSV has no list; choose columns by --select"
    """
    for found, said in _ADVICE:
        message = found.sub(said, message)
    message = _TWO_OPTIONS.sub(lambda names: _dashed(names[1]), message)
    return _OPTION.sub(_option, message)


def say_in_words_of_the_command(report: Report) -> None:
    """Have the reasons in a report say what a command can do."""
    for file in report.files:
        file.damage[:] = [
            damage._replace(reason=in_words_of_the_command(damage.reason)) for damage in file.damage
        ]


def _dashed(names: str) -> str:
    return " and ".join(f"--{name.replace('_', '-')}" for name in names.split(" and "))


def _option(found: re.Match[str]) -> str:
    name, value = found.groups()
    option = _dashed(name)
    if value in (None, "True"):
        return option
    bare = value.strip("'\"")
    return f"{option} {value if ' ' in bare or not bare else bare}"
