"""Doing things beside each other: threads, processes, and the memory that these share."""
