"""The same calls through TensorFlow and through compat: the same files, values and refusals."""

from __future__ import annotations

import os
import random
import zlib

import numpy as np
import pytest

pytestmark = pytest.mark.tensorflow
tensorflow = pytest.importorskip("tensorflow")

import tfrecord_lite.compat as tf  # noqa: E402 - after the skip, with which it saves time

TEXT = b"And o'er his heart a shadow fell as he found no spot of ground. " * 200
BOTH = pytest.mark.parametrize("codec", ["ZLIB", "GZIP"])


def some_records(seed: int, count: int, longest: int) -> list[bytes]:
    rng = random.Random(seed)
    records = []
    for _ in range(count):
        size = rng.randrange(longest)
        records.append(rng.choice([rng.randbytes(size), (TEXT * (size // len(TEXT) + 1))[:size]]))
    return records


BUFFER = 1 << 18  # TensorFlow's input buffer
LONG = TEXT * 25
RECORDS = {
    "none": [],
    "small": some_records(1, 300, 300),
    "large": some_records(2, 30, 40_000),
    "around_the_buffer": [b"x", LONG, b"", LONG[: BUFFER - 16], LONG[:BUFFER], b"end"],
}


def written(module, path, options, records, flush_every=0) -> bytes:
    options = module.io.TFRecordOptions(options[0], **options[1])
    with module.io.TFRecordWriter(str(path), options) as writer:
        for count, record in enumerate(records, 1):
            writer.write(record)
            if flush_every and count % flush_every == 0:
                writer.flush()
    with open(path, "rb") as file:
        return file.read()


OPTIONS = [
    {},
    *({"compression_level": level} for level in range(-1, 10)),
    *({"mem_level": level} for level in (1, 8, 9)),
    *({"compression_strategy": strategy} for strategy in range(5)),
    *({"window_bits": bits} for bits in (9, 12, 15)),
    *({"flush_mode": mode} for mode in (0, 1, 2, 3, 5)),
    {"flush_mode": zlib.Z_FULL_FLUSH, "input_buffer_size": 4096},
    {"flush_mode": zlib.Z_SYNC_FLUSH, "input_buffer_size": 1},
    {"output_buffer_size": 100},
    {"compression_level": 3, "mem_level": 7, "compression_strategy": zlib.Z_FILTERED},
]


@pytest.mark.skipif(
    "ng" in zlib.ZLIB_RUNTIME_VERSION, reason="another zlib compresses to other bytes"
)
class TestEqualFiles:
    @BOTH
    @pytest.mark.parametrize("fields", OPTIONS, ids=str)
    def test_compressed(self, tmp_path, codec, fields):
        if codec == "GZIP" and "window_bits" in fields:
            fields = {"window_bits": fields["window_bits"] + 16}
        names = ["small"] if fields.get("input_buffer_size") == 1 else RECORDS
        for name in names:
            for flush_every in (0, 7):
                theirs, ours = (
                    written(module, tmp_path / "file", (codec, fields), RECORDS[name], flush_every)
                    for module in (tensorflow, tf)
                )
                if fields.get("compression_level") == 0:
                    # zlib cuts what it only stores where its caller does.
                    wbits = 31 if codec == "GZIP" else 15
                    ours, theirs = zlib.decompress(ours, wbits), zlib.decompress(theirs, wbits)
                assert ours == theirs, name

    @pytest.mark.parametrize("name", RECORDS)
    def test_plain(self, tmp_path, name):
        theirs, ours = (
            written(module, tmp_path / "file", ("", {}), RECORDS[name])
            for module in (tensorflow, tf)
        )
        assert ours == theirs


@pytest.mark.parametrize("codec", ["", "ZLIB", "GZIP"])
@pytest.mark.parametrize("name", RECORDS)
def test_each_reads_the_other(tmp_path, codec, name):
    path = str(tmp_path / "file")
    for writer in (tensorflow, tf):
        written(writer, path, (codec, {}), RECORDS[name])
        for reader in (tensorflow, tf):
            found = reader.compat.v1.io.tf_record_iterator(path, reader.io.TFRecordOptions(codec))
            assert list(found) == RECORDS[name]
        dataset = tensorflow.data.TFRecordDataset(path, compression_type=codec)
        assert list(dataset.as_numpy_iterator()) == RECORDS[name]


def outcome(call, *args):
    """What a call gives: its value, or the name of the error, which is what scripts catch."""
    try:
        return call(*args)
    except Exception as error:
        return type(error).__name__


def both(call, *args):
    """The outcomes of a call that takes the module first: of compat, and of TensorFlow."""
    return [outcome(call, module, *args) for module in (tf, tensorflow)]


@pytest.mark.parametrize(
    "options", ["gzip", "BZ2", "", None, 0, 1, 2, 3, True, "GZIP", [], 5, b"ZLIB"]
)
def test_compression_types(options):
    ours, theirs = both(lambda m: m.io.TFRecordOptions.get_compression_type_string(options))
    assert ours == theirs


@pytest.mark.parametrize(
    "record",
    [
        b"x",
        bytearray(b"x"),
        "Grüße",
        np.bytes_(b"x"),
        np.str_("x"),
        memoryview(b"x"),
        None,
        1,
        "\udc80",
        np.array(b"x"),
    ],
    ids=lambda record: type(record).__name__,
)
def test_records_taken_and_refused(tmp_path, record):
    def write(module):
        path = tmp_path / module.__name__
        with module.io.TFRecordWriter(str(path)) as writer:
            refusal = outcome(writer.write, record)
        return refusal, path.read_bytes()

    ours, theirs = both(write)
    assert ours == theirs


def closed(module, path):
    writer = module.io.TFRecordWriter(path)
    writer.close()
    return writer


@pytest.mark.parametrize(
    "call",
    [
        lambda m, path: m.io.TFRecordWriter(f"{path}/no/no"),
        lambda m, path: m.io.TFRecordWriter(path),
        lambda m, path: m.compat.v1.io.tf_record_iterator(f"{path}/no"),
        lambda m, path: list(m.compat.v1.io.tf_record_iterator(path)),
        lambda m, path: closed(m, f"{path}/file").write(b"x"),
        lambda m, path: closed(m, f"{path}/file").flush(),
        lambda m, path: closed(m, f"{path}/file").close(),
    ],
)
def test_refusals(tmp_path, call):
    ours, theirs = both(call, str(tmp_path))
    assert ours == theirs


VALUES = [
    0,
    2**31,
    2**63 - 1,
    2**63,
    1.5,
    1e300,
    True,
    "grün",
    b"a\0",
    1j,
    [1, 2],
    [1, 2.5],
    [True, 1],
    [1, "a"],
    ["a", b"b"],
    [[1], [2]],
    [[1], [2, 3]],
    [],
    [[]],
    np.float64(1),
    [np.float64(1)],
    [np.int64(1), 2],
    np.arange(3),
    np.array(["a", "b"]),
    np.array([b"a\0"], object),
    np.zeros((2, 3), np.float16),
    np.array([[True]]),
    None,
    {"a": 1},
    np.array([1, "a"], object),
    range(3),
    [np.arange(2), np.arange(2)],
]


@pytest.mark.parametrize("value", VALUES, ids=lambda value: f"{value!r:.40}")
def test_constant_and_serialize_tensor(value):
    def shown(module):
        found = module.constant(value).numpy()
        serialized = module.io.serialize_tensor(value).numpy()
        return type(found), getattr(found, "dtype", None), repr(found), serialized

    ours, theirs = both(shown)
    assert ours == theirs


@pytest.mark.parametrize(
    ("value", "dtype"),
    [
        (1, "float32"),
        ([1, 2], "int64"),
        (1.5, "int32"),
        ("a", "int32"),
        (1, "string"),
        (1, "bool"),
        (True, "int32"),
        (np.arange(3), "int32"),
        (np.array([1.5]), "int32"),
        (2, "uint8"),
        ("a", "string"),
        (1.5, "float64"),
        (1, "complex64"),
    ],
)
def test_constant_of_a_dtype(value, dtype):
    ours, theirs = both(lambda m: repr(m.constant(value, getattr(m, dtype)).numpy()))
    assert ours == theirs


@pytest.mark.parametrize("out_type", ["int32", "float32", "string"])
@pytest.mark.parametrize("value", [[1, 2], ["a"], "a", 1.5, [[]]], ids=repr)
def test_parse_tensor(value, out_type):
    serialized = tensorflow.io.serialize_tensor(value).numpy()
    for data in (serialized, b"\xff"):
        ours, theirs = both(
            lambda m, data: repr(m.io.parse_tensor(data, getattr(m, out_type)).numpy()), data
        )
        assert ours == theirs


@pytest.fixture(scope="module")
def pictures():
    pytest.importorskip("PIL")
    from compat import pictures

    return pictures


class TestImages:
    @pytest.mark.parametrize("function", ["decode_png", "decode_jpeg", "decode_image"])
    @pytest.mark.parametrize("channels", range(5))
    def test_lossless(self, pictures, function, channels):
        for name, contents in {**pictures.PNG, **pictures.BMP, **pictures.GIF}.items():
            if channels == 4 and name in ("bits", "two_bits", "four_bits", "palette"):
                # TensorFlow's alpha is 1, 3 or 15 there, not 255.
                continue
            if (name, channels) == ("deep_color", 1):
                # TensorFlow weighs the 16 bits: one level more here and there.
                continue
            ours, theirs = both(
                lambda m, contents: getattr(m.io, function)(contents, channels=channels).numpy(),
                contents,
            )
            assert np.array_equal(ours, theirs), name

    @pytest.mark.parametrize("channels", [0, 1, 3, 4])
    def test_jpeg_with_the_accurate_transform(self, pictures, channels):
        for name, contents in pictures.JPEG.items():
            if (name, channels) == ("cmyk", 1):
                # TensorFlow calls it damaged.
                continue
            ours, theirs = both(
                lambda m, contents: m.io.decode_jpeg(
                    contents, channels=channels, dct_method="INTEGER_ACCURATE"
                ).numpy(),
                contents,
            )
            assert np.array_equal(ours, theirs), name

    def test_jpeg_as_tensorflow_likes_it_is_close(self, pictures):
        for name, contents in pictures.JPEG.items():
            ours, theirs = both(lambda m, contents: m.io.decode_jpeg(contents).numpy(), contents)
            assert np.abs(ours.astype(int) - theirs).max() <= 10, name

    @pytest.mark.parametrize(
        "options",
        [
            {},
            {"quality": 30},
            {"quality": 0},
            {"progressive": True},
            {"optimize_size": True},
            {"chroma_downsampling": False},
            {"format": "rgb"},
            {"format": "grayscale"},
        ],
        ids=str,
    )
    def test_encode_jpeg(self, pictures, options):
        for pixels in (pictures.COLOR, pictures.GREY[..., None], pictures.ALPHA):
            ours, theirs = both(
                lambda m, pixels: m.io.encode_jpeg(pixels, **options).numpy(), pixels
            )
            assert ours == theirs

    def test_encode_png(self, pictures):
        for pixels in (pictures.COLOR, pictures.ALPHA, pictures.DEEP[..., None]):
            dtype = getattr(tensorflow, pixels.dtype.name)
            encoded = tf.io.encode_png(pixels).numpy()
            assert np.array_equal(tensorflow.io.decode_png(encoded, dtype=dtype).numpy(), pixels)

    def test_sixteen_bits(self, pictures):
        for name in ("deep", "grey", "color"):
            ours, theirs = both(
                lambda m, name: m.io.decode_png(pictures.PNG[name], dtype=m.uint16).numpy(), name
            )
            assert np.array_equal(ours, theirs)


def test_glob(tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    os.makedirs("d/e")
    for name in ("a.txt", "b.txt", ".hid", "x1", "x[1]", "back\\slash", "d/a.txt", "d/e/.a"):
        with open(name, "w"):
            pass
    patterns = [
        "*",
        "*.txt",
        "./*",
        "**",
        "**/*",
        "*/",
        "x[1]",
        "x[^[]*",
        "x\\[1\\]",
        "x[[]1]",
        "?1",
    ]
    patterns += ["[a-b].txt", ".h*", "d", "d/", "d/*", "d/*/*", "d/*/.*", "no", "no/*", "a.txt/*"]
    patterns += ["back\\\\slash", "x[1", f"{tmp_path}/*", f"file://{tmp_path}/d/*", "{a,b}.txt"]
    for pattern in patterns:
        theirs = tensorflow.io.gfile.glob(pattern)
        assert tf.io.gfile.glob(pattern) == sorted(theirs), pattern
    assert tf.io.gfile.glob(["x1", "*.txt"]) == ["x1", "./a.txt", "./b.txt"]


def _seek(gfile, mode, *where):
    """Seek, and return what is read after that, and what the file has then."""
    file = gfile.GFile("text", mode)
    try:
        found = file.seek(*where)
    except Exception as error:
        found = type(error).__name__
    read = None if mode in ("w", "a") else (file.tell(), file.read())
    file.close()
    with open("text", "rb") as text:
        return found, read, text.read()


@pytest.mark.parametrize(
    "steps",
    [
        lambda gfile: gfile.GFile("t", "w").tell(),
        lambda gfile: gfile.GFile("t", "w").read(),
        lambda gfile: gfile.GFile("text").write("x"),
        lambda gfile: gfile.GFile("text").read(),
        lambda gfile: gfile.GFile("text").read(1),
        lambda gfile: gfile.GFile("text", "rb").read(2),
        lambda gfile: list(gfile.GFile("text")),
        lambda gfile: gfile.GFile("text", "rb").readlines(),
        lambda gfile: gfile.GFile("text", "rt"),
        lambda gfile: gfile.GFile("text").seek(-1),
        lambda gfile: gfile.GFile("text").seek(0, 3),
        *(
            lambda gfile, mode=mode, where=where: _seek(gfile, mode, *where)
            for mode in ("r", "r+", "w", "w+", "a", "a+")
            for where in ((2,), (4, 1), (0, 2), (100,), (1, 2), (-1,), (-1, 2), (0, 3), (-1, 1))
        ),
        lambda gfile: gfile.GFile("text").read(-2),
        lambda gfile: gfile.GFile("text", "w").read(-2),
        lambda gfile: gfile.GFile("none").read(),
        lambda gfile: gfile.GFile("none").close(),
        lambda gfile: gfile.GFile("d").read(),
        lambda gfile: gfile.GFile("d", "w").write("x"),
        lambda gfile: gfile.listdir("none"),
        lambda gfile: gfile.listdir("text"),
        lambda gfile: gfile.isdir("text"),
        lambda gfile: gfile.exists(""),
        lambda gfile: gfile.makedirs("text"),
        lambda gfile: gfile.makedirs("text/x"),
        lambda gfile: gfile.makedirs("d"),
        lambda gfile: gfile.mkdir("d"),
        lambda gfile: gfile.mkdir("none/d"),
        lambda gfile: gfile.remove("none"),
        lambda gfile: gfile.rmtree("none"),
        lambda gfile: gfile.copy("text", "other"),
        lambda gfile: gfile.copy("none", "new"),
        lambda gfile: gfile.copy("text", "d", overwrite=True),
        lambda gfile: gfile.rename("text", "other"),
        lambda gfile: gfile.rename("none", "new"),
        lambda gfile: gfile.rename("d", "d/e"),
        lambda gfile: gfile.rename("d", "d/e/f", overwrite=True),
        lambda gfile: gfile.rename("d", "d", overwrite=True),
        lambda gfile: gfile.stat("text").length,
        lambda gfile: gfile.stat("d").is_directory,
        lambda gfile: gfile.stat("none"),
        lambda gfile: gfile.exists("s3://bucket/name"),
    ],
)
def test_files(tmp_path, monkeypatch, steps):
    def run(module):
        folder = tmp_path / module.__name__
        (folder / "d").mkdir(parents=True)
        (folder / "text").write_bytes("grün\r\nrot".encode())
        (folder / "other").write_bytes(b"other")
        monkeypatch.chdir(folder)
        return steps(module.io.gfile)

    ours, theirs = both(run)
    assert ours == theirs


@pytest.mark.parametrize("circle", [False, True])
@pytest.mark.parametrize("topdown", [True, False])
def test_walk_into_links(tmp_path, topdown, circle):
    (tmp_path / "real" / "cat").mkdir(parents=True)
    (tmp_path / "real" / "cat" / "1.png").touch()
    (tmp_path / "set" / "dog").mkdir(parents=True)
    (tmp_path / "set" / "cat").symlink_to(tmp_path / "real" / "cat")
    (tmp_path / "set" / "nowhere").symlink_to(tmp_path / "nowhere")
    if circle:
        (tmp_path / "set" / "dog" / "again").symlink_to(tmp_path / "set")
    ours, theirs = (
        sorted(
            (folder, sorted(folders), sorted(files))
            for folder, folders, files in module.io.gfile.walk(str(tmp_path / "set"), topdown)
        )
        for module in (tf, tensorflow)
    )
    assert ours == theirs
    assert (str(tmp_path / "set" / "cat"), [], ["1.png"]) in ours


@pytest.mark.parametrize("codec", ["GZIP", "ZLIB"])
def test_flushes_that_fill_a_tiny_buffer_make_files_that_read_alike(tmp_path, codec):
    """TensorFlow's has an empty block after each; of larger buffers, TestEqualFiles."""
    draw = random.Random(7)
    records = [draw.randbytes(draw.randint(0, 300)) for _ in range(20)]
    files = []
    for module in (tf, tensorflow):
        path = str(tmp_path / module.__name__)
        options = module.io.TFRecordOptions(codec, output_buffer_size=2)
        with module.io.TFRecordWriter(path, options) as writer:
            for record in records:
                writer.write(record)
                writer.flush()
        assert list(tf.io.tf_record_iterator(path, codec)) == records
        files.append((tmp_path / module.__name__).read_bytes())
    ours, theirs = files
    assert len(ours) <= len(theirs)
    assert zlib.decompress(ours, 47) == zlib.decompress(theirs, 47)
