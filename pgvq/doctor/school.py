"""Where the trials are learnt: one program, a lane per trial and seed."""

from collections.abc import Sequence
from typing import Any, NamedTuple

import jax
import jax.numpy as jnp
from jax import Array

from pgvq.algorithms.contract import is_finite
from pgvq.doctor import anatomy
from pgvq.doctor.once import once
from pgvq.doctor.probe import STATES
from pgvq.doctor.sizing import LEARNING, learning_iterations, schooling, sized
from pgvq.doctor.trials import TRIALS, WANDER
from pgvq.training.lane import TRAINING, seed_key
from pgvq.types import Key

CLASSES = 3  # seeds that learn each trial
ASKED = 512  # actions of exploring per state


class Learnt(NamedTuple):
    """What came of a trial, by seed."""

    actions: Any  # [CLASSES, S] the greedy ones
    share: Any  # [CLASSES, S] of the second action while exploring
    values: Any  # [CLASSES, S]; None where they cannot be read
    finite: Any  # [CLASSES] bool


class School:
    """The program in which the trials are learnt."""

    def __init__(self, algorithm: Any, trials: Sequence[str]) -> None:
        self.algorithm, size = sized(algorithm, LEARNING, WANDER)
        self.size = size
        self.iterations = learning_iterations(self.algorithm)
        fields = anatomy.sweepable(self.algorithm)
        self.trials = [
            name for name in trials if TRIALS[name].turns_on in ("", *fields)
        ]
        self._program = jax.jit(jax.vmap(self._learn, in_axes=(None, 0, 0)))

    @once
    def learnt(self) -> dict[str, Learnt]:
        """What came of each trial."""
        return self._taught(self.iterations)

    @once
    def longer(self) -> dict[str, Learnt]:
        """The same after four times as much learning."""
        return self._taught(4 * self.iterations)

    def _taught(self, iterations: int) -> dict[str, Learnt]:
        lanes, seeds = [], []
        fields = anatomy.sweepable(self.algorithm)
        for name in self.trials:
            trial = TRIALS[name]
            usual = schooling(self.algorithm, iterations, self.size)
            given = {**usual, **trial.settings}
            floats = {field: v for field, v in given.items() if field in fields}
            lane = anatomy.replaced(self.algorithm, env_params=trial.tables, **floats)
            lanes += [lane] * CLASSES
            seeds += range(CLASSES)
        stacked = jax.tree.map(lambda *leaf: jnp.stack(leaf), *lanes)
        keys = jax.vmap(seed_key, in_axes=(0, None))(jnp.uint32(seeds), TRAINING)
        out = jax.device_get(self._program(jnp.int32(iterations), stacked, keys))
        return {
            name: jax.tree.map(
                lambda leaf, i=i: leaf[i * CLASSES : (i + 1) * CLASSES], out
            )
            for i, name in enumerate(self.trials)
        }

    def _learn(self, iterations: Array, algorithm: Any, key: Key) -> Learnt:
        key_init, key_greedy, key_explore = jax.random.split(key, 3)
        state = jax.lax.fori_loop(
            0,
            iterations,
            lambda _, state: algorithm.iterate(state)[0],
            algorithm.init(key_init),
        )
        obs = anatomy.seen()
        many = jnp.repeat(obs, ASKED, axis=0)
        best = anatomy.actions(algorithm, state, obs, key_greedy, greedy=True)
        tried = anatomy.actions(algorithm, state, many, key_explore, greedy=False)
        return Learnt(
            actions=best,
            share=jnp.mean(tried.reshape(STATES, ASKED) == 1, axis=1),
            values=anatomy.values(algorithm, state, obs),
            finite=is_finite(algorithm, state),
        )
