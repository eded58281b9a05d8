"""Epochs of many files: shuffled, shared out, and decoded by the batch."""
