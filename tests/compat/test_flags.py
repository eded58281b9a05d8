"""tf.flags, tf.app.run and tf.logging, as TensorFlow 1 had them."""

from __future__ import annotations

import logging
import sys

import pytest

import tfrecord_lite.compat as tf
from tfrecord_lite.compat import flags as module


@pytest.fixture
def flags(monkeypatch):
    """tf.flags without the flags of others."""
    values = module.FlagValues()
    monkeypatch.setattr(module, "FLAGS", values)
    tf.flags.DEFINE_string("name", "goat", "a name")
    tf.flags.DEFINE_integer("count", 3, "how many")
    tf.flags.DEFINE_float("share", None, "how much")
    tf.flags.DEFINE_bool("fast", False, "whether to hurry")
    tf.flags.DEFINE_boolean("north", True, "not a negated flag")
    tf.flags.DEFINE_enum("kind", "a", ["a", "b"], "a kind")
    tf.flags.DEFINE_list("names", "a, b", "some names")
    tf.flags.DEFINE_multi_string("path", None, "some paths")
    return values


def test_defaults(flags):
    assert flags(["script.py"]) == ["script.py"]
    assert flags.flag_values_dict() == {
        "name": "goat", "count": 3, "share": None, "fast": False, "north": True,
        "kind": "a", "names": ["a", "b"], "path": None,
    }  # fmt: skip
    assert "name" in flags
    assert "other" not in flags
    assert flags["count"].present == 0
    assert sorted(flags) == sorted(flags.flag_values_dict())


@pytest.mark.parametrize(
    ("arguments", "name", "value"),
    [
        (["--name=a=b"], "name", "a=b"),
        (["--name", "--count"], "name", "--count"),
        (["-name", ""], "name", ""),
        (["--count=-7"], "count", -7),
        (["--count", "0x1f"], "count", 31),
        (["--count=1", "--count=2"], "count", 2),
        (["--share=1e-3"], "share", 0.001),
        (["--fast"], "fast", True),
        (["--fast=no"], "fast", False),
        (["--fast", "--nofast"], "fast", False),
        (["--north"], "north", True),
        (["--nonorth"], "north", False),
        (["--kind=b"], "kind", "b"),
        (["--names="], "names", []),
        (["--names", "x,y"], "names", ["x", "y"]),
        (["--path=a", "--path=b"], "path", ["a", "b"]),
    ],
)
def test_values(flags, arguments, name, value):
    assert flags(["script.py", *arguments]) == ["script.py"]
    assert getattr(flags, name) == value
    assert flags[name].value == value
    assert flags[name].present


@pytest.mark.parametrize(
    "arguments",
    [
        ["--count=x"],
        ["--count=1.5"],
        ["--share=much"],
        ["--fast=perhaps"],
        ["--kind=c"],
        ["--name"],
    ],
)
def test_wrong_values(flags, arguments):
    with pytest.raises(tf.flags.IllegalFlagValueError, match=arguments[0].partition("=")[0]):
        flags(["script.py", *arguments])


def test_a_wrong_default():
    with pytest.raises(tf.flags.IllegalFlagValueError, match="--half"):
        tf.flags.DEFINE_integer("half", 0.5, "no integer")
    assert "half" not in tf.flags.FLAGS


def test_what_is_no_flag_is_returned(flags):
    arguments = ["script.py", "a", "--fast", "-", "b", "--", "--count=9"]
    assert flags(arguments) == ["script.py", "a", "-", "b", "--count=9"]
    assert flags.fast
    assert flags.count == 3


@pytest.mark.parametrize("argument", ["--other=1", "--noname", "-x"])
def test_flags_that_nobody_defined(flags, argument):
    with pytest.raises(tf.flags.UnrecognizedFlagError, match=argument):
        flags(["script.py", argument])
    assert flags(["script.py", argument, "a"], known_only=True) == ["script.py", argument, "a"]


def test_unknown_names(flags):
    with pytest.raises(AttributeError, match="--other"):
        _ = flags.other
    with pytest.raises(AttributeError, match="--other"):
        flags.other = 1
    flags.count = 9
    assert flags.count == 9


def test_a_flag_is_defined_once(flags):
    with pytest.raises(tf.flags.DuplicateFlagError, match="--name"):
        tf.flags.DEFINE_string("name", None, "again")


def test_the_command_line_is_parsed_when_it_is_asked_for(flags, monkeypatch):
    monkeypatch.setattr(sys, "argv", ["script.py", "--count=5", "--of_others=1"])
    assert not flags.is_parsed()
    assert flags.count == 5
    assert flags.is_parsed()


def test_required_flags(flags):
    tf.flags.mark_flags_as_required(["name", "share"])
    with pytest.raises(tf.flags.IllegalFlagValueError, match="--share must have a value"):
        flags(["script.py"])
    flags(["script.py", "--share=1"])
    assert flags.share == 1


def test_help(flags, capsys):
    with pytest.raises(SystemExit) as left:
        flags(["script.py", "--help"])
    assert left.value.code == 1
    said = capsys.readouterr().out
    assert "  --[no]fast: whether to hurry (default: False)\n" in said
    assert "  --name: a name (default: 'goat')\n" in said


def test_run(flags):
    called = []

    def main(argv):
        called.append((argv, flags.count))
        return 7

    with pytest.raises(SystemExit) as left:
        tf.app.run(main, ["script.py", "file", "--count=5", "--of_others=1"])
    assert left.value.code == 7
    assert called == [(["script.py", "file", "--of_others=1"], 5)]


def test_run_finds_the_main_of_the_script(flags, monkeypatch):
    monkeypatch.setattr(sys.modules["__main__"], "main", lambda argv: len(argv), raising=False)
    monkeypatch.setattr(sys, "argv", ["script.py", "a", "--fast"])
    with pytest.raises(SystemExit) as left:
        tf.app.run()
    assert left.value.code == 2
    assert flags.fast


def test_run_says_what_is_wrong_with_flags(flags, capsys):
    with pytest.raises(SystemExit) as left:
        tf.app.run(lambda _: pytest.fail("called"), ["script.py", "--count=many"])
    assert left.value.code == 1
    assert capsys.readouterr().err.startswith("script.py: flag --count=many: ")


@pytest.fixture
def logged(monkeypatch):
    """What the logger gets, from warnings on."""
    logger = logging.getLogger("tfrecord_lite")
    found = []
    handler = logging.Handler()
    handler.emit = lambda record: found.append((record.levelname, record.getMessage()))
    monkeypatch.setattr(logger, "handlers", [handler])
    monkeypatch.setattr(logger, "level", logging.NOTSET)
    logger.manager._clear_cache()
    yield found
    logger.manager._clear_cache()


def test_levels(logged):
    logs = tf.logging
    assert logs.get_verbosity() == logs.WARN
    logs.info("unheard")
    logs.warning("one %d", 1)
    logs.set_verbosity(logs.DEBUG)
    assert logs.get_verbosity() == logs.DEBUG
    for log in (logs.debug, logs.info, logs.warning, logs.error, logs.fatal):
        log("%s", log.__name__)
    logs.log(logs.INFO, "two")
    logs.vlog(logs.INFO, "three")
    logs.flush()
    assert logged == [
        ("WARNING", "one 1"),
        ("DEBUG", "debug"),
        ("INFO", "info"),
        ("WARNING", "warning"),
        ("ERROR", "error"),
        ("CRITICAL", "fatal"),
        ("INFO", "two"),
        ("INFO", "three"),
    ]


def test_some_messages(logged):
    for i in range(7):
        tf.logging.log_every_n(tf.logging.ERROR, "every %d", 3, i)
        tf.logging.log_first_n(tf.logging.ERROR, "first %d", 2, i)
        tf.logging.log_if(tf.logging.ERROR, "if %d", i == 4, i)
    said = [message for _, message in logged]
    assert sorted(said) == ["every 0", "every 3", "every 6", "first 0", "first 1", "if 4"]
