"""Where batches go: devices, tf.distribute's workers, and the end of the interpreter."""

from __future__ import annotations

import os
import subprocess
import sys
import textwrap

import pytest
import tensorflow as tf
from tensorflow.python.data.experimental.ops import distribute
from tf_backend.tensors import ENGINES, FEATURES, flat, ids, record

import tfrecord_lite as tfr
from tfrecord_lite.tensorflow import make_dataset

ID = {"id": FEATURES["id"]}


@pytest.fixture
def files(tmp_path):
    for number in range(4):
        records = map(record, range(10 * number, 10 * number + 10))
        tfr.write_records(tmp_path / f"{number}.tfrecord", records)
    return str(tmp_path)


def fake_gpus(monkeypatch, *names):
    devices = [tf.config.LogicalDevice(name, "GPU") for name in names]
    monkeypatch.setattr(
        tf.config, "list_logical_devices", lambda kind: devices if kind == "GPU" else []
    )


@pytest.mark.parametrize("engine", ENGINES)
def test_one_gpu_gets_the_batches(engine, files, monkeypatch):
    """The processor stands in for it: the last step is a copy to the device of that name."""
    asked = []
    real = tf.data.experimental.prefetch_to_device
    monkeypatch.setattr(
        tf.data.experimental,
        "prefetch_to_device",
        lambda device: asked.append(device) or real("/device:CPU:0"),
    )
    fake_gpus(monkeypatch, "/device:GPU:0")
    data = make_dataset(files, ID, batch_size=8, engine=engine)
    assert asked == ["/device:GPU:0"]
    assert flat(ids(data)) == list(range(40))


def test_strings_stay_in_memory(files, monkeypatch):
    fake_gpus(monkeypatch, "/device:GPU:0")
    data = make_dataset(files, {**ID, "words": FEATURES["words"]}, batch_size=8)
    assert flat(ids(data)) == list(range(40))


def test_several_gpus_are_for_a_strategy(files, monkeypatch):
    fake_gpus(monkeypatch, "/device:GPU:0", "/device:GPU:1")
    assert flat(ids(make_dataset(files, ID, batch_size=8))) == list(range(40))


def test_inside_a_strategy_nothing_is_copied(files, monkeypatch):
    fake_gpus(monkeypatch, "/device:GPU:0")
    with tf.distribute.OneDeviceStrategy("/cpu:0").scope():
        data = make_dataset(files, ID, batch_size=8)
    assert flat(ids(data)) == list(range(40))


def shared_out(make, workers):
    """Return what each worker gets of the dataset that it makes, as tf.distribute shares it out."""
    return [
        flat(ids(distribute._AutoShardDataset(make(), workers, index))) for index in range(workers)
    ]


@pytest.mark.parametrize("options", [{}, {"shuffle": 7}, {"cache": True}, {"repeat": 2}], ids=str)
@pytest.mark.parametrize("engine", ENGINES)
def test_workers_share_the_records(engine, options, files):
    shares = shared_out(
        lambda: make_dataset(files, ID, batch_size=5, engine=engine, **options), workers=2
    )
    times = options.get("repeat", 1)
    assert sorted(flat(shares)) == sorted([*range(40)] * times)
    assert [len(share) for share in shares] == [20 * times] * 2
    if engine == "tf.data" and not options:
        # By files: a worker does not read what is not its own.
        assert [sorted({item // 10 for item in share}) for share in shares] == [[0, 2], [1, 3]]


@pytest.mark.parametrize(("batch_size", "workers"), [(32, 4), (15, 2), (1000, 3), (1, 4)])
def test_workers_share_files_that_are_smaller_than_a_batch(files, batch_size, workers):
    shares = shared_out(lambda: make_dataset(files, ID, batch_size=batch_size), workers)
    assert sorted(flat(shares)) == list(range(40))
    assert min(map(len, shares)) >= 10


def test_workers_share_the_batches_of_one_file(files):
    shares = shared_out(lambda: make_dataset(f"{files}/0.tfrecord", ID, batch_size=2), 3)
    assert sorted(flat(shares)) == list(range(10))


@pytest.mark.parametrize("engine", ENGINES)
def test_what_was_shared_out_is_not_shared_out_again(engine, files):
    shares = shared_out(
        lambda: make_dataset(files, ID, batch_size=5, engine=engine, rank=1, world_size=2),
        workers=3,
    )
    assert shares == [list(range(20, 40))] * 3


def run(program, *arguments):
    environment = {**os.environ, "PYTHONPATH": os.pathsep.join(sys.path)}
    return subprocess.run(
        [sys.executable, "-c", textwrap.dedent(program), *arguments],
        capture_output=True,
        text=True,
        check=False,
        env=environment,
        timeout=120,
    )


STRATEGY = """
    import sys
    import numpy as np, tensorflow as tf, tfrecord_lite as tfr
    from tfrecord_lite.tensorflow import make_dataset

    cpu = tf.config.list_physical_devices("CPU")[0]
    tf.config.set_logical_device_configuration(cpu, [tf.config.LogicalDeviceConfiguration()] * 2)
    strategy = tf.distribute.MirroredStrategy(["CPU:0", "CPU:1"])
    features = {"id": tfr.FixedLenFeature([], np.int64)}
    for engine in ("tf.data", "numpy"):
        with strategy.scope():
            data = make_dataset(sys.argv[1], features, batch_size=8, engine=engine)
        seen = []
        for batch in strategy.experimental_distribute_dataset(data):
            parts = strategy.experimental_local_results(batch["id"])
            assert [len(part) for part in parts] == [4, 4]
            seen += [int(item) for part in parts for item in part]
        assert seen == list(range(40)), seen
    # A second device, as a GPU would be.
    data = make_dataset(sys.argv[1], features, batch_size=8, engine="numpy")
    data = data.apply(tf.data.experimental.prefetch_to_device("/CPU:1"))
    batches = list(data)
    assert all(batch["id"].device.endswith("CPU:1") for batch in batches)
    assert [int(item) for batch in batches for item in batch["id"]] == list(range(40))
    print("as it should be")
"""


LEFT = """
    options = {"batch_size": 4, "engine": "numpy", "repeat": None}
    iterators = [
        iter(make_dataset(sys.argv[1], features, **options)),
        iter(make_dataset(sys.argv[1], features, **options, map=lambda batch: batch)),
        iter(make_dataset(sys.argv[1], features, **options, shuffle=9, cache=True)),
        iter(make_dataset(sys.argv[1], features, **options, on_damage=print)),
    ]
    for iterator in iterators:
        next(iterator)
    print("left", flush=True)
"""


# A call that is under way when Python begins to end, and for a while after.
UNDER_WAY = """
    import threading, time
    from tfrecord_lite.tensorflow.calls import ends_with_python
    begun = threading.Event()

    @ends_with_python
    def outlive():
        begun.set()
        while threading.main_thread().is_alive():
            time.sleep(0.01)
        time.sleep(1)
        print("returned", flush=True)

    threading.Thread(target=outlive, daemon=True).start()
    begun.wait()
"""


def test_replicas_of_a_strategy_and_iterators_that_do_not_keep_python_from_ending(files):
    """All want a process of their own; TensorFlow takes long to import."""
    done = run(STRATEGY + LEFT + UNDER_WAY, files)
    assert done.stdout.endswith("as it should be\nleft\nreturned\n"), done.stderr
    assert done.returncode == 0, done.stderr
    assert "Error" not in done.stderr
