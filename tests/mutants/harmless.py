"""Lines of which some mutants live, and why that does no harm: the same comes of them.

By module, the line without what is around it, and the reason; a person found each of these.
"""

from __future__ import annotations

HARMLESS: dict[str, dict[str, str]] = {
    "tfrecord_lite/records/framing.py": {
        "SLACK_BYTES = 16": "more slack than decoders ask for",
        "_SLICE_BYTES = 2048": "where one way of copying records begins to be faster",
        "if end - begin < _SLICE_BYTES * len(self):": "which of two ways is faster",
        "if 0 < longest <= _SLICE_BYTES and longest * len(self) <= 2 * int(self.lengths.sum()):": (
            "which of two ways is faster"
        ),
        'places: Any = np.ndarray((end - 11,), f"V{HEADER_SIZE}", buffer=buffer, strides=(1,))': (
            "how many places there are; the last is never used, a footer is behind any header"
        ),
        "places[starts - HEADER_SIZE] = headers[which.reshape(-1)]": (
            "NumPy takes any negative for -1"
        ),
        "if end - begin < _SLICE_BYTES * len(block):": "which of two ways is faster",
        "if end - begin < FRAME_OVERHEAD:": "a lone frame of no data is followed instead",
        "length = unpack(view, begin)[0]": "the last of one is the first",
        "if len(edges) == 1:": "of no frames none is wrong; the rest says so as well",
        'lengths: Any = np.ndarray((len(buffer) - 7,), "<u8", buffer=buffer, strides=(1,))': (
            "how many places there are; behind the last frame there is slack"
        ),
        "position += unpack(view, position)[0] + FRAME_OVERHEAD": "the last of one is the first",
        "if end - begin < _TRIAL * size or any(unpack(view, at)[0] != length for at in trials):": (
            "the last of one is the first"
        ),
        "stored: int = _CRC.unpack_from(buffer, at + 8)[0]": "the last of one is the first",
        "if begin > end - FRAME_OVERHEAD or (length := _LENGTH.unpack_from(view, begin)[0]) "
        "> 255:": ("the last of one is the first"),
    },
    "tfrecord_lite/records/checksum.py": {
        "short = np.flatnonzero(lengths < 4)": "more records are checked one by one",
        "lines = seams.view(np.uint8).reshape(-1, 20)": "NumPy takes any negative for -1",
        'windows: Any = np.ndarray((len(buffer) - 11,), "V12", buffer=buffer, strides=(1,))': (
            "how many places there are; the last is never used, a footer is behind any header"
        ),
        'headers: Any = windows[starts - 12].view("<u4").reshape(-1, 3)': (
            "NumPy takes any negative for -1"
        ),
    },
    "tfrecord_lite/records/deflate.py": {
        "head = MEMBER_HEADER.pack(MEMBER_START, size, raw_bytes, records, 0)[:-4]": (
            "the 0 is cut off again"
        ),
    },
    "tfrecord_lite/dataset/epochs/order.py": {
        "last = np.diff(place, append=-1) != 0": "any number that is no place",
    },
    "tfrecord_lite/dataset/shards/open_shard.py": {
        "encoder.chunk_bytes = min(encoder.chunk_bytes, max(_GATHERED_BYTES // at_once, 1))": (
            "how much is gathered, which no file tells"
        ),
    },
    "tfrecord_lite/example/batch.py": {
        "self._group = group.reshape(-1)": "NumPy takes any negative for -1",
    },
}
