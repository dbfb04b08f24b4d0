"""Calls that ended in another error than `InputError` until a fuzzer made them."""

import random

import jax
import jax.numpy as jnp
import numpy as np
import pytest

from pgvq import AnalyticPolicyGradient, Experiment, Pong, load, make, run, sweep
from pgvq.envs.finite_mdp import random_mdp
from pgvq.experiments.field_paths import Changes, changed
from pgvq.networks.torsos import Conv
from pgvq.types import InputError
from tests.helpers import tiny
from tests.helpers.fuzz.library_calls import Unfriendly


def experiment(**changes):
    given = {"name": "a", "algorithms": [tiny.tiny("dqn")], "steps": 1_000}
    return Experiment(**(given | changes))


@pytest.mark.parametrize(
    ("call", "says"),
    [
        (lambda: AnalyticPolicyGradient(env="Pong"), "is a name and no environment"),
        (lambda: AnalyticPolicyGradient(env=5), "not a gymnax environment"),
        (lambda: experiment(steps=jax.random.key(0)), "must be a number of agent ste"),
        (lambda: experiment(title=Unfriendly()), "title is of the type Unfriendly"),
        (lambda: experiment(seeds=Unfriendly()), "an object of type Unfriendly"),
        (lambda: experiment(algorithms=Unfriendly()), "an object of type Unfriendly"),
        (lambda: Pong(episode=Unfriendly()), "unknown episode an object of type"),
        (lambda: tiny.tiny("ppo", normalize=Unfriendly()), "an object of type Unfri"),
        (lambda: make("Pong-Atari", nope=Unfriendly()), "does not take these settings"),
        (lambda: Conv(method=np.array([])), "is no way to convolve"),
        (lambda: random_mdp(num_actions=10**6), "take minutes to draw"),
        (lambda: run(experiment(), reporter=5), "reporter=5 cannot be told"),
        (lambda: run(experiment(), reporter=np.ones(2)), "cannot be told of progress"),
        (lambda: run(experiment(), fresh="no"), "fresh='no' must be True or False"),
        (lambda: run(experiment(), source=5), "source=5 must be a dict"),
        (lambda: sweep(tiny.tiny("dqn"), **{"torso.features": [{}]}), "features"),
        (lambda: load("no\nsuch folder"), "no such folder does not exist"),
    ],
)
def test_each_is_one_sentence(call, says):
    with pytest.raises(InputError, match=says) as error:
        call()
    assert "\n" not in str(error.value)
    assert len(str(error.value)) < 2_000


def test_env_params_without_end_are_quoted_in_short():
    with pytest.raises(InputError, match="does not take env_params='xxx") as error:
        experiment(algorithms=[tiny.tiny("dqn", env_params="x" * 100_000)])
    assert len(str(error.value)) < 500


@pytest.mark.parametrize(
    ("obs", "says"),
    [
        (jnp.ones((0, 2)), "no observation at all"),
        (np.full((4, 2), "x"), "not real numbers"),
        (jnp.ones((4, 2), jnp.complex64), "not real numbers"),
        (jax.random.split(jax.random.key(0), 8).reshape(4, 2), "not real numbers"),
        (np.full((4, 2), None), "not real numbers"),
    ],
)
def test_act_refuses_what_is_no_observation(obs, says):
    algorithm = tiny.tiny("dqn")
    with pytest.raises(InputError, match=says):
        algorithm.reading.check(obs, "DQN")


def test_act_takes_real_numbers_of_any_kind():
    reading = tiny.tiny("dqn").reading
    for kind in (jnp.float32, jnp.bfloat16, jnp.float16, jnp.int32, jnp.uint8, bool):
        reading.check(jnp.ones((4, 2), kind), "DQN")


def test_minus_zero_is_a_probability():
    assert np.max(random_mdp(termination=-0.0).terminations) == 0


def test_a_dict_is_a_value_and_not_changes():
    """`changed` told them apart by their type, and a field may hold a dict."""
    torso = tiny.tiny("dqn").torso
    with pytest.raises(InputError, match="features"):
        changed(torso, Changes(features={}))


def test_the_generated_calls_are_the_same_in_every_run():
    from tests.helpers.fuzz.contents import json_text

    text = '{"a": [1, {"b": "x"}], "c": 0.5}'
    first, second = (
        [json_text(random.Random(3), text) for _ in range(5)] for _ in range(2)
    )
    assert first == second
