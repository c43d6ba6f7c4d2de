"""Running ABC, the logic optimiser and equivalence checker of Berkeley."""

import tempfile
from collections.abc import Mapping, Sequence
from pathlib import Path

from lutra.errors import ToolError
from lutra.files import write_atomic
from lutra.tools._find import find_abc
from lutra.tools._run import run

__all__ = ["run_abc"]


def run_abc(
    commands: Sequence[str], files: Mapping[str, str], results: Sequence[str], timeout: float
) -> dict[str, str]:
    """Run commands of ABC in a folder of their own.

    Parameters
    ----------
    commands
        One per line, which name files by their plain names.
    files
        Name -> content of files that the commands read.
    results
        Names of the files that they write.
    timeout
        Seconds.

    Returns
    -------
    Name -> content of the results, and of ``abc.log``, what ABC printed.

    Raises
    ------
    ToolError
        ABC is missing, fails, or does not know a command.
    """
    tool = find_abc()
    with tempfile.TemporaryDirectory(prefix="lutra-abc-") as name:
        folder = Path(name)
        for file, content in files.items():
            write_atomic(folder / file, content)
        write_atomic(folder / "script.abc", "\n".join(commands) + "\n")
        argv = [tool.path, "-q", "source script.abc"]
        log = run(argv, folder, log=Path("abc.log"), timeout=timeout).output
        if "cmd error" in log or "Error" in log:
            raise ToolError(f"ABC {tool.version} failed: {log.strip()[-2000:]}")
        missing = [file for file in results if not (folder / file).exists()]
        if missing:
            raise ToolError(f"ABC {tool.version} wrote no {missing[0]}: {log.strip()[-2000:]}")
        return {file: (folder / file).read_text() for file in (*results, "abc.log")}
