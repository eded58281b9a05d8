"""Both engines of make_dataset give the same batches, each record once, in the promised order."""

from __future__ import annotations

from collections import Counter
from random import Random

import pytest
import tensorflow as tf
from example.schemas import random_examples, random_features
from tf_backend.tensors import ENGINES, FEATURES, batches, flat, ids, of_both, plain, record
from variants import first

import tfrecord_lite as tfr
from tfrecord_lite.dataset.shard_writer import ShardWriter
from tfrecord_lite.tensorflow import make_dataset

COUNTS = (3, 20, 0, 9, 1, 17)
TOTAL = sum(COUNTS)
ID = {"id": FEATURES["id"]}
# How the files of a set are written.
KINDS = {
    "plain": {},
    "blocked": {"compression": "GZIP", "block_bytes": 300},
    "gzip": {"compression": "GZIP", "block_bytes": None},
    "zlib": {"compression": "ZLIB"},
}


@pytest.fixture(scope="module")
def sets(tmp_path_factory):
    """Write the same records as files of each kind, and of all kinds mixed."""
    folder = tmp_path_factory.mktemp("sets")
    found: dict[str, list[str]] = {kind: [] for kind in (*KINDS, "mixed")}
    for number, count in enumerate(COUNTS):
        first = sum(COUNTS[:number])
        records = [record(index) for index in range(first, first + count)]
        for kind, options in KINDS.items():
            path = folder / f"{kind}-{number}"
            tfr.write_records(path, records, **options)
            found[kind].append(str(path))
        found["mixed"].append(found[list(KINDS)[number % len(KINDS)]][-1])
    return found


def cardinality(data):
    return int(data.cardinality())


# Without a shuffle.


@pytest.mark.parametrize("kind", [*KINDS, "mixed"])
def test_all_kinds_of_features_and_files(sets, kind):
    theirs, ours = of_both(sets[kind], FEATURES, batch_size=7)
    expected = batches(theirs)
    assert flat(ids(theirs)) == list(range(TOTAL))
    assert len(expected) == 8
    assert batches(ours) == expected
    assert batches(ours) == expected  # the next epoch
    first = tfr.parse_example([record(index) for index in range(7)], FEATURES)
    assert expected[0]["vector"] == plain(tf.constant(first["vector"]))
    assert expected[0]["pair"] == plain(tf.constant(first["pair"]))


@pytest.mark.parametrize("seed", range(12))
def test_random_features_and_records(seed, tmp_path):
    """What protobuf writes is the same to both, or is refused by both."""
    random = Random(seed)
    features = {
        name: feature
        for name, feature in random_features(random).items()
        # These names are no names of tensors in a graph.
        if name.isascii() and name.isprintable() and name
    } or {"a": tfr.VarLenFeature(bytes)}
    records = random_examples(random, features)
    tfr.write_records(tmp_path / "a.tfrecord", records)
    found = []
    for data in of_both(tmp_path / "a.tfrecord", features, batch_size=3, check=False):
        try:
            found.append(batches(data))
        except tf.errors.InvalidArgumentError:
            found.append(None)
    assert found[0] == found[1]


@pytest.mark.parametrize("seed", first(6, range(25)))
def test_random_combinations(sets, seed):
    """Each record once an epoch over all ranks; in order, or each epoch in another."""
    random = Random(seed)
    kind = random.choice(("plain", "plain", "blocked", "gzip", "mixed"))
    ranks = random.choice((1, 1, 2, 3, 7))
    repeat = random.choice((1, 1, 2))
    shuffle = random.choice((False, False, True, 5, 100))
    if kind != "plain" and kind != "blocked" and shuffle is True:
        shuffle = 7
    options = {
        "batch_size": random.choice((1, 4, 5, 100)),
        "shuffle": shuffle,
        "seed": seed,
        "repeat": repeat,
        "deterministic": random.random() < 0.7,
        "cache": random.random() < 0.3,
    }
    in_order = not shuffle and options["deterministic"]
    whole: dict[str, list[int]] = {engine: [] for engine in ENGINES}
    for rank in range(ranks):
        theirs, ours = of_both(sets[kind], ID, rank=rank, world_size=ranks, **options)
        assert theirs.element_spec == ours.element_spec
        for _ in range(2):
            found = ids(theirs), ids(ours)
            if ranks == 1 or shuffle is not True:
                assert Counter(flat(found[0])) == Counter(flat(found[1]))
            assert sorted(map(len, found[0])) == sorted(map(len, found[1]))
            if in_order:
                assert found[0] == found[1]
            if cardinality(theirs) != tf.data.UNKNOWN_CARDINALITY:
                assert cardinality(theirs) == len(found[0])
            assert cardinality(ours) in (len(found[1]), tf.data.UNKNOWN_CARDINALITY)
        for engine, seen in zip(ENGINES, found, strict=True):
            whole[engine] += flat(seen)
    for seen in whole.values():
        assert Counter(seen) == dict.fromkeys(range(TOTAL), repeat)
    if in_order and repeat == 1:
        assert whole["numpy"] == list(range(TOTAL))


def test_batches_across_blocks_that_are_read_together(tmp_path):
    """Small ones, of which one call brings many, and one that is larger than a block."""
    rows = [
        {"id": row, "name": b"%d" % row, "image": bytes([row % 251]) * 999} for row in range(9000)
    ]
    features = {**ID, "name": FEATURES["name"], "image": tfr.RawFeature([999], "uint8")}
    tfr.write_records(tmp_path / "a.tfrecord", map(tfr.encode_example, rows))
    for size in (7, 4096):
        theirs, ours = of_both(tmp_path / "a.tfrecord", features, batch_size=size)
        assert cardinality(ours) == -(-9000 // size)
        assert batches(ours) == batches(theirs)


def test_batches_before_damage(tmp_path):
    path = tmp_path / "a.tfrecord"
    records = [record(index) for index in range(40)]
    tfr.write_records(path, records)
    content = bytearray(path.read_bytes())
    content[sum(len(each) + 16 for each in records[:33]) + 20] ^= 1
    path.write_bytes(content)
    data = make_dataset(path, ID, batch_size=4, engine="numpy")
    seen = []
    with pytest.raises(tf.errors.InvalidArgumentError, match="record 33"):
        for batch in data:
            seen += batch["id"].numpy().tolist()
    assert seen == list(range(32))


@pytest.mark.parametrize("engine", ENGINES)
def test_no_batch_spans_two_epochs(sets, engine):
    data = make_dataset(sets["plain"], ID, batch_size=40, repeat=3, engine=engine)
    assert ids(data) == [list(range(40)), list(range(40, TOTAL))] * 3


@pytest.mark.parametrize("engine", ENGINES)
def test_without_end(sets, engine):
    data = make_dataset(sets["plain"], ID, batch_size=30, repeat=None, engine=engine)
    assert cardinality(data) == tf.data.INFINITE_CARDINALITY
    assert flat(ids(data.take(5))) == (list(range(TOTAL)) * 3)[: 2 * TOTAL + 30]


@pytest.mark.parametrize("repeat", [1, 2, None])
@pytest.mark.parametrize("shuffle", [False, True, 3])
@pytest.mark.parametrize("engine", ENGINES)
def test_no_records(engine, shuffle, repeat, tmp_path):
    tfr.write_records(tmp_path / "a.tfrecord", [])
    data = make_dataset(
        tmp_path / "a.tfrecord",
        ID,
        batch_size=2,
        shuffle=shuffle,
        repeat=repeat,
        engine=engine,
    )
    assert cardinality(data) == 0
    assert list(data) == []


@pytest.mark.parametrize("engine", ENGINES)
def test_more_ranks_than_records(engine, tmp_path):
    tfr.write_records(tmp_path / "a.tfrecord", [record(0)])
    found = [
        ids(make_dataset(tmp_path, ID, batch_size=2, rank=rank, world_size=3, engine=engine))
        for rank in range(3)
    ]
    assert sorted(found) == [[], [], [[0]]]


@pytest.mark.parametrize("engine", ENGINES)
def test_a_file_named_twice_is_read_twice(sets, engine):
    files = [sets["plain"][1], sets["gzip"][0], sets["plain"][1]]
    data = make_dataset(files, ID, batch_size=100, engine=engine)
    assert flat(ids(data)) == [*range(3, 23), *range(3), *range(3, 23)]


# Shuffled.


@pytest.mark.parametrize("cache", [False, True])
@pytest.mark.parametrize("shuffle", [True, 10])
@pytest.mark.parametrize("engine", ENGINES)
def test_each_epoch_in_another_order(sets, engine, shuffle, cache):
    def make(seed):
        return make_dataset(
            sets["plain"],
            ID,
            batch_size=8,
            shuffle=shuffle,
            seed=seed,
            cache=cache,
            engine=engine,
        )

    data = make(1)
    first, second = flat(ids(data)), flat(ids(data))
    assert sorted(first) == sorted(second) == list(range(TOTAL))
    assert len({tuple(first), tuple(second), tuple(range(TOTAL))}) == 3
    again = make(1)
    assert [flat(ids(again)), flat(ids(again))] == [first, second]
    assert flat(ids(make(2))) != first


@pytest.mark.parametrize("engine", ENGINES)
def test_repeats_are_shuffled_anew(sets, engine):
    data = make_dataset(sets["plain"], ID, batch_size=TOTAL, shuffle=True, repeat=3, engine=engine)
    epochs = ids(data)
    assert [sorted(epoch) for epoch in epochs] == [list(range(TOTAL))] * 3
    assert len({tuple(epoch) for epoch in epochs}) == 3


def test_shuffling_all_of_a_stream_whose_length_nobody_knows(sets):
    data = make_dataset(sets["zlib"], ID, batch_size=TOTAL, shuffle=True)
    assert cardinality(data) == tf.data.UNKNOWN_CARDINALITY
    (epoch,) = ids(data)
    assert sorted(epoch) == list(range(TOTAL))
    assert epoch != list(range(TOTAL))


# Checkpoints.


@pytest.mark.parametrize("options", [{}, {"repeat": 2, "world_size": 2}, {"shuffle": 8}])
@pytest.mark.parametrize("kind", first(1, ["mixed", "plain", "zlib"]))
def test_an_iterator_is_saved_and_goes_on(sets, tmp_path, kind, options):
    """With the look at the files, too, with which each epoch begins."""
    data = make_dataset(sets[kind], ID, batch_size=7, **options)
    iterator = iter(data)
    for _ in range(3):
        next(iterator)
    path = tf.train.Checkpoint(iterator=iterator).save(str(tmp_path / "state"))
    again = iter(make_dataset(sets[kind], ID, batch_size=7, **options))
    tf.train.Checkpoint(iterator=again).restore(path)
    assert ids(again) == ids(iterator) != []


def test_an_iterator_over_features_of_several_keys_is_saved_and_goes_on(tmp_path):
    path = tmp_path / "a.tfrecord"
    tfr.write_examples(path, {"at": [[number % 5] for number in range(30)], "id": range(30)})
    features = {"sparse": tfr.SparseFeature("at", "id", "int64", 5), **ID}
    data = make_dataset(path, features, batch_size=7)
    iterator = iter(data)
    next(iterator)
    saved = tf.train.Checkpoint(iterator=iterator).save(str(tmp_path / "state"))
    again = iter(data)
    tf.train.Checkpoint(iterator=again).restore(saved)
    assert ids(again) == ids(iterator) != []


@pytest.mark.parametrize("options", [{}, {"world_size": 2}, {"cache": True}])
def test_a_shuffle_that_is_saved_goes_on_in_the_order_of_its_seed(sets, tmp_path, options):
    """In later epochs too, wherever in an epoch, or how far ahead of its user, it was saved."""

    def make():
        return make_dataset(
            sets["plain"], ID, batch_size=7, shuffle=True, repeat=3, seed=1, **options
        )

    expected = ids(make())
    for taken in range(len(expected) // 2):
        iterator = iter(make())
        for _ in range(taken):
            next(iterator)
        path = tf.train.Checkpoint(iterator=iterator).save(str(tmp_path / "state"))
        again = iter(make())
        tf.train.Checkpoint(iterator=again).restore(path)
        assert ids(again) == expected[taken:]


def test_a_buffer_that_is_saved_goes_on_through_its_epoch(sets, tmp_path):
    """The files of later epochs TensorFlow may order otherwise, but with a cache."""
    for cache in (False, True):
        options = {"batch_size": 7, "shuffle": 10, "repeat": 2, "seed": 7, "cache": cache}
        expected = ids(make_dataset(sets["plain"], ID, **options))
        for taken in (1, 5):
            iterator = iter(make_dataset(sets["plain"], ID, **options))
            for _ in range(taken):
                next(iterator)
            path = tf.train.Checkpoint(iterator=iterator).save(str(tmp_path / "state"))
            again = iter(make_dataset(sets["plain"], ID, **options))
            tf.train.Checkpoint(iterator=again).restore(path)
            found = expected[:taken] + ids(again)
            assert Counter(flat(found)) == dict.fromkeys(range(TOTAL), 2)
            assert found[:8] == expected[:8]
            assert not cache or found == expected


@pytest.mark.parametrize("shuffle", [True, 10])
@pytest.mark.parametrize("engine", ENGINES)
def test_the_seed_alone_makes_the_order(sets, engine, shuffle):
    """Whatever a program gives to ``tf.random.set_seed``, as Keras does."""
    options = {"batch_size": 8, "shuffle": shuffle, "seed": 3, "engine": engine}
    try:
        found = []
        for seed in (1, 2):
            tf.random.set_seed(seed)
            found.append(ids(make_dataset(sets["plain"], ID, **options)))
    finally:
        tf.random.set_seed(None)
    assert found[0] == found[1]


# Cache and map.


@pytest.mark.parametrize("shuffle", [False, 20])
@pytest.mark.parametrize("engine", ENGINES)
def test_cache_in_memory_reads_the_files_once(engine, shuffle, tmp_path):
    path = tmp_path / "a.tfrecord"
    tfr.write_records(path, map(record, range(30)))
    data = make_dataset(path, FEATURES, batch_size=8, cache=True, shuffle=shuffle, engine=engine)
    first = batches(data)
    path.unlink()
    second = batches(data)
    assert len(first) == len(second) == 4
    assert (first == second) is (shuffle is False)


@pytest.mark.parametrize("shuffle", [False, 20])
@pytest.mark.parametrize("engine", ENGINES)
def test_cache_in_a_file_outlives_the_dataset(engine, shuffle, tmp_path):
    path = tmp_path / "a.tfrecord"
    tfr.write_records(path, map(record, range(30)))

    def make():
        return make_dataset(
            path,
            ID,
            batch_size=8,
            cache=tmp_path / "cache",
            shuffle=shuffle,
            engine=engine,
        )

    data = make()
    assert sorted(flat(ids(data))) == list(range(30))
    assert list(tmp_path.glob("cache*"))
    again = make()
    path.unlink()
    assert sorted(flat(ids(again))) == list(range(30))


@pytest.mark.parametrize("cache", [False, True])
@pytest.mark.parametrize("engine", ENGINES)
def test_map_comes_behind_the_cache(sets, engine, cache):
    def add(batch):
        noise = tf.random.uniform((), 100, 1_000_000, tf.int64)
        return batch["name"], batch["id"] + noise

    data = make_dataset(
        sets["plain"], FEATURES, batch_size=TOTAL, map=add, cache=cache, engine=engine
    )
    assert data.element_spec == (tf.TensorSpec([None], tf.string), tf.TensorSpec([None], tf.int64))
    ((names, first),), ((_, second),) = data, data
    assert names[3] == b"record 3\0"
    assert first[1] - first[0] == 1
    assert first[0] != second[0]


# Features and lengths that nobody named.


@pytest.mark.parametrize("engine", ENGINES)
def test_features_of_the_manifest(engine, tmp_path):
    with ShardWriter(tmp_path / "set", records_per_shard=4, features=FEATURES) as writer:
        writer.write_many(map(record, range(10)))
    data = make_dataset(tmp_path / "set", None, batch_size=4, engine=engine)
    named = make_dataset(tmp_path / "set", FEATURES, batch_size=4, engine=engine)
    assert data.element_spec == named.element_spec
    assert batches(data) == batches(named)
    assert cardinality(data) == 3


@pytest.mark.parametrize("engine", ENGINES)
def test_features_are_inferred(engine, tmp_path):
    tfr.write_examples(tmp_path / "a.tfrecord", {"id": range(3), "x": [[1.5], None, [2.0, 3.0]]})
    data = make_dataset(tmp_path / "a.tfrecord", None, batch_size=5, engine=engine)
    (batch,) = data
    assert plain(batch["id"]) == plain(tf.range(3, dtype=tf.int64))
    assert batch["x"].to_list() == [[1.5], [], [2.0, 3.0]]


def test_a_record_that_inferred_features_do_not_fit(tmp_path):
    rows = [{"id": 1}] * 1000 + [{"id": [1, 2]}]
    tfr.write_records(tmp_path / "a.tfrecord", map(tfr.encode_example, rows))
    data = make_dataset(tmp_path / "a.tfrecord", None, batch_size=500, engine="numpy")
    with pytest.raises(
        tf.errors.InvalidArgumentError, match=r"record 1000 .*first 1,000 records: pass features="
    ):
        list(data)


@pytest.mark.parametrize("engine", ENGINES)
@pytest.mark.parametrize(
    ("kind", "check", "known"),
    [
        ("plain", True, True),
        ("plain", False, False),
        ("blocked", True, True),
        ("zlib", True, False),
    ],
)
def test_number_of_batches(sets, engine, kind, check, known):
    data = make_dataset(sets[kind], ID, batch_size=7, check=check, engine=engine)
    assert cardinality(data) == (8 if known else tf.data.UNKNOWN_CARDINALITY)
    assert len(list(data)) == 8


@pytest.mark.parametrize("engine", ENGINES)
def test_number_of_batches_of_a_manifest(engine, tmp_path):
    with ShardWriter(tmp_path / "set", records_per_shard=4, compression="ZLIB") as writer:
        writer.write_many(map(record, range(10)))
    data = make_dataset(tmp_path / "set", ID, batch_size=3, check=False, engine=engine)
    assert cardinality(data) == 4
    assert flat(ids(data)) == list(range(10))


def test_compression_by_name(sets):
    for codec, kind in ((None, "plain"), ("", "plain"), ("GZIP", "gzip"), ("ZLIB", "zlib")):
        for data in of_both(sets[kind], ID, batch_size=TOTAL, compression=codec):
            assert flat(ids(data)) == list(range(TOTAL))


@pytest.mark.parametrize(
    ("options", "text"),
    [
        ({"batch_size": 0}, "batch_size=0 must be at least 1"),
        ({"shuffle": 0}, "shuffle=0 must be at least 1"),
        ({"repeat": 0}, "repeat=0 must be at least 1"),
        ({"seed": -1}, "seed=-1 must be at least 0"),
        ({"rank": 2, "world_size": 2}, "rank=2 must be from 0 to world_size - 1"),
        ({"engine": "torch"}, "engine='torch'; choose"),
        ({"on_damage": "skip"}, "on_damage='skip'; pass 'raise' or a callable"),
        ({"on_damage": print}, "needs engine='numpy'"),
        ({"compression": "gzip"}, "unknown compression 'gzip'"),
    ],
)
def test_options_that_are_refused(sets, options, text):
    with pytest.raises(ValueError, match=text):
        make_dataset(sets["plain"], ID, **{"batch_size": 1, **options})


# What `Dataset` has, too.


@pytest.mark.parametrize("kind", ["plain", "mixed"])
@pytest.mark.parametrize("even", [None, "drop", "pad"])
@pytest.mark.parametrize("drop", [False, True])
def test_even_ranks_and_whole_batches(sets, kind, even, drop):
    cache = drop
    for ranks in (1, 4):
        lengths = set()
        for rank in {0, ranks - 1}:
            options = {
                "batch_size": 4,
                "rank": rank,
                "world_size": ranks,
                "even": even,
                "drop_remainder": drop,
            }
            expected = [b["id"].tolist() for b in tfr.Dataset(sets[kind], ID, **options)]
            for data in of_both(sets[kind], ID, cache=cache, **options):
                assert ids(data) == expected
            lengths.add(len(expected))
        if even is not None:
            assert len(lengths) == 1


@pytest.mark.parametrize("shuffle", [False, True])
@pytest.mark.parametrize("cache", [False, True])
def test_even_ranks_of_fewer_records(tmp_path, shuffle, cache):
    """Ranks that go round more than once had records beyond the last, and failed."""
    path = str(tmp_path / "a.tfrecord")
    tfr.write_examples(path, {"id": [0, 1]})
    for rank in (3, 4, 6):
        options = {"batch_size": 1, "rank": rank, "world_size": 7, "even": "pad"}
        expected = [b["id"].tolist() for b in tfr.Dataset(path, ID, **options)]
        assert expected == [[rank % 2]]
        for data in of_both(path, ID, shuffle=shuffle, cache=cache, **options):
            assert ids(data) in ([[[0]], [[1]]] if shuffle else [expected])


@pytest.mark.parametrize("kind", first(1, ["plain", "gzip"]))
@pytest.mark.parametrize("shuffle", [10, True])
@pytest.mark.parametrize("cache", [False, True])
def test_shuffled_ranks_and_whole_batches(sets, kind, shuffle, cache):
    if shuffle is True and kind == "gzip":
        return
    for even, drop in ((None, False), ("drop", True), ("pad", False)):
        for engine in ENGINES:
            seen = Counter()
            for rank in range(3):
                data = make_dataset(
                    sets[kind],
                    ID,
                    engine=engine,
                    batch_size=4,
                    shuffle=shuffle,
                    interleave=2,
                    rank=rank,
                    world_size=3,
                    even=even,
                    drop_remainder=drop,
                    cache=cache,
                )
                found = ids(data)
                assert len(found) == cardinality(data)
                assert not drop or {len(batch) for batch in found} == {4}
                seen.update(flat(found))
            # 50 records: two too many for three ranks, one too few.
            assert len(seen) == (48 if drop else 50)
            assert seen.total() == {None: 50, "drop": 48, "pad": 51}[even]


@pytest.mark.parametrize("shuffle", [False, 10, True])
def test_workers_read_for_tensorflow(sets, shuffle):
    options = {"batch_size": 4, "shuffle": shuffle, "engine": "numpy"}
    expected = ids(make_dataset(sets["plain"], ID, **options))
    assert ids(make_dataset(sets["plain"], ID, workers=2, **options)) == expected
    with pytest.raises(ValueError, match="workers= needs engine='numpy'"):
        make_dataset(sets["plain"], ID, batch_size=4, workers=2)
    with pytest.raises(ValueError, match="even='both'; choose None, 'drop' or 'pad'"):
        make_dataset(sets["plain"], ID, batch_size=4, even="both")
