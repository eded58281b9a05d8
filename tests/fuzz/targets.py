"""What is fuzzed: a function a target, which takes any bytes and raises where a promise is broken.

Any bytes give records, a `TFRecordError` or an ``OSError`` (ValueError where that is documented),
and what is read is what another reading of the same bytes finds. Each function returns what came of
its input, in a few words.
"""

from __future__ import annotations

from collections.abc import Callable

from fuzz import examples, records, values

TARGETS: dict[str, Callable[[bytes], str]] = {
    function.__name__: function
    for function in (
        examples.example,
        examples.sequence_example,
        examples.odd,
        examples.columns,
        examples.batches,
        examples.encoding,
        records.framing,
        records.compression,
        records.build,
        records.sidecar,
        records.text_index,
        records.manifest,
        values.tensor,
        values.features_json,
    )
}
