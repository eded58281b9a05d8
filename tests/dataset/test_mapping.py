"""Dataset(map=): the user's function on each batch, here and in worker processes."""

from __future__ import annotations

import functools
import json
import os
import select
import subprocess
import sys
import textwrap
from itertools import islice

import numpy as np
import pytest
from dataset.sets import ID, INDEXED, KINDS, ids, joined
from dataset.test_loader_faults import damage, offset_of
from dataset.test_workers import children, wait_until_gone
from variants import first

import tfrecord_lite as tfr

IN_BOTH_WAYS = pytest.mark.parametrize("workers", [0, 2])


def double(batch):
    return {"id": batch["id"] * 2, "rows": len(batch["id"])}


def same(batch):
    return batch


@pytest.mark.usefixtures("small")
@pytest.mark.parametrize("kind", first(1, ["mixed", *KINDS]))
@pytest.mark.parametrize("shuffle", [False, 15, True])
@pytest.mark.parametrize("drop", [False, True])
def test_each_batch_is_mapped_once_in_order(sets, kind, shuffle, drop):
    if shuffle is True and kind not in INDEXED:
        return
    options = {"batch_size": 7, "shuffle": shuffle, "drop_remainder": drop, "repeat": 2}
    expected = ids(tfr.Dataset(sets[kind], ID, **options))
    assert len(expected) == 2 * (14 if drop else 15)
    for workers in (0, 2):
        with tfr.Dataset(sets[kind], ID, map=double, workers=workers, **options) as dataset:
            assert len(dataset) == len(expected)
            found = list(dataset)
        assert [[number // 2 for number in batch] for batch in ids(found)] == expected
        assert [batch["rows"] for batch in found] == [len(batch) for batch in expected]


@pytest.mark.parametrize("done", first(2, [4, 15, 0, 20]))
@pytest.mark.parametrize("shuffle", [False, 15, True])
def test_a_state_goes_on_with_any_number_of_workers(sets, shuffle, done):
    options = {"batch_size": 7, "shuffle": shuffle, "map": double}
    with tfr.Dataset(sets["plain"], ID, **options) as dataset:
        expected = ids(dataset) + ids(dataset)
    for before, after in ((2, 0), (0, 3)):
        with tfr.Dataset(sets["plain"], ID, workers=before, **options) as dataset:
            found = []
            while len(found) < done:
                found += ids(islice(dataset, done - len(found)))
            state = json.loads(json.dumps(dataset.state_dict()))
        with tfr.Dataset(sets["plain"], ID, workers=after, **options) as dataset:
            dataset.load_state_dict(state)
            while len(found) < len(expected):
                found += ids(dataset)
        assert found == expected


@IN_BOTH_WAYS
@pytest.mark.parametrize("shuffle", [False, 15, True])
def test_batches_from_which_damage_is_left_out_are_mapped_as_they_are(sets, shuffle, workers):
    path = sets["plain"][3]
    damage(path, offset_of(48) - offset_of(43) + 20)
    options = {"batch_size": 7, "shuffle": shuffle}
    told = []
    expected = ids(tfr.Dataset(sets["plain"], ID, on_damage=[].append, **options))
    with tfr.Dataset(
        sets["plain"], ID, map=double, workers=workers, on_damage=told.append, **options
    ) as dataset:
        found = [[number // 2 for number in batch] for batch in ids(dataset)]
    assert found == expected
    assert sorted(joined(found)) == [number for number in range(100) if number != 48]
    assert [(damage.path, damage.record) for damage in told] == [(path, 5)]


def augmented(batch, rng):
    return {"id": batch["id"], "noise": rng.integers(1 << 60, size=len(batch["id"]))}


@pytest.mark.parametrize("shuffle", [False, 15, True])
def test_random_numbers_are_those_of_seed_epoch_and_batch(sets, shuffle):
    found = {}
    for workers, seed in ((0, 0), (0, 1), (1, 0), (3, 1)):
        options = {"batch_size": 7, "shuffle": shuffle, "seed": seed, "map": augmented}
        with tfr.Dataset(sets["plain"], ID, workers=workers, **options) as dataset:
            found[workers, seed] = [
                tuple(batch["noise"].tolist()) for _ in range(2) for batch in dataset
            ]
    assert found[0, 0] == found[1, 0]
    assert found[0, 1] == found[3, 1]
    # No batch has the numbers of another.
    assert len({*found[0, 0], *found[0, 1]}) == 4 * 15


@pytest.mark.parametrize("world_size", [2, 3])
def test_random_numbers_of_a_shuffled_order_do_not_depend_on_the_ranks(sets, world_size):
    options = {"batch_size": 5, "shuffle": True, "map": augmented, "drop_remainder": True}
    alone = {
        tuple(batch["id"].tolist()): batch["noise"].tolist()
        for batch in tfr.Dataset(sets["plain"], ID, **options)
    }
    for rank in range(world_size):
        dataset = tfr.Dataset(sets["plain"], ID, rank=rank, world_size=world_size, **options)
        # The last global step is shared out, and so are its batches.
        for batch in islice(dataset, 100 // (5 * world_size)):
            assert alone[tuple(batch["id"].tolist())] == batch["noise"].tolist()


def test_ranks_with_consecutive_records_have_other_random_numbers(sets):
    noises = set()
    for rank in range(3):
        options = {"batch_size": 5, "map": augmented, "rank": rank, "world_size": 3}
        noises |= {tuple(b["noise"].tolist()) for b in tfr.Dataset(sets["plain"], ID, **options)}
    assert len(noises) == 3 * 7


def test_random_numbers_that_are_given_stay(sets):
    given = functools.partial(augmented, rng=np.random.default_rng(4))
    noise = next(iter(tfr.Dataset(sets["plain"], ID, batch_size=5, map=given)))["noise"]
    assert noise.tolist() == np.random.default_rng(4).integers(1 << 60, size=5).tolist()


@IN_BOTH_WAYS
def test_results_of_any_kind_and_shape(sets, workers):
    def anything(batch):
        first = int(batch["id"][0])
        view = batch["id"][::2]
        return [
            {"deep": {"deeper": [view, view.astype(np.float16), "text", None]}},
            (np.empty((first, 0)), np.array([b"x" * first, b""], object), first),
            first,
            None,
            np.full((first % 3, 2), first),
            batch,
        ][first // 5 % 6]

    with tfr.Dataset(sets["plain"], ID, batch_size=5, map=anything, workers=workers) as dataset:
        found = list(dataset)
    assert found[0]["deep"]["deeper"][0].tolist() == [0, 2, 4]
    assert found[0]["deep"]["deeper"][1].dtype == np.float16
    assert found[0]["deep"]["deeper"][2:] == ["text", None]
    assert found[1][0].shape == (5, 0)
    assert found[1][1].tolist() == [b"xxxxx", b""]
    assert found[2:4] == [10, None]
    assert found[4].tolist() == [[20, 20]] * 2
    assert found[5]["id"].tolist() == [25, 26, 27, 28, 29]
    # What was returned stays, whatever comes later.
    assert found[6]["deep"]["deeper"][0].tolist() == [30, 32, 34]
    found[6]["deep"]["deeper"][0][:] = 0


class OddError(Exception):
    """Its own arguments are not those of its constructor."""

    def __init__(self, number, *, extra):
        super().__init__(f"{number} and {extra}")


@IN_BOTH_WAYS
@pytest.mark.parametrize("kind", ["plain", "gzip"])
@pytest.mark.parametrize("shuffle", [False, 30])
def test_what_it_raises_comes_in_its_place(sets, workers, kind, shuffle):
    def picky(batch):
        if 70 in batch["id"]:
            raise LookupError("no seventy")
        return batch["id"].tolist()

    expected = ids(tfr.Dataset(sets[kind], ID, batch_size=10, shuffle=shuffle))
    place = next(number for number, batch in enumerate(expected) if 70 in batch)
    with tfr.Dataset(
        sets[kind], ID, batch_size=10, shuffle=shuffle, map=picky, workers=workers
    ) as dataset:
        batches = iter(dataset)
        assert list(islice(batches, place)) == expected[:place]
        for _ in range(2):
            # It is the same batch again.
            with pytest.raises(LookupError, match="no seventy") as caught:
                next(batches)
            (note,) = caught.value.__notes__
            assert note.startswith("raised by map, of a batch of epoch 0: ")
            if not shuffle and kind == "plain":
                assert sets[kind][5] in note
                assert "records 9 to 18" in note
            elif shuffle:
                assert note.count("tfrecord: record") > 1
            if workers:
                assert "in picky" in str(caught.value.__cause__)
            assert dataset.state_dict()["position"] == 10 * place


@pytest.mark.parametrize("start", [0, 30])
def test_a_result_that_cannot_be_pickled_is_told_in_its_place(sets, start):
    def rows(batch):
        return (row for row in batch["id"]) if start in batch["id"] else batch["id"].tolist()

    with tfr.Dataset(sets["plain"], ID, batch_size=10, map=rows, workers=2) as dataset:
        batches = iter(dataset)
        for _ in range(start // 10):
            next(batches)
        for _ in range(2):
            wanted = rf"the result for batch {start // 10} of epoch 0, .* cannot be pickled"
            with pytest.raises(RuntimeError, match=wanted + "(.|\n)*'generator' object"):
                next(batches)


@pytest.mark.skipif(not hasattr(os, "memfd_create"), reason="arrays go through the pipes")
def test_a_result_for_which_there_is_no_space_is_not_one_that_cannot_be_pickled(sets):
    def large(batch):
        import resource

        resource.setrlimit(resource.RLIMIT_FSIZE, (1 << 20, 1 << 20))
        return np.zeros(1 << 22, np.uint8)

    with (
        tfr.Dataset(sets["plain"], ID, batch_size=10, map=large, workers=1) as dataset,
        pytest.raises(RuntimeError, match="a worker failed:(.|\n)*File too large") as caught,
    ):
        next(iter(dataset))
    assert "cannot be pickled" not in str(caught.value)


@IN_BOTH_WAYS
def test_an_end_of_an_iterator_in_it_is_no_end_of_the_batches(sets, workers):
    """It was a RuntimeError of our own generator's, which named no record."""

    def ends(batch):
        return next(iter([])) if 50 in batch["id"] else len(batch["id"])

    with tfr.Dataset(sets["plain"], ID, batch_size=25, map=ends, workers=workers) as dataset:
        batches = iter(dataset)
        assert list(islice(batches, 2)) == [25, 25]
        with pytest.raises(
            RuntimeError, match=r"map raised StopIteration\(\), .*next\(\)"
        ) as caught:
            next(batches)
    assert "raised by map, of a batch of epoch 0" in caught.value.__notes__[0]
    assert "StopIteration" in repr(caught.value.__cause__)


@pytest.mark.parametrize("make", ["odd", "unpicklable"])
def test_an_exception_that_cannot_be_carried_is_told_as_text(sets, make):
    def fail(batch):
        if make == "odd":
            raise OddError(1, extra=2)
        error = ValueError("with a lock")
        error.lock = sys._current_frames()
        raise error

    dataset = tfr.Dataset(sets["plain"], ID, batch_size=10, map=fail, workers=1)
    text = "1 and 2" if make == "odd" else "with a lock"
    with dataset, pytest.raises(RuntimeError, match=text):
        next(iter(dataset))


def test_a_function_of_the_main_module(tmp_path):
    """As people write it: no guard, no module of its own, classes and globals beside it."""
    path = tmp_path / "a.tfrecord"
    tfr.write_examples(path, {"id": np.arange(50)})
    script = tmp_path / "train.py"
    script.write_text(
        textwrap.dedent(
            f"""
            import tfrecord_lite as tfr

            SCALE = 3

            class Pair:
                def __init__(self, value):
                    self.value = value

            class Bad(Exception):
                pass

            def f(batch):
                print("a line of the function")
                if 40 in batch["id"]:
                    raise Bad("forty")
                return Pair(batch["id"] * SCALE)

            dataset = tfr.Dataset({str(path)!r}, batch_size=20, map=f, workers=2)
            try:
                for pair in dataset:
                    assert type(pair) is Pair
                    print(pair.value.tolist()[:2], flush=True)
            except Bad as error:
                print("Bad:", error)
            """
        )
    )
    ran = subprocess.run(
        [sys.executable, script], capture_output=True, text=True, check=True, timeout=60
    )
    assert ran.stdout.splitlines() == ["[0, 3]", "[60, 63]", "Bad: forty"]
    assert "a line of the function" in ran.stderr


@IN_BOTH_WAYS
def test_what_it_does_to_its_process_changes_nothing(sets, workers):
    def wild(batch):
        np.random.seed(1)  # noqa: NPY002
        if workers and os.fork() == 0:
            # A child that goes on where it was forked.
            return "of a child"
        batch["id"] += 0
        return {"id": batch["id"]}

    expected = ids(tfr.Dataset(sets["plain"], ID, batch_size=10, shuffle=30))
    with tfr.Dataset(
        sets["plain"], ID, batch_size=10, shuffle=30, map=wild, workers=workers
    ) as dataset:
        assert ids(dataset) == expected


@pytest.mark.parametrize("how", ["hangs", "dies", "ends"])
def test_a_worker_that_gives_no_result(sets, how):
    def bad(batch):
        if 50 in batch["id"]:
            if how == "hangs":
                import time

                time.sleep(1000)
            os.kill(os.getpid(), 9) if how == "dies" else sys.exit(3)
        return batch

    before = children()
    timeout = 15 if how == "hangs" else None
    expected = {
        "hangs": r"worker process \d+ gave no result within timeout=15 seconds",
        "dies": r"worker process \d+ was killed by signal 9",
        "ends": r"worker process \d+ ended with exit code 3",
    }[how]
    with tfr.Dataset(
        sets["plain"], ID, batch_size=10, map=bad, workers=2, timeout=timeout
    ) as dataset:
        batches = iter(dataset)
        list(islice(batches, 5))
        with pytest.raises(RuntimeError, match=f"{expected}.*batch 5 of epoch 0"):
            next(batches)
        wait_until_gone([pid for pid in children() if pid not in before])


def test_without_cloudpickle_there_is_one_clear_error(sets, monkeypatch):
    monkeypatch.setitem(sys.modules, "cloudpickle", None)
    monkeypatch.delitem(sys.modules, "tfrecord_lite.parallel.cloud", raising=False)
    options = {"batch_size": 10, "map": double}
    assert len(list(tfr.Dataset(sets["plain"], ID, **options))) == 10
    with pytest.raises(ImportError, match=r"pip install 'tfrecord-lite-np\[train\]'"):
        list(tfr.Dataset(sets["plain"], ID, workers=1, **options))


@pytest.mark.parametrize(
    ("options", "error", "text"),
    [
        ({"map": "double"}, TypeError, "map='double' must be a function of a batch"),
        ({"timeout": 0}, ValueError, "timeout=0 must be a number of seconds above 0, or None"),
        ({"timeout": -1.5}, ValueError, "timeout=-1.5 must be"),
        ({"timeout": float("nan")}, ValueError, "timeout=nan must be"),
        ({"timeout": "5"}, TypeError, "timeout='5' must be a number of seconds, or None"),
        ({"interleave": 0}, ValueError, "interleave=0 must be at least 1"),
        ({"interleave": 1.5}, TypeError, "interleave=1.5 must be an integer"),
        ({"rank": 0.0}, TypeError, "rank=0.0 must be an integer"),
    ],
)
def test_options_that_make_no_sense(sets, options, error, text):
    with pytest.raises(error, match=text):
        tfr.Dataset(sets["plain"], ID, batch_size=10, **options)


@pytest.mark.parametrize("timeout", [float("inf"), 1e300, 2_147_484, 2_147_483])
def test_a_timeout_longer_than_poll_can_wait(sets, timeout):
    """It was taken, and an OverflowError once there were workers."""
    options = {"batch_size": 50, "workers": 1, "timeout": timeout}
    with tfr.Dataset(sets["plain"], ID, **options) as dataset:
        assert len(list(dataset)) == 2


def test_a_timeout_needs_poll(sets, monkeypatch):
    monkeypatch.delattr(select, "poll")
    with pytest.raises(ValueError, match="which this system does not have"):
        tfr.Dataset(sets["plain"], ID, batch_size=10, timeout=5)
    assert len(tfr.Dataset(sets["plain"], ID, batch_size=10)) == 10


@IN_BOTH_WAYS
def test_no_records(tmp_path, workers):
    tfr.write_records(tmp_path / "a", [])
    with tfr.Dataset(tmp_path / "a", ID, batch_size=3, map=double, workers=workers) as dataset:
        assert list(dataset) == []
        assert len(dataset) == 0


@pytest.mark.parametrize("done", [1, 3, 5])
def test_resumed_in_the_middle_of_a_blocked_file_without_the_last_batch(sets, done):
    """The rest of the file is read by number, and what follows it from the front."""
    options = {"batch_size": 7, "map": double, "drop_remainder": True}
    with tfr.Dataset(sets["blocked"], ID, **options) as dataset:
        expected = ids(dataset)
    dataset = tfr.Dataset(sets["blocked"], ID, **options)
    found = ids(islice(dataset, done))
    state = dataset.state_dict()
    dataset = tfr.Dataset(sets["blocked"], ID, **options)
    dataset.load_state_dict(state)
    assert found + ids(dataset) == expected


@pytest.mark.parametrize("how", [{}, {"map": same}])
@IN_BOTH_WAYS
def test_records_after_damage_fill_the_last_batch(tmp_path, how, workers):
    """Those that are left out make no batch smaller, but the last."""
    path = tmp_path / "a"
    tfr.write_examples(path, {"id": range(105)})
    offsets = tfr.RecordIndex.build(path).offsets.tolist()
    data = bytearray(path.read_bytes())
    for number in (7, 30, 90):
        data[offsets[number] + 13] ^= 1
    path.write_bytes(data)
    found = []
    options = {"batch_size": 10, "drop_remainder": True, "on_damage": found.append}
    with tfr.Dataset(path, ID, workers=workers, **options, **how) as dataset:
        batches = [batch["id"].tolist() for batch in dataset]
    left = [number for number in range(105) if number not in (7, 30, 90)]
    assert batches == [left[at : at + 10] for at in range(0, 100, 10)]
    assert [damage.record for damage in found] == [7, 30, 90]


@pytest.mark.parametrize("shuffle", [False, 30, True])
@pytest.mark.parametrize("compression", [None, "GZIP"])
@pytest.mark.parametrize("how", [{}, {"map": same}])
@IN_BOTH_WAYS
def test_damage_raises_after_the_batches_before_it(tmp_path, workers, how, shuffle, compression):
    """And no part of the batch with the damage, which `map` would take for a whole one."""
    path = tmp_path / "a"
    options = {"block_bytes": 200} if compression else {}
    tfr.write_examples(path, {"id": range(105)}, compression=compression, **options)
    index = tfr.RecordIndex.build(path)
    data = bytearray(path.read_bytes())
    at = len(data) // 2 if compression else index.offsets[53] + 13
    data[at] ^= 1
    path.write_bytes(data)
    options = {"batch_size": 10, "shuffle": shuffle, "workers": workers}
    found = []
    with (
        tfr.Dataset(path, ID, **options, **how) as dataset,
        pytest.raises(tfr.TFRecordError, match=str(path)) as raised,
    ):
        found.extend(batch["id"].tolist() for batch in dataset)
    assert {len(batch) for batch in found} <= {10}
    if not shuffle:
        ids_found = [number for batch in found for number in batch]
        assert ids_found == [*range(raised.value.record // 10 * 10)]


@pytest.mark.parametrize("shuffle", [False, 30, True])
@pytest.mark.parametrize("how", [{}, {"map": same}])
@IN_BOTH_WAYS
def test_a_record_of_another_kind_raises_after_the_batches_before_it(
    tmp_path, workers, how, shuffle
):
    """As damage does: no part of its batch is given to `map`."""
    path = tmp_path / "a"
    rows = [{"id": "other" if number == 53 else number} for number in range(105)]
    tfr.write_records(path, map(tfr.encode_example, rows))
    options = {"batch_size": 10, "shuffle": shuffle, "workers": workers}
    found = []
    with (
        tfr.Dataset(path, ID, **options, **how) as dataset,
        pytest.raises(tfr.ExampleError, match="record 53"),
    ):
        found.extend(batch["id"].tolist() for batch in dataset)
    assert {len(batch) for batch in found} <= {10}
    if not shuffle:
        assert [number for batch in found for number in batch] == [*range(50)]


def test_a_note_names_files_that_nobody_has_counted(tmp_path):
    """Their records were numbered over all files, of which the note named none."""
    for name in "ab":
        tfr.write_examples(tmp_path / name, {"id": range(5)}, compression="ZLIB")

    def fails(batch):
        raise LookupError(batch["id"].tolist())

    batches = iter(tfr.Dataset(tmp_path, ID, batch_size=8, map=fails))
    with pytest.raises(LookupError) as caught:
        next(batches)
    a, b = (f"{tmp_path}/{name}: records 0 to {last}" for name, last in (("a", 4), ("b", 2)))
    assert caught.value.__notes__[0].endswith(f"epoch 0: {a}; {b}")
