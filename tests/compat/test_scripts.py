"""Writing scripts of other projects' kinds, in which the line of the import alone is replaced."""

from __future__ import annotations

import os
import subprocess
import sys
from pathlib import Path

import pytest
from variants import first

import tfrecord_lite as tfr
from tfrecord_lite.example.messages import Example

SCRIPTS = Path(__file__).parent / "scripts"
THEIRS, OURS = "import tensorflow.compat.v1 as tf\n", "import tfrecord_lite.compat.v1 as tf\n"


def run(script, folder, *options, ours=True, code=0):
    """Run a script in a folder; return what it wrote to stdout and stderr."""
    text = (SCRIPTS / script).read_text(encoding="utf-8")
    assert text.count(THEIRS) == 1
    (folder / script).write_text(text.replace(THEIRS, OURS) if ours else text, encoding="utf-8")
    root = Path(tfr.__file__).parents[1]
    paths = os.pathsep.join([str(root), *filter(None, [os.environ.get("PYTHONPATH")])])
    done = subprocess.run(
        [sys.executable, script, *options],
        cwd=folder,
        env={**os.environ, "PYTHONPATH": paths, "TF_CPP_MIN_LOG_LEVEL": "3"},
        capture_output=True,
        text=True,
        check=False,
    )
    assert done.returncode == code, done.stderr
    return done.stdout, done.stderr


def make_text(folder):
    lines = ["The goat sees the dog", "the dog sees the cat", "the cat sleeps", "", "a horse runs"]
    lines += ["the goat runs too", "nobody sleeps now"]
    (folder / "a.txt").write_text("\n".join(lines[:3]) + "\n", encoding="utf-8")
    (folder / "b.txt").write_text("\n".join(lines[3:]), encoding="utf-8")
    words = {"[PAD]": 0, "[UNK]": 1, "[CLS]": 2, "[SEP]": 3, "[MASK]": 4}
    for word in " ".join(lines).lower().split():
        words.setdefault(word, len(words))
    (folder / "vocab.txt").write_text("\n".join(words), encoding="utf-8")
    return list(words)


PRETRAINING = ["--input_file=*.txt", "--output_file", "a.tfrecord,b.tfrecord"]
PRETRAINING += ["--vocab_file=vocab.txt", "--max_seq_length=12", "--masked_lm_prob", ".3"]


def prepare_pretraining(folder):
    make_text(folder)
    # Read as the text is: the vocabulary is a text file, too.
    return [option.replace("*.txt", "[ab].txt") for option in PRETRAINING]


def test_pretraining_data(tmp_path):
    words = make_text(tmp_path)
    _, stderr = run("pretraining_data.py", tmp_path, *prepare_pretraining(tmp_path))
    assert "INFO:tfrecord_lite:*** Example ***" in stderr
    assert "INFO:tfrecord_lite:Wrote 4 total instances" in stderr
    examples = [
        tfr.decode_example(record)
        for name in ("a.tfrecord", "b.tfrecord")
        for record in tfr.read_records(tmp_path / name)
    ]
    assert len(examples) == 4
    for example in examples:
        assert len(example["input_ids"]) == 12
        assert words[example["input_ids"][0]] == "[CLS]"
        count = int(example["input_mask"].sum())
        assert [words[i] for i in example["input_ids"]][count - 1] == "[SEP]"
        masked = int(example["masked_lm_weights"].sum())
        assert masked >= 1
        assert example["masked_lm_positions"][:masked].tolist() == sorted(
            example["masked_lm_positions"][:masked]
        )
        assert example["next_sentence_labels"].tolist() in ([0], [1])


def test_a_required_flag_that_is_missing(tmp_path):
    make_text(tmp_path)
    stdout, stderr = run("pretraining_data.py", tmp_path, "--input_file=a.txt", code=1)
    assert stdout == ""
    assert "flag --output_file must have a value" in stderr
    assert "Traceback" not in stderr


def prepare_pictures(folder):
    image = pytest.importorskip("PIL.Image")
    for number in range(14):
        path = folder / "pictures" / ("tulip", "daisy")[number % 2] / f"{number}.jpg"
        path.parent.mkdir(parents=True, exist_ok=True)
        image.new("RGB", (20 + number, 30), (10 * number, 90, 0)).save(path)
    return ["--dataset_dir=.", "--num_shards", "2", "--nokeep_pictures"]


def test_pictures(tmp_path):
    options = prepare_pictures(tmp_path)
    pictures = {path.read_bytes(): path.parent.name for path in tmp_path.glob("pictures/*/*.jpg")}
    stdout, _ = run("convert_pictures.py", tmp_path, *options)
    assert ">> Converting image 10/10\n" in stdout
    assert stdout.endswith("Finished converting the dataset!\n")
    assert (tmp_path / "labels.txt").read_text() == "0:daisy\n1:tulip\n"
    assert not (tmp_path / "pictures").exists()
    found = {}
    for split, count in (("train", 10), ("validation", 4)):
        examples = list(
            map(tfr.decode_example, tfr.read_records(str(tmp_path / f"pictures_{split}_*")))
        )
        assert len(examples) == count
        for example in examples:
            assert example["image/height"].tolist() == [30]
            assert example["image/format"] == [b"jpg"]
            (label,) = example["image/class/label"]
            found[example["image/encoded"][0]] = ("daisy", "tulip")[label]
    assert found == pictures

    stdout, stderr = run("convert_pictures.py", tmp_path, *options)
    assert stdout == ""
    assert "WARNING:tfrecord_lite:Dataset files already exist." in stderr


@pytest.mark.tensorflow
@pytest.mark.parametrize("script", first(1, ["pretraining_data.py", "convert_pictures.py"]))
def test_the_files_are_tensorflows(tmp_path, script):
    pytest.importorskip("tensorflow")
    written = []
    for name in ("theirs", "ours"):
        folder = tmp_path / name
        folder.mkdir()
        prepare = {"pretraining_data.py": prepare_pretraining}.get(script, prepare_pictures)
        run(script, folder, *prepare(folder), ours=name == "ours")
        written.append(
            {
                # A map has no order, so the bytes may differ; the messages may not.
                path.name: [Example.FromString(record) for record in tfr.read_records(path)]
                for path in folder.glob("*.tfrecord")
            }
        )
    theirs, ours = written
    assert len(theirs) >= 2
    assert ours == theirs
