"""Steps of many episodes laid over each other, aligned at an event.

Host arrays, numpy: `[T, N]` rollouts in, `[M, W]` windows around M events out.
"""

from typing import NamedTuple

import numpy as np
from numpy.typing import ArrayLike, NDArray

from pgvq.envs import Pong
from pgvq.types import InputError, Transition

Floats = NDArray[np.float64]
Bools = NDArray[np.bool_]


def agent_hits(env: Pong, batch: Transition) -> Bools:
    """Steps `[T, N]` of a rollout in Pong during which the agent's paddle hit the ball.

    Before the step the ball flew towards the agent, after it away from the agent, and
    it was in play at both times, so that no serve is taken for a hit. A ball that
    touches the paddle once more in the next step is still the same hit.

    Raises:
        InputError: the observation shows no velocity.
    """
    names = env.feature_names
    missing = {"ball_vx", "in_play"} - set(names)
    if missing:
        raise InputError(
            f"{env} shows no {' and no '.join(sorted(missing))}, from which hits are "
            "read; use observation='features'"
        )
    vx, live = names.index("ball_vx"), names.index("in_play")
    before, after = np.asarray(batch.obs), np.asarray(batch.next_obs)
    in_play = (before[..., live] > 0) & (after[..., live] > 0)
    return in_play & (before[..., vx] > 0) & (after[..., vx] < 0)


def episode_numbers(ended: ArrayLike) -> NDArray[np.int64]:
    """Of each step `[T, N]` how many episodes ended before it in its environment."""
    ended = np.asarray(ended, bool)
    return np.cumsum(ended, axis=0) - ended


def last_of_episode(events: ArrayLike, ended: ArrayLike) -> Bools:
    """The last event `[T, N]` of each episode that ends inside the rollout."""
    events, ended = np.asarray(events, bool), np.asarray(ended, bool)
    found = np.zeros_like(events)
    waiting = np.zeros(events.shape[1], bool)  # an end lies ahead, no event since
    for time in range(len(events) - 1, -1, -1):
        waiting |= ended[time]
        found[time] = waiting & events[time]
        waiting &= ~events[time]
    return found


def windows(
    values: ArrayLike, events: ArrayLike, ended: ArrayLike, before: int, after: int = 0
) -> Floats:
    """What stood around each event, NaN where that is another episode or none.

    Args:
        values: `[T, N]`.
        events: `[T, N]` bool, M of them true.
        ended: `[T, N]` bool: the episode ended with this step.
        before: agent steps shown before the event.
        after: and after it.

    Returns:
        `[M, before + 1 + after]`, the event's own step in column `before`.

    Raises:
        InputError: a negative number of steps.
    """
    if before < 0 or after < 0:
        raise InputError(
            f"before={before} and after={after} count agent steps; use 0 or more"
        )
    values, number = np.asarray(values, np.float64), episode_numbers(ended)
    times, envs = np.nonzero(np.asarray(events, bool))
    wanted = times[:, None] + np.arange(-before, after + 1)  # [M, W]
    inside = (wanted >= 0) & (wanted < len(values))
    wanted, envs = np.clip(wanted, 0, len(values) - 1), envs[:, None]
    same = number[wanted, envs] == number[times[:, None], envs]
    return np.where(inside & same, values[wanted, envs], np.nan)


class Average(NamedTuple):
    """Means of windows by column, `[W]`; NaN where fewer than 3 have a number."""

    mean: Floats
    low: Floats  # of the 95 % interval of the mean, by the normal distribution
    high: Floats
    windows: NDArray[np.int64]  # that have a number


def average(aligned: ArrayLike) -> Average:
    """The mean of windows `[M, W]` and its interval; windows count as independent."""
    aligned = np.asarray(aligned, np.float64)
    known = ~np.isnan(aligned)
    count = known.sum(axis=0)
    enough = np.where(count >= 3, count, np.nan)
    mean = np.sum(aligned, axis=0, where=known) / enough
    squares = np.sum(np.square(aligned - mean), axis=0, where=known)
    half = 1.96 * np.sqrt(squares / (enough - 1) / enough)
    return Average(mean, mean - half, mean + half, count)
