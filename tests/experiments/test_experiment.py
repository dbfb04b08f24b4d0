"""What an experiment accepts, how it is laid out, and how it is described."""

import dataclasses
import json
import math
import threading

import gymnax
import jax.numpy as jnp
import numpy as np
import pytest
from flax import struct
from gymnax.environments.bsuite.catch import Catch

from pgvq import DQN, REINFORCE, ActorCritic, Experiment, Pong, make, sweep
from pgvq.experiments.definition import is_sweepable
from pgvq.networks.torsos import MLP
from pgvq.storage.files import plain
from pgvq.types import InputError
from tests.helpers.cli_fixtures import dqn, tiny


def test_a_list_gets_names_and_a_dict_keeps_its_own():
    made = Experiment(name="x", algorithms=[REINFORCE(), DQN()], steps=1e6)
    assert list(made.variants) == ["reinforce", "dqn"]
    named = Experiment(name="x", algorithms={"a": DQN(), "b": DQN()}, steps=1e6)
    assert list(named.variants) == ["a", "b"]


def test_a_sweep_is_a_grid_with_its_values_in_the_names():
    grid = sweep(DQN(), learning_rate=[1e-3, 3e-4], double=[True, False])
    assert list(grid) == [
        "dqn learning_rate=0.001 double=True",
        "dqn learning_rate=0.001 double=False",
        "dqn learning_rate=0.0003 double=True",
        "dqn learning_rate=0.0003 double=False",
    ]
    made = Experiment(name="x", algorithms=[REINFORCE(), grid], steps=1e6)
    assert len(made.variants) == 5


def test_float_fields_share_a_program_and_others_do_not():
    grid = sweep(DQN(), learning_rate=[1e-3, 3e-4], double=[True, False])
    made = Experiment(name="x", algorithms=[grid], steps=1e6, seeds=3)
    wanted = [(name, seed) for name in made.variants for seed in range(3)]
    assert [len(batch) for batch in made.batches(wanted)] == [6, 6]


def test_schedules_run_over_the_budget():
    made = Experiment(name="x", algorithms=[DQN()], steps=3e5)
    assert made.variants["dqn"].budget == 3e5
    assert made.replace(steps=4e5).variants["dqn"].budget == 4e5


@pytest.mark.parametrize("steps", [64, 65, 224, 225, 1000])
def test_the_budget_is_met_by_whole_iterations_and_no_more(steps):
    """Pitfall 13: what is executed is known exactly, and rounded upwards only."""
    made = tiny(steps=steps)
    algorithm = made.variants["dqn"]
    executed = made.executed_steps(algorithm)
    assert steps <= executed < steps + algorithm.steps_per_iteration
    points = made.points(algorithm)
    assert points[0] == 0
    assert points == sorted(set(points))
    assert made.steps_at(algorithm, 0) == 32
    assert made.steps_at(algorithm, points[-1]) == executed


def test_seeds_and_their_number_are_no_part_of_the_description():
    assert tiny(seeds=2).describe() == tiny(seeds=9).describe()
    assert tiny().describe() != tiny(algorithms=[dqn(discount=0.9)]).describe()
    assert tiny().describe() != tiny(algorithms=[dqn(torso=MLP((9,)))]).describe()


def test_the_description_says_what_a_score_means():
    game = Experiment(name="x", algorithms=[DQN()], steps=1e6).describe()["score"]
    assert (game["parity"], game["perfect"]) == (0.0, 21.0)
    other = Experiment(
        name="x", algorithms=[DQN(env=make("CartPole-v1")[0])], steps=1e6
    ).describe()["score"]
    assert other["parity"] is None


class Holding(Catch):
    """An environment with something that has no description."""

    def __init__(self):
        super().__init__()
        self.lock = threading.Lock()


BAD = [
    ({"steps": 50}, r"steps=50 is less than what dqn takes .* 64 agent steps"),
    ({"steps": 0}, "steps=0 must be a number of agent steps"),
    ({"steps": math.nan}, "steps=nan must be"),
    ({"steps": 1e12}, "counters are int32"),
    ({"steps": "many"}, "steps='many' must be"),
    ({"seeds": 0}, "seeds=0 must be a whole number, at least 1"),
    ({"seeds": 2.5}, "seeds=2.5 must be"),
    ({"evaluations": 0}, "evaluations=0"),
    ({"games": -1}, "games=-1"),
    ({"games": True}, "games=True"),
    ({"algorithms": []}, "at least one algorithm"),
    ({"algorithms": DQN}, "must be a list of algorithms"),
    ({"algorithms": "dqn"}, "must be a list of algorithms"),
    ({"algorithms": [DQN]}, r"is a class; make an algorithm of it"),
    ({"algorithms": [3]}, "is no algorithm"),
    ({"algorithms": [dqn(), dqn()]}, "two algorithms are called 'dqn'"),
    ({"name": "../elsewhere"}, "name='../elsewhere' cannot be a folder"),
    ({"name": ""}, "name='' cannot be a folder"),
    ({"name": 5}, "name=5 cannot be a folder; it is of type int"),
    ({"name": "a" * 300}, "cannot be a folder"),
    ({"title": 5}, "title"),
    ({"algorithms": {"": dqn()}}, "the variant name '' cannot be a folder"),
    ({"algorithms": {5: dqn()}}, "the variant name 5 cannot be a folder"),
    ({"algorithms": {"../x": dqn()}}, r"the variant name '../x' cannot be a folder"),
    ({"algorithms": {"a": dqn(), "A": dqn()}}, "two algorithms are called 'A'"),
    ({"algorithms": [*sweep(DQN(), discount=[0.9])]}, "without a star"),
    ({"algorithms": [object()]}, "is no algorithm: object lacks"),
    ({"steps": True}, "steps=True must be a number"),
    ({"steps": None}, "steps=None must be a number"),
    ({"seeds": 10**9}, r"seeds=1000000000 is too many: .* give at most \d+$"),
    ({"evaluations": 10**9}, "evaluations=1000000000 is too many"),
    ({"games": 10**9}, "games=1000000000 is too many"),
    ({"max_game_steps": 10**12}, "counters are int32"),
    ({"seeds": 10**5, "games": 10**5}, "is too many"),
    ({"seeds": np.bool_(True)}, "seeds=.* must be a whole number"),
    ({"algorithms": [dqn(env=Holding())]}, r"^dqn\.env\.lock is of type _thread"),
]


@pytest.mark.parametrize(("changes", "message"), BAD)
def test_what_cannot_be_trained_is_refused(changes, message):
    with pytest.raises(InputError, match=message):
        tiny(**changes)


def test_numbers_of_numpy_and_jax_are_numbers():
    made = tiny(
        steps=np.int64(224),
        seeds=np.int32(2),
        games=jnp.int32(2),
        evaluations=np.array(3),
    )
    assert made.describe() == tiny().describe()
    assert made.describe()["digest"] == tiny(steps=np.float32(224)).describe()["digest"]
    assert type(made.seeds) is int


def test_a_description_is_whole_and_readable():
    described = tiny().describe()
    assert described["variants"][0]["fields"]["torso"] == {
        "object": "pgvq.networks.MLP",
        "fields": {
            "features": [8],
            "activation": {"function": "jax.nn.relu"},
            "layer_norm": False,
        },
    }
    assert described["sources"] == {}
    assert json.loads(json.dumps(plain(described))) == described
    other = tiny(steps=224.5).describe()
    assert described["digest"] != other["digest"]


@pytest.mark.parametrize("value", [math.nan, math.inf, -1.0, "fast"])
def test_a_learning_rate_that_is_none_is_refused(value):
    with pytest.raises(InputError, match="learning_rate"):
        tiny(algorithms=[ActorCritic(learning_rate=value)], steps=1e6)


def test_a_replay_ratio_that_does_not_divide_is_refused_with_the_next_best():
    with pytest.raises(InputError, match=r"0.7 updates per .*use replay_ratio=1/7"):
        DQN(num_envs=7, rollout_length=1, replay_ratio=0.1)


def test_continuous_actions_are_refused():
    env, _ = gymnax.make("Pendulum-v1")
    with pytest.raises(InputError, match="continuous actions"):
        tiny(algorithms=[DQN(env=env)], steps=1e6)
    with pytest.raises(InputError, match="continuous actions"):
        make("Pendulum-v1")


def test_an_unknown_field_of_a_sweep_is_refused_with_the_nearest():
    with pytest.raises(InputError, match="did you mean learning_rate"):
        sweep(DQN(), learning_rat=[1e-3])
    with pytest.raises(InputError, match="must be a list of values"):
        sweep(DQN(), learning_rate=1e-3)
    with pytest.raises(InputError, match="empty list of values"):
        sweep(DQN(), learning_rate=[])


def test_an_unknown_environment_is_refused_with_the_nearest():
    with pytest.raises(InputError, match="did you mean CartPole-v1"):
        make("Cartpole-v1")


class Bare(struct.PyTreeNode):
    """The functions alone and no rollouts, as a user may write them."""

    step: float = 0.1
    family = "search"
    env = Pong()
    env_params = None
    initial_steps = 0
    steps_per_iteration = 10
    updates_per_iteration = 1

    def init(self, key):
        return key

    def iterate(self, state):
        return state, {}

    def initial_memory(self, num_envs):
        return ()

    def act(self, state, obs, memory, key, *, greedy):
        return obs, memory


class Loose:
    """The same without being a pytree."""

    family, env, env_params = "search", Pong(), None
    initial_steps, steps_per_iteration, updates_per_iteration = 0, 10, 1
    init, iterate, act = Bare.init, Bare.iterate, Bare.act
    initial_memory = Bare.initial_memory


def test_the_functions_are_enough():
    made = tiny(algorithms=[Bare()], steps=100)
    assert list(made.variants) == ["Bare"]
    assert made.executed_steps(made.variants["Bare"]) == 100
    with pytest.raises(InputError, match=r"step=nan is not a finite number"):
        tiny(algorithms=[Bare(step=math.nan)])
    with pytest.raises(InputError, match="Loose is no pytree dataclass"):
        tiny(algorithms=[Loose()])


def test_only_floats_that_are_leaves_are_sweepable():
    fields = {f.name: is_sweepable(f) for f in dataclasses.fields(DQN)}
    assert fields["learning_rate"]
    assert not fields["replay_ratio"]  # a float, but it shapes the program
    assert not fields["batch_size"]
    assert not fields["env"]
