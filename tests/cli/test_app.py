"""The command as a whole."""

from __future__ import annotations

import re
import subprocess
import sys
from pathlib import Path

import pytest
import typer

import tfrecord_lite as tfr
from tfrecord_lite.cli.app import app
from tfrecord_lite.cli.exits import clean_exit
from tfrecord_lite.cli.table import print_table
from tfrecord_lite.text import size_text


def test_version(command):
    outcome = command("--version")
    assert (outcome.code, outcome.out) == (0, f"tfrecord-lite {tfr.__version__}\n")


def test_python_m():
    command = [sys.executable, "-m", "tfrecord_lite", "--version"]
    assert subprocess.check_output(command, text=True) == f"tfrecord-lite {tfr.__version__}\n"


def test_help_names_every_command(command):
    outcome = command("--help")
    assert outcome.code == 0
    for name in ("info", "head", "cat", "verify"):
        assert name in outcome.out
        assert command(name, "--help").code == 0


def test_short_help_and_completion(command):
    assert command("-h").out == command("--help").out
    assert command("info", "-h").out == command("info", "--help").out
    assert "--install-completion" in command("-h").out


def test_messages_name_options_as_the_command_has_them(command, tmp_path):
    tfr.write_records(tmp_path / "a", [b"one"])
    for _ in range(2):
        outcome = command("shard", tmp_path / "a", tmp_path / "set", "--num-shards", 1)
    assert outcome.code == 2
    assert "pass --overwrite to replace it whole" in outcome.err
    assert "overwrite=True" not in outcome.err


def test_messages_advise_commands_and_no_calls(command, tmp_path, monkeypatch):
    pytest.importorskip("duckdb")
    monkeypatch.chdir(tmp_path)
    tfr.write_examples("good", {"a": [1, 2, 3], "b": [[1, 2]] * 3})
    data = Path("good").read_bytes()
    third = len(data) // 3
    Path("bad").write_bytes(data[: third + 2] + b"x" + data[third + 3 :])
    Path("zeros").write_bytes(data[:8] + b"\0\0\0\0" + data[12:third])
    damaged = [
        outcome.out + outcome.err
        for outcome in (
            command("shard", "bad", "set"),
            command("index", "bad"),
            command("sql", "select * from 'bad'"),
        )
    ]
    assert all("`tfrecord-lite salvage` copies all records that are" in said for said in damaged)
    for name in ("verify", "cat"):
        outcome = command(name, "zeros")
        assert "`tfrecord-lite salvage --verify none` writes" in outcome.out + outcome.err
    said = [
        command("merge", "good", "bad"),
        command("convert", "good", "new.csv"),
        command("convert", "good", "new.csv", "--select", "c"),
        command("shard", "good", "set", "--where", "a >"),
        command("shard", "good", "set", "--where", "c > 1"),
        command("shard", "good", "set", "--by", "a", "--split", "x=1"),
        command("shard", "good", "set", "--split", "x=0"),
        command("shard", "good", "set", "--num-shards", 2, "--records-per-shard", 1),
        command("shard", "good", "set", "--bytes-per-shard", 0),
        command("shard", "good", "set", "--compression", "snappy"),
    ]
    wanted = [
        "bad: File exists; pass --overwrite",
        "choose columns by --select,",
        "'a', 'b'\n",
        "--where 'a >':",
        "there are: 'a', 'b'\n",
        "--split and --by exclude",
        "--split {'x': 0.0} must",
        "--records-per-shard and --num-shards exclude",
        "--bytes-per-shard 0 must",
        "choose GZIP, ZLIB or none",
    ]
    for outcome, words in zip(said, wanted, strict=True):
        assert outcome.code
        assert words in outcome.err
    everything = "".join([*damaged, *(outcome.err for outcome in said)])
    assert not re.search(r"\b(?!train|val)[a-z_]+=", everything)


def test_messages_have_paths_as_they_are(command, tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    for folder in ("split=train", "a b/by=3", "sample=0.5"):
        path = f"{folder}/none.tfrecord"
        assert command("head", path).err.startswith(f"tfrecord-lite: {path}: no such file")


def test_what_overwrite_does_not_replace(command, tmp_path):
    tfr.write_records(tmp_path / "a", [b"one"])
    (tmp_path / "folder").mkdir()
    for name, target, reason in (
        ("merge", "folder", "File exists"),
        ("shard", "a/set", "Not a directory"),
    ):
        outcome = command(name, tmp_path / "a", tmp_path / target)
        assert outcome.code == 2
        assert reason in outcome.err
        assert "--overwrite" not in outcome.err


@pytest.mark.parametrize("name", ["head", "tail"])
def test_more_records_than_any_file_has(command, tmp_path, name):
    tfr.write_records(tmp_path / "a", [b"one"])
    assert command(name, "-n", 10**30, tmp_path / "a").out.count("not an Example") == 1


def test_interrupted_while_modules_are_loaded(command, monkeypatch):
    class Interrupting:
        def find_spec(self, *_):
            raise KeyboardInterrupt

    monkeypatch.delitem(sys.modules, "rich", raising=False)
    monkeypatch.setattr(sys, "meta_path", [Interrupting()])
    assert command("--version") == (130, "", "")


@pytest.mark.parametrize(
    ("error", "code"),
    [
        (tfr.TruncatedRecordError("cut short", path="a\n"), 1),
        (OSError(5, "no disk", "a\n"), 2),
        (ImportError("pip install something"), 2),
        (ValueError("no scheme that is known"), 2),
    ],
)
def test_errors_are_a_line_and_an_exit_code(capsys, error, code):
    with pytest.raises(typer.Exit) as exit_info, clean_exit():
        raise error
    assert exit_info.value.exit_code == code
    assert capsys.readouterr().err == f"tfrecord-lite: {error}\n"


def test_sizes_for_people():
    sizes = [0, 1023, 1024, 10**6, 10**9, 10**12, 10**15]
    assert [size_text(size) for size in sizes] == [
        "0 B",
        "1023 B",
        "1.0 KiB",
        "976.6 KiB",
        "953.7 MiB",
        "931.3 GiB",
        "909.5 TiB",
    ]


def test_tables_are_aligned_and_cut_to_the_terminal(capsys, monkeypatch):
    rows = [["a", "first", "x" * 40], ["\u540d\u524d", "2", "y"]]
    print_table(rows)
    assert capsys.readouterr().out == f"a     first  {'x' * 40}\n\u540d\u524d  2      y\n"
    monkeypatch.setattr(sys.stdout, "isatty", lambda: True)
    monkeypatch.setenv("COLUMNS", "20")
    print_table(rows)
    assert capsys.readouterr().out == "a     first  xxxx...\n\u540d\u524d  2      y\n"
    print_table([])
    assert capsys.readouterr().out == ""


def options_of(name):
    """Return the options of a command that take a value."""
    context = typer.main.get_command(app).commands[name]
    return [
        option
        for option in context.params
        if option.param_type_name == "option" and not option.is_flag
    ]


@pytest.mark.parametrize("name", sorted(typer.main.get_command(app).commands))
def test_options_say_in_a_word_what_they_take(command, name):
    for option in options_of(name):
        assert option.metavar, option.name
    done = command(name, "-h")
    assert done.code == 0
    assert done.out == command(name, "--help").out
    for option in options_of(name):
        assert option.metavar in done.out
