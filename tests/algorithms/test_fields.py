"""Types are checked where an algorithm is made, and what JAX rebuilds passes."""

import dataclasses

import jax
import jax.numpy as jnp
import numpy as np
import pytest

from pgvq import (
    ALGORITHMS,
    DQN,
    PPO,
    REINFORCE,
    SAC,
    InputError,
    Pong,
    SmoothPong,
    make,
)
from pgvq.algorithms.fields import _kinds, declared, leaf
from pgvq.algorithms.pqn import PQN
from pgvq.networks.heads import QNetwork
from pgvq.networks.torsos import MLP, Conv, Convolution, Torso
from tests.helpers.tiny import tiny

WRONG = {
    float: [None, "x", True, np.True_, [1e-3], (1, 2), np.ones(2), jnp.ones(1), 1j,
            float("nan"), float("inf"), 10**400, object(), {}],
    int: [None, "8", True, 2.0, 2.5, [8], np.ones(2, int), float("nan"), 2**31, -1],
    bool: [None, "x", 1, 0, [True], 1.0],
}  # fmt: skip


@pytest.mark.parametrize("name", ALGORITHMS)
def test_wrong_types_are_refused_by_every_field_of_every_algorithm(name):
    cls = ALGORITHMS[name]
    for kind in _kinds(cls):
        for value in WRONG.get(kind.type, [None, 5, "no such value"]):
            if kind.type is str and isinstance(value, str):
                continue
            with pytest.raises(InputError, match=kind.name) as caught:
                cls(**{kind.name: value})
            assert "\n" not in str(caught.value)


@pytest.mark.parametrize("number", [jnp.float32, np.float32, np.float64, jnp.array])
def test_numbers_of_numpy_and_jax_are_numbers(number):
    plain, given = DQN(learning_rate=3e-4), DQN(learning_rate=number(3e-4))
    assert given == plain
    assert type(given.learning_rate) is float
    assert jax.tree.structure(given) == jax.tree.structure(plain)


def test_counts_and_flags_of_numpy_and_jax():
    plain = DQN(num_envs=8, double=False)
    for given in (
        DQN(num_envs=np.int64(8), double=np.False_),
        DQN(num_envs=jnp.int32(8), double=jnp.array(False)),
    ):
        assert given == plain
        assert hash(jax.tree.structure(given)) == hash(jax.tree.structure(plain))
    assert DQN(discount=1) == DQN(discount=1.0)
    assert type(DQN(discount=1).discount) is float


@pytest.mark.parametrize("name", ALGORITHMS)
def test_what_jax_rebuilds_passes(name):
    algorithm = tiny(name)
    leaves, structure = jax.tree.flatten(algorithm)
    for filler in (None, object(), jnp.ones(3), np.ones(3), jnp.float32(1)):
        structure.unflatten([filler] * len(leaves))
        jax.tree.map(lambda leaf, filler=filler: filler, algorithm)
    same = jax.jit(lambda given: given)
    assert jax.tree.structure(same(algorithm)) == structure
    assert jax.tree.structure(same(algorithm)) == structure  # from JAX's own cache
    lanes = jax.tree.map(lambda leaf: jnp.full(2, leaf), algorithm)
    rates = jax.jit(jax.vmap(lambda given: given))(lanes).discount
    assert rates.tolist() == pytest.approx([algorithm.discount] * 2)
    jax.eval_shape(same, algorithm)
    swept = jax.vmap(lambda rate: algorithm.replace(learning_rate=rate).learning_rate)
    assert swept(jnp.array([0.5, 0.25])).tolist() == [0.5, 0.25]


@pytest.mark.parametrize(
    ("make_it", "message"),
    [
        (lambda: DQN(learning_rate=np.array([1e-3, 3e-4])), r"by sweep\(DQN\(\), lear"),
        (lambda: DQN(torso=MLP), r"is a class; make a network of it: MLP\(\)"),
        (lambda: DQN(torso=5), "must be a flax module"),
        (lambda: PPO(normalize="Batch"), "did you mean 'batch'"),
        (lambda: REINFORCE(baseline=None), "is not one of"),
        (lambda: SAC(tune_temperature=1), "must be True or False"),
        (lambda: DQN(capacity=10**12), "JAX counts in int32"),
        (lambda: DQN(quantiles=10**9), "17 GB of weights"),
        (lambda: PPO(num_epochs=10**9), "their order is drawn at once"),
        (lambda: PPO(num_envs=2**20, rollout_length=2**20), "counted in int32"),
        (lambda: DQN(batch_size=10**9, replay_ratio=8.0), "drawn at once"),
        (lambda: DQN(num_envs=10**5000), "is more than"),
    ],
)
def test_the_message_says_what_to_do(make_it, message):
    with pytest.raises(InputError, match=message):
        make_it()


# --- networks


@pytest.mark.parametrize("given", [[64, 32], np.array([64, 32]), (np.int64(64), 32)])
def test_widths_become_a_tuple_of_ints(given):
    torso = MLP(given)
    assert torso == MLP((64, 32))
    assert hash(torso) == hash(MLP((64, 32)))
    assert all(type(width) is int for width in torso.features)
    assert torso.clone(features=[8]) == MLP((8,))


@pytest.mark.parametrize(
    ("make_it", "message"),
    [
        (lambda: MLP((0,)), r"features=\(0,\) must be whole numbers of at least 1"),
        (lambda: MLP((True,)), "must be whole numbers"),
        (lambda: MLP((8.0,)), "must be whole numbers"),
        (lambda: MLP(64), "must be a tuple with the width of each layer"),
        (lambda: MLP(None), "must be a tuple"),
        (lambda: MLP("64"), "must be a tuple"),
        (lambda: MLP((10**9,)), "17 GB of weights"),
        (lambda: Torso(activation="tanh"), "give nn.tanh"),
        (lambda: Torso(activation="gelu"), "give nn.gelu"),
        (lambda: Torso(activation=None), "must be a function"),
        (lambda: Torso(layer_norm=1), "must be True or False"),
        (lambda: Torso(channels=(0,)), "channels="),
        (lambda: Torso(image_features=(-1,)), "image_features="),
        (lambda: Conv(kernel=0), "kernel=0 must be a whole number"),
        (lambda: Conv(stride=1.5), "stride=1.5 must be a whole number"),
        (lambda: Conv(channels=16), "channels=16 must be a tuple"),
        (lambda: Convolution(0), "filters=0"),
        (lambda: QNetwork(Torso(), 0), "num_actions=0"),
        (lambda: QNetwork(Torso(), 3, quantiles=1.5), "quantiles=1.5"),
    ],
)
def test_networks_are_checked_where_they_are_made(make_it, message):
    with pytest.raises(InputError, match=message):
        make_it()


# --- environments


@pytest.mark.parametrize(
    "settings",
    [
        {"frame_skip": np.int64(4)},
        {"frame_skip": jnp.int32(4)},
        {"noop_max": np.int8(30)},
        {"num_actions": jnp.int32(6)},
        {"repeat_action_probability": np.float32(0.25)},
        {"repeat_action_probability": jnp.float32(0.25)},
        {"episode": np.str_("game")},
    ],
)
def test_settings_of_pong_are_plain(settings):
    env = Pong(**settings)
    assert (env, hash(env), repr(env)) == (Pong(), hash(Pong()), "Pong()")


@pytest.mark.parametrize(
    "settings",
    [
        {"frame_skip": True}, {"frame_skip": "4"}, {"frame_skip": 4.0},
        {"frame_skip": 10**9}, {"max_agent_steps": 2**31}, {"episode": 5},
        {"episode": ["game"]}, {"episode": np.array(["a", "b"])}, {"num_actions": 6.0},
        {"num_actions": True}, {"repeat_action_probability": [0.1]}, {"reward": 3},
    ],
)  # fmt: skip
def test_settings_of_pong_that_are_refused(settings):
    with pytest.raises(InputError):
        Pong(**settings)


def test_settings_of_smooth_pong():
    assert (
        SmoothPong(temperature=jnp.float32(2), frame_skip=np.int64(4)) == SmoothPong()
    )
    for wrong in ({"temperature": "x"}, {"transition_gradients": 1}, {"actions": 2}):
        with pytest.raises(InputError):
            SmoothPong(**wrong)


@pytest.mark.parametrize("name", [5, None, ["x"], b"Pong", 1.5, Pong])
def test_an_environment_is_made_by_a_text(name):
    with pytest.raises(InputError, match="as a text"):
        make(name)


@pytest.mark.parametrize("name", ALGORITHMS)
def test_no_default_is_hidden_by_that_of_another_base(name):
    """Dataclasses merge the fields of bases, and what a base inherits counts as its."""
    cls = ALGORITHMS[name]
    for field in dataclasses.fields(cls):
        declares = next(
            c for c in cls.__mro__ if field.name in vars(c).get("__annotations__", {})
        )
        declared = declares.__dataclass_fields__[field.name].default
        assert field.default == declared, f"{field.name} of {declares.__name__}"


class Bolder(PQN, kw_only=True):
    """A subclass with another default."""

    lambda_: float = leaf(0.9, "trace")


@pytest.mark.parametrize("name", ALGORITHMS)
def test_every_number_of_every_algorithm_has_a_range(name):
    cls = ALGORITHMS[name]
    without = [
        kind.name
        for kind in _kinds(cls)
        if kind.type in (int, float) and declared(cls, kind.name, "within") is None
    ]
    assert without == (["capacity"] if hasattr(cls, "capacity") else [])


@pytest.mark.parametrize("cls", [PQN, Bolder])
def test_a_declared_range_is_checked_and_inherited(cls):
    assert declared(cls, "lambda_", "within") == (0.0, 1.0)
    for wrong in (-0.1, 1.1):
        with pytest.raises(InputError, match=r"lambda_=.* between 0 and 1"):
            cls(lambda_=wrong)
    with pytest.raises(InputError, match="num_epochs=0 must be a whole number"):
        cls(num_epochs=0)
    with pytest.raises(InputError, match=r"num_envs=.* is more than .*int32"):
        cls(num_envs=2**31)
