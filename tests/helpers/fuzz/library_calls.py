"""Wrong calls of the library, generated: seeded, the same in every run.

`calls` makes them: each a kind, a description, and a function without arguments. None
of them trains: `test_library_calls` sees to it that a run ends before it compiles.
"""

import dataclasses
import decimal
import fractions
import functools
import inspect
import math
import random
import types
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any, NamedTuple

import jax
import jax.numpy as jnp
import numpy as np
from flax import linen as nn

import pgvq
from pgvq.algorithms import ALGORITHMS
from pgvq.diagnostics.exact_pong import SmallPong
from pgvq.envs import Pong, SmoothPong
from pgvq.envs.finite_mdp import random_mdp
from pgvq.networks import heads as networks
from pgvq.networks.torsos import MLP, Conv, Torso
from tests.helpers import tiny
from tests.helpers.fuzz.environments import faulty
from tests.helpers.probes import Numbered


class Call(NamedTuple):
    """One call of the library."""

    kind: str
    said: str  # for people
    function: Callable[[], Any]


class Unfriendly:
    """An object whose every question ends in an error."""

    def __repr__(self) -> str:
        raise RuntimeError("no text")

    def __eq__(self, other: object) -> bool:
        raise RuntimeError("no comparison")

    def __bool__(self) -> bool:
        raise RuntimeError("no truth")

    def __len__(self) -> int:
        raise RuntimeError("no length")

    __hash__ = None  # type: ignore[assignment]


class Empty:
    pass


def values() -> list[Any]:
    """Values that are wrong in most places; nothing here is right in all."""
    return [
        None, True, False, 0, 1, -1, 2, 7, 10**6, 2**31, 2**63, 10**30, 10**400,
        -(10**9),
        0.0, -0.0, 0.5, 1.5, -1e-300, 1e300, math.nan, math.inf, -math.inf, 1j,
        "", "x", "5", "\0", "\x1b[31m", "a\nb", "x" * 100_000, b"x", "pong", "game",
        [], [1], [None], [1, 2], (), (8,), (0,), (-1,), (2.5,), ("x",), (10**9,),
        (8,) * 9,
        {}, {"x": 1}, {1}, {1: 2}, range(3), iter([1]), slice(1),
        object(), object, Empty(), Empty, Unfriendly(), lambda: 1, len, print, math,
        NotImplemented, ..., Exception("x"), types.SimpleNamespace(),
        decimal.Decimal("0.5"), decimal.Decimal("NaN"), fractions.Fraction(1, 2),
        np.float64(0.5), np.float32(np.nan), np.int64(3), np.bool_(True), np.array([]),
        np.array([1.0, 2.0]), np.array("x"), np.array(None), np.zeros((2, 2)),
        np.datetime64("2020"), np.ma.masked, jnp.float32(0.5), jnp.arange(3),
        jnp.array(1j),
        jax.random.key(0), jax.ShapeDtypeStruct((2,), jnp.float32),
        Pong(), Pong, MLP, MLP((8,)), nn.Dense(3), nn.Dense, nn.relu,
        Path("x"), pgvq.DQN, pgvq, Numbered(),
    ]  # fmt: skip


def short(value: Any) -> str:
    """A value in a few letters, however unfriendly."""
    try:
        return repr(value)[:60]
    except Exception:
        return type(value).__name__


def named(kind: str, what: str, value: Any, function: Callable[[], Any]) -> Call:
    return Call(kind, f"{what}={short(value)}", function)


ENVIRONMENTS = [Pong, SmallPong, SmoothPong, pgvq.envs.choices.LeftOrRight, random_mdp]
NETWORKS = [MLP, Conv, Torso]


def constructors(draw: random.Random) -> Iterator[Call]:
    """Every field of every algorithm, environment and network with wrong values."""
    for name, cls in ALGORITHMS.items():
        base = tiny.tiny(name)
        for field in dataclasses.fields(cls):
            for value in draw.sample(values(), 12):
                change = {field.name: value}
                yield named(
                    f"algorithm {name}",
                    field.name,
                    value,
                    functools.partial(_algorithm, base, change),
                )
        yield Call(f"algorithm {name}", "no arguments", cls)
    for cls in ENVIRONMENTS:
        if isinstance(cls, type):
            names = [field.name for field in dataclasses.fields(cls)]
        else:
            names = list(inspect.signature(cls).parameters)
        for name in names:
            for value in values():
                yield named(
                    f"environment {cls.__name__}",
                    name,
                    value,
                    functools.partial(_environment, cls, {name: value}),
                )


def _algorithm(base: Any, change: dict[str, Any]) -> Any:
    """Made anew and by `replace`; both alike, and fit for an experiment."""
    given = {f.name: getattr(base, f.name) for f in dataclasses.fields(base)}
    made = type(base)(**(given | change))
    _experiment(algorithms=[made])
    return made


def _environment(cls: Any, change: dict[str, Any]) -> Any:
    env = cls(**change)
    jax.eval_shape(env.reset, jax.random.key(0), env.default_params)
    kind = pgvq.AnalyticPolicyGradient if isinstance(env, SmoothPong) else pgvq.PPO
    return kind(env=env, num_envs=4, rollout_length=8) if kind is pgvq.PPO else env


def _experiment(**changes: Any) -> Any:
    given = {"name": "a", "algorithms": [tiny.tiny("dqn")], "steps": 1_000, "seeds": 2,
             "evaluations": 2, "games": 2}  # fmt: skip
    return pgvq.Experiment(**(given | changes))


def torsos(draw: random.Random) -> Iterator[Call]:
    """Networks of wrong fields, each given to an algorithm that is about to train."""
    for cls in [*NETWORKS, networks.QNetwork, networks.ActorCritic]:
        for field in dataclasses.fields(cls):
            if field.name in ("parent", "name"):
                continue
            for value in draw.sample(values(), 14):
                yield named(
                    f"network {cls.__name__}",
                    field.name,
                    value,
                    functools.partial(_torso, cls, {field.name: value}),
                )


def _torso(cls: Any, change: dict[str, Any]) -> Any:
    given = {"torso": MLP((8,)), "num_actions": 2} if cls not in NETWORKS else {}
    dqn = tiny.tiny("dqn", torso=cls(**(given | change)))
    return pgvq.run(_experiment(algorithms=[dqn]))


def experiments(draw: random.Random) -> Iterator[Call]:
    """`Experiment`, `run` and `train` with wrong arguments."""
    for field in dataclasses.fields(pgvq.Experiment):
        for value in values():
            yield named(
                "Experiment",
                field.name,
                value,
                functools.partial(_run, {field.name: value}),
            )
    arguments = {"steps": 1_000, "seeds": 2, "evaluations": 2, "games": 2}
    for name in [*arguments, "algorithm", "out", "reporter"]:
        for value in draw.sample(values(), 30):
            given = {"algorithm": tiny.tiny("dqn")} | arguments | {name: value}
            yield named("train", name, value, functools.partial(pgvq.train, **given))
    for name in ("experiment", "out", "reporter", "fresh", "source"):
        for value in draw.sample(values(), 30):
            yield named("run", name, value, functools.partial(_run_with, {name: value}))


def _run(change: dict[str, Any]) -> Any:
    return pgvq.run(_experiment(**change))


def _run_with(change: dict[str, Any]) -> Any:
    return pgvq.run(**({"experiment": _experiment()} | change))


def sweeps(draw: random.Random) -> Iterator[Call]:
    """`sweep` over fields and paths that are or are not, with wrong values."""
    paths = ["learning_rate", "discount", "num_envs", "torso", "torso.features", "env",
             "torso.activation", "env_params", "env_params.max_steps_in_episode",
             "double",
             "nope", "torso.nope", "env.nope", "", ".", "a.b.c", "budget",
             "torso.features.0", "__class__", "learning_rate.real"]  # fmt: skip
    for path in paths:
        for value in draw.sample(values(), 8):
            yield named("sweep", path, value, functools.partial(_sweep, {path: value}))
            several = [value, *draw.sample(values(), draw.randrange(3))]
            yield named(
                "sweep", path, several, functools.partial(_sweep, {path: several})
            )
    for value in values():
        yield named(
            "sweep",
            "algorithm",
            value,
            functools.partial(pgvq.sweep, value, learning_rate=[0.1]),
        )


def _sweep(lists: dict[str, Any]) -> Any:
    made = pgvq.sweep(tiny.tiny("dqn"), **lists)
    return _experiment(algorithms=made)


def loads(draw: random.Random) -> Iterator[Call]:
    """`load` and `make` with what is no folder and no name."""
    for value in values():
        yield named("load", "folder", value, functools.partial(pgvq.load, value))
        yield named("make", "name", value, functools.partial(pgvq.make, value))
    words = ["", "CartPole", "cartpole-v1", ":", "a:b", "os:getcwd", "a.b:C",
             "json:JSONDecoder",
             "Pendulum-v1", "pgvq:DQN", "pgvq.envs:Pong", "tests",
             "x" * 9999]  # fmt: skip
    for word in words:
        yield named("make", "name", word, functools.partial(pgvq.make, word))
    settings = ["episode", "frame_skip", "nope", "num_actions", "observation"]
    for name in settings:
        for value in draw.sample(values(), 10):
            yield named(
                "make settings",
                name,
                value,
                functools.partial(pgvq.make, "Pong-Atari", **{name: value}),
            )


def acts(draw: random.Random) -> Iterator[Call]:
    """`act` with observations that the environment does not show."""
    shapes = [(), (2,), (4, 2), (4, 3), (0, 2), (4, 1), (4, 2, 1), (1, 4, 2), (4, 0)]
    dtypes = [jnp.float32, jnp.int32, jnp.uint8, jnp.bool_, jnp.complex64, jnp.float16]
    for name in ("dqn", "ppo", "tabular", "sac"):
        algorithm = tiny.tiny(name)
        state = jax.jit(algorithm.init)(jax.random.key(0))
        given: list[Any] = [*draw.sample(values(), 30)]
        given += [jnp.ones(s, d) for s in shapes for d in draw.sample(dtypes, 2)]
        given += [
            np.full((4, 2), math.nan),
            np.full((4, 2), "x"),
            [[1, 2]],
            [[1], [2, 3]],
        ]
        for obs in given:
            yield named(
                f"act of {name}",
                "obs",
                obs,
                functools.partial(_act, algorithm, state, obs),
            )


def _act(algorithm: Any, state: Any, obs: Any) -> Any:
    action, _ = algorithm.act(state, obs, (), jax.random.key(1), greedy=True)
    assert action.shape[:1] == np.shape(obs)[:1]
    assert jnp.issubdtype(action.dtype, jnp.integer)
    return action


def environments(draw: random.Random) -> Iterator[Call]:
    """Environments with a fault in the contract, each given to two algorithms."""
    for said, cls in faulty(draw):
        for kind in (pgvq.PPO, pgvq.DQN):
            yield Call("environment's contract", f"{kind.__name__}, {said}",
                       functools.partial(_played, kind, cls))  # fmt: skip


def _played(kind: Any, cls: Any) -> Any:
    small = {"num_envs": 4, "rollout_length": 8, "torso": MLP((8,))}
    return pgvq.run(_experiment(algorithms=[kind(env=cls(), **small)]))


def calls(seed: int = 0) -> Iterator[Call]:
    """All of them."""
    for part in (constructors, torsos, experiments, sweeps, loads, acts, environments):
        yield from part(random.Random(f"{seed} {part.__name__}"))
