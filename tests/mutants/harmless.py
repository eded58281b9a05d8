"""Lines of which some mutants live, and why that does no harm: the same comes of them.

By module, the line without what is around it, and the reason; a person found each of these.
"""

from __future__ import annotations

HARMLESS: dict[str, dict[str, str]] = {
    "tfrecord_lite/records/ahead.py": {
        "or not thresholds.ahead_member_bytes <= member.raw_bytes >= member.size // 2": (
            "which members are inflated ahead, of which the same comes"
        ),
    },
    "tfrecord_lite/records/blocks.py": {
        "if 2 * (end - begin) > self._scan_bytes:": (
            "how much is looked at at once, which no record tells"
        ),
        "buffer, at = window.give(end, int(lengths[-1]) + FRAME_OVERHEAD)": (
            "how large the next buffer is to begin with; it grows"
        ),
        "self._recovery.spend(end - begin)": (
            "how soon the work on files that were made to cost much comes to its bound"
        ),
        "if not len(starts) and end < window.end:": ("a record alone in its block"),
    },
    "tfrecord_lite/records/checksum.py": {
        "short = np.flatnonzero(lengths < 4)": ("more records are checked one by one"),
        "lines = seams.view(np.uint8).reshape(-1, 20)": ("NumPy takes any negative for -1"),
        'windows: Any = np.ndarray((len(buffer) - 11,), "V12", buffer=buffer, strides=(1,))': (
            "how many places there are; the last is never used, a footer is after any header"
        ),
        'headers: Any = windows[starts - 12].view("<u4").reshape(-1, 3)': (
            "NumPy takes any negative for -1"
        ),
        "buffer[first : first + length + 4] = 0": (
            "a block that is not proved to be intact as a whole is looked at record by record"
        ),
    },
    "tfrecord_lite/parallel/cores.py": {
        "return os.cpu_count() or 1": ("not run on Linux"),
    },
    "tfrecord_lite/records/compression.py": {
        "HEAD_BYTES = 512": ("more than any kind of file needs to be told"),
    },
    "tfrecord_lite/records/counts.py": {
        "size: int = 0": ("set when the member has ended"),
        "if member.begin < end and (member.end is None or member.end > begin):": (
            "a member that ended before the damage was compared when the records before it were"
        ),
    },
    "tfrecord_lite/records/deflate.py": {
        "head = MEMBER_HEADER.pack(MEMBER_START, size, raw_bytes, records, 0)[:-4]": (
            "the 0 is cut off again"
        ),
    },
    "tfrecord_lite/records/framing.py": {
        "end = int((self.starts + self.lengths).max(initial=0)) + SLACK_BYTES": (
            "of no records: a byte more or less of slack"
        ),
        "if end - begin < thresholds.sliced_record_bytes * len(block):": ("how bytes are copied"),
        "SLACK_BYTES = 16": ("more slack than decoders ask for"),
        'places: Any = np.ndarray((end - 11,), f"V{HEADER_SIZE}", buffer=buffer, strides=(1,))': (
            "how many places there are; the last is never used, a footer is after any header"
        ),
        "places[starts - HEADER_SIZE] = headers[which.reshape(-1)]": (
            "NumPy takes any negative for -1"
        ),
        "if end - begin < FRAME_OVERHEAD:": ("a lone frame of no data is followed instead"),
        "length = unpack(view, begin)[0]": ("the last of one is the first"),
        "if len(edges) == 1:": ("of no frames none is wrong; the rest says so as well"),
        'lengths: Any = np.ndarray((len(buffer) - 7,), "<u8", buffer=buffer, strides=(1,))': (
            "how many places there are; after the last frame there is slack"
        ),
        "position += unpack(view, position)[0] + FRAME_OVERHEAD": ("the last of one is the first"),
        "stored: int = _CRC.unpack_from(buffer, at + 8)[0]": ("the last of one is the first"),
        "if begin > end - FRAME_OVERHEAD or (length := _LENGTH.unpack_from(view, "
        "begin)[0]) > 255:": ("the last of one is the first"),
        "if end - begin < thresholds.sliced_record_bytes * len(self):": (
            "which of two ways is faster"
        ),
        "if 0 < longest <= thresholds.sliced_record_bytes and longest * len(self) <= 2 * int(": (
            "which of two ways is faster"
        ),
        "if end - begin < thresholds.trial_frames * size or any(": ("the last of one is the first"),
    },
    "tfrecord_lite/records/inflate.py": {
        "self._more_output = True": (
            "4,000 damaged streams gave the same: the rest of a run comes with the next input"
        ),
        "len(self._input) < MEMBER_HEADER.size": ("a read earlier that comes next anyway"),
        "return self._input[: MEMBER_HEADER.size]": ("more of the front than is looked at"),
        "return self.peek(MEMBER_HEADER.size)[: MEMBER_HEADER.size]": (
            "more of the front than is looked at"
        ),
        "self._more_output = False": ("a call more, which gives nothing"),
        "self._starts.add(MemberStart(*start, after_damage=True))": (
            "damage is read again, of which nobody hears twice"
        ),
        "while len(self._input) < len(GZIP_START) + 1 and self._more_input():": (
            "a read earlier that comes next anyway"
        ),
    },
    "tfrecord_lite/records/ownership.py": {
        "_closed = True": ("before it is some process's own, it is none that asks"),
    },
    "tfrecord_lite/records/recovery.py": {
        "return not checked or not self._is_reached_over(begin + 1, stop)": (
            "two headers a byte apart, each with its checksum, are an accident of probability 2^-32"
        ),
        "length + FRAME_OVERHEAD": ("what is missing is missed again where it is read"),
        "self._spent + size": ("how much of the work on files that were made to cost much is done"),
        "_SMALL_BYTES = 1 << 10": (
            "how much of the work on files that were made to cost much is free"
        ),
        "_LEARN_BYTES = 1 << 22": ("how much of a file tells what its records are like"),
    },
    "tfrecord_lite/records/resume.py": {
        "inner = read_member(data[at : at + MEMBER_HEADER.size])": (
            "what comes after a header is not looked at"
        ),
        "_LARGEST_MEMBER = 1 << 40": ("a limit far above the size of members"),
        "if begins_with_record(data[at : at + _TRIAL_BYTES], GZIP_WBITS):": (
            "how much is inflated to see how it begins"
        ),
        "at = data.find(GZIP_START, 0, end - begin)": (
            "the first start of a member that is not before the end is the one there, which is next"
        ),
        "at = data.find(GZIP_START, at + 1, stop + len(GZIP_START) - 1)": (
            "no two starts of members overlap"
        ),
        "source.seek(0)": ("the search that follows goes to its own place"),
    },
    "tfrecord_lite/records/resync.py": {
        "_STRIDE_BYTES = 1 << 18": ("how much is looked at at once"),
        "if 16 * count > len(likely):": ("when a test that saves work is made"),
    },
    "tfrecord_lite/records/window.py": {
        "if size <= len(spare) <= 2 * size:": ("which buffers are used again"),
        "self._given_away = 0": ("a buffer more, before the first read"),
    },
    "tfrecord_lite/example/entries.py": {
        "self._group = group.reshape(-1)": ("NumPy takes any negative for -1"),
    },
    "tfrecord_lite/example/column_payloads.py": {
        'and math.prod(getattr(spec, "shape", ())) == 1': ("encoded value by value instead"),
        "return Payloads(kind, encode_varints(integers), np.diff(ends[splits]))": (
            "a column that is not encoded as a whole is encoded row by row, to the same bytes"
        ),
        "return Payloads(kind, content, np.diff(splits) * 4)": (
            "a column that is not encoded as a whole is encoded row by row, to the same bytes"
        ),
    },
    "tfrecord_lite/example/columns.py": {
        "count = len(self._buffer) - dtype.itemsize + 1": (
            "how many places there are; after the last value there is slack"
        ),
    },
    "tfrecord_lite/example/features.py": {
        'object.__setattr__(self, "default_value", values if self.shape else values[0])': (
            "of one value the first is the last"
        ),
        "FixedLenFeature": ("a type for who reads it"),
    },
    "tfrecord_lite/example/value_headers.py": {
        "wrong &= ~_KIND_BYTE": ("headers are read one by one instead"),
        "plain = (wrong == 0) & (run >= 1 << 14) & (value < 1 << 21) & _IS_KIND.take(kind)": (
            "read one by one instead; and three bytes never look like a length of four"
        ),
        "kind = (front >> np.uint64(24) & np.uint64(0xFF)).astype(np.int64)": (
            "read one by one instead"
        ),
        "groups = values & 0x7F | (values & 0x3F80) << 1 | (values & 0x1FC000) << 2 | 0x8080": (
            "read one by one instead"
        ),
    },
    "tfrecord_lite/example/infer.py": {
        "number, with_lists = -1, 0": ("of no records there are no features"),
    },
    "tfrecord_lite/example/keys.py": {
        "_IN_WORD = 5  # bytes of a key that is in a word together with both tags and its size": (
            "the key is compared by itself"
        ),
        "_LONGEST = 127  # bytes of a key whose size takes one byte": (
            "keys of this very size are read one by one instead"
        ),
        "return -1": ("any number below 0 says that it is none of these"),
        'begin = int(word[0]).to_bytes(8, "little")': ("how soon it is told that all are the same"),
        "key = begin[KEY_HEAD : KEY_HEAD + begin[1]]": (
            "how soon it is told that all are the same; of another size no key is found"
        ),
        "if begin[1] <= _IN_WORD and key.isascii() and _Key(key).is_everywhere(words, "
        "entry, word):": (
            "how soon it is told that all are the same; of another size no key is found"
        ),
        "for at in range(0, _LONGEST, 8):": ("the words looked at overlap"),
        "if left.max(initial=0) <= 0:": ("a round more, in which nothing is looked at"),
        "break": ("rounds more, in which nothing is looked at"),
        "hashes[left] = mixed ^ mixed >> _SHIFT": ("how well hashes are spread; keys are compared"),
        "places = [*range(8, len(pattern) - 8, 8), len(pattern) - 8] if len(pattern) > 8 else []": (
            "the words compared overlap, whichever they begin with"
        ),
        "if number >= 0 and self._keys[number].is_everywhere(words, entry, first):": (
            "found by the way for records that differ"
        ),
    },
    "tfrecord_lite/example/layouts.py": {
        'raise ExampleError("not of the plain form")': ("caught: such a record has no layout"),
        "cuts = np.flatnonzero(np.diff(used) > thresholds.layout_gap_bytes)": (
            "in how many pieces a record is compared"
        ),
        "begins = [int(used[0]), *used[cuts + 1].tolist()]": (
            "how many bytes of a value are compared under a mask that lets them be anything"
        ),
        "ends = [*(used[cuts] + 1).tolist(), len(record)]": (
            "how many bytes of a value are compared under a mask that lets them be anything"
        ),
        "_expect(size <= thresholds.layout_integer_bytes)": (
            "which records are recognised as a whole; the others are walked, to the same"
        ),
        "nowhere = _ValueSpan(MISSING, 0, 0)": ("what is missing has no place that is used"),
        "longest = int(lengths.max(initial=0))": (
            "of no records and of empty ones, none has a layout"
        ),
    },
    "tfrecord_lite/example/other_messages.py": {
        "_HEAD_BYTES: Final = 512": ("how much of a record is looked at to name it"),
    },
    "tfrecord_lite/example/spans.py": {
        "too_long = stops[np.diff(stops, prepend=-1) > MAX_VARINT_BYTES]": (
            "read one by one instead"
        ),
    },
    "tfrecord_lite/example/values.py": {
        "_SHORT: Final = 124  # bytes of a run beside which every length still takes one byte": (
            "which of two ways makes the head of a run of this very size: the same bytes"
        ),
        "if size <= _SHORT:": (
            "which of two ways makes the head of a run of this very size: the same bytes"
        ),
    },
    "tfrecord_lite/example/varints.py": {
        "padded = np.zeros(data.size + 8, np.uint8)": ("more room than words need"),
        "if largest >> (7 * index) == 0:": ("a round more, in which nothing is added"),
    },
    "tfrecord_lite/example/wire.py": {
        "tag, pos = read_tag(data, pos, end, lowest=0)": ("no field number is below 0"),
    },
    "tfrecord_lite/files/plain_frames.py": {
        "if self._is_remote or end - begin < thresholds.single_read_bytes:": (
            "by how many reads the same comes"
        ),
        "if end - begin > self._most + FRAME_OVERHEAD:": (
            "who refuses looks again: this saves the call"
        ),
        "near &= begins[1:] // run_bytes == begins[:-1] // run_bytes": (
            "how much is read by one call"
        ),
    },
    "tfrecord_lite/dataset/order.py": {
        "last = np.diff(place, append=-1) != 0": ("any number that is no place"),
    },
    "tfrecord_lite/dataset/plan.py": {
        "left = int(self._records.bases[file + 1] - self._records.bases[file]) - record": (
            "how many records are picked before the rest is read from the front: the same"
        ),
        "mean = max(self._records.mean_bytes, 1)": ("how much is read at once"),
    },
    "tfrecord_lite/parallel/programs.py": {
        '_ENVIRONMENT = {"OMP_NUM_THREADS": "1", "OPENBLAS_NUM_THREADS": "1"}': (
            "how many threads libraries have"
        ),
    },
    "tfrecord_lite/parallel/shared_memory.py": {
        "sizes[1:][pickler.are_bytes] *= -1": ("to divide by -1 is to multiply by it"),
        "if type(value) is not np.ndarray or value.dtype != object:": (
            "how byte strings travel; the same arrives"
        ),
        "pieces = items if lengths.mean() >= thresholds.joined_string_bytes else "
        '[b"".join(items)]': ("how byte strings travel; the same arrives"),
    },
    "tfrecord_lite/parallel/workers.py": {
        "return pickle.dumps((stream.getvalue(), buffers), protocol=5)": (
            "any protocol brings them over"
        ),
        "process.wait(max(deadline - time.monotonic(), 0))": (
            "to wait for less than nothing is not to wait"
        ),
        "outgoing.close()": (
            "the process ends, which closes it; only Python's development mode tells of errors then"
        ),
        "return bool(poll.poll(timeout * 1000))": ("a thousandth longer"),
    },
    "tfrecord_lite/parallel/read_ahead.py": {
        "_ITEMS_AHEAD = 2": ("how far ahead a thread reads, which no item tells"),
    },
    "tfrecord_lite/files/manifest.py": {
        "_MOST_BYTES = 1 << 26": ("a limit far above the size of manifests"),
    },
    "tfrecord_lite/files/open_shard.py": {
        "encoder.chunk_bytes = min(encoder.chunk_bytes, max(limits.gathered_bytes // "
        "at_once, 1))": ("how much is gathered, which no file tells"),
    },
    "tfrecord_lite/integrity/oddities.py": {
        "return decode_feature(content, [(0, len(content))], 0)": (
            "how deep groups may be, of what has none"
        ),
        "tag = 0": ("whatever is the tag of neither field ends the loop"),
    },
    "tfrecord_lite/integrity/payloads.py": {
        "places = begin + np.flatnonzero((data[:-1] == _VALUE) & (data[1:] == 0))": (
            "more records are judged one by one"
        ),
        "if report.fault_count >= limits.listed_faults:": (
            "a block more is looked at, of which no fault is listed"
        ),
    },
    "tfrecord_lite/files/names.py": {
        "pieces.append((text, None, 0))": ("the width of what has no number"),
    },
    "tfrecord_lite/files/picked_block.py": {
        "path, first_record, base = None, 0, 0": ("of no records"),
    },
    "tfrecord_lite/files/member_frames.py": {
        "starts, lengths = scan_frames(buffer, 0, len(buffer), short=len(frames) < 128 * "
        "records)": ("a guess at which of two ways is faster"),
    },
    "tfrecord_lite/dataset/in_turns.py": {
        "self._batches.close()": ("what is read is closed when nobody has it any more"),
        'for _ in range(self._settings["turns"] + 1):': (
            "an epoch more that is looked at, of which none has a batch"
        ),
    },
    "tfrecord_lite/integrity/inventory.py": {
        'codec_named(options["compression"])': ("refused where the files are read, too"),
    },
    "tfrecord_lite/integrity/check.py": {
        "_BLOCK_BYTES = 1 << 22": ("how much is checked at once"),
        "_MAX_BUFFERED_BYTES = 1 << 22": ("how much is checked at once"),
    },
    "tfrecord_lite/dataset/interleave.py": {
        "done = self._left == 0 and taken > 0": (
            "a range of known length is of a file without damage to tell of"
        ),
        "len(self._records) >= thresholds.arriving_records": (
            "how many records arrive together, which their order does not tell"
        ),
    },
    "tfrecord_lite/example/sequence_spans.py": {
        "entry_of_name[:, odd] = -1": ("any negative is none"),
        "_CONTEXT: Final = np.uint64(0x0A)": ("records are read one by one instead"),
    },
    "tfrecord_lite/files/sidecar.py": {
        "return 2 * self.sums.nbytes + (1 << 10)": ("about how much memory this takes"),
    },
    "tfrecord_lite/example/ragged.py": {
        "_ROWS_SHOWN = 10": ("how many rows a notebook shows"),
    },
    "tfrecord_lite/dataset/shard_writer.py": {
        "_GATHERED_BYTES = 1 << 18": ("how much is gathered, which no file tells"),
    },
    "tfrecord_lite/example/tensor.py": {
        "parts: list[Any] = [header, content.reshape(-1).view(np.uint8)]": (
            "NumPy takes any negative for -1"
        ),
    },
    "tfrecord_lite/dataset/memory.py": {
        "_SMALL_BYTES, _LARGE_BYTES = 1 << 10, 1 << 14": ("how much is decoded at once"),
    },
    "tfrecord_lite/example/decode.py": {
        "or data[at + 2] not in _RUN_DECODERS": (
            "read the long way instead: every byte of the plain form is compared"
        ),
        "size = end - at - 6": (
            "read the long way instead: every byte of the plain form is compared"
        ),
        "key_size = data[pos + 1] if end - pos >= 8 else 0x80": (
            "read the long way instead: every byte of the plain form is compared"
        ),
    },
    "tfrecord_lite/example/short_features.py": {
        "short = (buffer[begin] == _TAG) & (buffer[begin + 1] < 0x80) & (begin < end)": (
            "which lists are looked at by their form first"
        ),
        "values = size - (_HEADER_BYTES - 2)": (
            "of floats: more lists are found by their steps instead"
        ),
    },
    "tfrecord_lite/example/steps.py": {
        "if (size >= 0x80).any():": (
            "a length of 128 alone does not fit then, and its list is read one by one"
        ),
        "return LOW[1 + np.asarray(width)]": ("fewer lists are seen to be of one size at once"),
    },
    "tfrecord_lite/dataset/file_chunks.py": {
        "while len(self._marks) > 1 and self._marks[1].rows < self._cursor.position.step:": (
            "from which mark reading goes on to the same row"
        ),
        "return mean >= thresholds.ahead_record_bytes and reader.can_go_to "
        "and usable_cores() > 1": ("which blocks are read ahead, of which the same comes"),
    },
    "tfrecord_lite/dataset/epoch_records.py": {
        "for block in self._blocks(number, damages, 0):": (
            "what is counted like this has no index to go by"
        ),
        "if begin <= end < stop and (begin == end) == (members.first_records[member] == count):": (
            "who inflates a member that states a wrong number says so first"
        ),
    },
    "tfrecord_lite/files/file_ranges.py": {
        "file.read_ahead_until(file_range.end)": ("how much of an object is asked for in advance"),
    },
    "tfrecord_lite/files/writer_folders.py": {
        "MAX_JOURNAL_BYTES: Final = 1 << 27": ("a limit far above the size of journals"),
    },
    "tfrecord_lite/records/gap.py": {
        'length = int.from_bytes(header[:8], "little")': (
            "no file has 2^56 bytes: such a length is not believed, nor is the rest of one"
        ),
    },
    "tfrecord_lite/records/members.py": {
        "if gap > thresholds.remote_range_bytes:": ("by which requests the same comes"),
    },
    "tfrecord_lite/files/kept_indexes.py": {
        "self._nbytes -= oldest.max_nbytes": ("which index is let go, and loaded again"),
    },
    "tfrecord_lite/records/frame_errors.py": {
        'may_be_right = not looks and 0 < int.from_bytes(header[:8], "little") <= _LIKELY_BYTES': (
            "what more an error says of a record of no bytes"
        ),
        "_LIKELY_BYTES = 1 << 30": ("of which lengths an error says more"),
    },
    "tfrecord_lite/records/writer.py": {
        "is_one = len(frames) == 1 and len(frames[0]) == 1": ("one that is joined is the same"),
    },
    "tfrecord_lite/dataset/mapping.py": {
        "_FILES_NAMED, _RECORDS_NAMED = 3, 8": ("how many places a note names"),
    },
    "tfrecord_lite/records/storage.py": {
        "_NAME_MAX = 255": ("a temporary name is one shorter"),
    },
    "tfrecord_lite/files/resolve.py": {
        "found.manifests.extend(beside)": ("the manifest is found when it is asked for"),
    },
}
