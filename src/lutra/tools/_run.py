"""Running an external tool: bounded in time, its log kept, nothing of it left behind."""

import contextlib
import os
import signal
import subprocess
import threading
import time
from collections.abc import Iterator, Mapping, Sequence
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
    process: subprocess.Popen[bytes] | None = None
    try:
        log.parent.mkdir(parents=True, exist_ok=True)
        with log.open("wb") as stream, _interrupts_held():
            process = subprocess.Popen(
                [str(part) for part in argv],
                cwd=folder,
                env=environment,
                stdin=subprocess.DEVNULL,
                stdout=stream,
                stderr=subprocess.STDOUT,
                start_new_session=True,
            )
        code = process.wait(timeout)
    except OSError as error:
        raise ToolError(f"{argv[0]}: cannot be started ({error}); see `lutra doctor`") from error
    except subprocess.TimeoutExpired:
        raise ToolError(
            f"{name}: killed after {timeout:g} s; allow more time or try a smaller design"
            f"{_tail(log)}"
        ) from None
    finally:
        if process is not None:
            _kill(process)
    if code:
        raise ToolError(f"{name}: {_reason(code)}{_tail(log)}")
    return Completed(time.monotonic() - start, log.read_text(errors="replace"))


@contextlib.contextmanager
def _interrupts_held() -> Iterator[None]:
    """Hold interrupts until the end: one within a start would leave a process nobody knows of."""
    if threading.current_thread() is not threading.main_thread():
        yield  # which interrupts never reach
        return
    held: list[int] = []
    kinds = (signal.SIGINT, signal.SIGTERM)
    before = {kind: signal.signal(kind, lambda number, _: held.append(number)) for kind in kinds}
    try:
        yield
    finally:
        for kind, handler in before.items():
            signal.signal(kind, handler or signal.SIG_DFL)
        for number in held[:1]:
            signal.raise_signal(number)


def _kill(process: subprocess.Popen[bytes]) -> None:
    with contextlib.suppress(ProcessLookupError):
        os.killpg(process.pid, signal.SIGKILL)
    # Bounded: a second interrupt within the first wait can leave Popen's lock taken.
    with contextlib.suppress(subprocess.TimeoutExpired):
        process.wait(_REAP_SECONDS)


def _reason(code: int) -> str:
    if code in (-signal.SIGKILL, 128 + signal.SIGKILL):
        return "killed by the system, most likely out of memory; free some or use a smaller design"
    if code < 0:
        return f"crashed with {signal.Signals(-code).name}"
    return f"failed with exit status {code}"


def _tail(log: Path, lines: int = 15) -> str:
    text = log.read_text(errors="replace").splitlines()[-lines:]
    return "\n".join([f"; the end of {log}:", *(f"  {line[:300]}" for line in text)])
