"""Scalars of TensorBoard's event files."""

from __future__ import annotations

import struct
from pathlib import Path

import numpy as np
import pyarrow as pa
import pytest
from test_surface import FORMS

import tfrecord_lite as tfr
from tfrecord_lite.events import read_scalars
from tfrecord_lite.example.messages import Event, TensorProto

REAL = Path(__file__).parents[1] / "data" / "real"
NAMES = ["agents__events.out.tfevents.1599310762", "lingvo__events.out.tfevents.test"]
SCALARS = {"plugin_data": {"plugin_name": "scalars"}}


def tensor(array) -> TensorProto:
    return TensorProto.FromString(tfr.serialize_tensor(np.asarray(array)))


def event(step: int, *values: dict, wall_time: float = 1e9) -> bytes:
    return Event(wall_time=wall_time, step=step, summary={"value": values}).SerializeToString()


@pytest.fixture
def read(tmp_path):
    def read(*events: bytes, **options) -> list[tuple[int, str, float]]:
        path = tmp_path / "events.out.tfevents.1"
        tfr.write_records(path, events)
        rows = read_scalars(path, **options).to_pylist()
        return [(row["step"], row["tag"], row["value"]) for row in rows]

    return read


def test_columns() -> None:
    table = read_scalars(REAL / NAMES[0])
    assert table.schema == pa.schema(
        {"wall_time": pa.float64(), "step": pa.int64(), "tag": pa.string(), "value": pa.float64()}
    )
    assert table.num_rows == 1202
    assert table["wall_time"][0].as_py() == 1599310781.3758681


@pytest.mark.parametrize("name", NAMES)
def test_as_tensorflow_reads_them(name: str) -> None:
    pytest.importorskip("tensorflow")
    from tensorflow.core.util import event_pb2
    from tensorflow.python.framework.tensor_util import MakeNdarray

    expected = []
    for record in tfr.read_records(REAL / name):
        read = event_pb2.Event.FromString(record)
        for value in read.summary.value:
            kind = value.WhichOneof("value")
            if kind in ("simple_value", "tensor"):
                found = value.simple_value if kind == "simple_value" else MakeNdarray(value.tensor)
                expected.append((read.wall_time, read.step, value.tag, float(found)))
    table = read_scalars(REAL / name)
    assert list(zip(*table.to_pydict().values(), strict=True)) == expected


@pytest.mark.parametrize("name", NAMES)
def test_as_tensorboard_reads_them(name: str) -> None:
    accumulators = pytest.importorskip(
        "tensorboard.backend.event_processing.plugin_event_accumulator"
    )
    accumulator = accumulators.EventAccumulator(
        str(REAL / name), size_guidance={"tensors": 0}, purge_orphaned_data=False
    )
    accumulator.Reload()
    found: dict[str, list[tuple[float, int, float]]] = {}
    for row in read_scalars(REAL / name).to_pylist():
        found.setdefault(row["tag"], []).append((row["wall_time"], row["step"], row["value"]))
    assert found == {
        tag: [
            (kept.wall_time, kept.step, tfr.parse_tensor(kept.tensor_proto.SerializeToString()))
            for kept in accumulator.Tensors(tag)
        ]
        for tag in accumulator.PluginTagToContent("scalars")
    }


@pytest.mark.parametrize(
    ("given", "value"),
    [
        (np.float32(0.1), float(np.float32(0.1))),
        (np.float64(0.1), 0.1),
        (np.float16(0.1), float(np.float16(0.1))),
        (np.int64(-3), -3.0),
        (np.uint8(3), 3.0),
        (np.bool_(True), 1.0),
        (np.array([[2.5]]), 2.5),
    ],
)
def test_tensors(read, given, value: float) -> None:
    assert read(event(7, {"tag": "a", "tensor": tensor(given), "metadata": SCALARS})) == [
        (7, "a", value)
    ]


@pytest.mark.parametrize("values", [[1.0], [1.0, 2.0]])
def test_tensors_of_unknown_rank_are_no_scalars(read, values) -> None:
    given = TensorProto(dtype=1, tensor_shape={"unknown_rank": True}, float_val=values)
    images = {"plugin_data": {"plugin_name": "images"}}
    assert read(event(1, {"tag": "a", "tensor": given})) == []
    assert read(event(1, {"tag": "a", "tensor": given, "metadata": images})) == []
    with pytest.raises(tfr.ExampleError, match="tag 'a': a scalar of unknown rank"):
        read(event(1, {"tag": "a", "tensor": given, "metadata": SCALARS}))


def test_typed_fields(read) -> None:
    half = struct.unpack("<H", np.float16(1.5).tobytes())[0]
    given = [
        TensorProto(dtype=1, float_val=[0.25]),
        TensorProto(dtype=2, double_val=[0.1]),
        TensorProto(dtype=3, int_val=[-5]),
        TensorProto(dtype=9, int64_val=[1 << 40]),
        TensorProto(dtype=19, half_val=[half]),
        TensorProto(dtype=1),  # as TensorFlow reads it
    ]
    values = [{"tag": "a", "tensor": proto, "metadata": SCALARS} for proto in given]
    assert [value for *_, value in read(event(1, *values))] == [0.25, 0.1, -5, 1 << 40, 1.5, 0]


def test_the_metadata_of_a_tag_are_in_its_first_event(read) -> None:
    images = {"plugin_data": {"plugin_name": "images"}}
    one = tensor(np.float32([1]))
    assert read(
        event(1, {"tag": "a", "tensor": one, "metadata": SCALARS}),
        event(2, {"tag": "a", "tensor": one}),
        event(1, {"tag": "b", "tensor": tensor(np.float32(1)), "metadata": images}),
        event(2, {"tag": "b", "tensor": tensor(np.float32(2))}),
        event(1, {"tag": "c", "tensor": one, "metadata": {"data_class": 1}}),
    ) == [(1, "a", 1.0), (2, "a", 1.0), (1, "c", 1.0)]


def test_what_is_no_scalar_is_left_out(read) -> None:
    # Field 4 of a value is an image, field 4 of an event a graph: no message of ours has them.
    image = b"\x0a\x01i\x22\x02\x08\x01"
    graph = b"\x09" + struct.pack("<d", 1.0) + b"\x22\x01x"
    assert read(
        Event(wall_time=1, file_version="brain.Event:2").SerializeToString(),
        graph,
        b"\x09"
        + struct.pack("<d", 1.0)
        + b"\x2a"
        + bytes([len(image) + 2, 10, len(image)])
        + image,
        event(1, {"tag": "histogram", "tensor": tensor(np.ones(3))}),
        event(1, {"tag": "text", "tensor": tensor(np.array(b"x", object))}),
        event(2, {"tag": "unmarked", "tensor": tensor(np.float32(2))}, {"tag": "empty"}),
    ) == [(2, "unmarked", 2.0)]


@pytest.mark.parametrize(
    ("given", "told"),
    [
        (np.ones(3), r"tag 'a\\x1b': a scalar of shape \(3,\)"),
        (np.array(b"x", object), "a scalar that is no real number"),
        (np.complex64(1), "a scalar that is no real number"),
    ],
)
def test_scalars_that_are_none(read, given, told: str) -> None:
    value = {"tag": "a\x1b", "tensor": tensor(given), "metadata": SCALARS}
    with pytest.raises(tfr.ExampleError, match=f"tfevents.1: record 1 at byte .*{told}"):
        read(event(1), event(2, value))


@pytest.mark.parametrize(
    ("record", "told"),
    [
        (tfr.encode_example({"a": 1}), "not a TensorBoard event"),
        (b"\xff\xd8\xff\xe0\x00\x10JFIF", "not a TensorBoard event: a JPEG image"),
        (b"\x09\xff", "no event"),
    ],
)
def test_records_that_are_no_events(read, record: bytes, told: str) -> None:
    with pytest.raises(tfr.ExampleError, match=f"record 1 at byte .*{told}"):
        read(event(1), record)


def test_a_file_that_is_still_written(tmp_path) -> None:
    """Each file is read to its last whole event, whatever comes after it."""
    for name in ("a", "b"):
        path = tmp_path / name
        tfr.write_records(path, [event(step, {"tag": name, "simple_value": 1}) for step in (1, 2)])
        path.write_bytes(path.read_bytes()[:-1])
    with pytest.raises(tfr.TruncatedRecordError, match="on_truncated='ignore'"):
        read_scalars(tmp_path)
    damages: list[tfr.Damage] = []
    for on_damage in ("raise", damages.append):
        table = read_scalars(tmp_path, on_truncated="ignore", on_damage=on_damage)
        assert table["tag"].to_pylist() == ["a", "b"]
    assert not damages
    assert read_scalars(tmp_path, on_damage=damages.append).num_rows == 2
    assert [damage.kind for damage in damages] == ["truncated", "truncated"]
    with pytest.raises(ValueError, match="unknown on_truncated 'trim'"):
        read_scalars(tmp_path, on_truncated="trim")  # type: ignore[arg-type]


def test_damage_is_left_out_where_that_is_asked_for(tmp_path) -> None:
    path = tmp_path / "a"
    tfr.write_records(path, [event(step, {"tag": "a", "simple_value": 1}) for step in range(3)])
    data = bytearray(path.read_bytes())
    data[len(data) // 2] ^= 1
    path.write_bytes(data)
    with pytest.raises(tfr.CorruptRecordError):
        read_scalars(path, on_truncated="ignore")
    damages: list[tfr.Damage] = []
    table = read_scalars(path, on_truncated="ignore", on_damage=damages.append)
    assert table["step"].to_pylist() == [0, 2]
    assert [damage.record for damage in damages] == [1]


@pytest.mark.parametrize("form", [form for form in FORMS if "a URL" not in form and form != "URLs"])
def test_forms_of_paths(form: str, tmp_path) -> None:
    folder = tmp_path / "set"
    folder.mkdir()
    with tfr.ShardWriter(folder / "train", num_shards=3) as writer:
        writer.write_many(event(step, {"tag": "a", "simple_value": step}) for step in range(5))
    table = read_scalars(FORMS[form](folder))
    assert sorted(table["step"].to_pylist()) == [0, 1, 2, 3, 4]
    if form == "NAME":
        assert read_scalars(tfr.RecordSet(folder / "train")) == table
