"""Reading a trained model from the JSON of XGBoost or LightGBM, trusting nothing in it."""

import json
from pathlib import Path
from typing import Any

from lutra.errors import ModelError
from lutra.trees._forest import Forest
from lutra.trees._lightgbm import from_lightgbm
from lutra.trees._xgboost import from_xgboost

__all__ = ["MAX_BYTES", "parse_model", "read_model"]

MAX_BYTES = 1 << 28
"""Largest model file."""


def read_model(path: Path) -> Forest:
    """Read a model file.

    Parameters
    ----------
    path
        What ``Booster.save_model("model.json")`` of XGBoost wrote, or ``Booster.dump_model()`` of
        LightGBM as JSON.

    Raises
    ------
    ModelError
        The file is missing, malformed, or holds a model that has no such circuit; the message
        names the file and the place in it.
    """
    try:
        size = path.stat().st_size
        if size > MAX_BYTES:
            raise ModelError(f"{path}: {size} bytes; a model file has at most {MAX_BYTES}")
        content = json.loads(path.read_bytes())
    except (OSError, ValueError, RecursionError) as error:
        raise ModelError(f"{path}: not a readable model in JSON ({error})") from error
    return parse_model(content, str(path))


def parse_model(content: Any, where: str) -> Forest:
    """Check the content of a model file; ``where`` names it in errors."""
    if isinstance(content, dict) and "learner" in content:
        return from_xgboost(content, where)
    if isinstance(content, dict) and "tree_info" in content:
        return from_lightgbm(content, where)
    raise ModelError(
        f"{where}: neither a model that XGBoost saved (learner) nor one that LightGBM dumped "
        "(tree_info)"
    )
