"""Minimum cuts of small networks, after Dinic."""

from collections import deque

__all__ = ["Network"]

_MANY = 1 << 30


class Network:
    """Directed edges among numbered nodes; 0 is the source and 1 the sink."""

    def __init__(self) -> None:
        self.edges: list[list[int]] = [[], []]
        """Of each node, the numbers of the edges that leave it; edge e ^ 1 is e backwards."""
        self.end: list[int] = []
        self.room: list[int] = []

    def node(self) -> int:
        """Return a new node."""
        self.edges.append([])
        return len(self.edges) - 1

    def edge(self, start: int, end: int, room: int = _MANY) -> None:
        """Add an edge; without ``room``, one that is never cut."""
        self.edges[start].append(len(self.end))
        self.edges[end].append(len(self.end) + 1)
        self.end += [end, start]
        self.room += [room, 0]

    def cut(self) -> list[bool]:
        """Return which nodes are on the sink's side of a minimum cut, as few as can be."""
        while True:
            level = self._distances()
            if level[0] < 0:
                return [of >= 0 for of in level]
            self._fill(level)

    def _distances(self) -> list[int]:
        """Return how far it is to the sink where there is room; -1: too far for the source."""
        level = [-1] * len(self.edges)
        level[1] = 0
        waiting = deque([1])
        while waiting and level[0] < 0:
            node = waiting.popleft()
            for e in self.edges[node]:
                end = self.end[e]
                if level[end] < 0 and self.room[e ^ 1]:
                    level[end] = level[node] + 1
                    waiting.append(end)
        return level

    def _fill(self, level: list[int]) -> None:
        """Push what goes through along shortest paths."""
        following = [0] * len(self.edges)  # of each node, the first edge that may lead on
        path: list[int] = []
        node = 0
        while True:
            if node == 1:
                least = min(self.room[e] for e in path)
                for e in path:
                    self.room[e] -= least
                    self.room[e ^ 1] += least
                first = next(i for i, e in enumerate(path) if not self.room[e])
                node = self.end[path[first] ^ 1]
                del path[first:]
            elif following[node] < len(self.edges[node]):
                e = self.edges[node][following[node]]
                if self.room[e] and level[self.end[e]] == level[node] - 1:
                    path.append(e)
                    node = self.end[e]
                else:
                    following[node] += 1
            elif path:
                node = self.end[path.pop() ^ 1]
                following[node] += 1
            else:
                return
