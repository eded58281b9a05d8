"""The data source whose processes are killed as files in KILL_FOLDER say, or say what they do."""

from __future__ import annotations

import os
import signal
import sys
from pathlib import Path

from worlds.kills import Announcements

from tfrecord_lite.spark import TFRecordSource


def kill(point):
    try:
        os.unlink(os.path.join(os.environ["KILL_FOLDER"], point))
    except FileNotFoundError:
        return
    os.kill(os.getpid(), signal.SIGKILL)


def killing(iterator, point):
    for batch in iterator:
        yield batch
        kill(point)


class Wrapped:
    """Takes a method of a reader or writer, and kills on the way through what it is called with."""

    def __init__(self, method, point):
        self.method, self.point = method, point

    def __call__(self, value):
        if self.point == "read":
            return killing(self.method(value), "read")
        if self.point == "write":
            return self.method(killing(value, "write"))
        renames = 0

        def count(event, _):
            nonlocal renames
            if event == "os.rename":
                renames += 1
                kill(f"commit{renames}")

        sys.addaudithook(count)
        return self.method(value)


class Announced:
    """Takes a method of a reader or writer, and says so as long as it runs."""

    def __init__(self, method, what):
        self.method = method
        self.work = Announcements(Path(os.environ["KILL_FOLDER"]), what)
        self.what = what

    def __call__(self, value):
        if self.what == "read":
            return self.read(value)
        with self.work.announced():
            return self.method(value)

    def read(self, partition):
        with self.work.announced():
            yield from self.method(partition)


class KillingSource(TFRecordSource):
    """The data source, the methods of whose readers and writers are ``wrapped``."""

    wrapped = Wrapped

    @classmethod
    def name(cls):
        return "killing"

    def reader(self, schema):
        reader = super().reader(schema)
        reader.read = self.wrapped(reader.read, "read")
        return reader

    def writer(self, schema, overwrite):
        writer = super().writer(schema, overwrite)
        writer.write = self.wrapped(writer.write, "write")
        writer.commit = self.wrapped(writer.commit, "commit")
        return writer


class AnnouncingSource(KillingSource):
    """The same, whose processes say in KILL_FOLDER what they are at."""

    wrapped = Announced

    @classmethod
    def name(cls):
        return "announcing"
