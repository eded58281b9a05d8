"""examples/jax-digits/."""

from __future__ import annotations

from examples.running import numbers, run


def test_digits(tmp_path):
    stdout, _ = run("jax-digits/digits.py", "--output", tmp_path, "--epochs", 3)
    assert "make_loader on 4 devices" in stdout
    right = numbers(r": ([\d.]+) of 360 right", stdout)
    # The same batches in the same order.
    assert len(right) == 2
    assert min(right) > 0.8
