"""Search ranges: declared on the learners' fields, checked, narrowed for one tuning."""

import dataclasses

import pytest

from pgvq import ALGORITHMS, DQN, PPO
from pgvq.algorithms.base import RolloutAlgorithm
from pgvq.algorithms.fields import leaf, static
from pgvq.experiments.definition import is_sweepable
from pgvq.identity.description import describe
from pgvq.tuning import Tuning, tuned
from pgvq.tuning.ranges import Range, declared, space_of
from pgvq.types import InputError

STOCK = {name: cls() for name, cls in ALGORITHMS.items()}


@pytest.mark.parametrize("name", STOCK)
def test_every_learner_declares_ranges_that_contain_its_defaults(name):
    algorithm = STOCK[name]
    space = space_of(name, algorithm, {}, structures=3)
    assert {"learning_rate", "discount"} <= space.ranges.keys()
    assert space.place(space.default) is not None
    for field in dataclasses.fields(algorithm):
        if field.name in declared(algorithm) and not is_sweepable(field):
            assert field.default in field.metadata["search"], field.name
    assert space.structures[0] == {f: getattr(algorithm, f) for f in space.choices}


def test_ranges_are_no_part_of_what_an_algorithm_is():
    """So a folder of results goes on whatever ranges are declared."""
    described = describe(PPO())
    assert described["fields"].keys() == {f.name for f in dataclasses.fields(PPO)}
    assert described["fields"]["num_epochs"] == 4
    assert "search" not in str(described)


@pytest.mark.parametrize(
    "held",
    [
        Range(0.05, 0.8),
        Range(1e-4, 1e-2, "log"),
        Range(0.9, 0.999, "horizon"),
        Range(-2.0, 3.0),
    ],
)
def test_a_range_goes_from_its_low_to_its_high_end(held):
    assert held.at(0.0) == held.low
    assert held.at(1.0) == held.high
    places = [i / 7 for i in range(8)]
    values = [held.at(place) for place in places]
    assert values == sorted(values)
    for place, value in zip(places, values, strict=True):
        assert held.unit(value) == pytest.approx(place, abs=1e-3)


def test_scales_spread_values_as_they_say():
    assert Range(1e-4, 1e-2, "log").at(0.5) == pytest.approx(1e-3)
    assert Range(0.9, 0.999, "horizon").at(0.5) == pytest.approx(0.99)
    assert Range(0.0, 4.0).at(0.5) == 2.0


def test_a_tuning_narrows_adds_and_takes_out_fields():
    search = {
        "learning_rate": (1e-3, 2e-3),
        "discount": None,
        "value_coef": (0.1, 1.0, "log"),
        "torso.features": [(32,), (64, 64)],
        "num_envs": [8],
    }
    space = space_of("ppo", PPO(), search, structures=3)
    assert space.ranges["learning_rate"] == Range(1e-3, 2e-3, "linear")
    assert space.ranges["value_coef"] == Range(0.1, 1.0, "log")
    assert "discount" not in space.ranges
    assert space.choices["torso.features"] == ((32,), (64, 64))
    assert set(space.choices["num_envs"]) == {8, 32}  # its own value as well
    assert space.place(space.default) == [
        pytest.approx(r.unit(space.default[f])) for f, r in space.ranges.items()
    ]


def test_a_value_outside_of_its_range_has_no_place():
    space = space_of("ppo", PPO(learning_rate=0.1), {}, structures=1)
    assert space.place(space.default) is None


def test_structures_can_be_made_and_fit_the_budget():
    search = {"num_envs": [2, 32], "num_minibatches": [8, 1000], "rollout_length": None}
    space = space_of("ppo", PPO(), search, 10, lambda a: a.steps_per_iteration > 200)
    assert len(space.structures) > 1
    for one in space.structures:
        algorithm = tuned(PPO(), one)  # 1000 minibatches do not divide a rollout
        assert algorithm.steps_per_iteration > 200
    assert len({str(one) for one in space.structures}) == len(space.structures)


class Own(RolloutAlgorithm):
    """A learner of a user's own, never trained."""

    warmth: float = leaf(0.5, "how warm", search=(0.1, 1.0))
    layers: int = static(2, "how many", search=(1, 2, 4))

    def init_learner(self, key, obs): ...
    def policy(self, learner, obs, memory, key, *, greedy, step): ...
    def update(self, learner, batch, key, step): ...


def test_a_users_own_learner_declares_in_the_same_way():
    space = space_of("own", Own(), {}, structures=3)
    assert space.ranges["warmth"] == Range(0.1, 1.0)
    assert space.choices["layers"] == (1, 2, 4)
    assert "learning_rate" in space.ranges  # inherited


class Bare(RolloutAlgorithm):
    """One that declares none."""

    learning_rate: float = leaf(1e-3)
    discount: float = leaf(0.9)

    def init_learner(self, key, obs): ...
    def policy(self, learner, obs, memory, key, *, greedy, step): ...
    def update(self, learner, batch, key, step): ...


def settings(**changes):
    return {"name": "t", "learners": [PPO()], "steps": 1e5} | changes


WRONG = {
    "an unknown field": (
        {"search": {"ppo": {"learning_rat": (1e-4, 1e-3)}}},
        "did you mean learning_rate",
    ),
    "an unknown learner": ({"search": {"dqn": {}}}, "there are ppo"),
    "an empty range": ({"search": {"ppo": {"clip": (0.3, 0.1)}}}, "is empty"),
    "a range of one value": ({"search": {"ppo": {"clip": (0.3, 0.3)}}}, "is empty"),
    "a logarithm of 0": (
        {"search": {"ppo": {"clip": (0, 0.1, "log")}}},
        "has no logarithm",
    ),
    "a horizon of 1": (
        {"search": {"ppo": {"lambda_": (0.5, 1.0, "horizon")}}},
        "has no horizon",
    ),
    "a scale": ({"search": {"ppo": {"clip": (0.1, 0.2, "lg")}}}, "linear, log"),
    "one number": ({"search": {"ppo": {"clip": 0.1}}}, "must be (low, high)"),
    "texts": ({"search": {"ppo": {"clip": ("a", "b")}}}, "must be (low, high)"),
    "choices": ({"search": {"ppo": {"num_envs": 3}}}, "must be a list of values"),
    "a value twice": ({"search": {"ppo": {"num_envs": [8, 8]}}}, "twice"),
    "a network": ({"search": {"ppo": {"torso": [object()]}}}, "must be numbers"),
    "the environment": ({"search": {"ppo": {"env.x": [1]}}}, "on the same task"),
    "the budget": ({"search": {"ppo": {"budget": (1, 2)}}}, "on the same task"),
    "search": ({"search": [1]}, "must be a dict"),
    "ranges": ({"search": {"ppo": 3}}, "must be a dict from fields"),
    "a learner without ranges": ({"learners": {"bare": Bare()}}, "declares no ranges"),
    "no learners": ({"learners": []}, "at least one"),
    "a class": ({"learners": [PPO]}, "make an algorithm of it"),
    "trials": ({"trials": 0}, "trials=0 must be a whole number"),
    "half a trial": ({"trials": 1.5}, "must be a whole number"),
    "steps": ({"steps": 100}, "first update"),
    "steps of a text": ({"steps": "1e5"}, "must be a number of agent steps"),
    "a sampler": ({"sampler": "grid"}, "auto, tpe, random"),
    "a mode": ({"mode": "best"}, "not one of"),
    "no seeds": ({"seeds": 0}, "from 1 to 1000"),
    "seeds twice": ({"seeds": [1, 1]}, "twice"),
    "negative seeds": ({"seeds": [-1]}, "numbers from 0 to"),
    "seeds of a text": ({"seeds": "0:3"}, "is a text"),
    "seeds that overlap": ({"seeds": [5], "final_seeds": [5]}, "share 5"),
    "finalists": ({"finalists": -1}, "at least 0"),
    "a name": ({"name": "../x"}, "cannot be a folder"),
}


@pytest.mark.parametrize("what", WRONG)
def test_what_cannot_be_searched_is_one_line(what):
    changes, said = WRONG[what]
    with pytest.raises(InputError) as error:
        Tuning(**settings(**changes))
    assert said in str(error.value)
    assert "\n" not in str(error.value)


def test_optuna_is_asked_for_only_where_it_is_needed(monkeypatch):
    monkeypatch.setattr("pgvq.tuning.definition.has_optuna", lambda: False)
    assert Tuning(**settings()).sampler_used == "random"
    assert Tuning(**settings(sampler="random")).sampler_used == "random"
    with pytest.raises(InputError, match=r"pip install 'pgvq\[tune\]'"):
        Tuning(**settings(sampler="tpe"))


def test_tuned_sets_fields_by_their_dotted_names():
    made = tuned(DQN(), {"learning_rate": 3e-4, "torso.features": [32, 32]})
    assert made.learning_rate == 3e-4
    assert made.torso.features == (32, 32)
    with pytest.raises(InputError, match="did you mean learning_rate"):
        tuned(DQN(), {"learning_rates": 1.0})
    with pytest.raises(InputError, match="make an algorithm of it"):
        tuned(DQN, {})


def test_a_tuning_is_described_and_equal_ones_have_one_digest():
    first, second = (Tuning(**settings()).describe() for _ in range(2))
    assert first["digest"] == second["digest"]
    assert first["digest"] == Tuning(**settings(title="else")).describe()["digest"]
    for changes in (
        {"trials": 5},
        {"seeds": 2},
        {"search": {"ppo": {"clip": (0.1, 0.2)}}},
        {"learners": [PPO(value_coef=0.6)]},
        {"sampler": "random"},
        {"steps": 2e5},
    ):
        assert Tuning(**settings(**changes)).describe()["digest"] != first["digest"]
