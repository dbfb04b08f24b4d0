"""Grids over fields and paths of fields, and what their variants are called."""

import jax
import jax.numpy as jnp
import numpy as np
import pytest
from flax import linen as nn
from gymnax.environments.bsuite.catch import Catch
from gymnax.wrappers import FlattenObservationWrapper

from pgvq import DQN, PPO, Experiment, Pong, make, sweep
from pgvq.experiments.sweeps import shortest
from pgvq.networks.torsos import MLP, Torso
from pgvq.types import InputError
from tests.helpers.cli_fixtures import dqn, tiny

CART, PARAMS = make("CartPole-v1")

NAMES = {
    "few digits": (
        {"discount": [0.9, 0.99, 1]},
        ["discount=0.9", "discount=0.99", "discount=1"],
    ),
    "as many as tell them apart": (
        {"discount": [0.9999999, 0.99999999, 1.0]},
        ["discount=0.9999999", "discount=0.99999999", "discount=1"],
    ),
    "beside a round one": (
        {"learning_rate": [1.0000001e-3, 1e-3]},
        ["learning_rate=0.0010000001", "learning_rate=0.001"],
    ),
    "an array": (
        {"learning_rate": np.logspace(-4, -2, 3)},
        ["learning_rate=0.0001", "learning_rate=0.001", "learning_rate=0.01"],
    ),
    "an array of JAX": (
        {"learning_rate": jnp.array([0.25, 0.5])},
        ["learning_rate=0.25", "learning_rate=0.5"],
    ),
    "whole numbers": (
        {"num_epochs": np.arange(1, 3)},
        ["num_epochs=1", "num_epochs=2"],
    ),
    "bools": (
        {"shared_torso": [True, False]},
        ["shared_torso=True", "shared_torso=False"],
    ),
    "a path": (
        {"torso.features": [(32,), (64, 64)]},
        ["torso.features=(32,)", "torso.features=(64,64)"],
    ),
    "functions": (
        {"torso.activation": [nn.relu, nn.tanh]},
        ["torso.activation=relu", "torso.activation=tanh"],
    ),
    "networks": (
        {"torso": [MLP((32,)), MLP((64, 64))]},
        ["torso.features=(32,)", "torso.features=(64,64)"],
    ),
    "networks of two classes": (
        {"torso": [MLP((32,)), Torso()]},
        ["torso=MLP", "torso=Torso"],
    ),
    "environments": (
        {"env": [CART, make("Catch-bsuite")[0]]},
        ["env=CartPole-v1", "env=Catch-bsuite"],
    ),
    "environments of one class": (
        {"env": [Pong(), Pong(frame_skip=2)]},
        ["env.frame_skip=4", "env.frame_skip=2"],
    ),
    "wrapped environments": (
        {"env": [FlattenObservationWrapper(Catch(rows=n)) for n in (5, 10)]},
        ["env.rows=5", "env.rows=10"],
    ),
    "parameters": (
        {"env_params": [PARAMS.replace(gravity=g) for g in (5.0, 20.0)]},
        ["env_params.gravity=5", "env_params.gravity=20"],
    ),
    "a path of parameters": (
        {"env_params.gravity": [5, 20]},
        ["env_params.gravity=5", "env_params.gravity=20"],
    ),
}


@pytest.mark.parametrize("case", NAMES)
def test_variants_are_named_by_what_differs(case):
    values, names = NAMES[case]
    grid = sweep(PPO(env=CART), **values)
    assert list(grid) == [f"ppo {name}" for name in names]
    made = Experiment(name="x", algorithms=[grid], steps=1e6)
    assert len(made.variants) == len(names)
    assert list(sweep(PPO(env=make("CartPole-v1")[0]), **values)) == list(grid)


def test_what_has_no_short_name_has_a_digest():
    def times(factor):
        return lambda x: factor * x

    def grid():
        return sweep(PPO(), **{"torso.activation": [times(1.0), times(2.0), nn.relu]})

    first, second, third = grid()
    assert third == "ppo torso.activation=relu"
    assert first.startswith("ppo torso.activation=lambda@")
    assert first != second
    assert list(grid()) == [first, second, third]
    long = sweep(PPO(), **{"torso.features": [(10 + i,) * 30 for i in range(2)]})
    assert all(len(name) < 80 for name in long)
    Experiment(name="x", algorithms=[grid(), long], steps=1e6)


def test_paths_change_what_they_name():
    grid = sweep(
        PPO(env=CART),
        **{"torso.features": [(32,), [64, 64]], "env_params.gravity": [5, 20]},
    )
    found = [(a.torso.features, a.env_params.gravity) for a in grid.values()]
    assert found == [((32,), 5.0), ((32,), 20.0), ((64, 64), 5.0), ((64, 64), 20.0)]
    assert all(isinstance(gravity, float) for _, gravity in found)


def test_parameters_of_the_environment_are_lanes_of_one_program():
    paths = {
        "env_params.gravity": [5, 20],
        "env_params.max_steps_in_episode": [100, 200],
    }
    made = Experiment(name="x", algorithms=sweep(PPO(env=CART), **paths), steps=1e6)
    (lanes,) = made.batches((name, 0) for name in made.variants)
    assert len(lanes) == 4


def test_parameters_belong_to_the_environment_that_is_swept_with_them():
    acrobot, params = make("Acrobot-v1")
    steps = params.max_steps_in_episode
    (one,) = sweep(
        PPO(env=CART), **{"env": [acrobot], "env_params.link_mass_1": [2.0]}
    ).values()
    assert one.env_params.link_mass_1 == 2.0
    assert one.env_params.max_steps_in_episode == steps


REFUSED = {
    "the same value twice": (
        {"discount": [0.9, 0.99, 0.9]},
        r"discount has 0.9 twice \(numbers 1 and 3\)",
    ),
    "of two types": ({"discount": [1, 1.0]}, "discount has 1.0 twice"),
    "networks": ({"torso": [MLP((8,)), MLP((8,))]}, "torso has MLP.* twice"),
    "environments": (
        {"env": [make("CartPole-v1")[0], CART]},
        "env has CartPole.* twice",
    ),
    "no field": (
        {"torso.feature": [(8,)]},
        r"Torso \(torso\) has no field 'feature': did you mean features",
    ),
    "no part": (
        {"torsoo.features": [(8,)]},
        "PPO has no field 'torsoo': did you mean torso",
    ),
    "of a number": ({"discount.x": [1]}, r"float \(discount\) has no fields"),
    "the whole and a part": (
        {"torso": [MLP()], "torso.features": [(8,)]},
        "torso itself is set as well",
    ),
    "the budget": ({"budget": [1e6]}, "use its steps"),
    "a text": ({"normalize": "batch"}, "must be a list of values"),
    "a number of NumPy": (
        {"discount": np.float32(0.5)},
        "must be a list of values",
    ),
    "what cannot be described": (
        {"torso": [(x for x in ())]},
        r"sweep: torso\[0\] is of type",
    ),
}


@pytest.mark.parametrize("case", REFUSED)
def test_a_sweep_that_cannot_be_made(case):
    values, message = REFUSED[case]
    with pytest.raises(InputError, match=message):
        sweep(PPO(env=CART), **values)


@pytest.mark.parametrize("wrong", ["dqn", DQN, 5, None, Pong])
def test_only_algorithms_are_swept(wrong):
    with pytest.raises(InputError, match="sweep: "):
        sweep(wrong, learning_rate=[1e-3])


def test_digits_are_as_many_as_needed():
    assert shortest([0.1, 0.2]) == ["0.1", "0.2"]
    assert (
        shortest([1 / 3, 1 / 3 + 1e-16, 2.0])
        == [
            "0.3333333333333333",
            "0.33333333333333343"[:19],
            "2",
        ]
        or len(set(shortest([1 / 3, 1 / 3 + 1e-16, 2.0]))) == 3
    )
    numbers = [1.0]
    for _ in range(6):
        numbers.append(float(np.nextafter(numbers[-1], 2)))
    assert len(set(shortest(numbers))) == len(numbers)
    assert [float(text) for text in shortest(numbers)] == numbers


def test_things_made_twice_train_in_one_program():
    """Also where their class has no == of its own."""
    variants = {
        "one": PPO(env=make("CartPole-v1")[0]),
        "two": PPO(env=make("CartPole-v1")[0], discount=0.9),
        "three": PPO(env=make("CartPole-v1")[0], discount=1),
    }
    made = Experiment(name="x", algorithms=variants, steps=1e6)
    (lanes,) = made.batches((name, 0) for name in variants)
    assert len({id(lane.algorithm.env) for lane in lanes}) == 1
    assert [lane.algorithm.discount for lane in lanes] == [0.99, 0.9, 1.0]


def test_things_that_differ_never_share_a_program():
    """Not even where == finds them equal, as an environment's own may."""

    class Equal(Catch):
        rows_seen = 5

        def __eq__(self, other):
            return isinstance(other, Equal)

        def __hash__(self):
            return 0

    other = Equal()
    other.rows_seen = 6
    variants = {"one": dqn(env=Equal()), "two": dqn(env=other)}
    assert variants["one"].env == variants["two"].env
    made = tiny(algorithms=variants)
    assert len(made.batches((name, 0) for name in variants)) == 2


def test_an_environment_that_was_changed_in_place_is_not_taken_for_the_old_one():
    """JAX would go on with what it traced of the same object before."""

    class Paying(Catch):
        pays = 1.0

        def step_env(self, key, state, action, params):
            obs, state, reward, *rest = super().step_env(key, state, action, params)
            return obs, state, 0 * reward + self.pays, *rest

    env = Paying()

    def paid():
        made = Experiment(name="x", algorithms=[PPO(env=env)], steps=1e6)
        ((lane,),) = made.batches([("ppo", 0)])
        used = lane.algorithm.env
        _, state = used.reset(jax.random.key(0))
        return float(used.step(jax.random.key(0), state, 0)[2])

    assert paid() == 1.0
    env.pays = 2.0
    assert paid() == 2.0
    env.pays = 1.0
    assert paid() == 1.0
