"""The letters, keys and records that every other module shares.

Letters name the axes of arrays in every docstring and trailing comment:

    S  seeds            L  lanes (seed x hyper-parameters)   T  time, agent steps
    N  environments     B  minibatch                         A  actions
    *O observation shape

Words are used in one sense only. A *frame* is one frame of the game, an *agent step*
one decision (4 frames in Pong by default), an *iteration* one call of
`Algorithm.iterate`, an *update* one gradient step.
"""

from typing import Any, NamedTuple

import jax.numpy as jnp
from jax import Array

Key = Array  # a typed key, `jax.random.key(seed)`
PyTree = Any
Params = Any  # a pytree of network weights


class Ratio(NamedTuple):
    """A metric that is a mean over things of which an iteration has few or many.

    Over iterations both parts are summed, so that each thing counts the same: the mean
    return of episodes is the sum over episodes by their number, not a mean of means.
    """

    total: Array  # []
    number: Array  # [] how many things; the ratio is not known where it is 0

    @property
    def value(self) -> Array:
        """`total / number`, NaN where there is nothing: `[]`."""
        return self.total / jnp.where(self.number > 0, self.number, jnp.nan)


# By name: scalars, whose mean over iterations is reported, NaN where not yet known; or
# ratios of sums.
Metrics = dict[str, Array | Ratio]


class InputError(ValueError):
    """Something the user gave cannot work: one sentence with what, why and what to do.

    The command line prints it in one line and exits with status 2. It is one line
    whatever is quoted in it, such as the name of a file with a line break.
    """

    def __init__(self, sentence: str) -> None:
        super().__init__(" ".join(sentence.splitlines()))


class Transition(NamedTuple):
    """One agent step; with leading axes `[T, N, ...]` or `[B, ...]`."""

    obs: PyTree  # [*O] what the agent saw
    action: Array  # [] int32
    reward: Array  # [] float32
    next_obs: PyTree  # [*O] what followed, before any automatic reset
    terminated: Array  # [] bool: the episode ended here, nothing to bootstrap from
    truncated: Array  # [] bool: the clock ended it here, bootstrap but cut the trace
    extras: PyTree = ()  # what the algorithm's `policy` returned beside the action
