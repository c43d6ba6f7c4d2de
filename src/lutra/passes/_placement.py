"""Pipeline stages of fewest register bits at a bounded depth between registers."""

from collections.abc import Sequence
from typing import NamedTuple

from lutra.passes._cut import Network

__all__ = ["Node", "place"]


class Node(NamedTuple):
    """What goes into a stage as one; in a list of nodes each stands behind those that it reads.

    ``levels`` are at most the depth that is asked for; ``reads`` are bits, each once, and
    ``makes`` those that anything reads.
    """

    levels: int
    reads: Sequence[int]
    makes: Sequence[int]


def place(nodes: Sequence[Node], leaving: Sequence[int], depth: int) -> list[int]:
    """Return a stage for each node: as few stages as there can be, and fewest bits between.

    Parameters
    ----------
    nodes
        What is placed.
    leaving
        Bits that have to reach the last stage.
    depth
        Most levels on a path within a stage.

    Notes
    -----
    Every bit takes a register at each boundary up to its last reader. This is minimum-area
    retiming (Leiserson and Saxe, Algorithmica 1991), a function that is convex in the discrete
    sense (L-natural, Murota): from the earliest placement on, the set of nodes that saves the most
    registers by moving one stage on is a minimum cut, and where none saves any, no placement is
    better. There are at most as many cuts as stages, each in a network of as many edges as there
    are reads, times ``depth``.
    """
    search = _Search(nodes, leaving, depth)
    while search.delay():
        pass
    return search.stage


class _Search:
    def __init__(self, nodes: Sequence[Node], leaving: Sequence[int], depth: int) -> None:
        self.nodes, self.depth, self.leaving = nodes, depth, set(leaving)
        self.maker = {bit: v for v, node in enumerate(nodes) for bit in node.makes}
        self.readers: dict[int, list[int]] = {bit: [] for bit in leaving}
        self.after: list[list[int]] = [[] for _ in nodes]
        self.stage, levels = [0] * len(nodes), [0] * len(nodes)
        for v, node in enumerate(nodes):
            for bit in node.reads:
                self.readers.setdefault(bit, []).append(v)
            before = {self.maker[bit] for bit in node.reads if bit in self.maker}
            for u in before:
                self.after[u].append(v)
            stage = max((self.stage[u] for u in before), default=0)
            total = max((levels[u] for u in before if self.stage[u] == stage), default=0)
            fits = total + node.levels <= depth
            self.stage[v] = stage if fits else stage + 1
            levels[v] = node.levels + (total if fits else 0)
        self.last = max(self.stage, default=0)

    def delay(self) -> bool:
        """Move those nodes one stage on that together save the most registers, if any do."""
        network = Network()
        moves = [0 if stage == self.last else network.node() for stage in self.stage]
        self._keep_depth(network, moves)
        for bit, readers in self.readers.items():
            if bit in self.maker:  # later made, a register less
                network.edge(moves[self.maker[bit]], 1, 1)
            last = max((self.stage[v] for v in readers), default=0)
            if last < self.last and bit not in self.leaving:  # later read, a register more
                longer = network.node()
                network.edge(0, longer, 1)
                for v in readers:
                    if self.stage[v] == last:
                        network.edge(longer, moves[v])
        moved = network.cut()
        self.stage = [s + moved[move] for s, move in zip(self.stage, moves, strict=True)]
        return any(moved[move] for move in moves)

    def _keep_depth(self, network: Network, moves: Sequence[int]) -> None:
        """Let a node move only with those that would come before it or too deep behind it.

        A path has the node that it ends with, its levels, and whether it crosses a boundary; its
        number in the network stands for the nodes that begin it.
        """
        paths: dict[tuple[int, int, bool], int] = {}
        waiting = [(v, self.nodes[v].levels, False, move) for v, move in enumerate(moves) if move]
        while waiting:
            v, levels, crossed, origin = waiting.pop()
            for w in self.after[v]:
                gap, total = self.stage[w] - self.stage[v], levels + self.nodes[w].levels
                if gap + crossed > 1:
                    continue
                key = w, total, crossed or gap > 0
                if total > self.depth or not key[2]:
                    network.edge(moves[w], origin)
                if total <= self.depth:
                    if key not in paths:
                        paths[key] = network.node()
                        waiting.append((*key, paths[key]))
                    network.edge(paths[key], origin)
