"""examples/tutorial: its writing half without TensorFlow, its reading half with it."""

from __future__ import annotations

import pytest
from examples.running import assert_drawn, imported, run

import tfrecord_lite as tfr

pytest.importorskip("PIL")

OBSERVATIONS = 1000


@pytest.fixture(scope="module")
def written(tmp_path_factory):
    folder = tmp_path_factory.mktemp("tutorial")
    options = "--output", folder, "--observations", OBSERVATIONS
    return folder, *run("tutorial/write.py", *options, python=("-X", "importtime"))


def test_writing_without_tensorflow(written):
    folder, stdout, stderr = written
    assert "tensorflow" not in imported(stderr)
    assert "TensorFlow was imported: False" in stdout
    for kind in ("bytes", "str, encoded", "tensor of a string", "float", "bool", "enum", "int"):
        assert f"\n{kind} " in "\n" + stdout
    # The Example read again is printed, and those of the images, of whose bytes the first alone.
    assert max(map(len, stdout.splitlines())) < 1000
    assert 'key: "feature2"' in stdout
    assert stdout.count('key: "image_raw"') == stdout.count('key: "height"') == 2
    for name in ("test.tfrecord", "generated.tfrecord", "images.tfrecord", "cat.jpg"):
        assert f" {(folder / name).stat().st_size:,} bytes  {folder / name}\n" in stdout
    counts = {
        name: sum(1 for _ in tfr.read_records(folder / f"{name}.tfrecord"))
        for name in ("test", "generated", "tensors", "images")
    }
    assert counts == {"test": OBSERVATIONS, "generated": OBSERVATIONS, "tensors": 1, "images": 2}


@pytest.mark.tensorflow
def test_reading_with_tensorflow(written):
    pytest.importorskip("tensorflow")
    pytest.importorskip("matplotlib")
    folder, *_ = written
    stdout, _ = run("tutorial/read.py", "--output", folder, "--observations", OBSERVATIONS)
    assert " on CPU\n" in stdout or " on GPU " in stdout
    # Reprs: of datasets, of ten raw records and ten parsed ones, of one row of features.
    assert "<TFRecordDatasetV2 element_spec=TensorSpec(shape=(), dtype=tf.string" in stdout
    assert stdout.count("\n<_TensorSliceDataset element_spec=") == 2
    assert "\n<_MapDataset element_spec=TensorSpec(shape=(), dtype=tf.string" in stdout
    assert "\n<_MapDataset element_spec={'feature0'" in stdout
    assert "\n<_FlatMapDataset element_spec=TensorSpec(shape=(), dtype=tf.string" in stdout
    assert stdout.count("\n<tf.Tensor: shape=(), dtype=string, numpy=b'\\n") == 10 + 1
    assert stdout.count("\n{'feature0': <tf.Tensor") == 10
    assert stdout.count("\n<tf.Tensor: shape=(), dtype=bool") == 1
    assert 'key: "feature2"' in stdout  # of the Example that is printed
    for origin in ("test.tfrecord", "generated.tfrecord", "py_function", "from_generator"):
        assert f"{origin}: {OBSERVATIONS:,} Examples, equal to what went in" in stdout
    for tensor in ("matrix: float32 (2, 3)", "cube: uint8 (2, 3, 4)", "words: string (2, 2)"):
        assert f"{tensor}, equal to what went in" in stdout
    assert_drawn(folder / "images.png")
