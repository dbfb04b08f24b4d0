"""Pitfall 26: the same is the same, and what differs is not taken for it."""

import collections
import dataclasses
import enum
import functools
import itertools
import json
import os
import subprocess
import sys
import threading
from pathlib import Path

import jax
import jax.numpy as jnp
import numpy as np
import optax
import pytest
from flax import linen as nn
from gymnax.environments.bsuite.catch import Catch
from gymnax.wrappers import FlattenObservationWrapper

from pgvq import DQN, PPO, Pong, make
from pgvq.identity import sources
from pgvq.identity.description import Describer, brief, changes, describe, digest
from pgvq.networks.torsos import MLP, Torso
from pgvq.types import InputError
from tests.helpers.cli_fixtures import ROOT


class Config:
    """A plain object."""

    def __init__(self, value, **more):
        self.value = value
        self.__dict__.update(more)


class Slotted:
    __slots__ = ("one", "two")

    def __init__(self, one):
        self.one = one


@dataclasses.dataclass(frozen=True)
class Frozen:
    value: float = 0.0
    hidden: object = dataclasses.field(default=None, compare=False, repr=False)


class Cached:
    def __init__(self, size):
        self.size = size

    @functools.cached_property
    def table(self):
        return np.zeros(self.size)


class Colour(enum.Enum):
    RED = 1
    GREEN = 2


class Numbers(list):
    """A list with a name."""


Pair = collections.namedtuple("Pair", ["left", "right"])
SCALE = 3.0


def scaled(reward):
    return reward * SCALE


def made_by(factor):
    """A class whose name does not say what it does."""

    class Local:
        def reward(self, x):
            return factor * x

    return Local()


def times(factor):
    return lambda x: factor * x


def array(change=None):
    values = np.zeros((50, 50), np.float32)
    if change is not None:
        values[25, 25] = change
    return values


def circle(value):
    first, second = Config(value), Config(0)
    first.other, second.other = second, first
    return first


# Each makes a thing; made twice it is the same, and no two of these are the same.
FAMILY = {
    "none": lambda: None,
    "true": lambda: True,
    "one": lambda: 1,
    "float one": lambda: 1.0,
    "text one": lambda: "1",
    "zero": lambda: 0.0,
    "minus zero": lambda: -0.0,
    "nan": lambda: float("nan"),
    "text nan": lambda: "nan",
    "inf": lambda: float("inf"),
    "0.1": lambda: 0.1,
    "0.1 as float32": lambda: np.float32(0.1),
    "next float": lambda: np.nextafter(0.1, 1.0),
    "uint8": lambda: np.uint8(1),
    "half": lambda: jnp.float16(1),
    "bytes": lambda: b"1",
    "imaginary": lambda: 1j,
    "tuple": lambda: (1, 2),
    "list": lambda: [1, 2],
    "set": lambda: {1, 2},
    "frozen set": lambda: frozenset({1, 2}),
    "nested": lambda: ((1,), 2),
    "nested otherwise": lambda: (1, (2,)),
    "dict": lambda: {"a": 1, "b": 2},
    "dict that looks like a description": lambda: {"float": "nan"},
    "another": lambda: {"object": "Config", "fields": {"value": 1}},
    "dict of numbers": lambda: {1: "a"},
    "dict of texts": lambda: {"1": "a"},
    "ordered": lambda: collections.OrderedDict(a=1, b=2),
    "ordered otherwise": lambda: collections.OrderedDict(b=2, a=1),
    "array": array,
    "array, changed in its middle": lambda: array(1.0),
    "array, minus zero": lambda: array(-0.0),
    "array of float64": lambda: array().astype(float),
    "array of another shape": lambda: array().reshape(25, 100),
    "array of texts": lambda: np.array(["a", "b"]),
    "array of objects": lambda: np.array([Config(1), None]),
    "masked": lambda: np.ma.masked_array([1, 2], [True, False]),
    "masked otherwise": lambda: np.ma.masked_array([1, 2], [False, True]),
    "record": lambda: np.zeros(2, [("a", "f4"), ("b", "i4")]),
    "key": lambda: jax.random.key(0),
    "another key": lambda: jax.random.key(1),
    "object": lambda: Config(1),
    "object with more": lambda: Config(1, more=None),
    "object in an object": lambda: Config(Config(0.0)),
    "another object in it": lambda: Config(Config(50.0)),
    "object with an array": lambda: Config(array()),
    "object with another array": lambda: Config(array(1.0)),
    "slots": lambda: Slotted(1),
    "other slots": lambda: Slotted(2),
    "dataclass": lambda: Frozen(),
    "field that == leaves out": lambda: Frozen(hidden=(1,)),
    "named tuple": lambda: Pair(1, 2),
    "list with a class": lambda: Numbers([1, 2]),
    "list with a class and more": lambda: Numbers([1, 2, 3]),
    "enum": lambda: Colour.RED,
    "another member": lambda: Colour.GREEN,
    "path": lambda: Path("a"),
    "circle": lambda: circle(1),
    "another circle": lambda: circle(2),
    "class": lambda: Config,
    "dtype": lambda: np.dtype("float32"),
    "range": lambda: range(3),
    "generator of numbers": lambda: np.random.default_rng(0),
    "another generator": lambda: np.random.default_rng(1),
    "relu": lambda: nn.relu,
    "tanh": lambda: nn.tanh,
    "numpy's tanh": lambda: np.tanh,
    "lambda of tanh": lambda: lambda x: jnp.tanh(x),
    "lambda of nothing": lambda: lambda x: 0 * x,
    "lambda of one": lambda: lambda x: 1 * x,
    "lambda of 1.0": lambda: lambda x: 1.0 * x,
    "lambda with a default": lambda: lambda x, y=1: x * y,
    "lambda with another": lambda: lambda x, y=2: x * y,
    "closure": lambda: times(2),
    "another closure": lambda: times(3),
    "jitted": lambda: jax.jit(times(2)),
    "another jitted": lambda: jax.jit(times(3)),
    "partial": lambda: functools.partial(nn.gelu, approximate=True),
    "another partial": lambda: functools.partial(nn.gelu, approximate=False),
    "method": lambda: made_by(2).reward,
    "another method": lambda: made_by(3).reward,
    "function": lambda: scaled,
    "local class": lambda: made_by(4),
    "another local class": lambda: made_by(5),
    "initialiser": lambda: nn.initializers.variance_scaling(1.0, "fan_in", "normal"),
    "another initialiser": lambda: nn.initializers.variance_scaling(
        2.0, "fan_in", "normal"
    ),
    "optimiser": lambda: optax.adam(1e-3),
    "another optimiser": lambda: optax.adam(1e-4),
    "module": lambda: MLP((32,)),
    "wider module": lambda: MLP((33,)),
    "module with a function": lambda: Torso(activation=lambda x: jnp.tanh(x)),
    "module with another": lambda: Torso(activation=lambda x: 0 * x),
    "wrapped": lambda: FlattenObservationWrapper(Catch(rows=10)),
    "wrapped otherwise": lambda: FlattenObservationWrapper(Catch(rows=5)),
    "cart": lambda: make("CartPole-v1")[0],
    "catch": lambda: make("Catch-bsuite")[0],
    "cart's parameters": lambda: make("CartPole-v1")[1],
    "heavier": lambda: make("CartPole-v1")[1].replace(gravity=20.0),
    "pong": lambda: Pong(),
    "another pong": lambda: Pong(frame_skip=2),
    "ppo": lambda: PPO(),
    "another ppo": lambda: PPO(discount=0.9),
    "dqn": lambda: DQN(),
}


def test_equal_things_are_equal_and_different_ones_are_not():
    first = {name: describe(make()) for name, make in FAMILY.items()}
    again = {name: describe(make()) for name, make in FAMILY.items()}
    for name in FAMILY:
        assert changes(first[name], again[name]) == [], name
        # What is read back from a file is what was written.
        assert json.loads(json.dumps(first[name], allow_nan=False)) == first[name]
    digests = {name: digest(one) for name, one in first.items()}
    for one, other in itertools.combinations(FAMILY, 2):
        assert digests[one] != digests[other], (one, other)
        assert changes(first[one], first[other]), (one, other)


SAME = {
    "a scalar of NumPy": (np.float32(0.5), 0.5),
    "a scalar of JAX": (jnp.asarray(0.5), 0.5),
    "a whole scalar": (np.int64(5), 5),
    "a bool": (np.bool_(True), True),
    "arrays of both": (jnp.asarray(array()), array()),
    "the order of bytes": (np.arange(3, dtype=">i4"), np.arange(3, dtype="<i4")),
    "the layout of memory": (np.asfortranarray(array(1.0)), array(1.0)),
    "the order of a dict": ({"a": 1, "b": 2}, {"b": 2, "a": 1}),
    "the order of other keys": ({1: 2, (3,): 4}, {(3,): 4, 1: 2}),
    "one name for a function": (nn.relu, jax.nn.relu),
    "one object or two": ([Config(1)] * 2, [Config(1), Config(1)]),
    "the name of a module": (MLP((8,), name="a"), MLP((8,))),
}


@pytest.mark.parametrize("name", SAME)
def test_what_does_not_change_behaviour_does_not_count(name):
    left, right = SAME[name]
    assert changes(describe(left), describe(right)) == []


def test_a_generated_family_of_trees():
    """Random nested values: equal exactly if they were made by the same numbers."""

    def tree(random, depth):
        kind = random.integers(9 if depth else 4)
        if kind < 4:
            return [int, float, str, bool][kind](random.integers(2))
        parts = [tree(random, depth - 1) for _ in range(random.integers(3))]
        return [
            tuple(parts),
            list(parts),
            {str(i): part for i, part in enumerate(parts)},
            Config(parts),
            Frozen(hidden=tuple(parts)),
        ][kind - 4]

    def plainly(value):
        """The same as text, by a way of its own."""
        if isinstance(value, dict):
            return f"dict({sorted((k, plainly(v)) for k, v in value.items())})"
        if isinstance(value, tuple | list):
            return f"{type(value).__name__}({[plainly(v) for v in value]})"
        if isinstance(value, Config | Frozen):
            return f"{type(value).__name__}({plainly(vars(value))})"
        return f"{type(value).__name__}:{value!r}"

    found = {}
    for seed in range(3000):
        value = tree(np.random.default_rng(seed), 3)
        found.setdefault(digest(describe(value)), set()).add(plainly(value))
        again = tree(np.random.default_rng(seed), 3)
        assert digest(describe(value)) == digest(describe(again))
    texts = [text for texts in found.values() for text in texts]
    assert all(len(texts) == 1 for texts in found.values())
    assert len(texts) == len(set(texts)) > 300


def test_what_is_computed_once_does_not_count():
    before, used = Cached(3), Cached(3)
    assert used.table.size == 3
    assert changes(describe(before), describe(used)) == []


def test_globals_count_by_their_values(monkeypatch):
    before = describe(scaled)
    monkeypatch.setattr(sys.modules[__name__], "SCALE", 4.0)
    assert changes(before, describe(scaled)) == [
        "value: the code of test_identity.scaled, or of what it uses, changed"
    ]


@pytest.mark.parametrize(
    "make",
    [
        lambda: open(__file__),  # noqa: SIM115
        threading.Lock,
        lambda: (x for x in ()),
        lambda: jax.devices()[0],
        lambda: memoryview(b"x"),
        lambda: sys._getframe(),
    ],
)
def test_what_cannot_be_described_is_an_error_with_its_path(make):
    handle = make()
    cfg = Config({"handle": handle})
    with pytest.raises(
        InputError, match=r"^dqn\.env\.value\['handle'\] is of type .*;"
    ):
        describe(cfg, "dqn.env")
    with pytest.raises(InputError, match=r"^dqn\.env: its variable handle is of type"):
        describe(lambda x: (x, handle), "dqn.env")
    if hasattr(handle, "close"):
        handle.close()


def test_values_inside_of_a_program_are_an_error():
    def traced(x):
        with pytest.raises(InputError, match="inside of a program only"):
            describe(x)
        return x

    jax.eval_shape(traced, jnp.zeros(()))


def test_changes_are_told_by_path_and_value():
    old = PPO(env=FlattenObservationWrapper(Catch(rows=10)), torso=Torso())
    new = PPO(
        env=FlattenObservationWrapper(Catch(rows=5)),
        torso=Torso(activation=nn.tanh, features=(32,)),
        discount=0.9,
    )
    assert changes(describe(old), describe(new), "ppo") == [
        "ppo.env._env.rows: 10 -> 5",
        "ppo.discount: 0.99 -> 0.9",
        "ppo.torso.features: (64, 64) -> (32,)",
        "ppo.torso.activation: relu -> tanh",
    ]
    arrays = changes(describe(Config(array())), describe(Config(array(1.0))))
    assert len(arrays) == 1
    assert arrays[0].startswith("value: float32[50,50] ")
    assert changes(describe(1), describe(True)) == ["value: 1 -> True"]
    assert changes(describe(MLP()), describe(Torso()))
    assert len(brief(describe(Pong()))) <= 60


def test_many_variants_are_described_together():
    describer = Describer()
    env = Pong()
    for i in range(256):
        describer.describe(DQN(env=env, discount=0.9 + i / 10_000), f"dqn {i}")
    assert len(describer.graph.nodes) < 256 * 40  # the environment only once


PROGRAM = """
import json, sys
sys.path.insert(0, sys.argv[1])
sys.modules["test_identity"] = __import__("test_identity")
from test_identity import FAMILY
from pgvq.identity.description import describe, digest
print(json.dumps({name: digest(describe(make())) for name, make in FAMILY.items()}))
"""


def test_another_process_finds_the_same():
    found = []
    for hash_seed in ("1", "2"):
        done = subprocess.run(
            [sys.executable, "-c", PROGRAM, str(Path(__file__).parent)],
            env=os.environ | {"PYTHONHASHSEED": hash_seed, "PYTHONPATH": str(ROOT)},
            capture_output=True,
            text=True,
            check=True,
            timeout=120,
        )
        found.append(json.loads(done.stdout))
    assert found[0] == found[1]


SOURCE = '''
import jax.numpy as jnp
from helper_of_mine import scale

LEVEL = 2

class Own:
    """An environment."""

    offset = 1.0

    def reward(self, x):
        """What is paid."""
        return scale(x) + (self.offset if x else LEVEL)

shape = lambda x: jnp.tanh(x); other = lambda x: 0 * x
'''
HELPER = "FACTOR = 1.0\n\ndef scale(x):\n    return FACTOR * x\n"

# Edits of either file, and whether they change what it does.
EDITS = {
    (
        "(self.offset if x else LEVEL)",
        "(\n  self.offset  # as\n  if x else\n LEVEL)",
    ): False,
    ('"""An environment."""', '"""An environment.\n\n    Of mine."""'): False,
    ('        """What is paid."""\n', ""): False,
    ("LEVEL = 2\n", "\n\n# how much\nLEVEL = (2)\n"): False,
    ("offset = 1.0", "offset = 1.0\n    pass"): False,
    ("LEVEL = 2", "LEVEL = 3"): True,
    ("offset = 1.0", "offset = 1.5"): True,
    ("scale(x) + (", "scale(x) - ("): True,
    ("if x else", "if not x else"): True,
    ("scale(x) +", "x +"): True,
    ("return FACTOR * x", "return (FACTOR *\n            x)  # scaled"): False,
    ("FACTOR = 1.0", "FACTOR = 100.0"): True,
    ("return FACTOR * x", "return FACTOR + x"): True,
}


@pytest.fixture
def laid_out(tmp_path, monkeypatch):
    """Imports the two modules anew, after edits of their text."""
    monkeypatch.syspath_prepend(tmp_path)

    def imported(edit=("", "")):
        for name, text in (("thing_of_mine", SOURCE), ("helper_of_mine", HELPER)):
            (tmp_path / f"{name}.py").write_text(
                text.replace(*edit) if edit[0] else text
            )
            sys.modules.pop(name, None)
        sources.linecache.clearcache()
        for cached in tmp_path.glob("__pycache__/*"):
            cached.unlink()
        import thing_of_mine  # pyright: ignore

        describer = Describer()
        thing = (thing_of_mine.Own(), thing_of_mine.shape)
        return describer.describe(thing), describer.sources(), thing_of_mine

    yield imported
    for name in ("thing_of_mine", "helper_of_mine"):
        sys.modules.pop(name, None)


@pytest.mark.parametrize("edit", EDITS)
def test_edited_source_is_noticed_and_its_layout_is_not(laid_out, edit):
    held, before, _ = laid_out()
    assert list(before) == ["helper_of_mine", "thing_of_mine"]
    new, after, _ = laid_out(edit)
    assert (before != after) == EDITS[edit]
    assert bool(changes(held, new)) == EDITS[edit]


def test_an_edit_of_what_is_not_used_counts_for_the_module_alone(laid_out):
    """Only in the experiment's own file do single functions count."""
    held, before, _ = laid_out()
    new, after, _ = laid_out(("0 * x", "1 * x"))
    assert changes(held, new) == []
    assert before["thing_of_mine"] != after["thing_of_mine"]


def test_two_lambdas_on_one_line_are_told_apart(laid_out):
    module = laid_out()[2]
    assert changes(describe(module.shape), describe(module.other))


def test_without_a_source_the_compiled_code_counts():
    def made(text):
        names = {}
        exec(compile(text, "<nowhere>", "exec"), names)
        return describe(names["f"])

    held = made("def f(x):\n    'doc'\n    return 2 * x if x else g(x)")
    same = "def f(x):\n\n  return (2 *   x) if x else g(x)"
    assert changes(held, made(same)) == []
    for text in ("3 * x if x else g(x)", "2 * x if x else h(x)", "2 * x or g(x)"):
        assert changes(held, made(f"def f(x):\n    return {text}")), text


def test_installed_packages_are_not_the_user_s_own():
    for name in (
        "numpy",
        "json",
        "pgvq.envs.pong.environment",
        "gymnax",
        "builtins",
        "jaxlib._jax",
    ):
        assert not sources.is_own(name), name
    for name in (__name__, "__main__", "pgvq_experiment_file", "pgvq_of_mine"):
        assert sources.is_own(name), name
