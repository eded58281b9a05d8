"""Which pages the site has, in which order; paths are those of the repository."""

from __future__ import annotations

from typing import Final

__all__ = ["GUIDES", "NAV", "SHORT"]

GUIDES: Final = "Guides"

# What is in docs/ and named nowhere here is put at the end of the guides.
NAV: Final[dict[str, list[str]]] = {
    "Start": ["docs/index.md", "docs/get-started.md", "docs/viewer.md"],
    GUIDES: [
        "docs/writing.md",
        "docs/images.md",
        "docs/tables.md",
        "docs/sequences.md",
        "docs/verify-and-rescue.md",
        "docs/integrity.md",
        "docs/random-access.md",
        "docs/tensorflow.md",
        "docs/pytorch.md",
        "docs/jax.md",
        "docs/clusters.md",
        "docs/object-stores.md",
        "docs/scale.md",
        "docs/migrate.md",
    ],
    "Reference": ["docs/command-line.md", "docs/format.md"],
    "Reliability": [
        "docs/reliability.md",
        "SECURITY.md",
        "docs/conformance.md",
        "docs/odd-examples.md",
        "docs/portability.md",
    ],
    "Benchmarks": ["docs/benchmarks.md"],
    "Project": [
        "docs/release-0.2.md",
        "CHANGELOG.md",
        "docs/architecture.md",
        "CONTRIBUTING.md",
        "examples/README.md",
    ],
}

# What pages are called beside the others, where that is not their heading.
SHORT: Final = {
    "docs/tables.md": "Tables",
    "docs/sequences.md": "Sequences",
    "docs/integrity.md": "Verify and rescue in full",
    "docs/reliability.md": "What can go wrong",
    "docs/conformance.md": "Conformance",
    "docs/odd-examples.md": "Odd Examples",
    "docs/release-0.2.md": "Release 0.2",
    "docs/index.md": "Overview",
    "docs/benchmarks.md": "Overview",
    "benchmarks/results/training_A.md": "Training: scalars",
    "benchmarks/results/training_B.md": "Training: raw images",
    "benchmarks/results/training_jpeg.md": "Training: JPEGs",
}
