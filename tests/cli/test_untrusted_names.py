"""Names that somebody else chose, given to every command (fault matrix, rows 40 and 41)."""

from __future__ import annotations

import os
from pathlib import Path

import pytest

import tfrecord_lite as tfr

# Other places, and what a terminal would obey.
NAMES = [
    "../../escaped",
    "/tmp/escaped",
    "CON",
    "a\0b",
    "\x1b]0;owned\x07",
    "line\nbreak",
    "\u202e",
]
COMMANDS = {
    "info": ["info", "FILE"],
    "head": ["head", "FILE"],
    "cat": ["cat", "FILE"],
    "tail": ["tail", "FILE"],
    "verify": ["verify", "FILE"],
    "verify_examples": ["verify", "--examples", "FILE"],
    "salvage": ["salvage", "FILE", "new"],
    "index": ["index", "FILE"],
    "shard": ["shard", "FILE", "new", "--num-shards", "2"],
}
MADE = {
    "salvage": {"new"},
    "index": {"FILE.index"},
    "shard": {
        "new-00000-of-00002.tfrecord",
        "new-00001-of-00002.tfrecord",
        "new.manifest.json",
    },
}


@pytest.fixture
def folder(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    folder = tmp_path / "outer" / "home"
    folder.mkdir(parents=True)
    monkeypatch.chdir(folder)
    return folder


@pytest.mark.parametrize("how", COMMANDS)
def test_row_40_names_in_a_file_name_no_files(command, folder: Path, how: str) -> None:
    records = [tfr.encode_example({name: name.encode()}) for name in NAMES]
    tfr.write_records("FILE", records)
    before = set(folder.parents[1].rglob("*"))
    outcome = command(*COMMANDS[how])
    assert outcome.code == 0, outcome.err
    made = {path.name for path in set(folder.parents[1].rglob("*")) - before}
    assert made == MADE.get(how, set())
    assert sorted(os.listdir(folder)) == sorted({"FILE", *made})


@pytest.mark.parametrize("name", [name for name in NAMES if not {"/", "\0"} & set(name)])
@pytest.mark.parametrize("damaged", [False, True])
@pytest.mark.parametrize("how", COMMANDS)
def test_row_41_no_name_is_obeyed(command, folder: Path, how: str, damaged: bool, name) -> None:
    records = [tfr.encode_example({name: name.encode()})] * 3
    tfr.write_records(name, records)
    if damaged:
        data = bytearray(Path(name).read_bytes())
        data[0] ^= 1
        Path(name).write_bytes(data)
    outcome = command(*(name if word == "FILE" else word for word in COMMANDS[how]))
    assert outcome.code == damaged, outcome.err
    for line in (outcome.out + outcome.err).splitlines():
        assert line.isprintable(), line
