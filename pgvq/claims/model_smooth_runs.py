"""What is run for the claim on the smooth Pong: training, gradients, exact games."""

from collections.abc import Callable
from functools import partial
from typing import Any, NamedTuple

import jax
import jax.numpy as jnp
import numpy as np
import pandas as pd
from jax import Array

from pgvq.algorithms import REINFORCE, ActorCritic
from pgvq.claims.model_horizons import Gradients, sample_gradients
from pgvq.claims.model_policies import ANALYTIC, play_with, speed
from pgvq.claims.model_training import Trained, compiled, halfway, train
from pgvq.devices import side_by_side
from pgvq.envs import Pong, SmoothPong, as_button
from pgvq.rollout import Games
from pgvq.study.definition import Say
from pgvq.types import InputError

BACKPROPAGATION = "backpropagation"
STRETCH = 8192  # agent steps between two points of a curve: REINFORCE's rollout
DEVIATION = 0.3  # of the noise on its actions meanwhile, in full speeds
EXACT = Pong(num_actions=3, observation="motion")


class Sizes(NamedTuple):
    """How much is measured."""

    seeds: int = 5
    stretches: int = 36  # of `STRETCH` agent steps
    batches: int = 24  # of games, for gradients
    games: int = 512  # of a batch
    matches: int = 4  # complete exact games per seed
    horizons: tuple[int, ...] = (1, 4, 8, 16, 32, 64, 100)  # agent steps


class Measured(NamedTuple):
    """What came of it."""

    curves: dict[str, np.ndarray]  # by algorithm, [S, K] mean return, points
    halfway: int  # agent steps of the policy whose gradients follow
    gradients: Gradients  # with soft contacts
    hard_zero: float  # share of exact zeros with hard ones
    exact: np.ndarray  # [S, G] scores of complete exact games


def measure_runs(say: Say, sizes: Sizes) -> Measured:
    """Trains three algorithms and examines what backpropagation has learnt."""
    seeds = jnp.arange(sizes.seeds)
    # One batch more, with hard contacts.
    temperatures = jnp.array([SmoothPong().temperature] * sizes.batches + [0.0])
    keys = jax.random.split(jax.random.key(4), len(temperatures))
    last_key = jax.random.key(5)
    policy = jax.eval_shape(ANALYTIC.init, last_key).learner.params
    policies = jax.tree.map(
        lambda x: jax.ShapeDtypeStruct((sizes.seeds, *x.shape), x.dtype), policy
    )

    say("compiling five programs (1 of 3)")
    sample = partial(sample_gradients, speed, sizes.horizons, sizes.games, DEVIATION)
    match = partial(play_with, EXACT, as_button, sizes.matches)
    programs = side_by_side(
        {name: partial(compiled, run, seeds) for name, run in training(sizes).items()}
        | {
            "gradients": partial(compiled, sample, policy, temperatures, keys),
            "exact": partial(compiled, match, policies, last_key),
        }
    )
    say("training with backpropagation, REINFORCE and actor-critic (2 of 3)")
    trained: dict[str, Trained] = side_by_side(
        {name: partial(programs[name], seeds) for name in training(sizes)}
    )
    curves = {name: np.asarray(run.returns) for name, run in trained.items()}

    say("gradients over horizons, and games of the exact Pong (3 of 3)")
    params = trained[BACKPROPAGATION].params
    first = halfway(curves[BACKPROPAGATION][0])
    policy = jax.tree.map(lambda leaf: leaf[0, first], params)
    policies = jax.tree.map(lambda leaf: leaf[:, -1], params)
    done = side_by_side(
        {
            "gradients": partial(programs["gradients"], policy, temperatures, keys),
            "exact": partial(programs["exact"], policies, last_key),
        }
    )
    gradients: Gradients = jax.device_get(done["gradients"])
    games: Games = done["exact"]
    return Measured(
        curves=curves,
        halfway=(first + 1) * STRETCH,
        gradients=jax.tree.map(lambda leaf: leaf[:-1], gradients),
        hard_zero=float(gradients.zero[-1]),
        exact=np.asarray(games.score).reshape(sizes.seeds, sizes.matches),
    )


def training(sizes: Sizes) -> dict[str, Callable[[Array], Trained]]:
    """The three algorithms, from seeds `[S]` to their runs."""
    buttons = SmoothPong(actions="buttons")
    budget = float(sizes.stretches * STRETCH)
    algorithms = {
        BACKPROPAGATION: ANALYTIC,
        "REINFORCE": REINFORCE(env=buttons, budget=budget),
        "actor-critic": ActorCritic(env=buttons, budget=budget),
    }

    def run(algorithm: Any, seeds: Array) -> Trained:
        iterations = STRETCH // algorithm.steps_per_iteration
        one = partial(
            train, algorithm, stretches=sizes.stretches, iterations=iterations
        )
        return jax.vmap(one)(seeds)

    return {name: partial(run, algorithm) for name, algorithm in algorithms.items()}


def refusals() -> pd.DataFrame:
    """What asking for the derivative of the exact game's reward is answered."""
    state = EXACT.reset(jax.random.key(0))[1]

    def reward(action: Array) -> Array:
        return EXACT.step(jax.random.key(0), state, action)[2]

    asked = {
        "the exact game, by an action 0, 1 or 2": jnp.int32(1),
        "the exact game, by an action 1.0": jnp.float32(1.0),
    }
    rows = []
    for what, action in asked.items():
        try:
            jax.grad(reward)(action)
            answer, refused = "a number", False
        except (TypeError, InputError) as error:
            first = str(error).split(". ")[0]
            answer, refused = f"`{type(error).__name__}`: {first}", True
        rows.append({"derivative_of": what, "answer": answer, "refused": refused})
    return pd.DataFrame(rows)
