"""An environment is checked once, where it enters; each fault is one sentence."""

import dataclasses
from typing import Any

import jax
import jax.numpy as jnp
import numpy as np
import pytest
from flax import struct
from gymnax.environments import environment, spaces
from gymnax.wrappers.purerl import FlattenObservationWrapper, LogWrapper

from pgvq import DQN, PPO, Experiment, Tabular, make
from pgvq.doctor.probe import Probe
from pgvq.envs import contract, discrete_environments
from pgvq.envs.contract import check_environment
from pgvq.types import InputError


@struct.dataclass
class State:
    place: Any
    time: Any


@struct.dataclass
class Params:
    max_steps_in_episode: int = 5
    offset: float = 0.0


@dataclasses.dataclass(frozen=True)
class Fine(environment.Environment):
    """Nothing is wrong with it; each of the others changes one thing."""

    @property
    def default_params(self):
        return Params()

    @property
    def num_actions(self):
        return 2

    def action_space(self, params):
        return spaces.Discrete(2)

    def observation_space(self, params):
        return spaces.Box(0.0, 10.0, (2,), jnp.float32)

    def shown(self, state, params):
        return jnp.stack([state.place, state.place]) + params.offset

    def reset_env(self, key, params):
        state = State(jnp.float32(0), jnp.int32(0))
        return self.shown(state, params), state

    def step_env(self, key, state, action, params):
        after = State((state.place + action) % 4, state.time + 1)
        return self.shown(after, params), after, jnp.float32(1), after.place > 2, {}


class FiveFromStep(Fine):
    def step(self, key, state, action, params=None):
        obs, state, reward, done, info = self.step_env(key, state, action, params)
        return obs, state, reward, done, info


class SixFromStepEnv(Fine):
    def step_env(self, key, state, action, params):
        return *super().step_env(key, state, action, params)[:4], False, {}


@struct.dataclass
class Timeless:
    place: Any


class NoTime(Fine):
    def reset_env(self, key, params):
        obs, state = super().reset_env(key, params)
        return obs, Timeless(state.place)

    def step_env(self, key, state, action, params):
        obs, after, *rest = super().step_env(
            key, State(state.place, jnp.int32(0)), action, params
        )
        return obs, Timeless(after.place), *rest


class NoNumber(Fine):
    num_actions = environment.Environment.num_actions


class Contradicts(Fine):
    num_actions = 3


class WordNumber(Fine):
    num_actions = "2"


def changed(reward=None, terminated=None, info=None, obs=None, state=None):
    """An environment whose `step_env` returns something else in one place."""

    class Changed(Fine):
        def step_env(self, key, state_, action, params):
            given = list(super().step_env(key, state_, action, params))
            for i, change in enumerate((obs, state, reward, terminated, info)):
                given[i] = given[i] if change is None else change(given[i])
            return tuple(given)

    return Changed


class LateReset(Fine):
    def reset_env(self, key, params):
        return super().reset_env(key, params)[0]


class ResetOther(Fine):
    def reset_env(self, key, params):
        obs, state = super().reset_env(key, params)
        return obs.astype(jnp.int32), state


def showing(space, show=None):
    """An environment with another space, and another observation if `show` is given."""

    class Showing(Fine):
        def observation_space(self, params):
            return space

        def shown(self, state, params):
            return super().shown(state, params) if show is None else show(state)

    return Showing


class NoSpace(Fine):
    def observation_space(self, params):
        raise RuntimeError("not now")


class NoFinal(Fine):
    def step(self, key, state, action, params=None):
        stepped = super().step(key, state, action, params)
        return *stepped[:5], {}


class Branches(Fine):
    def step_env(self, key, state, action, params):
        if action == 1:
            action = 0
        return super().step_env(key, state, action, params)


class NotHashable(Fine):
    __hash__ = None  # pyright: ignore


class Several:
    """A space of several numbers as gymnasium and users have it."""

    def __init__(self, nvec):
        self.nvec = np.array(nvec)


def acting(space):
    class Acting(Fine):
        def action_space(self, params):
            return space

    return Acting


def late(nan):
    """NaN at a reset, or only after a step."""
    return lambda state: jnp.where((state.time > 0) | nan, jnp.nan, 1.0) * jnp.ones(2)


FAULTS = {
    FiveFromStep: "step returns 5 values and not six",
    SixFromStepEnv: "step_env returns 6 values and not five",
    NoTime: "its state, a Timeless, has no field `time`",
    NoNumber: "does not define the property `num_actions`",
    Contradicts: r"num_actions=3, but its action_space is Discrete\(2\)",
    WordNumber: "num_actions='2' is not a whole number",
    changed(reward=lambda r: r[None]): r"reward of float32 of shape \[1\]",
    changed(reward=lambda r: r * 1j): "reward of complex64",
    changed(reward=lambda r: {"a": r, "b": r}): "reward of 2 arrays",
    changed(terminated=lambda t: t.astype(jnp.float32)): "`terminated` as float32",
    changed(terminated=lambda t: t[None]): r"`terminated` as bool of shape \[1\]",
    changed(info=lambda i: None): "returns a NoneType as info",
    changed(
        obs=lambda o: o.astype(jnp.int32)
    ): "float32 of shape .2. after reset and int",
    changed(obs=lambda o: o[:1]): "the observation is float32",
    changed(state=lambda s: s.replace(time=s.time * 1.0)): r"the state.time is int32",
    changed(state=lambda s: (s.place, s.time)): "the state has the structure",
    LateReset: "reset",
    ResetOther: "the observation is int32 of shape .2. after reset and float32",
    NoFinal: "final_observation",
    NoSpace: "observation_space raises RuntimeError: not now",
    Branches: r"decides in Python on a number.*test_entering.py, line \d+",
    NotHashable: r"cannot be hashed.*frozen=True",
    showing(spaces.Box(0, 10, (3,))): r"of shape \[2\], and observation_space is Box",
    showing(spaces.Box(0, 2.0, (2,))): "numbers from 0 to 3 where",
    showing(spaces.Box(jnp.array([0.0, 5.0]), 10.0, (2,))): r"entry \[1\]: 5 to 10",
    showing(spaces.Box(0, 10, (2,), jnp.uint8)): "of float32, and observation_space is",
    showing(spaces.Box(0, 9, (2,), jnp.float32), lambda s: jnp.ones(2, jnp.uint8)): (
        "of uint8, and observation_space is Box of float32"
    ),
    showing(spaces.Discrete(64), lambda s: s.time + 32 + 60 * (s.time > 2)): (
        r"the numbers 32 to 9\d where its observation_space is Discrete\(64\), 0 to 63"
    ),
    showing(spaces.Discrete(8), lambda s: s.place): "of float32, and observation_space",
    showing(Several([2, 3]), lambda s: jnp.array([1, 3])): "the numbers 1 to 3",
    showing(spaces.Dict({"a": spaces.Discrete(2)}), lambda s: {"b": s.time}): (
        "without 'a'"
    ),
    showing(spaces.Tuple([spaces.Discrete(9)]), lambda s: (s.time, s.time)): "2 parts",
    showing(spaces.Box(0, 9, (2,)), lambda s: {"a": s.place}): "type dict, and",
    showing(
        spaces.Dict({"a": spaces.Discrete(9), "b": spaces.Box(0, 0.5, ())}),
        lambda s: {"a": s.time, "b": s.place},
    ): r"to 2 as \['b'\] where its observation_space",
    showing("a box"): "is str, which is not a space",
    showing(spaces.Box(-jnp.inf, jnp.inf, (2,)), late(True)): "reset shows NaN",
    showing(spaces.Box(-jnp.inf, jnp.inf, (2,)), late(False)): "step shows NaN",
    acting(None): "action_space.params. is NoneType, which is not a space",
    acting(spaces.Discrete(0)): "has no action",
}


@pytest.mark.parametrize("faulty", FAULTS, ids=lambda kind: FAULTS[kind][:40])
def test_each_fault_is_one_sentence(faulty):
    with pytest.raises(InputError, match=FAULTS[faulty]) as raised:
        PPO(env=faulty())
    said = str(raised.value)
    assert said.startswith(faulty.__name__)
    assert "\n" not in said
    assert "; " in said  # what to do
    with pytest.raises(InputError) as again:  # and is remembered
        check_environment(faulty())
    assert str(again.value) == said


def test_what_nothing_is_wrong_with_is_taken():
    check_environment(Fine())
    made = PPO(env=Fine(), env_params=Params(max_steps_in_episode=7))
    assert made.params.max_steps_in_episode == 7


@pytest.mark.parametrize(
    ("env", "says"),
    [
        ("Pong", r"did you mean make\('Pong-Atari'\)\[0\]\?"),
        ("cartpole", r"did you mean make\('CartPole-v1'\)"),
        ("module:Mine", r"make\('module:Mine'\)"),
        ("", "make one by its name"),
        (Fine, r"is a class and no environment; make one of it: Fine\(\)"),
        ((Fine(), Params()), "unpack it"),
        (None, "NoneType, which is not a gymnax environment"),
        (5, "builtins.int"),
    ],
)
@pytest.mark.parametrize("kind", [DQN, Tabular])
def test_what_is_no_environment_is_explained(kind, env, says):
    with pytest.raises(InputError, match=says):
        kind(env=env)


def test_parameters_of_another_environment_are_refused():
    with pytest.raises(InputError, match="does not take env_params of type Tables"):
        PPO(env=make("CartPole-v1")[0], env_params=Probe().default_params)
    with pytest.raises(InputError, match="does not take env_params of type dict"):
        DQN(env=Fine(), env_params={"gravity": 1.0})
    for params in ("fast", Params(offset="fast"), Params(offset=jnp.zeros(3))):
        algorithm = PPO(env=Fine(), env_params=params)
        with pytest.raises(InputError, match="does not take env_params"):
            Experiment(name="a", algorithms=[algorithm], steps=1e5)


@pytest.mark.parametrize(
    ("space", "says"),
    [
        (spaces.Box(-1, 1, (2,)), r"has continuous actions \(Box of float32 \[2\]\)"),
        (Several([2, 3]), r"several discrete actions at once \(MultiDiscrete\(\[2, 3"),
        (spaces.Tuple([spaces.Discrete(2)] * 2), r"several parts \(Tuple\(Discrete"),
        (spaces.Dict({"a": spaces.Discrete(2)}), "several parts .Dict.'a': Discrete"),
    ],
)
def test_actions_are_named_for_what_they_are(space, says):
    space.sample = lambda key: jnp.int32(0)
    algorithm = PPO(env=Fine()).replace(env=acting(space)())
    with pytest.raises(InputError, match=says):
        Experiment(name="a", algorithms=[algorithm], steps=1e5)


@pytest.mark.parametrize("name", discrete_environments())
def test_all_that_is_listed_is_taken(name):
    check_environment(*make(name))


@pytest.mark.parametrize("wrapper", [FlattenObservationWrapper, LogWrapper])
def test_wrappers_are_taken(wrapper):
    PPO(env=wrapper(make("Catch-bsuite")[0]))
    PPO(env=wrapper(Fine()))
    with pytest.raises(InputError, match="Wrapper: step raises ValueError: not enough"):
        PPO(env=wrapper(FiveFromStep()))


def test_a_wrapper_of_pong_is_evaluated_in_games():
    from pgvq.envs import Pong, evaluation_env

    wrapped = FlattenObservationWrapper(Pong(episode="point"))
    assert evaluation_env(wrapped)._env == Pong(episode="game")
    assert wrapped._env == Pong(episode="point")
    assert evaluation_env(evaluation_env(wrapped))._env == Pong(episode="game")


WRAPPED = """

import gymnax
from gymnax.wrappers.purerl import FlattenObservationWrapper

class Flat(FlattenObservationWrapper):
    def __init__(self, rows=10):
        from gymnax.environments.bsuite.catch import Catch
        super().__init__(Catch(rows=rows))

def flat(rows=10):
    return Flat(rows)

def pair():
    return gymnax.make("Catch-bsuite")
"""


def test_make_takes_wrappers_by_their_module(tmp_path, monkeypatch):
    (tmp_path / "wrapped_module.py").write_text(WRAPPED)
    monkeypatch.chdir(tmp_path)
    monkeypatch.syspath_prepend(str(tmp_path))
    for name in ("Flat", "flat"):
        env, params = make(f"wrapped_module:{name}", rows=5)
        assert env._env.rows == 5
        assert PPO(env=env, env_params=params).env is env
    with pytest.raises(InputError, match="return the environment alone"):
        make("wrapped_module:pair")


def test_an_environment_is_looked_at_once(monkeypatch):
    asked = []
    look = contract.shapes_of
    monkeypatch.setattr(
        contract, "shapes_of", lambda *args: asked.append(args) or look(*args)
    )

    class Once(Fine):
        pass

    env = Once()
    for _ in range(3):
        algorithm = PPO(env=env)
    assert len(asked) == 1
    for offset in (0.1, 0.2, np.float32(0.3), jnp.float32(0.4)):
        algorithm = algorithm.replace(env_params=Params(offset=offset))
    assert len(asked) == 1  # they are built like the default ones


def test_taking_an_algorithm_apart_costs_and_fails_nothing(monkeypatch):
    algorithm = PPO(env=Fine(), env_params=Params())
    monkeypatch.setattr(contract, "shapes_of", None)  # calling it would fail
    leaves, structure = jax.tree.flatten(algorithm)
    for other in (object(), None, jax.ShapeDtypeStruct((3,), jnp.int32)):
        jax.tree.unflatten(structure, [other] * len(leaves))
    jax.jit(lambda a: a.replace(discount=a.discount * 0.5))(algorithm)
    jax.vmap(lambda x: algorithm.replace(env_params=Params(offset=x)).discount)(
        jnp.arange(3.0)
    )


def test_one_made_inside_of_a_traced_function_is_taken():
    class Inside(Fine):
        pass

    @jax.jit
    def first(key):
        algorithm = PPO(env=Inside(), num_envs=2, rollout_length=8, num_minibatches=2)
        return algorithm.init(key).world.obs

    assert first(jax.random.key(0)).shape == (2, 2)


def test_a_foreign_algorithm_s_environment_is_checked_in_an_experiment():
    class Own(struct.PyTreeNode):
        env: Any = struct.field(pytree_node=False, default=NoTime())
        env_params: Any = None
        family = "other"
        initial_steps, steps_per_iteration, updates_per_iteration = 0, 1, 1

        def init(self, key): ...
        def iterate(self, state): ...
        def initial_memory(self, num_envs): ...
        def act(self, state, obs, memory, key, *, greedy): ...

    with pytest.raises(InputError, match="mine: NoTime: its state"):
        Experiment(name="a", algorithms={"mine": Own()}, steps=10)
