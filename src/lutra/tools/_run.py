"""Running an external tool: bounded in time, its log kept, nothing of it left behind."""

import contextlib
import os
import signal
import subprocess
import time
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path

from lutra.errors import ToolError

__all__ = ["Completed", "run"]

_REAP_SECONDS = 10.0
_KEPT = ("PATH", "HOME", "TMPDIR", "LD_LIBRARY_PATH", "XDG_CACHE_HOME")


@dataclass(frozen=True)
class Completed:
    """A tool run that succeeded: wall time and the text it wrote."""

    seconds: float
    output: str


def run(
    argv: Sequence[str | Path],
    folder: Path,
    *,
    log: Path,
    timeout: float = 600,
    env: Mapping[str, str] | None = None,
) -> Completed:
    """Run a tool in ``folder`` and return what it wrote.

    The tool gets a process group of its own, which dies with it, and a small environment.

    Parameters
    ----------
    argv
        Program and arguments; no shell sees them.
    folder
        Working folder; made where missing.
    log
        File that takes both output streams; relative to ``folder``.
    timeout
        Seconds until the whole process group is killed.
    env
        Environment variables besides the usual few.

    Raises
    ------
    ToolError
        The tool cannot be started, fails, is killed, or runs past its time.
    """
    log = folder / log
    name = Path(argv[0]).name
    environment = {key: os.environ[key] for key in _KEPT if key in os.environ}
    environment |= {"LC_ALL": "C", **(env or {})}
    start = time.monotonic()
    try:
        log.parent.mkdir(parents=True, exist_ok=True)
        with log.open("wb") as stream:
            process = subprocess.Popen(
                [str(part) for part in argv],
                cwd=folder,
                env=environment,
                stdin=subprocess.DEVNULL,
                stdout=stream,
                stderr=subprocess.STDOUT,
                start_new_session=True,
            )
    except OSError as error:
        raise ToolError(f"{argv[0]}: cannot be started ({error}); see `lutra doctor`") from error
    try:
        code = process.wait(timeout)
    except subprocess.TimeoutExpired:
        raise ToolError(
            f"{name}: killed after {timeout:g} s; allow more time or try a smaller design"
            f"{_tail(log)}"
        ) from None
    finally:
        with contextlib.suppress(ProcessLookupError):
            os.killpg(process.pid, signal.SIGKILL)
        # Bounded: a second interrupt within the first wait can leave Popen's lock taken.
        with contextlib.suppress(subprocess.TimeoutExpired):
            process.wait(_REAP_SECONDS)
    if code:
        raise ToolError(f"{name}: {_reason(code)}{_tail(log)}")
    return Completed(time.monotonic() - start, log.read_text(errors="replace"))


def _reason(code: int) -> str:
    if code in (-signal.SIGKILL, 128 + signal.SIGKILL):
        return "killed by the system, most likely out of memory; free some or use a smaller design"
    if code < 0:
        return f"crashed with {signal.Signals(-code).name}"
    return f"failed with exit status {code}"


def _tail(log: Path, lines: int = 15) -> str:
    text = log.read_text(errors="replace").splitlines()[-lines:]
    return "\n".join([f"; the end of {log}:", *(f"  {line[:300]}" for line in text)])
