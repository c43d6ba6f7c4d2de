import pickle
import subprocess
import sys

import numpy as np
import pytest
from sklearn.base import clone
from sklearn.calibration import CalibratedClassifierCV
from sklearn.datasets import load_breast_cancer, load_digits, load_wine
from sklearn.model_selection import GridSearchCV, cross_val_score, train_test_split
from sklearn.pipeline import make_pipeline
from sklearn.preprocessing import StandardScaler
from sklearn.utils.estimator_checks import estimator_checks_generator

import lutra
from lutra.circuit import evaluate
from lutra.data._fixed_point import Format, to_raw
from lutra.errors import DataError, RecipeError
from lutra.estimator import LutClassifier
from tests.conftest import ROOT

FAST = {
    "votes": 10,
    "thresholds": 8,
    "candidates": 8,
    "epochs": 5,
    "batch": 16,
    "learning_rate": 0.05,
    "random_state": 0,
}


CHECKS = {
    check.func.__name__ + repr(check.keywords or ""): (estimator, check)
    for estimator, check in estimator_checks_generator(LutClassifier(**FAST))
    if check.func.__name__ != "check_array_api_input"  # arrays of other libraries: not claimed
}


@pytest.mark.parametrize("name", CHECKS)
def test_keeps_the_conventions(name):
    estimator, check = CHECKS[name]
    check(estimator)


def halves(load):
    X, y = load(return_X_y=True)
    return train_test_split(X, y, test_size=0.3, random_state=0, stratify=y)


@pytest.mark.parametrize(
    ("load", "form", "least"),
    [
        (load_digits, {"epochs": 40}, 0.95),
        (load_breast_cancer, {}, 0.93),
        (load_wine, {}, 0.92),
        (load_wine, {"hidden_layers": (100,), "learning_rate": 0.03}, 0.88),
    ],
)
def test_real_data(load, form, least):
    X, X_test, y, y_test = halves(load)
    found = LutClassifier(random_state=0, **form).fit(X, y)
    assert found.score(X_test, y_test) >= least
    circuit, model = found.circuit_, found.model_
    words = Format(circuit.input_width, circuit.input_signed, model.scale, model.offset)
    said = evaluate(circuit, to_raw(X_test, words))
    np.testing.assert_array_equal(found.predict(X_test), found.classes_[said["class"][:, 0]])
    scores = said["scores"] if len(found.classes_) > 2 else np.diff(said["scores"])[:, 0]
    np.testing.assert_array_equal(found.decision_function(X_test), scores)


def test_works_within_scikit_learn():
    X, y = load_wine(return_X_y=True)
    whole = make_pipeline(StandardScaler(), LutClassifier(**FAST))
    assert cross_val_score(whole, X, y, cv=3).min() > 0.75
    grid = {"lutclassifier__votes": np.array([5, 10]), "lutclassifier__hidden_layers": [(), (20,)]}
    assert GridSearchCV(whole, grid, cv=2).fit(X, y).best_score_ > 0.75
    shares = CalibratedClassifierCV(LutClassifier(**FAST), cv=2).fit(X, y).predict_proba(X)
    assert (shares.argmax(1) == y).mean() > 0.75


def test_equal_seeds_and_pickles_predict_the_same():
    X, X_test, y, _ = halves(load_wine)
    first = LutClassifier(**FAST).fit(X, y)
    scores = first.decision_function(X_test)
    for other in (clone(first).fit(X, y), pickle.loads(pickle.dumps(first))):
        np.testing.assert_array_equal(other.decision_function(X_test), scores)
    assert len(pickle.dumps(first)) < 100_000


@pytest.mark.parametrize("features", [1, 2])
def test_a_dozen_rows_and_a_constant_feature(features):
    X = np.full((12, features), 7.5)
    X[:, 0] = np.arange(12)
    y = np.where(X[:, 0] < 6, "low", "high")
    found = LutClassifier(random_state=0).fit(X, y)
    assert found.score(X, y) == 1
    assert found.circuit_.output("scores").labels == ("high", "low")


def test_many_classes():
    y = np.repeat(np.arange(60), 5)
    X = np.random.default_rng(0).normal(size=(300, 2)) / 20 + np.stack([y // 8, y % 8], axis=1)
    assert LutClassifier(votes=20, epochs=30, random_state=0).fit(X, y).score(X, y) > 0.8


def test_validation_chooses_the_epoch():
    X, X_test, y, y_test = halves(load_wine)
    found = LutClassifier(validation=0.2, random_state=0).fit(X, y)
    assert found.score(X_test, y_test) > 0.85


def test_recipes_replace_the_network():
    X, X_test, y, y_test = halves(load_breast_cancer)
    file = LutClassifier(recipe=ROOT / "recipes" / "dwn-nid.toml", validation=0.1, random_state=0)
    content = {
        "model": {"family": "dwn", "hidden_layers": [], "votes": 20, "thresholds": 16},
        "mapping": {"method": "random"},
        "train": {"epochs": 10, "batch": 16, "learning_rate": 0.05, "select": "last"},
    }
    assert file.fit(X, y).score(X_test, y_test) > 0.8  # of one threshold per feature
    found = LutClassifier(recipe=content, random_state=0).fit(X, y)
    assert found.score(X_test, y_test) > 0.88
    assert found.circuit_.output("scores").words.width == 5


@pytest.mark.parametrize(
    ("form", "message"),
    [
        ({"votes": 0}, r"LutClassifier: model.votes: .* greater than or equal to 1 \(got 0\)"),
        ({"width": 99}, r"data.width: .* \(got 99\)"),
        ({"epochs": "many"}, r"train.epochs: .* integer \(got 'many'\)"),
        ({"recipe": {"model": {"family": "dnw"}}}, "did you mean 'dwn'"),
        ({"recipe": "missing.toml"}, "missing.toml: not a readable recipe"),
        ({"thresholds": 1}, "fan-in 6 exceeds the 2 features"),
    ],
)
def test_bad_parameters_are_named(form, message):
    with pytest.raises(RecipeError, match=message):
        LutClassifier(**form).fit([[0, 0], [1, 1.5]], [0, 1])


def test_features_too_great_are_named():
    with pytest.raises(DataError, match=r"feature '1': 1e\+50 exceeds 1e\+30"):
        LutClassifier().fit([[0, 0], [1, 1e50]], [0, 1])


def run(code: str) -> None:
    subprocess.run([sys.executable, "-c", code], check=True, timeout=120)


def test_is_loaded_when_asked_for():
    assert lutra.LutClassifier is LutClassifier
    with pytest.raises(AttributeError, match="module 'lutra' has no attribute 'LutRegressor'"):
        _ = lutra.LutRegressor  # pyright: ignore[reportAttributeAccessIssue]
    run("import sys, lutra; assert not {'torch', 'sklearn'} & set(sys.modules)")


def test_without_scikit_learn_there_is_one_sentence():
    run(
        "import sys, lutra\n"
        "sys.modules['sklearn'] = None\n"
        "try:\n"
        "    lutra.LutClassifier\n"
        "except lutra.errors.LutraError as error:\n"
        "    said = str(error)\n"
        "assert said == \"LutClassifier needs scikit-learn: pip install 'lutra[sklearn]'\", said\n"
    )
