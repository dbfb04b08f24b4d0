"""What every algorithm promises; one that is new is tested by being listed."""

import dataclasses
import itertools
import math

import jax
import jax.numpy as jnp
import numpy as np
import pytest

from pgvq.algorithms import ALGORITHMS, Algorithm, AnalyticPolicyGradient, Tabular
from pgvq.algorithms.contract import Continuous
from pgvq.types import InputError, Ratio
from tests.helpers.tiny import tiny

pytestmark = pytest.mark.usefixtures("light_compilation")

NAMES = list(ALGORITHMS)
FAMILIES = ("policy gradient", "soft Q-learning", "Q-learning", "backpropagation")


@pytest.fixture(scope="module", params=NAMES)
def lived(request):
    """An algorithm, its state at the beginning and after each of four iterations.

    Everything is traced with JAX's check that no key is used twice (pitfall 22): a
    fault there is an error in every test of this file.
    """
    algorithm = tiny(request.param)
    with jax.debug_key_reuse(True):
        iterate = jax.jit(algorithm.iterate)
        states, metrics = [jax.jit(algorithm.init)(jax.random.key(0))], []
        for _ in range(4):
            state, metric = iterate(states[-1])
            states.append(state)
            metrics.append(jax.device_get(metric))
    return algorithm, states, metrics


@pytest.fixture(params=NAMES)
def algorithm(request):
    return tiny(request.param)


def shapes(tree):
    return jax.tree.map(lambda leaf: (jnp.shape(leaf), jnp.result_type(leaf)), tree)


def test_it_is_an_algorithm(algorithm):
    assert isinstance(algorithm, Algorithm)
    assert algorithm.family in FAMILIES


def test_iterate_keeps_structure_shapes_and_dtypes(lived):
    _, states, _ = lived
    assert shapes(states[0]) == shapes(states[1])


def test_metrics_are_scalars(lived):
    _, _, metrics = lived
    for metric in metrics:
        for name, value in metric.items():
            value = value.value if isinstance(value, Ratio) else value
            assert np.shape(value) == (), name
            assert np.issubdtype(np.asarray(value).dtype, np.floating), name
            assert metric is not metrics[-1] or not np.isnan(value), name


def test_agent_steps_are_counted_exactly_with_the_warm_up(lived):
    """Pitfalls 13 and 16: what the state says is what the environments executed."""
    algorithm, states, _ = lived
    for iteration, state in enumerate(states):
        expected = algorithm.initial_steps + iteration * algorithm.steps_per_iteration
        assert state.agent_steps == expected
        assert state.agent_steps.dtype == jnp.int32


def test_learning_changes_the_parameters_and_nothing_else_does(lived):
    algorithm, states, _ = lived
    for before, after in itertools.pairwise(states):
        same = jax.tree.map(
            lambda x, y: bool((x == y).all()),
            before.learner.params,
            after.learner.params,
        )
        assert not all(jax.tree.leaves(same))
    again, _ = jax.jit(algorithm.iterate)(states[0])
    jax.tree.map(
        np.testing.assert_array_equal, again.learner.params, states[1].learner.params
    )


def test_every_iteration_has_a_key_of_its_own(lived):
    _, states, _ = lived
    data = {tuple(np.asarray(jax.random.key_data(state.key))) for state in states}
    assert len(data) == len(states)


@pytest.mark.parametrize("greedy", [True, False])
def test_act_works_in_both_modes(lived, greedy):
    """Pitfall 8: both families act greedily and with exploration."""
    algorithm, states, _ = lived
    obs = jnp.tile(jnp.arange(256.0)[:, None], (1, 2))

    @jax.jit
    def act(state, key):
        return algorithm.act(state, obs, (), key, greedy=greedy)[0]

    with jax.debug_key_reuse(True):
        actions = [np.asarray(act(states[-1], jax.random.key(i))) for i in range(2)]
    for action in actions:
        assert action.shape == (256,)
        if isinstance(algorithm, Continuous):
            assert action.dtype == np.float32
            assert (np.abs(action) <= 1).all()
        else:
            assert np.issubdtype(action.dtype, np.integer)
            assert set(np.unique(action)) <= {0, 1}
    assert (actions[0] == actions[1]).all() == greedy


def test_init_differs_with_the_key_and_repeats_with_it(algorithm):
    def beginning(seed):
        learner = algorithm.init_learner(jax.random.key(seed), jnp.zeros(2))
        return jax.tree.leaves(learner.params)

    first, again, other = beginning(0), beginning(0), beginning(1)
    assert all((x == y).all() for x, y in zip(first, again, strict=True))
    if isinstance(algorithm, Tabular):
        return  # a table begins with one number everywhere
    assert any((x != y).any() for x, y in zip(first, other, strict=True))


def test_it_is_frozen_and_its_floats_are_its_leaves(algorithm):
    """So that a sweep over a learning rate is a vmap and one program."""
    with pytest.raises(dataclasses.FrozenInstanceError):
        algorithm.learning_rate = 1.0
    assert len(jax.tree.leaves(algorithm)) > 3
    fields = dataclasses.fields(algorithm)
    for field in fields:
        value = getattr(algorithm, field.name)
        if field.metadata.get("pytree_node", True) and field.name != "env_params":
            assert isinstance(value, float | int), field.name
            swept = algorithm.replace(**{field.name: jnp.array([0.1, 0.2])})
            assert jax.tree.structure(swept) == jax.tree.structure(algorithm)


def test_every_field_says_what_it_is(algorithm):
    for field in dataclasses.fields(algorithm):
        assert field.metadata.get("doc"), field.name


BAD = [
    ("num_envs", 0),
    ("num_envs", 2.0),
    ("num_envs", True),
    ("rollout_length", -1),
    ("learning_rate", math.nan),
    ("learning_rate", -1e-3),
    ("learning_rate", math.inf),
    ("learning_rate", "0.1"),
    ("final_learning_rate", 1.5),
    ("discount", 1.1),
    ("discount", True),
    ("max_grad_norm", 0.0),
    ("budget", 0),
    ("budget", math.nan),
]


@pytest.mark.parametrize(("field", "value"), BAD)
def test_bad_fields_are_refused_with_their_value(algorithm, field, value):
    if not hasattr(algorithm, field):
        # A table has no network to clip; backpropagation has no rollout of its own.
        assert isinstance(algorithm, Tabular | AnalyticPolicyGradient)
        return
    with pytest.raises(InputError, match=field) as caught:
        algorithm.replace(**{field: value})
    assert repr(value) in str(caught.value)
    assert "must be" in str(caught.value)


def test_two_made_alike_are_equal():
    """Equal statics share a program: environments and networks compare by value."""
    for name in NAMES:
        one, other = tiny(name), tiny(name)
        assert jax.tree.structure(one) == jax.tree.structure(other)
