"""All learners read their schedules at the same moment: before the rollout."""

import jax
import jax.numpy as jnp
import numpy as np
import pytest
from tiny import tiny

from pgvq.algorithms import ALGORITHMS, RolloutAlgorithm

pytestmark = pytest.mark.usefixtures("light_compilation")

ITERATIONS = 4  # of the budget
CASES = {
    name: {} for name, kind in ALGORITHMS.items() if issubclass(kind, RolloutAlgorithm)
} | {"dqn prioritized": {"prioritized": True, "importance_exponent": 0.2}}


@pytest.fixture(scope="module", params=CASES)
def last(request):
    """A learner, the state before its budget's last iteration, metrics of all, and
    `iterate` compiled for any values of its float fields."""
    algorithm = tiny(request.param.split()[0], **CASES[request.param])
    size = algorithm.steps_per_iteration
    algorithm = algorithm.replace(budget=algorithm.initial_steps + ITERATIONS * size)
    if hasattr(algorithm, "exploration_fraction"):
        algorithm = algorithm.replace(exploration_fraction=1.0)
    iterate = jax.jit(lambda algorithm, state: algorithm.iterate(state))
    states, metrics = [jax.jit(algorithm.init)(jax.random.key(0))], []
    for _ in range(ITERATIONS):
        state, metric = iterate(algorithm, states[-1])
        states.append(state)
        metrics.append(jax.device_get(metric))
    return algorithm, states, metrics, iterate


def linear(algorithm, iteration, first, end):
    """A schedule over the budget at an iteration's beginning."""
    steps = algorithm.initial_steps + iteration * algorithm.steps_per_iteration
    return first + steps / algorithm.budget * (end - first)


def test_schedules_are_read_before_the_rollout(last):
    """At `initial_steps + i * steps_per_iteration`; the last rate is above 0."""
    algorithm, _, metrics, _ = last
    for iteration, metric in enumerate(metrics):
        rate = linear(algorithm, iteration, algorithm.learning_rate, 0.0)
        np.testing.assert_allclose(metric["learning_rate"], rate, rtol=1e-5)
        if "epsilon" in metric:
            bounds = algorithm.epsilon_start, algorithm.epsilon_end
            epsilon = linear(algorithm, iteration, *bounds)
            np.testing.assert_allclose(metric["epsilon"], epsilon, rtol=1e-5)
    assert metrics[-1]["learning_rate"] > 0


def test_what_is_read_is_what_is_used(last):
    """The last iteration equals one whose fields hold the schedules' values for ever.

    An iteration with the values after the rollout, where the rate is 0, differs.
    """
    algorithm, states, _, iterate = last
    fixed = constant(algorithm, ITERATIONS - 1)
    same, _ = iterate(fixed, states[-2])
    jax.tree.map(
        lambda x, y: np.testing.assert_allclose(x, y, rtol=1e-5, atol=1e-7),
        same.learner,
        states[-1].learner,
    )
    late, _ = iterate(constant(algorithm, ITERATIONS), states[-2])
    before, after = states[-2].learner.params, late.learner.params
    jax.tree.map(np.testing.assert_array_equal, before, after)


def constant(algorithm, iteration):
    """The same learner with the values that its schedules have at an iteration."""
    rate = linear(algorithm, iteration, algorithm.learning_rate, 0.0)
    changes = {"learning_rate": rate, "final_learning_rate": 1.0}
    if hasattr(algorithm, "epsilon_end"):
        bounds = algorithm.epsilon_start, algorithm.epsilon_end
        epsilon = linear(algorithm, iteration, *bounds)
        changes |= {"epsilon_start": epsilon, "epsilon_end": epsilon}
    if hasattr(algorithm, "importance_exponent"):
        first = algorithm.importance_exponent
        # Beta rises to 1 over the budget, which is moved so that it stands still.
        changes["importance_exponent"] = linear(algorithm, iteration, first, 1.0)
        changes["budget"] = 2.0**30
    return algorithm.replace(**{k: jnp.float32(v) for k, v in changes.items()})
