"""What a thing is: a complete description of it, its digest, and what differs.

    describe(DQN(discount=0.9))             what JSON can hold, readable
    digest(describe(...))                   one line, the same in every process
    changes(describe(old), describe(new))   ["discount: 0.99 -> 0.9"]

Two things have one description if they behave the same:

- Numbers are exact; 1, 1.0 and True differ. A NumPy or JAX scalar is the number that it
  means: `np.float32(0.5)` is 0.5, `np.float32(0.1)` is not 0.1. One of a dtype that JAX
  gives to no number of Python's is not a number: `np.uint8(200) + 100` overflows.
- Arrays are equal by shape, dtype and content, whether NumPy's or JAX's.
- Tuples, lists and `OrderedDict`s have an order; dicts and sets have none.
- Objects are their class and their attributes, slots and fields, all the way down, and
  what C keeps of them where `pickle` would find it. Fields count also where the class
  leaves them out of its own `==`. Values of `functools.cached_property` do not count,
  and of flax modules only the fields, without `parent` and `name`.
- Functions and classes of installed packages are their names. The user's own are their
  code (see `pgvq.identity.sources`), their defaults, what they close over, and the
  globals that they read: functions, classes and values, and so on from there.

What has no description, such as an open file, a lock or a generator, is an error that
names where it is.
"""

import json
from typing import Any

from pgvq.identity.graph import Graph, Node, rendered
from pgvq.identity.parts import atom_of, is_atom, parts_of
from pgvq.identity.sources import fingerprint, short_hash
from pgvq.types import InputError

Description = Any  # what `json` reads and writes

MAX_NODES = 2_000_000  # far more than an experiment has; a graph that never ends


class Describer:
    """Describes several values that share parts; each part is looked at once."""

    def __init__(self) -> None:
        self.graph = Graph()
        self._seen: dict[int, int] = {}  # id of an object to its node
        self._alive: list[Any] = []  # or their ids would be given to others
        self._modules: set[str] = set()

    def describe(self, value: Any, where: str = "value") -> Description:
        """The description of a value; `where` begins the paths in errors.

        Raises:
            InputError: a part of it cannot be described.
        """
        root = self._node(value, where, waiting := [])
        while waiting:
            number, held, path = waiting.pop()
            kind, label, parts = parts_of(held, path, self._modules)
            self.graph.nodes[number] = Node(
                kind,
                label,
                [
                    (part.name, self._node(part.value, part.path, waiting))
                    for part in parts
                ],
            )
            if len(self.graph.nodes) > MAX_NODES:
                raise InputError(
                    f"{where} holds more than {MAX_NODES:,} objects (at {path}), too "
                    "many to describe; put numbers into arrays"
                )
        try:
            return rendered(self.graph, root)
        except RecursionError:
            raise InputError(
                f"{where} is nested too deeply to be described; make it flatter"
            ) from None

    def digest(self, value: Any, where: str = "value") -> str:
        """The digest of a value's description."""
        return digest(self.describe(value, where))

    def sources(self) -> dict[str, str]:
        """Digests of the user's own modules that the described values depend on."""
        return fingerprint(self._modules)

    def _node(self, value: Any, path: str, waiting: list[Any]) -> int:
        if is_atom(value):
            return self.graph.add(Node("atom", atom_of(value), []))
        number = self._seen.get(id(value))
        if number is None:
            number = self.graph.add(Node("waiting", None, []))
            self._seen[id(value)] = number
            self._alive.append(value)
            waiting.append((number, value, path))
        return number


def describe(value: Any, where: str = "value") -> Description:
    """A complete description, of what JSON can hold; `where` begins paths in errors.

    Raises:
        InputError: a part of the value cannot be described.
    """
    return Describer().describe(value, where)


def digest(description: Description) -> str:
    """32 hexadecimal digits that stand for a description."""
    return short_hash(_text(description), 32)


def changes(held: Description, new: Description, where: str = "") -> list[str]:
    """What differs between two descriptions, one phrase each: `path: old -> new`.

    Empty where, and only where, the two are equal.
    """
    if _text(held) == _text(new):
        return []
    if _is_object(held) and _is_object(new) and held["object"] == new["object"]:
        found = []
        if held.get("code") != new.get("code"):
            found.append(_of_code(where, new["object"]))
        for part in ("fields", "content"):
            found += _of_dicts(held.get(part) or {}, new.get(part) or {}, where)
        if found:
            return found
    dicts = all(isinstance(side, dict) and "dict" in side for side in (held, new))
    if dicts and all(isinstance(side["dict"], dict) for side in (held, new)):
        return _of_dicts(held["dict"], new["dict"], where)
    names = [brief(side) for side in (held, new)]
    if names[0] == names[1]:
        if isinstance(held, dict) and "function" in held:
            return [_of_code(where, held["function"])]
        names = [f"{brief(side)} ({digest(side)[:8]})" for side in (held, new)]
    return [f"{where or 'value'}: {names[0]} -> {names[1]}"]


def _of_code(where: str, name: str) -> str:
    return f"{where or 'value'}: the code of {name}, or of what it uses, changed"


def _of_dicts(held: Any, new: Any, where: str) -> list[str]:
    if not isinstance(held, dict) or not isinstance(new, dict):
        return changes(held, new, where)
    found = []
    for name in {**held, **new}:
        path = f"{where}.{name}" if where else name
        if name not in held:
            found.append(f"{path}: none -> {brief(new[name])}")
        elif name not in new:
            found.append(f"{path}: {brief(held[name])} -> none")
        else:
            found += changes(held[name], new[name], path)
    return found


def brief(description: Description, most: int = 60) -> str:
    """A few words for a description, for people; others may have the same."""
    text = _words(description)
    return text if len(text) <= most else text[: most - 3] + "..."


def _words(described: Description) -> str:
    if isinstance(described, list):
        inner = ", ".join(_words(part) for part in described)
        return f"({inner},)" if len(described) == 1 else f"({inner})"
    if not isinstance(described, dict):
        return str(described)
    if _is_object(described):
        name = str(described["object"]).rpartition(".")[2]
        fields = described.get("fields") or {}
        return f"{name}({', '.join(f'{k}={_words(v)}' for k, v in fields.items())})"
    for tag in ("function", "class"):
        if tag in described:
            return str(described[tag]).rpartition(".")[2]
    if "array" in described:
        shown = described.get("values", described.get("digest"))
        return f"{described['array']} {shown}"
    if "dict" in described and isinstance(described["dict"], dict):
        parts = (f"{k}: {_words(v)}" for k, v in described["dict"].items())
        return "{" + ", ".join(parts) + "}"
    ((tag, value), *_) = described.items() if described else (("", ""),)
    return _words(value) if tag in ("float", "enum") else f"{tag} {_words(value)}"


def _is_object(described: Description) -> bool:
    return isinstance(described, dict) and "object" in described


def _text(description: Description) -> str:
    return json.dumps(description, sort_keys=True, separators=(",", ":"))
