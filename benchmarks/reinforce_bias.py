"""How far the mean of REINFORCE's estimate is from the exact policy gradient.

    python benchmarks/reinforce_bias.py [--runs 64] [--json FILE] [--page FILE]

Two schemes see the same kind of games, in rollouts of 32 environments x 256 agent
steps: REINFORCE as it is, which pays every step its complete return across rollouts,
and the scheme that it had before, which dropped the steps whose episode ran on behind
the rollout's edge and divided by the number of those that were left.

Measured is the part of the mean estimate along the exact gradient, over the exact
gradient: 1 is right. The environments are: episodes of a fixed number of agent steps
whose first, or last, action decides what the episode pays at its end; "smash or rally",
whose long episodes are the better ones; and `SmallPong`, solved exactly. Each run is an
independent stream of games of one policy, and errors are over runs.
"""

import argparse
import itertools
import json
import math
from functools import partial
from pathlib import Path
from typing import Any, NamedTuple

import pgvq  # first: it gives JAX one device per core
from pgvq import REINFORCE
from pgvq.diagnostics.exact import action_values_of, observations, outcomes, visits
from pgvq.diagnostics.exact_pong import SmallPong
from pgvq.networks.torsos import MLP
from pgvq.ops.losses import log_prob, policy_gradient_loss
from pgvq.ops.returns import has_ended, lambda_returns
from pgvq.rollout import init_world, rollout
from pgvq.storage.provenance import provenance

import jax  # isort: skip
import jax.numpy as jnp  # isort: skip
import numpy as np  # isort: skip
from flax import struct  # isort: skip
from gymnax.environments import environment, spaces  # isort: skip

ROLLOUT = {"num_envs": 32, "rollout_length": 256}
LENGTHS = (3, 60, 130, 200, 400, 2000)
DISCOUNT = 0.8  # of SmallPong
NEARLY_ONE = 1 - 1e-9  # states are counted undiscounted
BEGIN, END = "<!-- figures -->", "<!-- end of figures -->"


@struct.dataclass
class EpisodeState(environment.EnvState):
    """How far an episode is, and what was decided at its beginning."""

    time: Any
    left: Any  # agent steps to its end
    pays: Any  # at its end


class OneActionDecides(environment.Environment):
    """Episodes of which one action decides what they pay at their end.

    `length`: of every episode, which pays 1 for action 1 and 0 for action 0; 0 stands
    for "smash or rally": a smash (0) takes 20 steps and wins 4 points in 10, a rally
    (1) is lost after 20 steps or won after 300, half of the time each.
    `last`: the last action decides, not the first.
    """

    def __init__(self, length: int, last: bool = False) -> None:
        super().__init__()
        self.length, self.last = length, last

    @property
    def default_params(self) -> environment.EnvParams:
        return environment.EnvParams(max_steps_in_episode=10**9)

    @property
    def num_actions(self) -> int:
        return 2

    def observe(self, key: Any, state: Any, action: Any, params: Any) -> Any:
        return jnp.stack([state.time == 0, state.time > 0]).astype(jnp.float32)

    def reset_env(self, key: Any, params: Any) -> Any:
        state = EpisodeState(jnp.int32(0), jnp.int32(0), jnp.float32(0))
        return self.observe(key, state, None, params), state

    def step_env(self, key: Any, state: Any, action: Any, params: Any) -> Any:
        won = jax.random.uniform(key) < jnp.where(action == 1, 0.5, 0.4)
        if self.length:
            left, pays = jnp.int32(self.length), (action == 1).astype(jnp.float32)
        else:
            left = jnp.where((action == 1) & won, 300, 20)
            pays = jnp.where(won, 1.0, -1.0)
        first = state.time == 0
        left = jnp.where(first, left, state.left) - 1
        pays = jnp.where(first, pays, state.pays)
        state = EpisodeState(state.time + 1, left, pays)
        over = left == 0
        if self.last:
            pays = (action == 1).astype(jnp.float32)
        obs = self.observe(key, state, action, params)
        return obs, state, jnp.where(over, pays, 0.0), over, {}

    def is_terminated(self, state: Any, params: Any) -> Any:
        return (state.left == 0) & (state.time > 0)

    def action_space(self, params: Any = None) -> Any:
        return spaces.Discrete(2)

    def observation_space(self, params: Any = None) -> Any:
        return spaces.Box(0.0, 1.0, (2,), jnp.float32)


class Case(NamedTuple):
    """An environment, a policy and its exact gradient per agent step."""

    name: str
    algorithm: REINFORCE
    params: Any
    exact: Any  # like params, uphill
    longest: int  # agent steps of the longest episodes


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.split("\n\n")[0])
    parser.add_argument("--runs", type=int, default=64)
    parser.add_argument("--json", type=Path, help="write the figures there as well")
    parser.add_argument("--page", type=Path, help="put the table into this page")
    options = parser.parse_args()
    rows = []
    for case in cases():
        row = {"environment": case.name, **measure(case, options.runs)}
        rows.append(row)
        print(json.dumps(row), flush=True)
    if options.json:
        text = {"machine": provenance(), "runs": options.runs, "rows": rows}
        options.json.write_text(json.dumps(text, indent=2, default=str) + "\n")
    if options.page:
        write(options.page, table(rows))


def cases() -> list[Case]:
    """All environments with their exact gradients."""
    found = []
    for length, last in [*itertools.product(LENGTHS, (True, False)), (0, False)]:
        env = OneActionDecides(length, last)
        algorithm = bare(env, 1.0)
        params = algorithm.init_learner(jax.random.key(0), jnp.zeros(2)).params
        params = jax.tree.map(jnp.zeros_like, params)
        # pi (1 - pi) times the difference of the returns, by the mean length.
        gain = 0.25 * (1.0 if length else 0.2) / (length or 90)
        exact = jax.tree.map(jnp.zeros_like, params)
        seen = jnp.array([[0.0], [1.0]] if last else [[1.0], [0.0]])
        exact["params"]["logits"]["kernel"] += seen * jnp.array([-gain, gain])
        exact["params"]["logits"]["bias"] += jnp.array([-gain, gain])
        name = "smash or rally"
        if length:
            name = f"{length} steps, the {'last' if last else 'first'} one decides"
        found.append(Case(name, algorithm, params, exact, length or 300))
    return [*found, small_pong()]


def small_pong() -> Case:
    """A random linear policy on SmallPong, solved exactly."""
    env = SmallPong()
    algorithm = bare(env, DISCOUNT)
    obs = jnp.asarray(observations(env))
    params = algorithm.init_learner(jax.random.key(0), obs[0]).params
    params = jax.tree.map(
        lambda leaf: leaf + 0.3 * jax.random.normal(jax.random.key(1), leaf.shape),
        params,
    )

    def logits(params: Any) -> Any:
        return algorithm.network.apply(params, obs)[0]

    mdp = outcomes(env)
    policy = np.asarray(jax.nn.softmax(logits(params)), np.float64)
    policy /= policy.sum(axis=1, keepdims=True)
    shares = visits(mdp, policy, NEARLY_ONE)
    weight = shares[:, None] * action_values_of(mdp, policy, DISCOUNT) / shares.sum()
    exact = jax.grad(lambda p: jnp.sum(jax.nn.softmax(logits(p)) * weight))(params)
    return Case("SmallPong", algorithm, params, exact, 256)


def bare(env: Any, discount: float) -> REINFORCE:
    """Nothing but the policy gradient, with the default baseline."""
    return REINFORCE(
        env=env,
        discount=discount,
        torso=MLP(()),
        normalize=False,
        entropy_coef=0.0,
        **ROLLOUT,
    )


def measure(case: Case, runs: int) -> dict[str, Any]:
    """Both schemes: their part along the exact gradient, with standard errors."""
    length = ROLLOUT["rollout_length"]
    burn_in = 2 + math.ceil(2 * case.longest / length)
    counted = 40 if case.longest < 1000 else 100
    one = partial(of_run, case, burn_in, counted)
    keys = jax.random.split(jax.random.key(7), runs)
    parts = jax.device_get(jax.jit(lambda keys: jax.lax.map(one, keys))(keys))
    row: dict[str, Any] = {"rollouts": counted}
    for name, part in parts.items():
        known = part[~np.isnan(part)]
        row[name] = float(known.mean())
        row[f"{name}_error"] = float(known.std(ddof=1) / math.sqrt(len(known)))
    return row


def of_run(case: Case, burn_in: int, counted: int, key: Any) -> dict[str, Any]:
    """One stream of games: means of both schemes along the exact gradient, over it."""
    algorithm, params = case.algorithm, case.params
    key_world, key_play = jax.random.split(key)
    env, env_params = algorithm.env, algorithm.params
    world = init_world(env, env_params, key_world, algorithm.num_envs, ())
    if isinstance(env, OneActionDecides):
        world = at_any_stage(world, key, case.longest)
    learner = algorithm.init_learner(key, world.obs[0])._replace(params=params)
    policy = partial(algorithm.policy, learner, greedy=False, step=jnp.int32(0))
    size = sum(jnp.vdot(x, x) for x in jax.tree.leaves(case.exact))

    def along(grads: Any) -> Any:
        products = jax.tree.map(jnp.vdot, grads, case.exact)
        return -sum(jax.tree.leaves(products)) / size

    def step(carry: Any, key: Any) -> Any:
        world, carried = carry
        world, batch, _ = rollout(
            env, env_params, policy, world, key, algorithm.rollout_length
        )
        grads, carried, _ = algorithm.estimate(params, carried, batch)
        dropped = jax.grad(partial(dropping, algorithm), argnums=0)(params, batch)
        return (world, carried), {"now": along(grads), "before": along(dropped)}

    keys = jax.random.split(key_play, burn_in + counted)
    _, parts = jax.lax.scan(step, (world, learner.carried), keys)
    return jax.tree.map(lambda x: x[burn_in:].mean(), parts)


def at_any_stage(world: Any, key: Any, longest: int) -> Any:
    """Environments in the middle of episodes, so that they do not end together."""
    left = jax.random.randint(key, world.env_state.left.shape, 1, longest + 1)
    state = world.env_state.replace(time=jnp.ones_like(left), left=left)
    return world._replace(
        env_state=state, obs=jnp.zeros_like(world.obs).at[:, 1].set(1)
    )


def dropping(algorithm: REINFORCE, params: Any, batch: Any) -> Any:
    """The loss of the scheme before: complete steps alone, by their number."""
    zeros = jnp.zeros_like(batch.reward)
    ends = batch.terminated, batch.truncated
    returns = lambda_returns(batch.reward, zeros, *ends, algorithm.discount, 1.0)
    complete = has_ended(*ends)
    number = jnp.maximum(complete.sum(), 1)
    advantage = returns - jnp.sum(returns * complete) / number
    logits, *_ = algorithm.outputs(params, batch.obs, (), ends[0])
    loss = policy_gradient_loss(log_prob(logits, batch.action), advantage)
    return jnp.sum(loss * complete) / number


def table(rows: list[dict[str, Any]]) -> str:
    """Markdown, for the page."""
    lines = [
        "| episodes | REINFORCE | its standard error | before | its standard error |",
        "|---|---|---|---|---|",
    ]
    for row in rows:
        figures = (
            f"{row[name]:.3f} | {row[f'{name}_error']:.1g}"
            for name in ("now", "before")
        )
        lines.append(f"| {row['environment']} | {' | '.join(figures)} |")
    return "\n".join(lines)


def write(page: Path, figures: str) -> None:
    """Puts the table between the page's two marks."""
    text = page.read_text()
    head, tail = text.split(BEGIN)[0], text.split(END)[1]
    page.write_text(f"{head}{BEGIN}\n{figures}\n{END}{tail}")


if __name__ == "__main__":
    print(pgvq.devices.describe())
    main()
