"""Writing files so that a reader sees the old content or the new, never half of it."""

import contextlib
import fcntl
import hashlib
import json
import os
import tempfile
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

from lutra.errors import LutraError, OutputError

__all__ = ["exclusive", "read_json", "sha256", "write_atomic", "write_json"]

_TEMPORARY = ".part"


def write_atomic(path: Path, content: bytes | str | Callable[[Path], object]) -> Path:
    """Write ``path`` through a temporary file in the same folder, synced and renamed.

    Parameters
    ----------
    path
        Where the content goes; missing parent folders are made.
    content
        Bytes, text (UTF-8), or a function that writes the temporary file it is given.

    Raises
    ------
    OutputError
        The file could not be written (full disk, no permission); ``path`` is as it was before.
    """
    temporary: Path | None = None
    try:
        path.parent.mkdir(parents=True, exist_ok=True)
        handle, name = tempfile.mkstemp(_TEMPORARY, f".{path.name}.", path.parent)
        os.close(handle)
        temporary = Path(name)
        if callable(content):
            content(temporary)
        else:
            temporary.write_bytes(content.encode() if isinstance(content, str) else content)
        with temporary.open("rb") as file:
            os.fsync(file.fileno())
        temporary.chmod(0o644)
        temporary.replace(path)
        _sync_folder(path.parent)
    except LutraError:
        raise
    except Exception as error:  # safetensors reports a full disk by its own exception type
        raise OutputError(
            f"{path}: could not be written ({error}); "
            "free space or choose another folder, earlier files are unchanged"
        ) from error
    finally:
        if temporary is not None:
            with contextlib.suppress(OSError):
                temporary.unlink(missing_ok=True)
    return path


@contextlib.contextmanager
def exclusive(folder: Path) -> Iterator[None]:
    """Hold a folder for one process; remove what a killed one left half-written in it.

    Raises
    ------
    OutputError
        Another process holds the folder, or it cannot be written.
    """
    try:
        folder.mkdir(parents=True, exist_ok=True)
        lock = (folder / ".lock").open("w")
    except OSError as error:
        raise OutputError(f"{folder}: cannot be written ({error}); choose another") from error
    with lock:
        try:
            fcntl.flock(lock, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except OSError as error:
            raise OutputError(
                f"{folder}: another run is at work in it; wait for it or choose another"
            ) from error
        for stale in folder.glob(f".*{_TEMPORARY}"):
            stale.unlink(missing_ok=True)
        yield


def write_json(path: Path, value: Any) -> Path:
    """Write ``value`` as indented JSON, atomically."""
    return write_atomic(path, json.dumps(value, indent=2, allow_nan=False) + "\n")


def read_json(path: Path, error: type[LutraError] = LutraError) -> Any:
    """Read a JSON file; a missing or malformed one raises ``error`` naming the path."""
    try:
        return json.loads(path.read_text())
    except (OSError, ValueError, RecursionError) as cause:
        raise error(f"{path}: not a readable JSON file ({cause})") from cause


def sha256(path: Path) -> str:
    """Return the SHA-256 of a file, as hexadecimal text."""
    with path.open("rb") as file:
        return hashlib.file_digest(file, "sha256").hexdigest()


def _sync_folder(folder: Path) -> None:
    descriptor = os.open(folder, os.O_RDONLY)
    try:
        os.fsync(descriptor)
    finally:
        os.close(descriptor)
