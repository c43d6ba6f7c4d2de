"""What a loader is asked for."""

from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path

__all__ = ["Progress", "Request", "is_file"]

Progress = Callable[[int, int | None], None]
"""Called with (bytes so far, bytes in total or None)."""


@dataclass(frozen=True)
class Request:
    """The arguments of `lutra.data.load` that loaders read."""

    name: str
    folder: Path | None = None
    offline: bool = False
    progress: Progress | None = None
    path: Path | None = None
    test_path: Path | None = None
    test: float = 0.2
    label: str | None = None


def is_file(path: Path) -> bool:
    """Return whether the file exists; what the system cannot look up, as a long name, does not."""
    try:
        return path.is_file()
    except OSError:
        return False
