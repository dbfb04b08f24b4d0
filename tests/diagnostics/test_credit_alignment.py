"""Windows around events, worked out by hand; hits against the console's own count."""

import jax
import jax.numpy as jnp
import numpy as np
import pytest

from pgvq.algorithms import REINFORCE
from pgvq.algorithms.base import TrainState
from pgvq.diagnostics.credit import record
from pgvq.diagnostics.credit_alignment import (
    agent_hits,
    average,
    last_of_episode,
    windows,
)
from pgvq.envs import Pong
from pgvq.networks.torsos import MLP
from pgvq.types import InputError

YES, NO = True, False


def column(*values):
    return np.array(values)[:, None]


def test_the_last_event_of_each_complete_episode():
    ended = column(NO, NO, NO, YES, NO, YES, NO, NO, YES, NO, NO)
    events = column(YES, NO, YES, NO, NO, NO, YES, NO, YES, YES, NO)
    wanted = column(NO, NO, YES, NO, NO, NO, NO, NO, YES, NO, NO)
    np.testing.assert_array_equal(last_of_episode(events, ended), wanted)


def test_windows_stop_at_the_episode_and_at_the_rollout():
    values = np.stack([np.arange(6.0), 10 + np.arange(6.0)], axis=1)
    ended = np.zeros((6, 2), bool)
    ended[1, 0] = True
    events = np.zeros((6, 2), bool)
    events[3, 0] = events[1, 1] = events[5, 1] = True
    got = windows(values, events, ended, before=2, after=1)
    nan = np.nan
    wanted = [[nan, 10, 11, 12], [nan, 2, 3, 4], [13, 14, 15, nan]]
    np.testing.assert_array_equal(got, wanted)


def test_an_average_by_hand():
    got = average([[1.0, 5.0], [2.0, np.nan], [6.0, 1.0], [np.nan, np.nan]])
    half = 1.96 * np.sqrt(7.0 / 3)
    np.testing.assert_allclose(got.mean, [3.0, np.nan])
    np.testing.assert_allclose(got.low, [3.0 - half, np.nan])
    np.testing.assert_allclose(got.high, [3.0 + half, np.nan])
    assert list(got.windows) == [3, 2]


def test_intervals_hold_the_mean_as_often_as_they_say():
    draws = np.random.default_rng(0).normal(size=(30, 2000))
    got = average(draws)
    share = ((got.low < 0) & (got.high > 0)).mean()
    assert abs(share - 0.95) < 0.02


@pytest.mark.usefixtures("light_compilation")
def test_hits_of_the_agent_against_the_console():
    """It counts the contacts of both paddles; the ball's side tells whose it was."""
    algorithm = REINFORCE(env=Pong(episode="point", num_actions=3), torso=MLP((4,)))
    learner = algorithm.init_learner(jax.random.key(1), jnp.zeros(18))
    state = TrainState(learner, (), (), ())
    got = record(algorithm, state, jax.random.key(2), num_envs=32, length=150)
    hits = agent_hits(algorithm.env, got.batch)
    court = jax.tree.map(np.asarray, got.env_state.court)
    contact = np.diff(court.hits, axis=0) > 0
    contact &= (court.timer[1:] == 0) & (court.x[:-1] > 128)
    # A ball that still overlaps touches the paddle again in the next step.
    contact[1:] &= ~contact[:-1]
    assert hits[:-1].sum() > 5
    np.testing.assert_array_equal(hits[:-1], contact)


def test_what_shows_no_velocity_is_said():
    with pytest.raises(InputError, match="ball_vx"):
        agent_hits(Pong(observation="positions"), None)
    with pytest.raises(InputError, match="before=-1"):
        windows(np.zeros((2, 1)), np.ones((2, 1)), np.zeros((2, 1)), -1)
