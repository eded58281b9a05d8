"""What is left out in processes that others started, as lines of a file."""

from __future__ import annotations

import io
import os

import pytest

import tfrecord_lite as tfr
from tfrecord_lite.dataset.damage_report import DamageReport, absolute_paths

DAMAGE = tfr.Damage("a", 19, 37, 1, "truncated", "it ends")


def test_every_form_of_a_report(tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    path = tmp_path / "damage.jsonl"
    for given in (path, str(path), os.fsencode(path), "damage.jsonl", f"file://{path}"):
        DamageReport(given)(DAMAGE)
        assert os.listdir() == ["damage.jsonl"]
        assert len(path.read_text().splitlines()) == 1
        path.unlink()


def test_a_report_to_which_no_line_can_be_appended():
    with pytest.raises(ValueError, match="s3://b/d.*; pass the path of a file") as caught:
        DamageReport("s3://me:secret@b/d")
    assert "secret" not in str(caught.value)


def test_open_files_are_open_in_one_process():
    for given in (io.BytesIO(), ["a", io.BytesIO()], tfr.RecordSet(io.BytesIO())):
        with pytest.raises(TypeError, match="pass the path of a file"):
            absolute_paths(given)
