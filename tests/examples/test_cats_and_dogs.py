"""examples/cats_and_dogs: a directory of pictures to GZIP files, and MobileNet on them."""

from __future__ import annotations

import io
import math
import subprocess
import sys

import pytest
from examples.running import EXAMPLES, assert_drawn, imported, numbers, run

import tfrecord_lite as tfr

Image = pytest.importorskip("PIL.Image")
for package in ("pandas", "sklearn", "rich"):
    pytest.importorskip(package)

PICTURES = 60


@pytest.fixture(scope="module")
def output(tmp_path_factory):
    folder = tmp_path_factory.mktemp("cats_and_dogs")
    run("cats_and_dogs/make_pictures.py", folder / "pictures", "--pictures", PICTURES)
    return folder


@pytest.fixture(scope="module")
def said(output):
    return run("cats_and_dogs/write_shards.py", "--output", output, python=("-X", "importtime"))


def read(output, name):
    return list(map(tfr.decode_example, tfr.read_records(tfr.expand_shards(output / name))))


def test_writing_shows_progress_and_no_tensorflow(said):
    stdout, stderr = said
    assert stdout.count("100%") == 2
    assert "48 pictures to train on, 12 to validate" in stdout
    assert "rich" in imported(stderr)
    assert "tensorflow" not in imported(stderr)


def test_the_table_of_pictures_is_shown(output, said):
    stdout, _ = said
    assert f"[{PICTURES} rows x 2 columns]" in stdout
    assert str(output / "pictures" / "cat.0.jpg") in stdout
    assert numbers(r"^(?:cat|dog) +(\d+)$", stdout) == [PICTURES / 2, PICTURES / 2]


def test_shards_hold_the_pictures(output, said):
    assert len(list(output.glob("*.tfrecord.gz"))) == 2  # one for each part
    training, validation = read(output, "train"), read(output, "validation")
    assert (len(training), len(validation)) == (48, 12)
    found = {}
    for example in training + validation:
        ((name,), (image,)) = example["id"], example["image"]
        found[name.decode()] = image
        assert example["label"].tolist() == [b"dog." in name]
    pictures = {str(path): path.read_bytes() for path in (output / "pictures").glob("*.jpg")}
    assert len(pictures) == PICTURES
    assert found == pictures
    for part in (training, validation):
        assert {int(example["label"][0]) for example in part} == {0, 1}


def test_the_split_is_the_same_each_time(output, said, tmp_path):
    run("cats_and_dogs/write_shards.py", "--output", tmp_path, "--pictures", output / "pictures")
    for name in ("train", "validation"):
        assert [example["id"] for example in read(tmp_path, name)] == [
            example["id"] for example in read(output, name)
        ]


def test_as_many_files_as_asked_for(output, said, tmp_path):
    options = "--output", tmp_path, "--pictures", output / "pictures", "--shards", 4
    run("cats_and_dogs/write_shards.py", *options)
    assert len(tfr.expand_shards(tmp_path / "train")) == 4
    assert sorted(example["id"][0] for example in read(tmp_path, "train")) == sorted(
        example["id"][0] for example in read(output, "train")
    )


def test_every_suffix_of_images(tmp_path):
    folder = tmp_path / "PetImages"
    names = ["Cat/0.jpg", "Cat/1.JPEG", "Dog/2.png", "Dog/3.bmp", "Dog/4.GIF", "dog.5.webp"]
    names += ["cat.6.tif", "Dog/7.Tiff", "CAT_8.ppm", "Dog/9.jpe"]
    for number, name in enumerate(names):
        (folder / name).parent.mkdir(parents=True, exist_ok=True)
        Image.new("RGB", (8 + number, 8), (10 * number, 0, 0)).save(folder / name)
    (folder / "Cat" / "notes.txt").write_text("no picture")
    Image.new("RGB", (8, 8)).save(folder / "horse.jpg")
    stdout, _ = run("cats_and_dogs/write_shards.py", "--output", tmp_path, "--pictures", folder)
    assert "left out 1 that begin with neither cat nor dog" in stdout
    assert "horse.jpg" in stdout
    found = {
        example["id"][0].decode(): example
        for part in ("train", "validation")
        for example in read(tmp_path, part)
    }
    assert set(found) == {str(folder / name) for name in names}
    for number, name in enumerate(names):
        example = found[str(folder / name)]
        assert example["label"].tolist() == [int("dog" in name.lower())]
        with Image.open(io.BytesIO(example["image"][0])) as image:
            assert image.size == (8 + number, 8)
            assert image.format in {"JPEG", "PNG", "BMP", "GIF"}  # what TensorFlow decodes


@pytest.mark.parametrize("pictures", ["PetImagse", "empty", "one"])
def test_where_no_pictures_are_a_good_set_stays(output, said, tmp_path, pictures):
    folder = tmp_path / pictures
    if pictures != "PetImagse":
        folder.mkdir()
        (folder / ("cat.txt" if pictures == "empty" else "cat.0.jpg")).write_bytes(b"a")
    before = {path: path.read_bytes() for path in output.glob("*.*")}
    assert len(before) == 4
    script = EXAMPLES / "cats_and_dogs" / "write_shards.py"
    done = subprocess.run(
        [sys.executable, script, "--output", output, "--pictures", folder],
        capture_output=True,
        text=True,
        check=False,
    )
    assert done.returncode == 1
    assert f"in {folder}, too few to split: nothing is written" in done.stderr
    assert "Traceback" not in done.stderr
    assert done.stdout == ""
    assert {path: path.read_bytes() for path in output.glob("*.*")} == before


@pytest.mark.long
@pytest.mark.tensorflow
def test_training(output, said):
    pytest.importorskip("tensorflow")
    pytest.importorskip("matplotlib")
    options = "--output", output, "--epochs", 3, "--steps", 6, "--batch-size", 8
    stdout, stderr = run("cats_and_dogs/train.py", *options)
    assert " on CPU\n" in stdout or " on GPU " in stdout
    assert "weights=None: ImageNet's cannot be fetched" in stdout
    assert "ran out of data" not in stderr
    assert "a batch: images float32 (8, 150, 150, 3), labels (8,)\n" in stdout
    # Each epoch sees all 48 pictures, in an order that is another each time. In the end the loss is
    # below that of one who knows nothing, and on the same 12 pictures below that of the beginning.
    training = numbers(r" loss: ([\d.e+-]+)", stdout)
    validation = numbers(r" val_loss: ([\d.e+-]+)", stdout)
    assert len(training) == len(validation) == 3
    assert max(training[-1], validation[-1]) < math.log(2)
    assert validation[-1] < validation[0]
    assert_drawn(output / "samples.png")
    assert_drawn(output / "loss_and_accuracy.png")
