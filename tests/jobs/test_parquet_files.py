"""Parquet files of which Arrow's own iterator of batches reads no rows, or fewer."""

from __future__ import annotations

import pytest
from job_sets import of_set, tree

import tfrecord_lite as tfr
from tfrecord_lite.jobs import convert

pa = pytest.importorskip("pyarrow")

import pyarrow.dataset  # noqa: E402
import pyarrow.parquet as pq  # noqa: E402

from tfrecord_lite.arrow import write_table  # noqa: E402

WORDS = pa.array(["a", "b", "a", "c", "b", "a"]).dictionary_encode()


@pytest.mark.parametrize("rows_per_group", [1, 2])
def test_categories_in_lists_of_several_row_groups(tmp_path, rows_per_group):
    words = pa.ListArray.from_arrays(pa.array([0, 1, 3, 3, 6], pa.int32()), WORDS)
    table = pa.table({"number": [1, 2, 3, 4], "words": words})
    path = tmp_path / "a.parquet"
    pq.write_table(table, path, row_group_size=rows_per_group)
    assert convert(path, tmp_path / "new") == 4
    write_table(pq.ParquetFile(path), tmp_path / "of-file")
    write_table(table, tmp_path / "same")
    assert of_set(tmp_path / "new") == of_set(tmp_path / "of-file") == of_set(tmp_path / "same")


def test_rows_that_arrow_does_not_return_are_an_error(tmp_path):
    """Arrow returns no rows of short pages of version 2 that have lists of bools."""
    path = tmp_path / "a.parquet"
    table = pa.table({"x": pa.array([[True], [False, True]])})
    pq.write_table(table, path, data_page_version="2.0", data_page_size=64, row_group_size=1)
    if len(pq.read_table(path)) == 2:
        assert convert(path, tmp_path / "new") == 2
        return
    with pytest.raises(tfr.TFRecordError, match=r"a\.parquet: row group 0 .* 1 rows, .* reads 0"):
        convert(path, tmp_path / "new")
    with pytest.raises(tfr.TFRecordError, match=r"have 2 rows, of which Arrow reads 0"):
        write_table(pyarrow.dataset.dataset(path), tmp_path / "new")
    assert tree(tmp_path) == ["a.parquet"]


def test_a_flipped_bit_is_found_where_pages_have_checksums(tmp_path):
    """As those that `convert` writes have, and those of other writers that add them."""
    records, path = tmp_path / "a.tfrecord", tmp_path / "a.parquet"
    tfr.write_examples(records, {"x": [b"needle", b"haystack"]})
    convert(records, path)
    data = bytearray(path.read_bytes())
    data[data.index(b"needle")] ^= 1
    path.write_bytes(data)
    with pytest.raises(tfr.TFRecordError, match=r"a\.parquet: .*checksum"):
        convert(path, tmp_path / "new")
    with pytest.raises(OSError, match="checksum"):
        write_table(pyarrow.dataset.dataset(path), tmp_path / "new")
    assert tree(tmp_path) == ["a.parquet", "a.tfrecord"]


def test_an_encrypted_file_is_told_as_that(tmp_path):
    encryption = pytest.importorskip("pyarrow.parquet.encryption")

    class Kms(encryption.KmsClient):
        def __init__(self, _):
            super().__init__()

        def wrap_key(self, key, _):
            return key

        def unwrap_key(self, key, _):
            return key

    kms = encryption.KmsConnectionConfig()
    table = pa.table({"x": [1, 2]})
    for plaintext_footer in (False, True):
        keys = encryption.EncryptionConfiguration(
            footer_key="k", column_keys={"k": ["x"]}, plaintext_footer=plaintext_footer
        )
        secret = encryption.CryptoFactory(Kms).file_encryption_properties(kms, keys)
        with pq.ParquetWriter(
            tmp_path / "a.parquet", table.schema, encryption_properties=secret
        ) as writer:
            writer.write_table(table)
        with pytest.raises(tfr.TFRecordError, match="encrypted: open it by ParquetFile of pyarrow"):
            convert(tmp_path / "a.parquet", tmp_path / "new")
