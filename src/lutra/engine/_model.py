"""A trained classifier in software."""

from functools import cached_property
from pathlib import Path
from typing import Any, Self

import numpy as np
from numpy.typing import ArrayLike, NDArray

from lutra.circuit import Circuit, load
from lutra.engine._program import Program

__all__ = ["Model"]


class Model:
    """A circuit that classifies: what the hardware would say, from the processor.

    Parameters
    ----------
    circuit
        One with the outputs ``class`` and ``scores``, as every trained network has.
    scale, offset
        See `Program`: with them real numbers are inputs, too.
    threads
        How many; as many as there are cores by default.
    """

    def __init__(
        self,
        circuit: Circuit,
        *,
        scale: NDArray[np.float64] | float | None = None,
        offset: NDArray[np.float64] | float | None = None,
        threads: int | None = None,
    ) -> None:
        self.circuit = circuit
        self.scale, self.offset, self._threads = scale, offset, threads

    def __getstate__(self) -> dict[str, Any]:
        """Pickle the circuit; programs are compiled again when they are asked for."""
        compiled = ("_classes", "_scores")
        return {name: value for name, value in vars(self).items() if name not in compiled}

    @classmethod
    def load(cls, path: Path | str, **form: Any) -> Self:
        """Read a circuit file, such as the ``circuit.safetensors`` of a run folder.

        Raises
        ------
        CircuitError
            The file is missing or malformed.
        """
        return cls(load(Path(path)), **form)

    @property
    def classes(self) -> tuple[str, ...]:
        """Names of the classes, or their numbers where the circuit has no names."""
        scores = self.circuit.output("scores")
        return scores.labels or tuple(str(number) for number in range(scores.words.count))

    def predict(self, inputs: ArrayLike) -> NDArray[np.int64]:
        """Return the number of the class of every row.

        Parameters
        ----------
        inputs
            See `Program.run`. Shape (samples, circuit.inputs).

        Returns
        -------
        Shape (samples,).

        Raises
        ------
        ValueError
            Inputs of a wrong shape, type or range.
        """
        return self._classes.run(inputs, self._threads)["class"][:, 0]

    def predict_scores(self, inputs: ArrayLike) -> NDArray[np.int64]:
        """Return the integer score of every row and class; as `predict`. (samples, classes)."""
        return self._scores.run(inputs, self._threads)["scores"]

    @cached_property
    def _classes(self) -> Program:
        return self._compile("class")

    @cached_property
    def _scores(self) -> Program:
        return self._compile("scores")

    def _compile(self, output: str) -> Program:
        return Program(self.circuit, [output], scale=self.scale, offset=self.offset)
