from __future__ import annotations

from functools import partial

import pytest
from example.columnar import decode_in_columns

from tfrecord_lite.example import decode_example

# Every decoder of an Example: bytes in, a dict as that of decode_example out. The tests of odd and
# malformed bytes run over all of them, in protobuf's reading.
DECODERS = {"decode_example": partial(decode_example, strict=False), "columns": decode_in_columns}


@pytest.fixture(params=DECODERS.values(), ids=DECODERS.keys())
def decode(request: pytest.FixtureRequest):
    return request.param
