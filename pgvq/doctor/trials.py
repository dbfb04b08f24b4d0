"""Small decision processes, each with one question whose answer is known.

The rewards are such that the right treatment makes one action the better one by a wide
margin, and the fault that the trial is about the other. So an answer is read from the
actions alone, whatever learns.
"""

from collections.abc import Mapping
from typing import NamedTuple

import jax.numpy as jnp
import numpy as np

from pgvq.doctor.probe import ACTIONS, NEVER, STATES, Tables

A, B = 0, 1
Moves = Mapping[tuple[int, int | None], tuple[float, int | dict[int, float] | None]]


class Trial(NamedTuple):
    """A process, the settings that it is learnt with, and what is right."""

    tables: Tables
    right: dict[int, int]  # the better action by state
    settings: dict[str, float]  # float fields, where the algorithm has them
    turns_on: str = ""  # the field without which the trial asks nothing


def tables(start: dict[int, float], moves: Moves, clock: int = NEVER) -> Tables:
    """A process from its moves: `(state, action): (reward, what follows)`.

    The action None stands for all. What follows is a state, states with their chances,
    or None where the episode terminates and the state is seen once more; a negative
    number n terminates in the state `-n`.
    """
    first = np.zeros(STATES, np.float32)
    first[list(start)] = list(start.values())
    follows = np.zeros((STATES, ACTIONS, STATES), np.float32)
    follows[np.arange(STATES), :, np.arange(STATES)] = 1.0
    reward = np.zeros((STATES, ACTIONS), np.float32)
    ends = np.zeros((STATES, ACTIONS), bool)
    for (state, given), (paid, then) in moves.items():
        for action in range(ACTIONS) if given is None else [given]:
            reward[state, action] = paid
            ends[state, action] = then is None or (isinstance(then, int) and then < 0)
            if then is not None:
                chances = then if isinstance(then, dict) else {abs(then): 1.0}
                follows[state, action] = 0.0
                follows[state, action, list(chances)] = list(chances.values())
    return Tables(
        start=jnp.asarray(first),
        follows=jnp.asarray(follows),
        reward=jnp.asarray(reward),
        ends=jnp.asarray(ends),
        max_steps_in_episode=jnp.int32(clock),
        clock_from=jnp.int32(0),
        clock_until=jnp.int32(NEVER),
    )


# One agent step: the action must match the state.
CHOICE = tables(
    {0: 0.5, 1: 0.5},
    {(0, A): (1, None), (0, B): (0, None), (1, A): (0, None), (1, B): (1, None)},
)

# Every agent step is cut by the clock. B pays 1 for ever, worth 1 / (1 - 0.8) = 5;
# taken for an end, the cut leaves 1, which is less than the 2 of A.
TRUNCATION = tables({0: 1.0}, {(0, A): (2, None), (0, B): (1, 0)}, clock=1)

# Both actions end the episode, A with 2 in a state that is bad to be in, B with 1 in
# one that is good. Bootstrapped from there, A seems worth -2 and B 5.
TERMINATION = tables(
    {0: 0.5, 1: 0.5}, {(0, A): (2, -1), (0, B): (1, None), (1, None): (-1, None)}
)

# Cut after every step: A pays nothing and leads to state 1, worth 4; B pays 1 and leads
# to state 2, worth nothing. The reset's observation says nothing of where A led to.
RESET = tables(
    {0: 1 / 3, 1: 1 / 3, 2: 1 / 3},
    {(0, A): (0, 1), (0, B): (1, 2), (1, None): (4, None), (2, None): (0, None)},
    clock=1,
)

# A circle of four agent steps, the length of a rollout. The choices fall into its
# second and its last row: A pays 4 one step later, B pays 1 at once. With a discount of
# 0.5 A is worth 2; bootstrapped from the choice itself, or not at all, only the 1 is
# seen.
CIRCLE: Moves = {
    (0, None): (4, 2),
    (1, None): (0, 2),
    (2, A): (0, 3),
    (2, B): (1, 4),
    (3, None): (4, 5),
    (4, None): (0, 5),
    (5, A): (0, 0),
    (5, B): (1, 1),
}
BOOTSTRAP = tables({0: 1.0}, CIRCLE)

# Three agent steps where a rollout has four: half of the episodes are cut at its edge.
# A pays 4 at the end, B 2.4 at once; cut short, A seems worth half of its 3.2.
UNFINISHED = tables(
    {0: 1.0},
    {
        (0, A): (0, 1),
        (0, B): (2.4, 3),
        (1, None): (0, 2),
        (2, None): (4, None),
        (3, None): (0, 4),
        (4, None): (0, None),
    },
)

# Nothing is ever paid, so that values are 0, and a deviation that many divide by.
NOTHING = tables({0: 1.0}, {(0, None): (0, None)})

# A coin pays 1 or -1 whatever is done: only the bonus on the entropy has a say.
SHRUG = tables(
    {0: 1.0},
    {(0, None): (0, {1: 0.5, 2: 0.5}), (1, None): (1, None), (2, None): (-1, None)},
)

# A coin decides whether state 1, worth 4, or state 2, worth -4, follows. What is
# right before the coin depends on the loss: Huber's is content between the two.
COIN = tables(
    {0: 1.0},
    {(0, None): (0, {1: 0.5, 2: 0.5}), (1, None): (4, None), (2, None): (-4, None)},
)
COIN_VALUES = {1: 4.0, 2: -4.0}

# All states are met, each action is paid in some of them, and only the clock ends
# episodes, after two agent steps, while it runs.
WANDER = tables(
    dict.fromkeys(range(STATES), 1 / STATES),
    {
        (state, action): (
            ((state + 3 * action) % STATES) / 2 - 1.0,
            {(state + 1) % STATES: 0.5, (state + 2) % STATES: 0.5},
        )
        for state in range(STATES)
        for action in range(2)
    },
    clock=2,
)

TRIALS: dict[str, Trial] = {
    "choice": Trial(CHOICE, {0: A, 1: B}, {"discount": 0.8}),
    "truncation": Trial(TRUNCATION, {0: B}, {"discount": 0.8}),
    "termination": Trial(TERMINATION, {0: A}, {"discount": 0.8}),
    "reset": Trial(RESET, {0: A}, {"discount": 0.8}),
    "bootstrap": Trial(BOOTSTRAP, {2: A, 5: A}, {"discount": 0.5}),
    "bootstrap, no trace": Trial(
        BOOTSTRAP, {2: A, 5: A}, {"discount": 0.5, "lambda_": 0.0}, "lambda_"
    ),
    "bootstrap, full trace": Trial(
        BOOTSTRAP, {2: A, 5: A}, {"discount": 0.5, "lambda_": 1.0}, "lambda_"
    ),
    # 0.1 times 4 is less than 1: a step more or less in the discounting shows here.
    "bootstrap, short-sighted": Trial(BOOTSTRAP, {2: B, 5: B}, {"discount": 0.1}),
    "unfinished": Trial(UNFINISHED, {0: A}, {"discount": 0.9}),
    "nothing": Trial(NOTHING, {}, {"discount": 0.8, "entropy_coef": 1.0}),
    "entropy": Trial(SHRUG, {}, {"discount": 0.8, "entropy_coef": 1.0}, "entropy_coef"),
    "values": Trial(COIN, {}, {"discount": 0.9, "lambda_": 0.0, "entropy_coef": 1.0}),
}
