"""A scikit-learn classifier that trains lookup tables and predicts with their circuit."""

from collections.abc import Mapping, Sequence
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Any, Self

import numpy as np
from numpy.typing import NDArray

from lutra.data import Dataset, Rows, Table, finish
from lutra.engine import Model
from lutra.errors import LutraError, missing_extra
from lutra.recipe import Recipe, load_recipe, parse_recipe
from lutra.train import train

try:
    from sklearn.base import BaseEstimator, ClassifierMixin
    from sklearn.utils import check_random_state
    from sklearn.utils.multiclass import check_classification_targets
    from sklearn.utils.validation import check_is_fitted, validate_data
except ImportError as error:
    raise LutraError(missing_extra("LutClassifier", "scikit-learn", "sklearn")) from error

__all__ = ["LutClassifier"]

_REALS = (np.float64, np.float32)
"""What features become, whole numbers too: a `lutra.Model` takes integers for words."""


class LutClassifier(ClassifierMixin, BaseEstimator):
    """A network of lookup tables for tabular data, by the conventions of scikit-learn.

    Features become integer words, these thermometers, then layers of six-input tables follow,
    which choose their inputs while they train (DWN); the last one's tables vote for the classes.
    What predicts is the circuit, bit for bit what the hardware says.

    Parameters
    ----------
    hidden_layers
        Tables of every layer before the last.
    votes
        Tables of the last layer, per class.
    thresholds
        Of each feature, at quantiles.
    candidates
        Inputs among which every input of a table chooses.
    epochs, batch, learning_rate
        Of the training.
    width
        Bits of a feature's word, which spans the range of the feature in ``X``.
    validation
        Rows (int) or share of them (float) held out to choose the epoch that is kept; of 0 the
        last one is.
    recipe
        A recipe, or the path of one, whose model, mapping and train sections replace all
        parameters but ``width``, ``validation`` and ``random_state``.
    random_state
        Seed, or source of one: equal seeds give equal circuits.

    Attributes
    ----------
    classes_
        The labels, sorted.
    n_features_in_, feature_names_in_
        As scikit-learn has them.
    circuit_
        The network as a `lutra.circuit.Circuit`.
    model_
        The same as a `lutra.Model`, which takes floats for what the features are.
    """

    n_features_in_: int

    def __init__(
        self,
        hidden_layers: Sequence[int] = (),
        votes: int = 100,
        thresholds: int = 32,
        candidates: int = 64,
        epochs: int = 100,
        batch: int = 32,
        learning_rate: float = 1e-2,
        width: int = 16,
        validation: float = 0,
        recipe: Mapping[str, Any] | Path | str | None = None,
        random_state: int | np.random.RandomState | None = None,
    ) -> None:
        self.hidden_layers = hidden_layers
        self.votes = votes
        self.thresholds = thresholds
        self.candidates = candidates
        self.epochs = epochs
        self.batch = batch
        self.learning_rate = learning_rate
        self.width = width
        self.validation = validation
        self.recipe = recipe
        self.random_state = random_state

    def fit(self, X: Any, y: Any) -> Self:
        """Train on real features ``X`` (samples, features) and labels ``y`` (samples,).

        Raises
        ------
        RecipeError
            A parameter is not one that can be trained with.
        DataError
            A feature exceeds 1e30 in magnitude, or is never 0 nor reaches 1e-30.
        ValueError
            What scikit-learn refuses, or a single class.
        """
        X, y = validate_data(self, X, y, dtype=_REALS)
        check_classification_targets(y)
        self.classes_, indices = np.unique(y, return_inverse=True)
        if len(self.classes_) < 2:
            raise ValueError("LutClassifier needs two or more classes; y has 1 class")
        recipe = self._recipe()
        seed = int(check_random_state(self.random_state).randint(1 << 31))
        data = self._data(Rows(np.asarray(X), indices), recipe, seed)
        with TemporaryDirectory() as folder:
            trained = train(recipe, data, seed, Path(folder))
        self.circuit_ = trained.lower(recipe.name, data.classes, data.features)
        self.model_ = Model(self.circuit_, scale=data.scale, offset=data.offset)
        return self

    def predict(self, X: Any) -> NDArray[Any]:
        """Return the label of every row of ``X``: (samples,)."""
        x = self._features(X)
        return self.classes_[self.model_.predict(x)]

    def decision_function(self, X: Any) -> NDArray[np.float64]:
        """Return the integer scores of ``X``: (samples, classes).

        Of two classes it is the second one's lead, (samples,).
        """
        x = self._features(X)
        scores = self.model_.predict_scores(x).astype(np.float64)
        return scores if len(self.classes_) > 2 else scores[:, 1] - scores[:, 0]

    def _features(self, X: Any) -> NDArray[np.floating]:
        check_is_fitted(self)
        return np.asarray(validate_data(self, X, dtype=_REALS, reset=False))

    def _recipe(self) -> Recipe:
        def plain(name: str) -> Any:  # numpy's numbers, as grids have them, and tuples
            return np.asarray(getattr(self, name)).tolist()

        data = {name: plain(name) for name in ("width", "validation")}
        model = {name: plain(name) for name in ("hidden_layers", "votes", "thresholds")}
        loop = {name: plain(name) for name in ("epochs", "batch", "learning_rate")}
        select = "best" if data["validation"] else "last"
        own = {
            "name": "lut-classifier",
            "data": data,
            "model": {"family": "dwn", **model},
            "mapping": {"method": "select", "candidates": plain("candidates")},
            "train": {**loop, "beta1": 0.9, "schedule": "cosine", "select": select},
        }
        recipe = parse_recipe(own, "LutClassifier")
        if self.recipe is None:
            return recipe
        if isinstance(self.recipe, Mapping):
            given = parse_recipe({"name": recipe.name, **self.recipe}, "LutClassifier.recipe")
        else:
            given = load_recipe(Path(self.recipe))
        return given.model_copy(update={"data": recipe.data})

    def _data(self, rows: Rows, recipe: Recipe, seed: int) -> Dataset:
        classes = tuple(str(label) for label in self.classes_)
        names = getattr(self, "feature_names_in_", range(self.n_features_in_))
        features = tuple(str(name) for name in names)
        first = Rows(rows.x[:1], rows.y[:1])  # a data set has a test part, which training ignores
        table = Table("X", rows, None, first, classes, features, source="X")
        return finish(table, recipe.data.validation, seed, recipe.data.width)
