"""Every Arrow type, in every kind of list, comes back as it was, or is refused by its name."""

from __future__ import annotations

import datetime as dt
import uuid
from decimal import Decimal

import numpy as np
import pyarrow as pa
import pytest

import tfrecord_lite as tfr
from tfrecord_lite.arrow import to_arrow, write_table


@pytest.fixture
def name(tmp_path):
    return str(tmp_path / "train")


TEXT = ["a", "", "größe" * 5, "a"]
BYTES = [b"a", b"", b"x" * 40, b"a"]
INTEGERS = [0, 1, 100, 0]
FLOATS = [0.5, -0.0, float("inf"), 0.5]
DAYS = [dt.date(2024, 2, 29), dt.date(1970, 1, 1)] * 2
TIMES = [dt.time(1, 2, 3), dt.time(0)] * 2
MOMENTS = [dt.datetime(year, 2, 28, 1, tzinfo=dt.timezone.utc) for year in (2024, 1969)] * 2
SPANS = [dt.timedelta(1), dt.timedelta(-1)] * 2
UUIDS = [uuid.UUID(int=number).bytes for number in (1, 0, 2**100, 1)]

LEAVES = {
    **dict.fromkeys((pa.string(), pa.large_string(), pa.string_view()), TEXT),
    **dict.fromkeys((pa.binary(), pa.large_binary(), pa.binary_view()), BYTES),
    pa.binary(16): UUIDS,
    **dict.fromkeys((pa.int8(), pa.int16(), pa.int32(), pa.int64()), INTEGERS),
    **dict.fromkeys((pa.uint8(), pa.uint16(), pa.uint32(), pa.uint64()), INTEGERS),
    pa.bool_(): [True, False, True, True],
    **dict.fromkeys((pa.float16(), pa.float32(), pa.float64()), FLOATS),
    **dict.fromkeys((pa.date32(), pa.date64()), DAYS),
    **dict.fromkeys((pa.time32("s"), pa.time64("us")), TIMES),
    **dict.fromkeys((pa.timestamp("us"), pa.timestamp("ns", "UTC")), MOMENTS),
    pa.duration("s"): SPANS,
}


def dictionary(values, index=None, *, ordered=False):
    return pa.dictionary(index or pa.int32(), values, ordered)


def runs(values, ends=None):
    return pa.run_end_encoded(ends or pa.int32(), values)


KINDS = {
    **{leaf: (leaf, values) for leaf, values in LEAVES.items()},
    **{dictionary(leaf): (leaf, values) for leaf, values in LEAVES.items()},
    **{runs(leaf): (leaf, values) for leaf, values in LEAVES.items()},
    dictionary(pa.string(), pa.uint8(), ordered=True): (pa.string(), TEXT),
    dictionary(pa.string_view(), pa.uint64()): (pa.string_view(), TEXT),
    runs(dictionary(pa.string_view()), pa.int16()): (pa.string_view(), TEXT),
    runs(pa.uuid()): (pa.binary(16), UUIDS),
    dictionary(pa.uuid()): (pa.binary(16), UUIDS),
    pa.uuid(): (pa.binary(16), UUIDS),
    pa.json_(): (pa.string(), ["1", "{}", "null", "1"]),
    pa.json_(pa.string_view()): (pa.string_view(), ["1", "{}", '"' + "x" * 40 + '"', "1"]),
    pa.bool8(): (pa.int8(), [1, 0, 1, 1]),
    pa.opaque(dictionary(pa.string()), "kind", "vendor"): (pa.string(), TEXT),
    pa.opaque(pa.int64(), "kind", "vendor"): (pa.int64(), INTEGERS),
}


def put(array, kind):
    """Return a plain array in another form, in ways that are not those of the library."""
    if array.type == kind:
        return array
    if isinstance(kind, pa.BaseExtensionType):
        return pa.ExtensionArray.from_storage(kind, put(array, kind.storage_type))
    if pa.types.is_dictionary(kind):
        given = array.to_pylist()
        values = list(dict.fromkeys(value for value in given[::-1] if value is not None))
        indices = [None if value is None else values.index(value) for value in given]
        return pa.DictionaryArray.from_arrays(
            pa.array(indices, kind.index_type),
            put(pa.array(values, array.type), kind.value_type),
            ordered=kind.ordered,
        )
    ends = pa.array(range(1, len(array) + 1), kind.run_end_type)
    return pa.RunEndEncodedArray.from_arrays(ends, put(array, kind.value_type))


def lists(items, sizes, mask, *, large=False):
    make = pa.LargeListArray if large else pa.ListArray
    offsets = pa.array(np.append(0, np.cumsum(sizes)), pa.int64() if large else pa.int32())
    return make.from_arrays(offsets, items, mask=mask)


def views(items, sizes, mask, *, large=False):
    """Return views of lists that lie in another order, share values, and hide some as null."""
    make, index = pa.ListViewArray, pa.int32()
    if large:
        make, index = pa.LargeListViewArray, pa.int64()
    begins = [max(len(items) - at - size, 0) for at, size in enumerate(sizes)]
    return make.from_arrays(pa.array(begins, index), pa.array(sizes, index), items, mask=mask)


def pairs(items, mask=None):
    return pa.FixedSizeListArray.from_arrays(items, 2, mask=mask)


def fours(items, mask):
    return pa.FixedSizeListArray.from_arrays(pairs(items), 2, mask=mask)


# How many rows are made of four values, and how.
FORMS = {
    "value": (4, None),
    "list": (3, lambda items, mask: lists(items, [2, 1, 1], mask)),
    "list, an empty one among them": (3, lambda items, mask: lists(items, [2, 0, 2], mask)),
    "large_list": (3, lambda items, mask: lists(items, [0, 3, 1], mask, large=True)),
    "list_view": (3, lambda items, mask: views(items, [2, 3, 0], mask)),
    "large_list_view": (3, lambda items, mask: views(items, [1, 2, 2], mask, large=True)),
    "fixed_size_list": (2, pairs),
    "list of fixed_size_list": (3, lambda items, mask: lists(pairs(items), [0, 1, 1], mask)),
    "list_view of fixed_size_list": (3, lambda items, mask: views(pairs(items), [1, 1, 0], mask)),
    "fixed_size_list of fixed_size_list": (2, fours),
}


def column(kind, form, *, nullable):
    leaf, values = KINDS[kind]
    count, make = FORMS[form]
    if make is None:
        some = [None if nullable and at == 1 else value for at, value in enumerate(values)]
        return put(pa.array(some, leaf), kind)
    mask = pa.array([at == 1 for at in range(count)]) if nullable else None
    values = values * 2 if make is fours else values
    return make(put(pa.array(values, leaf), kind), mask)


def assert_comes_back(name, table, **options):
    back = to_arrow(name, table.schema, **options).read_all()
    back.validate(full=True)
    assert back.schema.equals(table.schema)
    for key in table.column_names:
        assert repr(back[key].to_pylist()) == repr(table[key].to_pylist()), key


@pytest.mark.parametrize("nullable", [False, True], ids=["all there", "with nulls"])
@pytest.mark.parametrize("form", FORMS)
def test_all_types_in_all_lists_come_back(name, form, nullable):
    columns = [column(kind, form, nullable=nullable) for kind in KINDS]
    whole = pa.table(columns, [f"{at}: {kind}" for at, kind in enumerate(KINDS)])
    whole.validate(full=True)
    for some in ([whole], [whole.slice(1), whole.slice(0, 1), whole], [whole.slice(0, 0)]):
        table = pa.concat_tables(some)
        write_table(table, name, overwrite=True, records_per_shard=2)
        assert_comes_back(name, table)
        if len(some) > 1:
            assert_comes_back(name, table, rows_per_batch=3, binary="view")


def rows(name):
    return [
        {key: value if isinstance(value, list) else value.tolist() for key, value in row.items()}
        for row in map(tfr.decode_example, tfr.read_records(name))
    ]


def test_lists_of_a_dictionary_do_not_end_the_process(name):
    tags = lists(pa.array(["a", "b", "a"]).dictionary_encode(), [2, 1], None)
    write_table(pa.table({"tags": tags}), name)
    found = to_arrow(name, pa.schema({"tags": tags.type})).read_all()["tags"]
    assert found.type == tags.type
    assert found.to_pylist() == [["a", "b"], ["a"]]


@pytest.mark.parametrize(
    "kind",
    [
        pa.dictionary(pa.int32(), pa.list_(pa.int64())),
        pa.list_(runs(dictionary(pa.list_(pa.int8(), 2)))),
    ],
    ids=str,
)
def test_a_type_that_cannot_be_made_is_refused_before_anything_is_read(name, kind):
    with tfr.RecordWriter(name) as writer:
        writer.write(b"no Example")
    with pytest.raises(TypeError, match=r"feature 'x': .*cannot be made of values.*ask for list"):
        to_arrow(name, {"x": kind})


def test_views_of_lists_may_share_values(name):
    shared = pa.ListViewArray.from_arrays([0, 0], [2, 2], pa.array([5, 6]))
    spread = pa.ListViewArray.from_arrays(
        [2, 0, 100, 1],
        [1, 2, 7, 0],
        pa.array([5, 6, 7]),
        mask=pa.array([False, False, True, False]),
    )
    write_table(pa.table({"x": shared}), name)
    assert rows(name) == [{"x": [5, 6]}] * 2
    write_table(pa.table({"x": spread.slice(1)}), name, overwrite=True)
    assert rows(name) == [{"x": [5, 6]}, {}, {"x": []}]


def test_views_of_lists_of_text_keep_their_values(name):
    texts = [["a", "b"], None, ["c"]]
    kinds = {"x": pa.list_view(pa.string()), "y": pa.list_view(pa.string_view())}
    write_table(pa.table({key: pa.array(texts, kind) for key, kind in kinds.items()}), name)
    assert rows(name) == [{"x": [b"a", b"b"], "y": [b"a", b"b"]}, {}, {"x": [b"c"], "y": [b"c"]}]


def test_views_of_lists_in_sequences(name):
    frames = pa.array([[[1, 2], []], None, [[3]]], pa.list_view(pa.list_view(pa.int64())))
    ids = runs_of([1, 2, 3])
    mask = pa.array([False, False, True])
    table = pa.table(
        {
            "context": pa.StructArray.from_arrays([ids], ["id"], mask=mask),
            "feature_lists": pa.StructArray.from_arrays([frames], ["frames"]),
        }
    )
    write_table(table, name)
    back = to_arrow(name, table.schema).read_all()
    back.validate(full=True)
    assert back.to_pylist() == [
        {"context": {"id": 1}, "feature_lists": {"frames": [[1, 2], []]}},
        {"context": {"id": 2}, "feature_lists": {"frames": None}},
        {"context": {"id": None}, "feature_lists": {"frames": [[3]]}},
    ]


def runs_of(values):
    return put(pa.array(values), runs(pa.int64()))


def test_what_lies_behind_a_null_is_not_looked_at(name):
    hidden = pa.ListArray.from_arrays([0, 1, 2], pa.array(["x", "1"]), mask=pa.array([True, False]))
    write_table(pa.table({"x": hidden}), name, cast={"x": "int64"})
    assert rows(name) == [{}, {"x": [1]}]


@pytest.mark.parametrize(
    "kind", [pa.null(), dictionary(pa.null()), pa.opaque(pa.null(), "a", "b")], ids=str
)
def test_a_column_of_nulls_comes_back(name, kind):
    table = pa.table({"v": pa.nulls(2, kind), "w": [1, 2]})
    write_table(table, name)
    back = to_arrow(name, table.schema).read_all()
    assert back.schema == table.schema
    assert back.to_pylist() == [{"v": None, "w": 1}, {"v": None, "w": 2}]


EMPTY = pa.array([[], None, []], pa.list_(pa.null()))


@pytest.mark.parametrize("dtype", [np.int64, np.float32, bytes])
def test_lists_without_values_have_the_kind_that_features_say(name, dtype):
    """As lists of dicts have; they were refused, whatever was said."""
    features = {"v": tfr.RaggedFeature(dtype), "w": int}
    write_table(pa.table({"v": EMPTY, "w": [1, 2, 3]}), name, features)
    decoded = [tfr.decode_example(record).get("v") for record in tfr.read_records(name)]
    empty = [] if dtype is bytes else np.array([], dtype)
    assert repr(decoded) == repr([empty, None, empty])


def test_lists_without_values_do_not_tell_a_kind(name):
    with pytest.raises(tfr.ExampleError, match="column 'v' has lists without values.*features="):
        write_table(pa.table({"v": EMPTY}), name)


def test_steps_without_values_have_the_kind_that_features_say(name):
    table = pa.table(
        {"context": pa.array([{"a": 1}]), "feature_lists": pa.array([{"s": [[], []], "t": []}])}
    )
    features = tfr.SequenceFeatures(
        {"a": int}, {"s": tfr.RaggedFeature(np.int64), "t": tfr.RaggedFeature(bytes)}
    )
    write_table(table, name, features)
    (record,) = tfr.read_records(name)
    _, lists = tfr.decode_sequence_example(record)
    assert {key: [step.tolist() for step in steps] for key, steps in lists.items()} == {
        "s": [[], []],
        "t": [],
    }


def test_a_value_where_nulls_are_asked_for_is_an_error(name):
    write_table(pa.table({"v": [None, [1]]}), name)
    with pytest.raises(tfr.ExampleError, match=r"record 1.*'v'.*found a value.*null has none"):
        to_arrow(name, {"v": pa.null()}).read_all()


def test_more_values_than_a_dictionary_has_indices_for(name):
    table = pa.table({"x": [str(at) for at in range(200)]})
    write_table(table, name, records_per_shard=100)
    kind = {"x": dictionary(pa.string(), pa.int8())}
    assert to_arrow(name, kind).read_all()["x"].to_pylist() == table["x"].to_pylist()
    with pytest.raises(tfr.ExampleError, match="'x': rows_per_batch has too many rows"):
        to_arrow(name, kind, rows_per_batch=200).read_all()
    write_table(table, name, overwrite=True)
    with pytest.raises(tfr.ExampleError, match="'x'.*from here on no dictionary.*can be made"):
        to_arrow(name, kind).read_all()


def test_dictionaries_that_do_not_go_together_are_written_apart(name):
    kind = dictionary(pa.string(), pa.int8())
    parts = [[f"{part}-{at}" for at in range(100)] for part in range(3)]
    batches = [pa.record_batch({"x": put(pa.array(part), kind)}) for part in parts]
    write_table(pa.Table.from_batches(batches), name)
    assert [row["x"] for row in rows(name)] == [[x.encode()] for part in parts for x in part]


# Numbers.


@pytest.mark.parametrize("lost", [1e39, -1e39, 1e-60, Decimal("1e-60"), "1e39", "1e-400"], ids=repr)
@pytest.mark.parametrize("form", ["value", "list", "fixed_size_list", "dictionary", "run"])
def test_a_cast_makes_no_number_0_or_infinite(name, lost, form):
    kind = pa.scalar(lost).type
    one = type(lost)(0)
    values = pa.array([one, one, lost, one], kind)
    column = {
        "value": lambda: values,
        "list": lambda: lists(values, [1, 0, 3], None),
        "fixed_size_list": lambda: pairs(values),
        "dictionary": lambda: values.dictionary_encode(),
        "run": lambda: put(values, runs(kind)),
    }[form]()
    row = {"fixed_size_list": 1}.get(form, 2)
    for cast in ("float32", "float16", pa.float32()):
        if cast == "float16" and kind != pa.float64():
            continue
        with pytest.raises(tfr.ExampleError, match=rf"column 'x': row {row} has .*would become"):
            write_table(pa.table({"x": column}), name, cast={"x": cast})


def test_rows_before_a_lost_number_count(name):
    values = pa.array([None] * 3 + [1.0, None, 1e-60])
    with pytest.raises(tfr.ExampleError, match="'x': row 5 has 1e-60, which would become 0.0"):
        write_table(pa.table({"x": values}), name, cast={"x": "float32"})


@pytest.mark.parametrize("value", [70000, 2049, 70000.0, 1e-9])
def test_a_half_holds_what_it_is_given(name, value):
    with pytest.raises(tfr.ExampleError, match="row 1 has"):
        write_table(pa.table({"x": [0, value]}), name, cast={"x": "float16"})


@pytest.mark.parametrize("value", [2, -1, 0.5, float("nan")])
def test_no_other_number_becomes_a_bool(tmp_path, value):
    """Arrow takes all but 0 for true; what is read as bools is refused as well."""
    fine, column = (pa.array([type(value)(first), 1]) for first in (0, value))
    manifest = write_table(pa.table({"x": fine}), tmp_path / "a", cast={"x": "bool"})
    assert to_arrow(manifest.path).read_all()["x"].to_pylist() == [0, 1]
    with pytest.raises(tfr.ExampleError, match="'x', as bool: row 0: a bool is 0 or 1"):
        write_table(pa.table({"x": column}), tmp_path / "b", cast={"x": "bool"})


def test_casts_round_and_keep_what_is_0_or_infinite(name):
    floats = [0.1, 0.0, -0.0, float("inf"), float("nan"), 16777217.0]
    table = pa.table({"x": floats, "y": [str(value) for value in floats]})
    write_table(table, name, cast={"x": "float32", "y": "float32"})
    expected = np.array(floats, np.float32).tolist()
    assert repr(rows(name)) == repr([{"x": [value], "y": [value]} for value in expected])


@pytest.mark.parametrize(
    ("value", "kind"),
    [
        (1e10, pa.float16()),
        (1e-9, pa.float16()),
        (2, pa.bool_()),
        (5, pa.date64()),
        (10**12, pa.time64("us")),
        (-1, pa.uint64()),
    ],
    ids=str,
)
def test_what_a_type_does_not_hold_is_not_read_as_it(name, value, kind):
    write_table(pa.table({"x": [0 * value, value]}), name, cast={"x": pa.scalar(value).type})
    for asked in (kind, pa.list_(kind), dictionary(kind)):
        with pytest.raises(tfr.ExampleError, match="record 1.*'x'.*found"):
            to_arrow(name, {"x": asked}).read_all()


@pytest.mark.parametrize("text", ["9007199254740993", "-9007199254740993", "1" * 25])
@pytest.mark.parametrize("kind", [pa.string(), pa.decimal128(38, 3)])
def test_a_whole_number_that_float64_does_not_hold_is_refused(name, text, kind):
    column = pa.array(["1", text]).cast(kind)
    with pytest.raises(tfr.ExampleError, match=f"'x': row 1 has {text}.* would become"):
        write_table(pa.table({"x": column}), name, cast={"x": "float64"})
    write_table(pa.table({"x": column}), name, cast={"x": "float32"})  # which says that it is meant


def test_large_numbers_that_float64_holds_are_taken(name):
    texts = ["9007199254740992", "-3.4028234663852886e38", "nan", "inf", "0.1"]
    write_table(pa.table({"x": texts}), name, cast={"x": "float64"})
    assert tfr.RecordSet(name).manifest.records == len(texts)


@pytest.mark.parametrize("kind", [pa.string_view(), pa.list_(pa.string_view())])
def test_numbers_as_views_of_text(name, kind):
    column = pa.array([1, 2]) if kind == pa.string_view() else pa.array([[1], [2]])
    write_table(pa.table({"x": column}), name, cast={"x": kind})
    assert [tfr.decode_example(record)["x"] for record in tfr.read_records(name)] == [
        [b"1"],
        [b"2"],
    ]


@pytest.mark.parametrize("form", ["list", "list_view", "fixed_size_list", "value"])
@pytest.mark.parametrize(
    "kind",
    [pa.bool8(), pa.json_(), dictionary(pa.float16()), dictionary(dictionary(pa.string()))],
    ids=str,
)
def test_runs_and_dictionaries_of_lists_of_all_types(name, form, kind):
    """Some were an error of Arrow's own: it makes no array of them, even of no rows."""
    leaf, values = {
        pa.bool8(): (pa.int8(), [1, 0, 1, 1]),
        dictionary(pa.float16()): (pa.float16(), FLOATS),
    }.get(kind, (pa.string(), TEXT))
    count, make = FORMS[form]
    array = put(pa.array(values, leaf), kind)
    array = array if make is None else make(array, None)
    plain = pa.table({"x": array, "y": array})
    indices = pa.array(range(count), pa.int8())
    coded = pa.DictionaryArray.from_arrays(indices, array)
    ends = pa.array(range(1, count + 1), pa.int32())
    of_runs = pa.RunEndEncodedArray.from_arrays(ends, array, type=runs(array.type))
    write_table(plain, name)
    encoded = list(tfr.read_records(name))
    write_table(pa.table({"x": coded, "y": of_runs}), name, overwrite=True)
    assert list(tfr.read_records(name)) == encoded
    struct = pa.StructArray.from_arrays([of_runs], ["x"])
    write_table(pa.table({"context": struct}), name, overwrite=True)
    contexts = [tfr.decode_sequence_example(record)[0] for record in tfr.read_records(name)]
    assert repr(contexts) == repr([{"x": row["x"]} for row in map(tfr.decode_example, encoded)])


def test_runs_of_extensions_of_extensions_do_not_end_the_process(name):
    write_table(pa.table({"x": ["a", "b"]}), name)
    kind = pa.opaque(pa.json_(), "kind", "vendor")
    assert to_arrow(name, {"x": kind}).read_all()["x"].to_pylist() == ["a", "b"]
    for of_runs in (runs(kind), runs(dictionary(kind))):
        with pytest.raises(TypeError, match="'x': .*Arrow has no runs of extension.*ask for str"):
            to_arrow(name, {"x": of_runs})
