"""All learners read their schedules at the same moment: before the rollout."""

import jax
import jax.numpy as jnp
import numpy as np
import pytest

from pgvq.algorithms import ALGORITHMS, RolloutAlgorithm
from pgvq.types import InputError
from tests.helpers.tiny import tiny

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


def read_at(algorithm, steps):
    """Learning rate and epsilon (None where there is none) at some agent steps."""
    rate = algorithm.learning_rate_at(jnp.int32(steps))
    explores = hasattr(algorithm, "epsilon")
    return float(rate), float(algorithm.epsilon(jnp.int32(steps))) if explores else None


@pytest.mark.parametrize("budget", [3e6, 7.5e6])
def test_schedules_given_in_agent_steps_do_not_depend_on_the_budget(budget):
    """By hand: epsilon from 1 to 0 over 1.2M, the rate from 1 to a half over 2M."""
    algorithm = ALGORITHMS["dqn"](
        budget=budget,
        epsilon_start=1.0,
        epsilon_end=0.0,
        exploration_steps=1.2e6,
        learning_rate=1.0,
        final_learning_rate=0.5,
        learning_rate_steps=2e6,
    )
    golden = {
        0: (1.0, 1.0),
        300_000: (0.925, 0.75),
        600_000: (0.85, 0.5),
        1_200_000: (0.7, 0.0),
        2_000_000: (0.5, 0.0),
        2_900_000: (0.5, 0.0),
    }
    for steps, (rate, epsilon) in golden.items():
        np.testing.assert_allclose(read_at(algorithm, steps), (rate, epsilon), 1e-6)


@pytest.mark.parametrize("name", ["dqn", "pqn", "ppo", "reinforce", "actor_critic"])
def test_schedules_run_over_the_budget_by_default(name):
    """By hand at a quarter and at all of 2M: 0.4 of it are 0.8M."""
    algorithm = ALGORITHMS[name](budget=2e6, learning_rate=1.0, final_learning_rate=0.0)
    rate, epsilon = read_at(algorithm, 500_000)
    np.testing.assert_allclose(rate, 0.75, 1e-6)
    if epsilon is not None:
        np.testing.assert_allclose(epsilon, 1 - 0.99 * 0.5 / 0.8, 1e-6)
    assert read_at(algorithm, 2_000_000)[0] == 0.0


@pytest.mark.parametrize(
    ("given", "exponent"), [(0.0, [0.4, 0.55, 1.0]), (2e5, [0.4, 0.7, 1.0])]
)
def test_the_importance_exponent_rises_over_given_agent_steps(given, exponent):
    """Beta at 0, 0.1M and 0.4M of a budget of 0.4M, read from one row's weights."""
    algorithm = tiny("dqn", prioritized=True, importance_exponent=0.4)
    algorithm = algorithm.replace(budget=4e5, importance_steps=given)
    state = jax.jit(algorithm.init)(jax.random.key(0))
    # Rows with a hundredfold priority have the smallest weight, n * p to the power.
    held = state.learner.experience
    places = jnp.arange(held.replay.size)
    errors = jnp.where(places < 5, 100.0, 1.0)
    sampler = algorithm.sampler
    priorities = sampler.update(held.priorities, places, errors)

    @jax.jit
    def sampled(steps):
        beta = algorithm.importance_at(steps)
        return sampler.sample(priorities, held.replay, jax.random.key(1), beta)

    for steps, beta in zip([0, 100_000, 400_000], exponent, strict=True):
        drawn = sampled(jnp.int32(steps))
        ratio = drawn.weight.min() / drawn.weight.max()
        wanted = ((100 + 1e-6) / (1 + 1e-6)) ** (0.6 * -beta)
        np.testing.assert_allclose(ratio, wanted, rtol=1e-3)


@pytest.mark.parametrize(
    ("name", "field"),
    [
        ("dqn", "exploration_steps"),
        ("reinforce", "learning_rate_steps"),
        ("sac", "importance_steps"),
    ],
)
@pytest.mark.parametrize("value", [-1.0, float("nan"), 1e12, "1.2e6", True])
def test_a_wrong_number_of_steps_is_refused(name, field, value):
    with pytest.raises(InputError, match=field):
        ALGORITHMS[name](**{field: value})
