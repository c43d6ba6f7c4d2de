"""The parameters of a boosted forest, as a recipe has them."""

from typing import Annotated, Literal

from pydantic import BaseModel, ConfigDict, Field, model_validator

__all__ = ["TreeLut"]

Positive = Annotated[float, Field(gt=0, le=1e6)]
NotNegative = Annotated[float, Field(ge=0, le=1e6)]
Share = Annotated[float, Field(ge=1e-6, le=1)]


class TreeLut(BaseModel):
    """TreeLUT (FPGA 2025, arXiv 2501.01511): one boosted tree per class and round."""

    model_config = ConfigDict(extra="forbid", strict=True, frozen=True)

    family: Literal["treelut"]
    booster: Literal["xgboost"] = "xgboost"
    """What trains."""
    path: str | None = None
    """Instead of training: a model that XGBoost saved or LightGBM dumped as JSON."""
    thresholds: Literal["words", "values"] = "words"
    """What the thresholds of ``path`` are about: the words that trees read, see ``feature_bits``,
    or the values that raw words stand for."""
    feature_bits: Annotated[int, Field(ge=1, le=24)] | None = None
    """Upper bits of a feature word that trees read; None for all."""
    tree_bits: Annotated[int, Field(ge=1, le=16)] = 3
    """Bits of the widest tree's leaves."""
    adder: Annotated[int, Field(ge=2, le=1 << 16)] | None = None
    """Most trees that one adder takes; None for all of a class."""
    estimators: Annotated[int, Field(ge=1, le=10_000)] = 30
    """Rounds of boosting."""
    depth: Annotated[int, Field(ge=1, le=16)] | None = 5
    """Most decisions on the way to a leaf; None for any number."""
    leaves: Annotated[int, Field(ge=2, le=1 << 16)] | None = None
    """Most leaves of a tree, the best ones first; None for as many as the depth allows."""
    eta: Share = 0.3
    """Share of a leaf's value that is taken."""
    min_child_weight: NotNegative = 1.0
    """Least sum of second derivatives in a leaf."""
    max_delta_step: NotNegative = 0.0
    """Greatest value of a leaf before ``eta``; 0 for any."""
    gamma: NotNegative = 0.0
    """Least gain of a split."""
    reg_lambda: NotNegative = 1.0
    reg_alpha: NotNegative = 0.0
    """Penalties on a leaf's value, squared and absolute."""
    subsample: Share = 1.0
    """Rows that a round trains on."""
    colsample: Share = 1.0
    """Features that a tree may ask for."""

    @model_validator(mode="after")
    def _check(self) -> "TreeLut":
        if self.depth is None and self.leaves is None:
            raise ValueError("one of depth and leaves must bound a tree")
        if self.path is None:
            if self.thresholds != "words":
                raise ValueError("thresholds = 'values' belongs to a model of path")
            return self
        hardware = {"family", "path", "thresholds", "feature_bits", "tree_bits", "adder"}
        if others := sorted(self.model_fields_set - hardware):
            raise ValueError(f"{', '.join(others)}: nothing is trained where a path is given")
        return self
