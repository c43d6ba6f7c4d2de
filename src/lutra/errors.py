"""Every error that Lutra raises on purpose.

::

    LutraError
    +-- RecipeError     a recipe that cannot be used: unknown key, wrong type, impossible shape
    +-- DataError       a data set that is missing, corrupt or of the wrong form
    +-- ModelError      a model trained elsewhere that is malformed or has no circuit
    +-- CircuitError    a circuit that breaks an invariant, or a malformed circuit file
    +-- CheckpointError a checkpoint that is corrupt or belongs to another recipe
    +-- EngineError     a program that this machine cannot run
    +-- ToolError       an external tool that is missing, failed, or wrote what we cannot read
    +-- VerifyError     two stages that must agree do not
    +-- OutputError     a result that could not be written (full disk, no permission)

A message says what is wrong, where, and what to do.
"""

__all__ = [
    "CheckpointError",
    "CircuitError",
    "DataError",
    "EngineError",
    "LutraError",
    "ModelError",
    "OutputError",
    "RecipeError",
    "ToolError",
    "VerifyError",
    "missing_extra",
]


class LutraError(Exception):
    """Base of every error that Lutra raises on purpose."""


class RecipeError(LutraError):
    """A recipe that cannot be used."""


class DataError(LutraError):
    """A data set that is missing, corrupt or of the wrong form."""


class ModelError(LutraError):
    """A model trained elsewhere that is malformed or has no circuit."""


class CircuitError(LutraError):
    """A circuit that breaks an invariant, or a malformed circuit file."""


class CheckpointError(LutraError):
    """A checkpoint that is corrupt or belongs to another recipe."""


class EngineError(LutraError):
    """A program that this machine cannot run."""


class ToolError(LutraError):
    """An external tool that is missing, failed, or wrote what we cannot read."""


class VerifyError(LutraError):
    """Two stages that must agree bit for bit do not."""


class OutputError(LutraError):
    """A result that could not be written."""


def missing_extra(what: str, package: str, extra: str) -> str:
    """Return the one sentence that names a missing optional package and its install command."""
    return f"{what} needs {package}: pip install 'lutra[{extra}]'"
