import os
import signal
import subprocess
import sys
import time
from pathlib import Path
from typing import Any

import pytest

from lutra.errors import ToolError
from lutra.tools import run

LOG = Path("log.txt")


def python(code: str, folder: Path, timeout: float = 60):
    return run([sys.executable, "-c", code], folder, log=LOG, timeout=timeout)


def test_output_goes_to_the_log(tmp_path: Path) -> None:
    done = python("import sys; print('out'); print('err', file=sys.stderr)", tmp_path)
    assert sorted(done.output.split()) == ["err", "out"]
    assert (tmp_path / LOG).read_text() == done.output


def test_a_failure_shows_the_end_of_the_log(tmp_path: Path) -> None:
    with pytest.raises(ToolError, match=r"(?s)exit status 3; the end of .*log\.txt:.*\n  line 49$"):
        python("[print('line', i) for i in range(50)]; raise SystemExit(3)", tmp_path)


def test_signals_are_told(tmp_path: Path) -> None:
    with pytest.raises(ToolError, match="out of memory"):
        python("import os; os.kill(os.getpid(), 9)", tmp_path)
    with pytest.raises(ToolError, match="SIGSEGV"):
        python("import os; os.kill(os.getpid(), 11)", tmp_path)


def test_a_timeout_kills_the_whole_group(tmp_path: Path) -> None:
    code = """
import subprocess, sys
child = subprocess.Popen([sys.executable, "-c", "import time; time.sleep(600)"])
print(child.pid, flush=True)
child.wait()
"""
    start = time.monotonic()
    with pytest.raises(ToolError, match="killed after 2 s"):
        python(code, tmp_path, timeout=2)
    assert time.monotonic() - start < 30
    child = int((tmp_path / LOG).read_text())
    for _ in range(100):
        if not _alive(child):
            return
        time.sleep(0.1)
    pytest.fail("the child outlived its group")


def test_an_interrupt_within_a_start_kills_what_was_started(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    started: list[int] = []

    class Interrupted(subprocess.Popen[bytes]):
        def __init__(self, *args: Any, **more: Any) -> None:
            super().__init__(*args, **more)
            started.append(self.pid)
            signal.raise_signal(signal.SIGINT)

    monkeypatch.setattr(subprocess, "Popen", Interrupted)
    before = signal.signal(signal.SIGINT, signal.default_int_handler)  # a shell may ignore it
    try:
        with pytest.raises(KeyboardInterrupt):
            python("import time; time.sleep(600)", tmp_path)
        assert signal.getsignal(signal.SIGINT) is signal.default_int_handler
    finally:
        signal.signal(signal.SIGINT, before)
    assert not _alive(started[0])


@pytest.mark.filterwarnings("ignore::pytest.PytestUnraisableExceptionWarning")  # nobody reaps it
def test_an_interrupt_that_takes_the_lock_along_does_not_hang(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    waiting = subprocess.Popen.wait

    def wait(process: subprocess.Popen[bytes], timeout: float | None = None) -> int:
        monkeypatch.setattr(subprocess.Popen, "wait", waiting)
        vars(process)["_waitpid_lock"].acquire()
        raise KeyboardInterrupt

    monkeypatch.setattr(subprocess.Popen, "wait", wait)
    monkeypatch.setattr("lutra.tools._run._REAP_SECONDS", 0.1)
    start = time.monotonic()
    with pytest.raises(KeyboardInterrupt):
        python("import time; time.sleep(600)", tmp_path)
    assert time.monotonic() - start < 30


def _alive(pid: int) -> bool:
    try:
        os.kill(pid, 0)
        return Path(f"/proc/{pid}/stat").read_text().split(")")[1].split()[0] != "Z"
    except OSError:
        return False


def test_the_environment_is_small(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("LUTRA_SECRET", "1")
    assert "LUTRA_SECRET" not in python("import os; print(dict(os.environ))", tmp_path).output


def test_a_program_that_is_not_there(tmp_path: Path) -> None:
    with pytest.raises(ToolError, match="cannot be started"):
        run([tmp_path / "nothing"], tmp_path, log=LOG)
