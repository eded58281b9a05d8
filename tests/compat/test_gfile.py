"""tf.io.gfile, read_file and write_file."""

from __future__ import annotations

import gc
import os
from pathlib import Path

import pytest

import tfrecord_lite.compat as tf

gfile = tf.io.gfile
errors = tf.errors


@pytest.fixture
def folder(tmp_path, monkeypatch):
    """The current directory: files, hidden files, and some in directories."""
    monkeypatch.chdir(tmp_path)
    for name in (
        "a.txt",
        "b.txt",
        ".hidden",
        "x1",
        "x2",
        "x[1]",
        "d/a.txt",
        "d/b.bin",
        "d/e/a.txt",
    ):
        Path(name).parent.mkdir(parents=True, exist_ok=True)
        Path(name).write_text(name)
    return tmp_path


@pytest.mark.parametrize(
    ("pattern", "found"),
    [
        ("*.txt", ["./a.txt", "./b.txt"]),
        ("./*.txt", ["./a.txt", "./b.txt"]),
        ("x?", ["./x1", "./x2"]),
        ("x[12]", ["./x1", "./x2"]),
        ("x[^1]", ["./x2"]),
        ("x[!1]", ["./x2"]),
        ("x[0-9]", ["./x1", "./x2"]),
        (r"x\[1\]", ["./x[1]"]),
        ("x[[]1]", ["./x[1]"]),
        (".h*", ["./.hidden"]),
        ("*d*", ["./.hidden", "./d"]),
        ("d/*", ["d/a.txt", "d/b.bin", "d/e"]),
        ("d/*/a.txt", ["d/e/a.txt"]),
        ("*/a.txt", ["./d/a.txt"]),
        ("**/a.txt", ["./d/a.txt"]),
        ("*/*/*", ["./d/e/a.txt"]),
        ("a.txt", ["a.txt"]),
        ("d/", ["d/"]),
        ("a.txt/*", []),
        ("nothing*", []),
        ("nothing/*", []),
        ("nothing", []),
        ("x[1", []),
        ("{a,b}.txt", []),
        (["*.bin", "d/*.bin", "x1"], ["d/b.bin", "x1"]),
        (("x1", "x1"), ["x1", "x1"]),
    ],
)
@pytest.mark.usefixtures("folder")
def test_glob(pattern, found):
    assert gfile.glob(pattern) == found


def test_glob_of_an_absolute_path(folder):
    names = [f"{folder}/a.txt", f"{folder}/b.txt"]
    assert gfile.glob(f"{folder}/*.txt") == names
    assert gfile.glob(f"file://{folder}/*.txt") == [f"file://{name}" for name in names]
    assert gfile.glob("/*") == sorted(f"/{name}" for name in os.listdir("/"))


@pytest.mark.usefixtures("folder")
def test_looking():
    assert gfile.exists("a.txt")
    assert gfile.exists(b"d")
    assert gfile.exists(Path("d/e"))
    assert gfile.isdir("d")
    for nothing in ("nothing", ""):
        assert not gfile.exists(nothing)
        assert not gfile.isdir(nothing)
    assert not gfile.isdir("a.txt")
    assert gfile.listdir("d") == ["a.txt", "b.bin", "e"]
    for no_folder in ("nothing", "a.txt"):
        with pytest.raises(errors.NotFoundError):
            gfile.listdir(no_folder)
    status = gfile.stat("a.txt")
    assert (status.length, status.is_directory) == (5, False)
    assert status.mtime_nsec == os.stat("a.txt").st_mtime_ns
    assert gfile.stat("d").is_directory
    with pytest.raises(errors.NotFoundError):
        gfile.stat("nothing")
    assert gfile.join("a", "b") == os.path.join("a", "b")


@pytest.mark.usefixtures("folder")
def test_walk():
    below = [("d", ["e"], ["a.txt", "b.bin"]), ("d/e", [], ["a.txt"])]
    assert list(gfile.walk("d")) == below
    assert list(gfile.walk("d", topdown=False)) == below[::-1]
    assert list(gfile.walk("nothing")) == []


def test_walk_goes_into_directories_that_are_links(folder):
    os.symlink(folder / "d" / "e", folder / "d" / "link")
    found = [(name, sorted(folders), files) for name, folders, files in gfile.walk("d")]
    assert found[0] == ("d", ["e", "link"], ["a.txt", "b.bin"])
    assert ("d/link", [], ["a.txt"]) in found
    os.remove("d/link")
    os.symlink(folder / "d", folder / "d" / "e" / "circle")
    assert len(list(gfile.walk("d"))) < 1000


@pytest.mark.usefixtures("folder")
def test_renaming_a_directory_into_itself():
    with pytest.raises(errors.InvalidArgumentError, match="d is renamed into itself: d/e/f"):
        gfile.rename("d", "d/e/f")


@pytest.mark.usefixtures("folder")
def test_directories():
    gfile.makedirs("n/m")
    gfile.makedirs("n/m")
    gfile.mkdir("n")
    gfile.mkdir("n/o")
    assert gfile.listdir("n") == ["m", "o"]
    with pytest.raises(errors.NotFoundError):
        gfile.mkdir("p/q")
    for taken in ("a.txt", "a.txt/b"):
        with pytest.raises(errors.FailedPreconditionError):
            gfile.makedirs(taken)
    with pytest.raises(errors.AlreadyExistsError):
        gfile.mkdir("a.txt")
    gfile.rmtree("n")
    assert not gfile.exists("n")
    gfile.rmtree("x1")
    assert not gfile.exists("x1")
    with pytest.raises(errors.NotFoundError):
        gfile.rmtree("n")


def test_rmtree_of_a_link_leaves_what_it_points_to(folder):
    os.symlink(folder / "d", "link")
    gfile.rmtree("link")
    assert gfile.exists("d/a.txt")
    assert not os.path.lexists("link")


@pytest.mark.usefixtures("folder")
def test_files():
    gfile.remove("x1")
    with pytest.raises(errors.NotFoundError):
        gfile.remove("x1")
    with pytest.raises(errors.OpError):
        gfile.remove("d")
    for move in (gfile.copy, gfile.rename):
        with pytest.raises(errors.AlreadyExistsError):
            move("a.txt", "b.txt")
        with pytest.raises(errors.NotFoundError):
            move("nothing", "c.txt")
    assert Path("b.txt").read_text() == "b.txt"
    gfile.copy("a.txt", "c.txt")
    gfile.copy("a.txt", "b.txt", overwrite=True)
    gfile.rename("x2", "y2")
    gfile.rename("a.txt", "y2", overwrite=True)
    assert [Path(name).read_text() for name in ("b.txt", "c.txt", "y2")] == ["a.txt"] * 3
    with pytest.raises(errors.OpError):
        gfile.copy("c.txt", "c.txt", overwrite=True)
    assert Path("c.txt").read_text() == "a.txt"
    with pytest.raises(errors.FailedPreconditionError):
        gfile.copy("c.txt", "d", overwrite=True)


def test_other_file_systems():
    for call in (gfile.exists, gfile.glob, gfile.listdir, tf.io.read_file):
        with pytest.raises(errors.UnimplementedError, match=r"'gs'.*gs://bucket"):
            call("gs://bucket/name")


class TestGFile:
    def test_text(self, folder):
        with gfile.GFile("t", "w") as file:
            assert file.tell() == 0
            file.write("grün\r\n")
            file.write(b"blau")
            assert file.tell() == 11
        assert Path("t").read_bytes() == "grün\r\nblau".encode()
        with gfile.GFile(Path("t")) as file:
            assert file.read() == "grün\r\nblau"
            assert (file.tell(), file.size(), file.seekable()) == (11, 11, True)
            file.seek(0)
            assert file.readlines() == ["grün\n", "blau"]
            file.seek(-4, 2)
            assert file.read(2) == "bl"
            file.seek(1, 1)
            assert file.readline() == "u"
            assert file.readline() == ""
        assert [line.strip() for line in gfile.GFile("t")] == ["grün", "blau"]

    def test_bytes(self, folder):
        with gfile.GFile("t", "wb") as file:
            file.write(bytearray(b"\xff\n\0"))
        file = gfile.GFile("t", "rb")
        assert (file.read(1), file.read(), file.read()) == (b"\xff", b"\n\0", b"")
        assert list(gfile.GFile("t", "rb")) == [b"\xff\n", b"\0"]
        with pytest.raises(UnicodeDecodeError):
            gfile.GFile("t").read()

    def test_append(self, folder):
        for _ in range(2):
            with gfile.GFile("a.txt", "a") as file:
                file.write("+")
        assert Path("a.txt").read_text() == "a.txt++"

    def test_flush(self, folder):
        file = gfile.GFile("t", "w")
        file.write("some")
        file.flush()
        other = gfile.GFile("t")
        assert other.read() == "some"
        other.flush()
        file.close()
        file.close()

    def test_nothing_happens_before_the_first_read_or_write(self, folder):
        gfile.GFile("never", "w").close()
        assert not gfile.exists("never")
        file = gfile.GFile("never")
        with pytest.raises(errors.NotFoundError):
            file.read()

    def test_reading_and_writing(self, folder):
        with gfile.GFile("a.txt", "r+") as file:
            file.write("new")
            file.flush()
            assert file.read() == "new"
        with gfile.GFile("a.txt", "a+") as file:
            file.write("er")
            file.flush()
            assert file.read() == "newer"

    def test_a_closed_file_opens_again(self, folder):
        file = gfile.GFile("a.txt")
        assert file.read() == "a.txt"
        file.close()
        assert file.read() == "a.txt"
        file.close()

    def test_a_forgotten_file_is_written(self, folder):
        gfile.GFile("t", "w").write("some")
        gc.collect()
        assert Path("t").read_text() == "some"

    @pytest.mark.parametrize("where", [(0, 1), (0,), (0, 2), (-1,)])
    def test_a_seek_that_is_refused_leaves_the_file(self, folder, where):
        for mode in ("w", "a"):
            file = gfile.GFile("a.txt", mode)
            with pytest.raises(errors.PermissionDeniedError, match="reading"):
                file.seek(*where)
            file.close()
            assert Path("a.txt").read_text() == "a.txt"

    def test_a_seek_beyond_the_end(self, folder):
        with gfile.GFile("a.txt") as file:
            file.seek(5)
            for where in ((6,), (1, 1), (1, 2)):
                with pytest.raises(errors.OutOfRangeError, match="byte 6, but its size is 5"):
                    file.seek(*where)
                assert (file.tell(), file.read()) == (5, "")
        assert issubclass(errors.OutOfRangeError, EOFError)

    def test_a_seek_by_its_older_name(self, folder):
        with gfile.GFile("a.txt") as file:
            file.seek(position=2)
            assert (file.tell(), file.read()) == (2, "txt")
            for wrong in ({}, {"offset": 0, "position": 0}):
                with pytest.raises(TypeError, match="an offset, or a position"):
                    file.seek(**wrong)

    def test_refusals(self, folder):
        for mode in ("x", "rt", "U", ""):
            with pytest.raises(errors.InvalidArgumentError, match="mode"):
                gfile.GFile("a.txt", mode)
        with pytest.raises(errors.PermissionDeniedError, match="reading"):
            gfile.GFile("t", "w").read()
        with pytest.raises(errors.PermissionDeniedError, match="writing"):
            gfile.GFile("a.txt").write("x")
        for mode, use in (("r", lambda file: file.read()), ("w", lambda file: file.write("x"))):
            with pytest.raises(errors.FailedPreconditionError, match="directory"):
                use(gfile.GFile("d", mode))
        with pytest.raises(TypeError):
            gfile.GFile("t", "w").write(3)
        file = gfile.GFile("a.txt")
        with pytest.raises(errors.InvalidArgumentError, match="negative"):
            file.seek(-1)
        with pytest.raises(errors.InvalidArgumentError, match="reading -2 bytes; -1"):
            file.read(-2)
        with pytest.raises(errors.InvalidArgumentError, match="whence"):
            file.seek(0, 3)
        file.close()


def test_read_file_and_write_file(folder):
    tf.io.write_file("new/folder/name", b"\xff\0")
    content = tf.io.read_file("new/folder/name")
    assert content == content.numpy() == b"\xff\0"
    assert isinstance(content, tf.Tensor)
    tf.io.write_file("name", tf.constant("grün"))
    assert tf.io.read_file(tf.constant("name")) == "grün".encode()
    with pytest.raises(errors.NotFoundError):
        tf.io.read_file("nothing")
    with pytest.raises(errors.FailedPreconditionError):
        tf.io.read_file("d")
    with pytest.raises(errors.FailedPreconditionError):
        tf.io.write_file("a.txt/name", b"")
    with pytest.raises(TypeError):
        tf.io.write_file("name", 3)
