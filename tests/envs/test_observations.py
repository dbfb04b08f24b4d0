"""How observations are read, by value; and that every learner learns from each form."""

import dataclasses
from typing import Any

import jax
import jax.numpy as jnp
import numpy as np
import pytest
from flax import struct
from gymnax.environments import environment, spaces

from pgvq import DQN, PPO, PQN, REINFORCE, SAC, ActorCritic, Tabular, make
from pgvq.algorithms import ALGORITHMS
from pgvq.cli.run import header
from pgvq.envs import Pong, discrete_environments
from pgvq.envs.observations import reading, reading_of
from pgvq.experiments.definition import Experiment
from pgvq.networks.torsos import MLP
from pgvq.types import InputError

pytestmark = pytest.mark.usefixtures("light_compilation")


class Numbers:
    """A MultiDiscrete space, as gymnasium and users have it."""

    def __init__(self, *nvec):
        self.nvec = np.array(nvec)


class From32(spaces.Discrete):
    start = 32


def bytes_of(*shape, high=255):
    return spaces.Box(0, high, shape, jnp.uint8)


def numbers(*shape):
    return spaces.Box(-1.0, 1.0, shape, jnp.float32)


def counted(shape, dtype=np.uint8):
    return np.arange(np.prod(shape), dtype=dtype).reshape(shape)


def read(space, obs):
    shown = jax.tree.map(lambda x: jax.ShapeDtypeStruct(x.shape, x.dtype), obs)
    return reading_of(space, shown)


IMAGE = counted((2, 8, 9))
STACK = counted((3, 8, 9, 2))
CASES = {
    "discrete": (spaces.Discrete(4), np.int32(2), [0, 0, 1, 0]),
    "discrete from 32": (From32(3), np.int32(33), [0, 1, 0]),
    "multi-discrete": (Numbers(2, 3), np.array([1, 0]), [0, 1, 1, 0, 0]),
    "bytes": (bytes_of(3), np.array([0, 51, 255], np.uint8), [0, np.float32(0.2), 1]),
    "flags": (bytes_of(3, high=1), np.array([0, 1, 1], np.uint8), [0, 1, 1]),
    "grey": (bytes_of(8, 9), IMAGE[0], IMAGE[0][..., None] / np.float32(255)),
    "small grey": (bytes_of(2, 3), counted((2, 3)), counted((2, 3)) / np.float32(255)),
    "first": (bytes_of(2, 8, 9), IMAGE, IMAGE.transpose(1, 2, 0) / np.float32(255)),
    "last": (
        bytes_of(8, 9, 2),
        counted((8, 9, 2)),
        counted((8, 9, 2)) / np.float32(255),
    ),
    "stack": (
        bytes_of(3, 8, 9, 2),
        STACK,
        STACK.transpose(1, 2, 0, 3).reshape(8, 9, 6) / np.float32(255),
    ),
    "stack, channels first": (
        bytes_of(2, 3, 8, 9),
        counted((2, 3, 8, 9)),
        counted((2, 3, 8, 9)).transpose(2, 3, 0, 1).reshape(8, 9, 6) / np.float32(255),
    ),
    "stack last": (
        bytes_of(8, 9, 2, 3),
        counted((8, 9, 2, 3)),
        counted((8, 9, 2, 3)).reshape(8, 9, 6) / np.float32(255),
    ),
    "floats, channels first": (
        numbers(2, 8, 9),
        IMAGE.astype(np.float32),
        IMAGE.astype(np.float32).transpose(1, 2, 0),
    ),
    "floats, stack": (
        numbers(3, 8, 9, 2),
        STACK.astype(np.float32),
        STACK.astype(np.float32).transpose(1, 2, 0, 3).reshape(8, 9, 6),
    ),
    "dict": (
        spaces.Dict({"b": spaces.Discrete(2), "a": bytes_of(1), "c": numbers(1, 2)}),
        {"b": np.int32(1), "a": np.uint8([51]), "c": np.float32([[7, 8]])},
        [np.float32(0.2), 0, 1, 7, 8],
    ),
    "tuple": (
        spaces.Tuple([numbers(), spaces.Dict({"x": Numbers(2, 2)})]),
        (np.float32(-1), {"x": np.array([0, 1])}),
        [-1, 1, 0, 0, 1],
    ),
}


@pytest.mark.parametrize("name", CASES)
@pytest.mark.parametrize("lead", [(), (5,), (2, 3)], ids=str)
def test_what_is_read_of_each_space(name, lead):
    space, obs, wanted = CASES[name]
    many = jax.tree.map(lambda x: np.broadcast_to(x, lead + np.shape(x)), obs)
    encode = read(space, obs).encode
    got = encode(jax.tree.map(jnp.asarray, many))
    wanted = np.broadcast_to(np.asarray(wanted, np.float32), lead + np.shape(wanted))
    assert got.dtype == jnp.float32
    # XLA multiplies by the inverse of 255, which may differ in the last bit.
    np.testing.assert_allclose(got, wanted, rtol=2e-7, atol=0)
    np.testing.assert_allclose(jax.jit(encode)(many), wanted, rtol=2e-7, atol=0)


@pytest.mark.parametrize(
    "shape",
    [
        *[(), (4,), (8, 8), (10, 5), (84, 84), (10, 10, 4), (10, 10, 10)],
        *[(30, 40, 3), (8, 16, 16), (3, 5, 5), (84, 84, 12), (2, 2, 2, 2)],
        (4, 4, 8, 8, 3),
    ],
    ids=str,
)
def test_other_boxes_of_floats_pass_untouched(shape):
    obs = np.zeros(shape, np.float32)
    found = read(numbers(*shape), obs)
    assert found.encode(obs) is obs
    assert found.said == ""


@pytest.mark.parametrize("name", discrete_environments())
def test_of_what_gymnax_lists_only_numbers_of_states_are_changed(name):
    found = reading(make(name)[0])
    assert (found.function is None) == (name != "FrozenLake-misc")


FORMS = ("number", "vector", "grey", "first", "last", "stack", "dict", "tuple", "pair")


@struct.dataclass
class State:
    number: Any
    time: Any


COUNT = 6
PICTURES = np.random.default_rng(0).integers(0, 256, (COUNT, 8, 8, 2), dtype=np.uint8)


@dataclasses.dataclass(frozen=True)
class Bandit(environment.Environment):
    """One step: the action pays 1 if it is the right one for the number shown."""

    form: str = "number"

    @property
    def default_params(self):
        return environment.EnvParams()

    @property
    def num_actions(self):
        return 2

    def action_space(self, params):
        return spaces.Discrete(2)

    def observation_space(self, params):
        return {
            "number": spaces.Discrete(COUNT),
            "vector": bytes_of(COUNT),
            "grey": bytes_of(8, 8),
            "first": bytes_of(2, 8, 8),
            "last": bytes_of(8, 8, 2),
            "stack": bytes_of(2, 8, 8, 1),
            "dict": spaces.Dict({"n": spaces.Discrete(COUNT), "x": bytes_of(2)}),
            "tuple": spaces.Tuple([bytes_of(2), spaces.Discrete(COUNT)]),
            "pair": Numbers(2, COUNT // 2),
        }[self.form]

    def observe(self, key, state, action, params):
        number, image = state.number, jnp.asarray(PICTURES)[state.number]
        flags = jnp.stack([image[0, 0, 0], image[1, 1, 1]])
        return {
            "number": number,
            "vector": 255 * (jnp.arange(COUNT) == number).astype(jnp.uint8),
            "grey": image[..., 0],
            "first": image.transpose(2, 0, 1),
            "last": image,
            "stack": image.transpose(2, 0, 1)[..., None],
            "dict": {"n": number, "x": flags},
            "tuple": (flags, number),
            "pair": jnp.stack([number % 2, number // 2]),
        }[self.form]

    def reset_env(self, key, params):
        number = jax.random.randint(key, (), 0, COUNT)
        state = State(number, jnp.int32(0))
        return self.observe(None, state, None, params), state

    def step_env(self, key, state, action, params):
        right = jnp.array(RIGHT)[state.number]
        after = State(state.number, state.time + 1)
        obs = self.observe(None, after, None, params)
        return obs, after, (action == right).astype(jnp.float32), jnp.array(True), {}


SMALL = {"torso": MLP((32,))}
LEARNERS = {
    "reinforce": REINFORCE(num_envs=32, rollout_length=4, learning_rate=2e-2, **SMALL),
    "actor_critic": ActorCritic(
        num_envs=32, rollout_length=4, learning_rate=2e-2, **SMALL
    ),
    "ppo": PPO(num_envs=16, rollout_length=8, num_minibatches=2, **SMALL),
    "ppo with memory": PPO(
        num_envs=16, rollout_length=8, num_minibatches=2, memory_size=16, **SMALL
    ),
    "dqn": DQN(warmup_steps=64, learning_rate=3e-3, exploration_fraction=0.3, **SMALL),
    "sac": SAC(warmup_steps=64, learning_rate=1e-2, **SMALL),
    "pqn": PQN(num_envs=16, rollout_length=8, num_minibatches=2),
}
ITERATIONS = 60


RIGHT = (0, 1, 1, 0, 1, 0)


def answers(algorithm):
    """The best known actions for all numbers, after a tiny training."""

    @jax.jit
    def trained(key):
        key_init, key_act = jax.random.split(key)
        state = jax.lax.fori_loop(
            0,
            ITERATIONS,
            lambda _, state: algorithm.iterate(state)[0],
            algorithm.init(key_init),
        )
        each = State(jnp.arange(COUNT), jnp.zeros(COUNT, jnp.int32))
        memory = algorithm.initial_memory(COUNT)
        obs = jax.vmap(lambda s: algorithm.env.observe(None, s, None, None))(each)
        return algorithm.act(state, obs, memory, key_act, greedy=True)[0]

    return tuple(trained(jax.random.key(1)).tolist())


# A few of each in every run of the tests; all of them where there is time.
OFTEN = [*zip(LEARNERS, ["pair", "number", "first", "dict", "stack"], strict=False)]
OFTEN += [("dqn", "tuple"), ("sac", "vector"), ("pqn", "grey"), ("ppo", "last")]
RARELY = [
    pytest.param(name, form, marks=pytest.mark.slow)
    for name in LEARNERS
    for form in FORMS
    if (name, form) not in OFTEN
]


@pytest.mark.parametrize(("name", "form"), [*OFTEN, *RARELY])
def test_every_learner_learns_from_every_form(name, form):
    algorithm = LEARNERS[name].replace(env=Bandit(form), budget=ITERATIONS * 128.0)
    assert answers(algorithm) == RIGHT


def test_a_table_reads_the_number_itself():
    assert answers(Tabular(env=Bandit("number"))) == RIGHT
    with pytest.raises(InputError, match="leave it False"):
        Tabular(env=Bandit("number"), preprocess=True)
    assert {*ALGORITHMS} >= {"tabular", "dqn"}


def test_the_replay_holds_what_is_shown():
    for form, dtype in (("grey", jnp.uint8), ("number", jnp.int32)):
        algorithm = LEARNERS["dqn"].replace(env=Bandit(form), n_step=2)
        state = jax.eval_shape(algorithm.init, jax.random.key(0))
        rows = state.learner.experience.replay.rows
        assert rows.obs.dtype == rows.next_obs.dtype == dtype
        assert state.learner.experience.pending.obs.dtype == dtype
    algorithm = algorithm.replace(env=Bandit("dict"))
    state = jax.jit(algorithm.init)(jax.random.key(0))
    assert set(state.learner.experience.replay.rows.obs) == {"n", "x"}
    state, _ = jax.jit(algorithm.iterate)(state)


def test_preprocess_off_gives_what_is_shown():
    algorithm = PPO(env=Bandit("vector"), preprocess=False)
    obs = jnp.full((3, COUNT), 7, jnp.uint8)
    assert algorithm.encode(obs) is obs
    first = jax.eval_shape(algorithm.init, jax.random.key(0)).learner.params
    assert jax.tree.leaves(first)[0].dtype == jnp.float32


@pytest.mark.parametrize(
    ("env", "obs", "says"),
    [
        (Pong(), jnp.zeros(18), r"shape \[18\] and needs \[N, 18\].*obs\[None\]"),
        (Pong(), jnp.zeros((2, 3, 18)), r"shape \[2, 3, 18\] and needs \[N, 18\]"),
        (Pong(), jnp.zeros((2, 13)), r"shape \[2, 13\] and needs \[N, 18\]"),
        (Bandit(), jnp.int32(3), r"shape \[\] and needs \[N\].*obs\[None\]"),
        (Bandit("dict"), jnp.zeros((2, 8)), "of the structure"),
        (
            Bandit("dict"),
            {"n": jnp.zeros(2, jnp.int32), "x": jnp.zeros((3, 2), jnp.uint8)},
            "needs",
        ),
    ],
)
@pytest.mark.parametrize("greedy", [True, False])
def test_act_says_what_shape_it_needs(env, obs, says, greedy):
    algorithm = PPO(env=env)
    state = jax.eval_shape(algorithm.init, jax.random.key(0))
    with pytest.raises(InputError, match=says):
        algorithm.act(state, obs, (), jax.random.key(0), greedy=greedy)


def test_the_header_says_what_is_done():
    def lines(*algorithms):
        return header(Experiment(name="a", algorithms=[*algorithms], steps=1e6))

    assert "observations: uint8 images [2, 8, 8] read as [8, 8, 2], divided by 255" in (
        lines(PPO(env=Bandit("first")))
    )
    mixed = lines(PPO(env=Bandit("number")), DQN(env=Pong()))
    assert "observations: numbers of 0 to 5 read one-hot (ppo)" in mixed
    assert "observations" not in lines(DQN())
    assert "observations" not in lines(PPO(env=Bandit("first"), preprocess=False))
