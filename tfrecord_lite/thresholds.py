"""Sizes at which one way takes over from another that does the same, and limits of what is done.

Thresholds were set by measuring, and decide how fast an answer comes and never what it is. That is
why all of them stand here: tests set each to its smallest value and to one that is never reached,
and compare every answer (tests/differential). Limits say how much is held, opened, searched or told
at most; tests set them low to see what is done there. Both are read where they are used, at the
time of use.
"""

from __future__ import annotations

from dataclasses import dataclass

__all__ = ["Limits", "Thresholds", "limits", "thresholds"]


@dataclass(init=False, repr=False, eq=False)
class Thresholds:
    """The thresholds, by the module that goes by each."""

    # --- Records in memory (records/framing.py) ---

    # Below this mean size, one copy of a whole block and slices of it cost less than a copy for
    # each record.
    sliced_record_bytes: int = 2048
    # So many frames of one length are taken as a sign that there are more.
    trial_frames: int = 4
    # Frames of short records are found together in so many bytes and more, in pieces for whose
    # arrays the allocator need not ask the system again and again; unless records that are not
    # short, and places that only look like frames, are more than one in so many.
    short_frames_bytes: int = 1 << 12
    short_frames_piece: int = 1 << 18
    frames_per_break: int = 32

    # --- Reading (records/) ---

    # From this size on a record of a plain file is read by itself, straight into its result.
    direct_record_bytes: int = 1 << 14
    # A block leaves in the buffer that it was read into where hardly more than this is after it.
    left_behind_bytes: int = 1 << 12
    # A buffer with so many bytes of one record grows where it is, and is not copied.
    grown_bytes: int = 1 << 22
    # After damage there may soon be more: blocks begin with this size there, and then double.
    first_scan_bytes: int = 1 << 12
    # Members of gzip are inflated ahead, in threads, from this size on, and up to so much in all.
    ahead_member_bytes: int = 1 << 16
    ahead_bytes: int = 1 << 23
    # From this mean size on the next blocks of a plain file are read ahead, in a thread
    # (dataset/file_chunks.py).
    ahead_record_bytes: int = 1 << 14

    # --- Records recognised as a whole (example/layouts.py) ---

    # Telling layouts costs some NumPy calls for each length: it pays where many records share one.
    records_per_length: int = 64
    layout_records: int = 32
    layout_lengths: int = 64
    layouts_per_length: int = 4
    # A layout that is new should be that of one in so many of the records left; if not, their order
    # of features or their sizes are too mixed for layouts.
    layout_share: int = 8
    # Bytes of a record, unless all are of one length.
    layout_record_bytes: int = 1 << 14
    # Lists of more bytes of integers than this hardly ever have varints of the same sizes.
    layout_integer_bytes: int = 16
    # More bytes of values than this between structure are not fetched.
    layout_gap_bytes: int = 24

    # --- Records walked in step (example/spans.py) ---

    # With fewer records than this left, each costs less when it is read by itself; unless they have
    # so many bytes in all, and then only for so many entries.
    walked_records: int = 16
    walked_bytes: int = 2560
    walked_large_entries: int = 32
    # Steps cost much more to read by themselves: for so many bytes of feature lists in all, however
    # few records are walked for one entry of their contexts.
    walked_steps_bytes: int = 64
    # So many lists of strings or steps of no more bytes than this are walked in step as well.
    walked_lists: int = 64
    walked_list_bytes: int = 64
    # Lists of strings or steps with fewer bytes in all are read one by one.
    chained_list_bytes: int = 1 << 11
    # Steps are looked for by the form of short ones where lists that begin with such have so many
    # bytes in all, and one in so many of those that are looked at.
    short_features_bytes: int = 1 << 11
    short_features_share: int = 4
    # Where so many names are looked for, keys are compared with each of them; with more, one
    # look-up takes less time.
    compared_names: int = 16

    # --- Values (example/) ---

    # Strings of one size become objects together, where they are short and their sizes few.
    grouped_string_bytes: int = 256
    strings_per_size: int = 48
    # Runs of this mean size and more are copied one by one where they are put together, and so are
    # fewer runs than this.
    gathered_string_bytes: int = 2048
    gathered_strings: int = 512
    # Bytes of varints decoded at once, and values encoded at once: what stays in the caches.
    varint_piece_bytes: int = 1 << 17
    varint_piece_values: int = 1 << 14
    # Bits of a value up to which four bytes hold its groups of seven; no more than 28.
    short_varint_bits: int = 28
    # Bytes of packed integers in one Example; fewer are decoded by a loop before NumPy has begun.
    looped_run_bytes: int = 80
    # Integers, or floats, of one value; no more than this are encoded by a loop.
    looped_integers: int = 32
    # Larger payloads are copied by themselves, smaller ones together with what stands before them.
    copied_payload_bytes: int = 256

    # --- Random access (files/) ---

    # From this size on a record is read by itself.
    single_read_bytes: int = 1 << 14
    # About how much is read or inflated before it is made records of.
    picked_piece_bytes: int = 1 << 20
    # Records no further apart than this are read together, up to so much at once.
    picked_gap_bytes: int = 1 << 12
    picked_run_bytes: int = 1 << 18
    # With fewer records of each file than this, those of all files are checked together.
    block_records: int = 256
    # How many records of a slice are planned at once.
    planned_records: int = 1 << 14
    # Inflated members that are kept for the next call: bytes, and how many.
    kept_member_bytes: int = 1 << 24
    kept_members: int = 16
    # Rows of an index that are read and checked together; of no more rows than these it is read
    # whole at once.
    index_block_rows: int = 1 << 10
    index_whole_rows: int = 1 << 12
    # Records of this size and more are skipped from header to header while an index is made, so
    # many at a time; smaller ones are read in blocks.
    skipped_record_bytes: int = 1 << 14
    skipped_records: int = 1 << 14

    # --- Objects by URL (stores/object_file.py, files/plain_frames.py) ---

    # The first range of an object that is read from its front, and the largest, twice that where it
    # comes in pieces. Some 30 ms go by before the first byte of each, in which 3 MiB come by a
    # connection of 100 MB/s.
    remote_first_bytes: int = 1 << 20
    remote_range_bytes: int = 1 << 22
    # The largest of an object that is one of many which are read at the same time: no faster than
    # it is used, so that nothing of it is held here.
    remote_stream_bytes: int = 1 << 25
    # Records no further apart than this come by one request, and about so much is asked at once.
    remote_gap_bytes: int = 1 << 16
    remote_piece_bytes: int = 1 << 25

    # --- Epochs (dataset/) ---

    # Numbers that are shuffled at once where nothing comes with them.
    shuffled_at_once: int = 1 << 16
    # About so many records, or bytes of them, arrive at a shuffle's buffer together.
    arriving_records: int = 1 << 12
    arriving_bytes: int = 1 << 22
    # A batch that is larger is read in pieces, and put together.
    picked_batch_bytes: int = 1 << 24
    # Of many files so many records each are read at once, in all up to so many bytes.
    picked_rows_per_file: int = 16
    picked_scattered_bytes: int = 1 << 26
    # Records from all over a blocked gzip file that are read at once: the more, the fewer times it
    # is inflated.
    picked_gzip_batch_bytes: int = 1 << 25
    # Byte strings of this mean size go to another process one by one, smaller ones joined.
    joined_string_bytes: int = 1 << 14

    # --- Jobs on whole sets (jobs/copying.py) ---

    # So many records of one length are copied together. Large ones cost as much one by one, but
    # of more than 500 elements NumPy lets other threads run meanwhile.
    copied_together: int = 8
    large_copied_together: int = 501

    # --- Arrow (arrow/strings.py) ---

    # Strings of this mean size and more have Arrow copy them at once, others by way of views.
    copied_string_bytes: int = 1 << 13


@dataclass(init=False, repr=False, eq=False)
class Limits:
    """The limits, by the module that goes by each."""

    # --- Reading (records/window.py, records/blocks.py, files/fronts.py) ---

    # About how much is read at once, until the size of records is known: small enough for the
    # processor's caches, large enough that the cost of a block is spread thin.
    read_block_bytes: int = 1 << 20

    # How much of a pipe is kept where features are inferred from its first records, to be read
    # again: no more records are looked at than begin in it.
    kept_front_bytes: int = 1 << 26

    # --- After damage (records/recovery.py, records/resume.py) ---

    # So much is checked in vain in any case, which takes no time worth saving: a small damaged
    # stream may inflate to the same few damaged records a thousand times over.
    free_search_bytes: int = 1 << 24
    # So much of what is no file is searched for the next record, which is more than the largest
    # that is read by default.
    searched_stream_bytes: int = (1 << 30) + (1 << 20)
    # How much of a stream is kept for a record that will not be returned.
    kept_record_bytes: int = 1 << 26
    # Members of more bytes are not searched for others.
    searched_member_bytes: int = 1 << 24
    # Members made to lie inside one another could have the same bytes inflated over and over. So
    # many times the file is looked at again, all in all; from then on the search only goes forward.
    searches_of_members: int = 8

    # --- Objects by URL (stores/object_file.py) ---

    # How much of all objects together is in memory before it is used; no one of
    # them has more than half, since libraries and allocators hold more than what is ahead.
    remote_ahead_bytes: int = 1 << 26
    # Requests at once for one object.
    remote_connections: int = 8
    # So often a range goes on where its connection was lost, beyond what the library does.
    lost_connections: int = 3
    # After so many ranges it is looked whether the object is still the same, where no answer says.
    unchecked_ranges: int = 64

    # --- Encoding (example/batch.py) ---

    # Of many rows so many bytes are encoded at a time.
    encoded_bytes: int = 1 << 22

    # --- Writing shards (files/open_shard.py) ---

    # Shards that are open at once share so much memory for gathering records, and with more than
    # so many of them none keeps its file open: systems allow as few as 256.
    gathered_bytes: int = 1 << 27
    open_shards: int = 100

    # --- Indexes as text (files/text_index.py) ---

    text_bytes: int = 1 << 20
    text_rows: int = 1 << 16

    # --- Epochs (dataset/order.py, dataset/memory.py, dataset/picker.py) ---

    # Below so many records the order of a shuffled epoch is made by sorting random numbers, all at
    # once; from so many on each number is computed where it is needed. These are different orders,
    # so this is part of what a state of a Dataset means.
    sorted_records: int = 1 << 20

    # How much is decoded at once of small, middle and large records: at least and at most. Each
    # NumPy call costs the same for few records as for many, so large records take large blocks;
    # what is made of a block should stay in the processor's caches, so small records take small
    # ones.
    small_block_bytes: tuple[int, int] = (1 << 21, 1 << 21)
    middle_block_bytes: tuple[int, int] = (1 << 22, 1 << 22)
    large_block_bytes: tuple[int, int] = (1 << 23, 1 << 24)
    # So many files stay open, and no more than a part of what the system lets a process open. A
    # blocked gzip file that is open keeps some members, inflated.
    open_files: int = 64
    open_gzip_files: int = 8
    # Of the files of a set that has a manifest so many are looked at when a Dataset is made.
    checked_files: int = 16
    # Indexes that can be loaded again are kept up to so many bytes in all, 8 for each record.
    index_bytes: int = 1 << 28

    # --- Arrow (arrow/reading.py) ---

    # Of no more bytes a batch is put together: 32-bit offsets hold 2 GiB.
    arrow_batch_bytes: int = (1 << 31) - 1

    # --- Jobs on whole sets (jobs/) ---

    # No more bytes of records than this are put in order in memory.
    shuffled_bytes: int = 1 << 27
    # So many sets are written at once, one for each value of a feature.
    sets_at_once: int = 200

    # --- Checking files (integrity/) ---

    # Plain files are cut into parts of this size at most.
    checked_part_bytes: int = 1 << 27
    # Threads cost next to nothing: reading, checksums and inflating free the interpreter. Following
    # small records does not, nor does decoding. There, other processes pay from here on: half a
    # second is what it takes to start them.
    checked_in_threads_bytes: int = 1 << 26
    checked_in_processes_bytes: int = 1 << 31
    decoded_in_processes_bytes: int = 1 << 29
    checked_large_record_bytes: int = 1 << 13
    # So many regions and faults of a file are listed; memory stays bounded whatever is in it.
    listed_faults: int = 100_000

    # --- Describing (description/describe.py) ---

    # Files are cut into such parts for processes, which all together must have so much to do.
    described_part_bytes: int = 1 << 25
    described_in_processes_bytes: int = 1 << 27


thresholds = Thresholds()
limits = Limits()
