"""``tf.flags`` of TensorFlow 1: the options of a script, and their values in `FLAGS`."""

from __future__ import annotations

import sys
from typing import TYPE_CHECKING, Any

from tfrecord_lite.compat._missing import missing

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable, Iterator, Sequence

__all__ = [
    "FLAGS",
    "DEFINE_bool",
    "DEFINE_boolean",
    "DEFINE_enum",
    "DEFINE_float",
    "DEFINE_integer",
    "DEFINE_list",
    "DEFINE_multi_string",
    "DEFINE_string",
    "DuplicateFlagError",
    "Error",
    "Flag",
    "FlagValues",
    "IllegalFlagValueError",
    "UnrecognizedFlagError",
    "mark_flag_as_required",
    "mark_flags_as_required",
]

__getattr__ = missing("tf.flags")

_TRUE = {"true", "t", "1", "yes", "y"}
_FALSE = {"false", "f", "0", "no", "n"}


class Error(Exception):
    """What is wrong with flags."""


class DuplicateFlagError(Error):
    """A flag is defined twice."""


class IllegalFlagValueError(Error):
    """A flag has a value that it cannot have, or none where it must have one."""


class UnrecognizedFlagError(Error, AttributeError):
    """Nobody defined a flag."""


class Flag:
    """A flag: its ``name``, ``default``, ``value``, ``help``, and whether it was ``present``."""

    def __init__(
        self,
        name: str,
        default: Any,
        text: str | None,
        parse: Callable[[Any], Any],
    ) -> None:
        self.name = name
        self.help = text or ""
        self.parse = parse
        self.is_bool = parse is _parse_bool
        self.is_multiple = False
        self.required = False
        self.present = 0
        self.default: Any = None if default is None else self.read(default)
        self.value: Any = self.default

    def read(self, given: Any) -> Any:
        """Return the value that a text, or a default, stands for."""
        try:
            return self.parse(given)
        except ValueError as error:
            raise IllegalFlagValueError(f"flag --{self.name}={given}: {error}") from None

    def take(self, given: Any) -> None:
        """Set the value as the command line gives it."""
        value: Any = self.read(given)
        if self.is_multiple and self.present:
            value = [*self.value, *value]
        self.value = value
        self.present += 1


class FlagValues:
    """All flags of a program: their values as attributes, the flags themselves by ``[name]``.

    Called with arguments, the script's name first, it parses them and returns those that are no
    flags. As in TensorFlow, values that are asked for before are those of ``sys.argv``.

    >>> flags = FlagValues()
    >>> flags.define(Flag("count", 3, "how many", int))
    >>> flags(["script.py", "--count=5", "file"]), flags.count
    (['script.py', 'file'], 5)
    """

    def __init__(self) -> None:
        self.__dict__["_flags"] = {}
        self.__dict__["_parsed"] = False

    def define(self, flag: Flag) -> None:
        """Add a flag."""
        if flag.name in self._flags:
            raise DuplicateFlagError(f"the flag --{flag.name} is defined twice")
        self._flags[flag.name] = flag

    def __call__(self, argv: Sequence[str], known_only: bool = False) -> list[str]:
        """Parse arguments; return those that are no flags, the script's name first.

        Flags that nobody defined are returned with them if ``known_only``, else are an
        `UnrecognizedFlagError`. A wrong value, or a required flag without one, is an
        `IllegalFlagValueError`. ``--help`` prints all flags and leaves the program with 1.
        """
        self.__dict__["_parsed"] = True
        arguments = iter(argv[1:])
        rest = list(argv[:1])
        for argument in arguments:
            if argument == "--":
                rest.extend(arguments)
            elif not argument.startswith("-") or argument == "-":
                rest.append(argument)
            elif not self._take(argument, arguments):
                if not known_only:
                    raise UnrecognizedFlagError(f"nobody defined the flag {argument}")
                rest.append(argument)
        for flag in self._flags.values():
            if flag.required and flag.value is None:
                raise IllegalFlagValueError(f"flag --{flag.name} must have a value")
        return rest

    def _take(self, argument: str, arguments: Iterator[str]) -> bool:
        """Set the flag of an argument, which may need the next; tell whether it is known."""
        name, equals, given = argument.lstrip("-").partition("=")
        if name in {"help", "h"} and name not in self._flags:
            print(self.usage())
            sys.exit(1)
        if not equals and name.startswith("no"):
            negated = self._flags.get(name[2:])
            if negated is not None and negated.is_bool:
                negated.take(False)
                return True
        flag = self._flags.get(name)
        if flag is None:
            return False
        if equals:
            flag.take(given)
        elif flag.is_bool:
            flag.take(True)
        else:
            following = next(arguments, None)
            if following is None:
                raise IllegalFlagValueError(f"flag --{name} must have a value")
            flag.take(following)
        return True

    def usage(self) -> str:
        """Return what ``--help`` prints: the script's docstring, and a line for each flag."""
        lines = [sys.modules["__main__"].__doc__ or "", "flags:"]
        for name, flag in sorted(self._flags.items()):
            shown = f"--[no]{name}" if flag.is_bool else f"--{name}"
            lines.append(f"  {shown}: {flag.help} (default: {flag.default!r})")
        return "\n".join(lines)

    def is_parsed(self) -> bool:
        """Tell whether arguments were parsed."""
        return bool(self._parsed)

    def flag_values_dict(self) -> dict[str, Any]:
        """Return the value of each flag."""
        return {name: flag.value for name, flag in self._flags.items()}

    def __getitem__(self, name: str) -> Flag:
        """Return a flag."""
        flag: Flag = self._flags[name]
        return flag

    def __contains__(self, name: object) -> bool:
        """Tell whether a flag is defined."""
        return name in self._flags

    def __iter__(self) -> Iterator[str]:
        """Iterate over the names of flags."""
        return iter(self._flags)

    def __getattr__(self, name: str) -> Any:
        """Return the value of a flag."""
        if name.startswith("__"):
            raise AttributeError(name)
        if name not in self._flags:
            raise UnrecognizedFlagError(f"nobody defined the flag --{name}")
        if not self._parsed:
            self(sys.argv, known_only=True)
        return self._flags[name].value

    def __setattr__(self, name: str, value: Any) -> None:
        """Set the value of a flag, whatever it is."""
        if name not in self._flags:
            raise UnrecognizedFlagError(f"nobody defined the flag --{name}")
        self._flags[name].value = value


FLAGS = FlagValues()
"""The flags of this program."""


def _parse_bool(given: Any) -> bool:
    text = str(given).lower()
    if text not in _TRUE | _FALSE:
        raise ValueError("it is true or false")
    return text in _TRUE


def _parse_integer(given: Any) -> int:
    if isinstance(given, str):
        return int(given, 0) if given.lstrip("+-").lower().startswith("0x") else int(given)
    if isinstance(given, bool) or int(given) != given:
        raise ValueError("it is no integer")
    return int(given)


def _parse_list(given: Any) -> list[str]:
    if not isinstance(given, str):
        return list(given)
    return [item.strip() for item in given.split(",")] if given else []


def DEFINE_string(name: str, default: str | None, help: str | None) -> None:  # noqa: A002, N802
    """Define a flag that has a text."""
    FLAGS.define(Flag(name, default, help, str))


def DEFINE_integer(name: str, default: int | None, help: str | None) -> None:  # noqa: A002, N802
    """Define a flag that has an integer, decimal, or hexadecimal with 0x."""
    FLAGS.define(Flag(name, default, help, _parse_integer))


def DEFINE_float(name: str, default: float | None, help: str | None) -> None:  # noqa: A002, N802
    """Define a flag that has a float."""
    FLAGS.define(Flag(name, default, help, float))


def DEFINE_boolean(name: str, default: bool | None, help: str | None) -> None:  # noqa: A002, N802
    """Define a flag that is true (``--name``) or false (``--noname``, ``--name=false``)."""
    FLAGS.define(Flag(name, default, help, _parse_bool))


DEFINE_bool = DEFINE_boolean


def DEFINE_enum(  # noqa: N802
    name: str,
    default: str | None,
    enum_values: Iterable[str],
    help: str | None,  # noqa: A002
) -> None:
    """Define a flag that has one of some texts."""
    values = list(enum_values)

    def parse(given: Any) -> str:
        if given not in values:
            raise ValueError(f"it is one of {', '.join(values)}")
        return str(given)

    FLAGS.define(Flag(name, default, help, parse))


def DEFINE_list(name: str, default: Any, help: str | None) -> None:  # noqa: A002, N802
    """Define a flag that has texts with commas between them: a list of str."""
    FLAGS.define(Flag(name, default, help, _parse_list))


def DEFINE_multi_string(name: str, default: Any, help: str | None) -> None:  # noqa: A002, N802
    """Define a flag that may come several times: a list of str."""
    flag = Flag(name, default, help, lambda given: [given] if isinstance(given, str) else [*given])
    flag.is_multiple = True
    FLAGS.define(flag)


def mark_flag_as_required(name: str) -> None:
    """Have the program refuse to start where a flag has no value."""
    FLAGS[name].required = True


def mark_flags_as_required(names: Iterable[str]) -> None:
    """Have the program refuse to start where one of some flags has no value."""
    for name in names:
        mark_flag_as_required(name)
