"""What the rest of Lutra sees of a data set: integers, the same in software and in hardware."""

import hashlib
import json
from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any

import numpy as np
from numpy.typing import NDArray

__all__ = ["Dataset", "Split", "describe"]

_BLOCK = 4096
"""Rows that are hashed at once."""


@dataclass(frozen=True, eq=False)
class Split:
    """One part of a data set.

    Parameters
    ----------
    x
        Raw fixed-point features. Shape (samples, features); uint8 where the words are unsigned
        and have at most 8 bits, else int32.
    y
        Class index, int64. Shape (samples,).
    """

    x: NDArray[np.integer]
    y: NDArray[np.int64]

    def __len__(self) -> int:
        return len(self.y)


@dataclass(frozen=True, eq=False)
class Dataset:
    """A classification task on fixed-point features.

    Parameters
    ----------
    name
        Registered name, or the stem of the user's file.
    train, validation, test
        The parts; no row is in two of them. ``validation`` may have no rows.
    width, signed
        Bits of a raw feature word, two's complement where signed.
    scale, offset
        Real value = ``raw * scale + offset``, per feature. Shape (features,).
    classes, features
        Their names.
    image
        (height, width) where the features are the pixels of an image, row by row, one colour plane
        after the other; else None.
    source
        Where the data was found: a path or an address.
    more
        Further test parts by name, from another source than ``test``.
    """

    name: str
    train: Split
    validation: Split
    test: Split
    width: int
    signed: bool
    scale: NDArray[np.float64]
    offset: NDArray[np.float64]
    classes: tuple[str, ...]
    features: tuple[str, ...]
    image: tuple[int, int] | None = None
    source: str = ""
    more: Mapping[str, Split] = field(default_factory=dict)

    @property
    def image_shape(self) -> tuple[int, int, int] | None:
        """(planes, height, width) where the features are pixels; else None."""
        if self.image is None:
            return None
        return self.train.x.shape[1] // (self.image[0] * self.image[1]), *self.image

    @property
    def sha256(self) -> str:
        """Fingerprint of every part's rows, what their words mean, and the classes, in hex."""
        parts = {"train": self.train, "validation": self.validation, "test": self.test}
        parts |= {f"more {name}": self.more[name] for name in sorted(self.more)}
        shapes = [(name, part.x.shape) for name, part in parts.items()]
        head = json.dumps([self.width, self.signed, self.classes, shapes])
        digest = hashlib.sha256(head.encode())
        digest.update(self.scale.astype("<f8").tobytes() + self.offset.astype("<f8").tobytes())
        for part in parts.values():
            for start in range(0, len(part), _BLOCK):  # four bytes a pixel are much at once
                digest.update(part.x[start : start + _BLOCK].astype("<i4").tobytes())
            digest.update(part.y.astype("<i8").tobytes())
        return digest.hexdigest()


def describe(dataset: Dataset) -> dict[str, Any]:
    """Return what a person asks of a data set first, as plain JSON values."""
    parts = {"train": dataset.train, "validation": dataset.validation, "test": dataset.test}
    parts |= dataset.more
    return {
        "name": dataset.name,
        "source": dataset.source,
        "sha256": dataset.sha256,
        "rows": {name: len(part) for name, part in parts.items()},
        "features": len(dataset.features),
        "width": dataset.width,
        "signed": dataset.signed,
        "image": list(dataset.image) if dataset.image else None,
        "classes": list(dataset.classes),
        "class_rows": {
            name: np.bincount(part.y, minlength=len(dataset.classes)).tolist()
            for name, part in parts.items()
        },
    }
