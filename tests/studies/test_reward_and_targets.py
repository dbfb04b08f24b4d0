"""The claim on rewards, first values and targets: its instruments, and a tiny run."""

import dataclasses
import re

import jax
import numpy as np
import pandas as pd
import pytest

from pgvq.envs import Pong, evaluation_env, vector_reset, vector_step
from pgvq.experiments.definition import Experiment
from pgvq.networks.torsos import MLP
from pgvq.study.definition import Finding, measured
from pgvq.study.definition import found as read_back
from pgvq.study.page import filled
from pgvq.types import InputError
from tests.helpers.tiny import tiny
from why_not_backprop import reward_and_targets as counted
from why_not_backprop.reward_and_targets import (
    ENV,
    PAID_FOR,
    PaidPong,
    Runs,
    Sizes,
    actor_critics,
    dqns,
    measure,
    paid_by,
    paid_share,
    pivoted,
    reward_and_targets,
    train,
)

KEY = jax.random.key(0)

pytestmark = [pytest.mark.studies, pytest.mark.usefixtures("light_compilation")]


@pytest.mark.parametrize("reward", ["hit", "score", "game"])
def test_paid_by_numbers_is_paid_by_the_setting(reward):
    """The same games, rewards and ends as `Pong(reward=...)`, step by step."""
    settings = {"num_actions": 3, "points_to_win": 2, "repeat_action_probability": 0.1}
    episode = "game" if reward == "game" else "point"
    plain = Pong(reward=reward, episode=episode, **settings)
    ours, params = PaidPong(**settings), paid_by(reward)
    _, state = vector_reset(ours, KEY, 256, params)

    def step(state, key):
        key_action, key_step = jax.random.split(key)
        # Actions that last: otherwise hardly a ball is returned.
        action = jax.random.randint(key_action, (256,), 0, 3)
        given = vector_step(plain, key_step, state, action, plain.default_params)
        got = vector_step(ours, key_step, state, action, params)
        return given[1], (given[2:5], got[2:5], given[5], got[5])

    keys = jax.random.split(KEY, 250)
    _, (given, got, info, our_info) = jax.jit(lambda s: jax.lax.scan(step, s, keys))(
        state
    )
    for wanted, have in zip(given, got, strict=True):
        np.testing.assert_allclose(have, wanted, atol=1e-6)
    np.testing.assert_array_equal(our_info["terminated"], info["terminated"])
    assert np.sum(given[0] != 0) > 20
    assert np.sum(given[1]) > 20


def test_an_evaluation_is_the_exact_games():
    assert evaluation_env(PaidPong(num_actions=3)) == Pong(num_actions=3)


def test_an_unknown_reward_is_refused_with_a_remedy():
    with pytest.raises(InputError, match="unknown reward 'hits': use one of score"):
        paid_by("hits")


def test_random_play_is_paid_as_its_games_say():
    """Points: at most 21 to nil and 40 of a game, so so many per end of a game."""
    env = PaidPong(num_actions=3, points_to_win=2)
    shares = {
        r: float(paid_share(env, paid_by(r), KEY, 64, 400)) for r in ("score", "game")
    }
    assert 2 * 0.9 < shares["score"] / shares["game"] < 3 * 1.1


def test_variants_train_in_as_few_programs_as_can_be():
    """What differs between them are leaves, but for how often the target moves."""
    critics, agents = actor_critics(ENV), dqns(ENV)
    assert len({jax.tree.structure(a) for a in critics.values()}) == 1
    assert len({jax.tree.structure(a) for a in agents.values()}) == 2
    assert [agents[name].target_period for name in ("points", "averaged", "none")] == [
        250, 1, 1
    ]  # fmt: skip
    assert [agents[name].target_rate for name in ("points", "averaged", "none")] == [
        1.0, 0.005, 1.0
    ]  # fmt: skip
    starts = {n: (agents[n].init_scale, agents[n].initial_value) for n in agents}
    assert starts["as usual"] == (1.0, 0.0)
    assert starts["optimistic"] == (0.01, 1.0)
    assert {starts[n] for n in ("hits", "points", "averaged", "none")} == {(0.01, 0.0)}
    for name, pays in PAID_FOR.items():
        assert critics[name].env_params == agents[name].env_params == paid_by(pays)


def made(scores, values=0.0):
    """Runs by hand: final scores `[S]` of each variant, about -10 on the way."""
    rows = [
        {"variant": v, "seed": s, "agent_steps": t, "score": x, "cut": 0.0}
        for v, final in scores.items()
        for s, last in enumerate(final)
        for t, x in enumerate((-21.0, -10.0 + 0.1 * s, last))
    ]
    metrics = [
        {"variant": v, "seed": s, "agent_steps": 2, "q_mean": values}
        for v, final in scores.items()
        for s in range(len(final))
    ]
    return Runs(pd.DataFrame(rows), pd.DataFrame(metrics))


HIGH, LOW = (10.0, 10.5, 11.0, 11.5, 12.0), (1.0, 1.5, 2.0, 2.5, 3.0)
NONE = (-21.0,) * 5
DENSE = {"hits": 0.02, "points": 0.01, "the game's end": 0.001}


def said(critic, dqn, shares=DENSE):
    """Expectations by the first words of each, of runs made by hand."""
    names = ("hits", "points", "the game's end")
    starts = dict.fromkeys(("as usual", "optimistic", "averaged", "none"), HIGH)
    runs = {
        "actor-critic": made(dict(zip(names, critic, strict=True))),
        "DQN": made(starts | dict(zip(names, dqn[:3], strict=True)) | dqn[3]),
    }
    numbers = counted.numbers(runs, shares)
    return numbers, list(counted.expectations(runs, numbers).values())


def test_numbers_by_hand():
    numbers, _ = said((LOW, HIGH, NONE), (LOW, HIGH, NONE, {"none": LOW}))
    assert numbers["before"] == -21
    assert numbers["hits_per_point"] == 2
    assert numbers["per_thousand_game"] == 1
    assert numbers["dqn_end_gap_middle"] == -32
    assert numbers["none_gap_middle"] == -9
    assert -12 < numbers["none_gap_low"] < -9 < numbers["none_gap_high"] < -6
    assert numbers["slower_gap_middle"] == 0


def test_expectations_follow_what_was_measured():
    """Each is met in one of two made-up worlds and contradicted in the other."""
    expected = said((LOW, HIGH, NONE), (HIGH, HIGH, NONE, {"none": LOW}))[1]
    spread = {
        "as usual": LOW,
        "optimistic": (20.0, 20.2, 20.5, 20.8, 21.0),
        "averaged": LOW,
        "none": (12.0, 12.5, 13.0, 13.5, 14.0),
    }
    sparse = {**DENSE, "hits": 0.001}
    contrary = said((NONE, NONE, HIGH), (LOW, HIGH, HIGH, spread), sparse)[1]
    changed = [a != b for a, b in zip(expected, contrary, strict=True)]
    # Predicted values and scores on the way are the same in both worlds.
    same = [i for i, differs in enumerate(changed) if not differs]
    assert same == [6, 9, 12]
    assert [expected[i] for i in range(13)] == [
        True, True, True, True, True, True, True, True, True, False, True, True, False
    ]  # fmt: skip


def test_the_page_and_its_figures_are_made_from_the_finding_alone(tmp_path):
    """Runs made by hand: all that text and figures ask for is kept, and read back."""
    names = ("hits", "points", "the game's end")
    starts = dict.fromkeys(("as usual", "optimistic", "averaged", "none"), HIGH)
    paid = dict(zip(names, (LOW, HIGH, NONE), strict=True))
    runs = {"actor-critic": made(paid), "DQN": made(paid | starts)}
    found = counted.numbers(runs, DENSE)
    sizes = {"seeds": 5, "games": 2, "max_game_steps": 9}
    steps = {"actor_critic_steps": 2e5, "dqn_steps": 1e5}
    finding = Finding(
        numbers=found | sizes | steps,
        tables=counted.tables(runs, DENSE),
        expectations=counted.expectations(runs, found),
    )
    claim = dataclasses.replace(reward_and_targets, measure=lambda say: finding)
    measured(claim, tmp_path, print)
    files = claim.draw(read_back(tmp_path), tmp_path)
    assert {file.name for file in files if file.suffix == ".png"} == {
        "rewards.png", "starts.png", "targets.png"
    }  # fmt: skip
    page = filled(claim, read_back(tmp_path), "pictures")
    assert "<<" not in page
    assert "(not known)" not in page
    assert page.count("- Confirmed:") + page.count("Not confirmed:") == 13
    assert re.search(r"\| points \| 10 (\| \+11\.0 \[\S+, \+1[12]\.\d\] ){2}\|", page)


def test_runs_are_evaluated_at_their_points_and_watched_between():
    """On an easy environment, with two variants in one program."""
    agent = tiny("pqn", torso=MLP(()))
    experiment = Experiment(
        name="easy",
        algorithms={"a": agent, "b": agent.replace(initial_value=1.0)},
        steps=6 * agent.steps_per_iteration,
        seeds=2,
        evaluations=2,
        games=3,
        max_game_steps=8,
    )
    said: list[str] = []
    runs = train({"easy": experiment}, 3, said.append)["easy"]
    assert said[1:] == ["easy: a, b (1 of 1 programs)"]
    assert runs.variants == ["a", "b"]
    for variant in runs.variants:
        steps, scores = runs.curve(variant)
        assert steps.tolist() == [experiment.steps_at(agent, i) for i in (0, 3, 6)]
        assert scores.shape == (2, 3)
    # Parts of the training end after 2, 4 and 6 iterations, an evaluation is after 3.
    values = {v: pivoted(runs.metrics, v, "q_mean") for v in runs.variants}
    steps = [experiment.steps_at(agent, i) for i in (2, 3, 4, 6)]
    assert values["b"][0].tolist() == steps
    assert (values["b"][1][:, 0] > values["a"][1][:, 0] + 0.5).all()


TINY = Sizes(
    seeds=3,
    actor_critic_steps=2_048,
    dqn_steps=768,
    evaluations=2,
    games=2,
    max_game_steps=96,
    chunks=3,
)
SMALL = {"warmup_steps": 256, "capacity": 512, "torso": MLP((8,)), "batch_size": 8}


@pytest.mark.slow
def test_a_tiny_measurement_finds_what_holds_of_any(tmp_path):
    said: list[str] = []
    env = PaidPong(num_actions=3, points_to_win=1)
    finding = measure(said.append, env=env, sizes=TINY, settings=SMALL, played=(8, 200))
    assert len(said) == 5
    counts = finding.tables["scores"].groupby(["method", "variant"]).size()
    assert len(counts) == 3 + 7
    assert set(counts) == {3 * 3}
    assert finding.numbers["before"] < 0
    assert finding.numbers["per_thousand_score"] > finding.numbers["per_thousand_hit"]
    values = finding.tables["values"]
    first = values[values.agent_steps == values.agent_steps.min()]
    by_start = first.groupby("variant").q_mean.mean()
    assert by_start["optimistic"] - by_start["points"] == pytest.approx(1.0, abs=0.4)
    claim = dataclasses.replace(reward_and_targets, measure=lambda say: finding)
    measured(claim, tmp_path, said.append)
    assert len(claim.draw(read_back(tmp_path), tmp_path)) == 3
    assert "<<" not in filled(claim, read_back(tmp_path), "pictures")
