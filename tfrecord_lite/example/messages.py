"""The protobuf message classes, in a descriptor pool of their own.

TensorFlow registers messages of the same full names in protobuf's default pool, where a name can be
taken once. In a private pool the two live in one process, whichever is imported first; the classes
are different objects, but the bytes are the same. ``descriptors.binpb`` is compiled from
``proto/``; there is no generated module, hence none that could be too new or too old for the
installed protobuf.

Importing this module costs more than the rest of the package: import it where a class is needed.
"""

from __future__ import annotations

import pkgutil
from typing import Any, Final

from google.protobuf.descriptor_pb2 import FileDescriptorSet
from google.protobuf.descriptor_pool import DescriptorPool
from google.protobuf.message_factory import GetMessageClass

__all__ = [
    "BytesList",
    "Event",
    "Example",
    "Feature",
    "FeatureList",
    "FeatureLists",
    "Features",
    "FloatList",
    "Int64List",
    "SequenceExample",
    "TensorProto",
]


def _make_pool() -> DescriptorPool:
    pool = DescriptorPool()
    content = pkgutil.get_data(__name__, "descriptors.binpb")
    assert content is not None
    for file in FileDescriptorSet.FromString(content).file:
        pool.AddSerializedFile(file.SerializeToString())
    return pool


_POOL: Final = _make_pool()


_DOC = """The protobuf message ``tensorflow.{0}``, as ``tf.train.{0}``, for what takes messages.

{1}
"""
_EXAMPLES = {
    "BytesList": ("BytesList(value=[b'a']).value[0]", "b'a'"),
    "FloatList": ("FloatList(value=[0.5]).value[0]", "0.5"),
    "Int64List": ("Int64List(value=[3]).value[0]", "3"),
    "Feature": ("Feature(int64_list=Int64List(value=[3])).WhichOneof('kind')", "'int64_list'"),
    "Features": ("len(Features(feature={'a': Feature()}).feature)", "1"),
    "FeatureList": ("len(FeatureList(feature=[Feature()]).feature)", "1"),
    "FeatureLists": ("len(FeatureLists(feature_list={'a': FeatureList()}).feature_list)", "1"),
    "Example": ("Example(features=Features(feature={})).SerializeToString()", "b'\\n\\x00'"),
    "SequenceExample": ("SequenceExample().SerializeToString()", "b''"),
    "Event": ("Event(step=3).SerializeToString()", "b'\\x10\\x03'"),
    "TensorProto": ("TensorProto(dtype=1).SerializeToString()", "b'\\x08\\x01'"),
}


def _message_class(name: str) -> Any:
    message_class = GetMessageClass(_POOL.FindMessageTypeByName(f"tensorflow.{name}"))
    # Pickle finds a class by the module it says it comes from.
    message_class.__module__ = __name__
    message_class.__doc__ = _DOC.format(name, ">>> {}\n{}".format(*_EXAMPLES[name]))
    return message_class


BytesList: Any = _message_class("BytesList")
FloatList: Any = _message_class("FloatList")
Int64List: Any = _message_class("Int64List")
Feature: Any = _message_class("Feature")
Features: Any = _message_class("Features")
FeatureList: Any = _message_class("FeatureList")
FeatureLists: Any = _message_class("FeatureLists")
Example: Any = _message_class("Example")
SequenceExample: Any = _message_class("SequenceExample")
Event: Any = _message_class("Event")
TensorProto: Any = _message_class("TensorProto")
