"""Things and what they hold, as a graph; digests of its nodes; its readable text.

Equal subgraphs have equal digests, whether they are one object or copies, also where
objects hold each other in a circle: in such a part of the graph the digests are
refined, each from those of its neighbours, until they tell no more nodes apart.
"""

import json
from typing import Any, NamedTuple

from pgvq.identity.sources import short_hash

Edge = tuple[str | None, int]  # None: the order of these edges does not matter


class Node(NamedTuple):
    """Something that was described."""

    kind: str  # "atom", "object", "code" or what JSON calls its container
    label: Any  # all of it that is not in its edges, of what JSON can hold
    edges: list[Edge]


class Graph:
    """Nodes by number, and their digests."""

    def __init__(self) -> None:
        self.nodes: list[Node] = []
        self.digests: dict[int, str] = {}
        self.circles: dict[int, int] = {}  # nodes in circles, to a number of the circle
        self._texts: dict[int, Any] = {}

    def add(self, node: Node) -> int:
        """The number of a new node."""
        self.nodes.append(node)
        return len(self.nodes) - 1

    def digest(self, root: int) -> str:
        """The digest of a node; all below it must be known."""
        if root not in self.digests:
            for component in self._components(root):
                self._settle(component)
        return self.digests[root]

    def _settle(self, component: list[int]) -> None:
        """Digests of nodes that reach each other; all others below have theirs."""
        (first, *rest) = component
        if not rest and all(target != first for _, target in self.nodes[first].edges):
            self.digests[first] = self._hash(first, {})
            return
        now = {
            number: short_hash(
                _json([self.nodes[number].kind, self.nodes[number].label])
            )
            for number in component
        }
        kinds = 0
        while len(set(now.values())) > kinds:
            kinds = len(set(now.values()))
            now = {number: self._hash(number, now) for number in component}
        last = {number: self._hash(number, now) for number in component}
        whole = sorted({(now[number], last[number]) for number in component})
        for number in component:
            self.digests[number] = short_hash(
                _json(["circle", last[number], whole]), 32
            )
            self.circles[number] = first

    def _hash(self, number: int, circle: dict[int, str]) -> str:
        node = self.nodes[number]
        below = [
            [name, circle.get(target) or self.digests[target]]
            for name, target in node.edges
        ]
        ordered = sorted(edge for edge in below if edge[0] is not None)
        free = sorted(edge[1] for edge in below if edge[0] is None)
        return short_hash(_json([node.kind, node.label, ordered, free]), 32)

    def _components(self, root: int) -> list[list[int]]:
        """Strongly connected components to digest, those below first (Tarjan)."""
        index: dict[int, int] = {}
        low: dict[int, int] = {}
        stack: list[int] = []
        open_: set[int] = set()
        found: list[list[int]] = []
        work = [(root, 0)]
        while work:
            number, step = work.pop()
            if step == 0:
                if number in index:
                    continue
                index[number] = low[number] = len(index)
                stack.append(number)
                open_.add(number)
            edges = self.nodes[number].edges
            if step:
                low[number] = min(low[number], low[edges[step - 1][1]])
            while step < len(edges):
                target = edges[step][1]
                step += 1
                if target in self.digests:
                    continue
                if target not in index:
                    work.append((number, step))
                    work.append((target, 0))
                    break
                if target in open_:
                    low[number] = min(low[number], index[target])
            else:
                if low[number] == index[number]:
                    component = []
                    while not component or component[-1] != number:
                        component.append(stack.pop())
                        open_.discard(component[-1])
                    found.append(sorted(component))
        return found

    def text(self, number: int) -> Any:
        """The description of a node, for people and for JSON."""
        if number not in self._texts:
            self._texts[number] = self._made(number)
        return self._texts[number]

    def _inside(self, holder: int, number: int) -> Any:
        """The description of a node within that of its holder."""
        circle = self.circles.get(holder)
        if circle is not None and self.circles.get(number) == circle:
            return {"circle": self.digests[number][:16]}
        return self.text(number)

    def _made(self, number: int) -> Any:
        kind, label, edges = self.nodes[number]
        if kind == "atom":
            return label
        if kind == "code":  # too long to read; what it closes over is worth a look
            parts = {
                str(name).partition(" ")[2]: self._inside(number, target)
                for name, target in edges
                if str(name).startswith("closure ")
            }
            made = label | {"code": self.digests[number][:16]}
            return made | ({"closes over": parts} if parts else {})
        parts = [(name, self._inside(number, target)) for name, target in edges]
        values = [value for _, value in parts]
        if kind == "tuple":
            return values
        if kind in ("dict", "object"):
            made = dict(label)
            if kind == "dict":
                return made | {"dict": {str(name): value for name, value in parts}}
            for name, value in parts:
                part, _, rest = str(name).partition(" ")
                if part == "class":
                    made["code"] = value.get("code", value)
                elif rest:
                    made.setdefault(part, {})[rest] = value
                else:
                    made[part] = value
            circle = number in self.circles
            return made | ({"digest": self.digests[number][:16]} if circle else {})
        if any(name is None for name, _ in edges):
            values = sorted(values, key=_json)
        return dict(label) | {kind: values}


def rendered(graph: Graph, root: int) -> Any:
    """The description of a node and of all below it."""
    graph.digest(root)
    return graph.text(root)


def _json(value: Any) -> str:
    return json.dumps(value, sort_keys=True, separators=(",", ":"))
