"""Counting Bloom filters, filled in one pass, and the threshold that turns counts into bits."""

import numpy as np
from numpy.typing import NDArray

__all__ = ["CountingFilters", "best_bleach"]

Ints = NDArray[np.int64]

_SCAN = 64
"""Thresholds tried per round of `best_bleach`."""


class CountingFilters:
    """One filter per class and tuple of input bits (BTHOWeN, PACT 2022, arXiv 2203.01479).

    A filter counts how often it has seen a tuple: of the counters that the tuple's hashes name,
    the least is the count, and only such counters grow (conservative update).

    Parameters
    ----------
    classes, filters, entries
        Filters per class, and counters per filter.
    """

    def __init__(self, classes: int, filters: int, entries: int) -> None:
        self.counters = np.zeros((classes, filters, entries), np.int32)

    def learn(self, addresses: Ints, labels: Ints) -> None:
        """Show samples one by one: addresses (samples, filters, hashes), labels (samples,).

        Classes have filters of their own: the n-th samples of all of them are shown at once.
        """
        filters = np.arange(self.counters.shape[1])[:, None]
        order = np.argsort(labels, kind="stable")
        starts = np.searchsorted(labels[order], np.arange(len(self.counters)))
        ends = np.append(starts[1:], len(labels))
        for turn in range(int((ends - starts).max())):
            rows = order[(starts + turn)[starts + turn < ends]]
            at = labels[rows, None, None], filters, addresses[rows]
            counts = self.counters[at]
            self.counters[at] = np.maximum(counts, counts.min(2, keepdims=True) + 1)

    def counts(self, addresses: Ints) -> NDArray[np.int32]:
        """Return how often each filter has seen the samples. (samples, classes, filters)."""
        filters = np.arange(self.counters.shape[1])[:, None]
        result = np.empty((len(addresses), *self.counters.shape[:2]), np.int32)
        for number, own in enumerate(self.counters):
            result[:, number] = own[filters, addresses].min(-1)
        return result


def best_bleach(counts: NDArray[np.int32], labels: Ints) -> tuple[int, float]:
    """Return the least count that is to mean "seen", and the accuracy with it, per cent.

    All thresholds in steps of a 64th of the range, then all around the best one, and so on: the
    published search halves its step at once and may miss the best.
    """
    low, high = 1, max(1, int(counts.max()))
    best, accuracy = 1, -1.0
    while True:
        step = max(1, (high - low) // _SCAN)
        for bleach in range(low, high + 1, step):
            votes = (counts >= bleach).sum(2)
            found = 100 * float((votes.argmax(1) == labels).mean())
            if found > accuracy:
                best, accuracy = bleach, found
        if step == 1:
            return best, accuracy
        low, high = max(1, best - step), best + step
