"""A function of the main module, in a process that multiprocessing has spawned."""

from __future__ import annotations

import subprocess
import sys

SCRIPT = """
import multiprocessing
import sys

import tfrecord_lite as tfr


def tenfold(batch):
    return {"label": batch["label"] * 10}


def read():
    with tfr.Dataset(sys.argv[1], batch_size=3, map=tenfold, workers=1) as dataset:
        print([batch["label"].tolist() for batch in dataset])


if __name__ == "__main__":
    tfr.write_examples(sys.argv[1], {"label": range(4)})
    process = multiprocessing.get_context("spawn").Process(target=read)
    process.start()
    process.join()
"""


def test_it_goes_to_workers_of_ours(tmp_path):
    (tmp_path / "script.py").write_text(SCRIPT)
    command = [sys.executable, str(tmp_path / "script.py"), str(tmp_path / "a.tfrecord")]
    done = subprocess.run(command, capture_output=True, text=True, check=True)
    assert done.stdout == "[[0, 10, 20], [30]]\n"
