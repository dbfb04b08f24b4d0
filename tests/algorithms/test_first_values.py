"""What action values are before anything is learnt: about zero, usual, optimistic."""

from functools import cache

import jax
import jax.numpy as jnp
import numpy as np
import pytest

from pgvq.algorithms import DQN
from pgvq.networks.heads import QNetwork, with_first_values
from pgvq.networks.torsos import MLP
from pgvq.types import InputError
from tests.helpers.tiny import tiny

pytestmark = pytest.mark.usefixtures("light_compilation")

KEY, OBS = jax.random.key(3), jnp.linspace(-1.0, 1.0, 8)
SHAPES = {
    "dqn": {},
    "duel of quantiles": {"dueling": True, "quantiles": 3},
    "pqn": {},
}


@cache
def learner(shape, **changes):
    """A fresh learner of a DQN of this shape, or of PQN; `[8]` observations."""
    name = "pqn" if shape == "pqn" else "dqn"
    algorithm = tiny(name, torso=MLP((64,)), **SHAPES[shape], **changes)
    return algorithm, jax.jit(algorithm.init_learner)(KEY, OBS)


def values(algorithm, learner, count=16):
    """Action values `[N, A]` of random observations."""
    obs = jax.random.normal(jax.random.key(1), (count, *OBS.shape))
    return np.asarray(algorithm.q_values(learner.params, obs))


@pytest.mark.parametrize("shape", SHAPES)
def test_the_default_is_what_the_network_itself_starts_from(shape):
    """Bit for bit: a field's default is no change of any result."""
    algorithm, fresh = learner(shape)
    plain = jax.jit(algorithm.network.init)(KEY, OBS[None])
    jax.tree.map(np.testing.assert_array_equal, fresh.params, plain)


@pytest.mark.parametrize("shape", SHAPES)
def test_every_first_value_is_shifted_by_the_initial_value(shape):
    _, fresh = learner(shape)
    algorithm, optimistic = learner(shape, initial_value=1.5)
    shifted = values(algorithm, optimistic) - values(algorithm, fresh)
    np.testing.assert_allclose(shifted, 1.5, atol=1e-5)
    if algorithm.network.quantiles:
        obs = OBS[None]
        both = (algorithm.network.apply(x.params, obs) for x in (optimistic, fresh))
        np.testing.assert_allclose(np.subtract(*both), 1.5, atol=1e-5)


@pytest.mark.parametrize("shape", SHAPES)
def test_the_scale_is_in_units_of_the_usual_start(shape):
    """Weights of deviation 1 / sqrt(fan in), and values in proportion."""
    algorithm, fresh = learner(shape)
    _, usual = learner(shape, init_scale=1.0)
    np.testing.assert_allclose(
        values(algorithm, usual), 100 * values(algorithm, fresh), rtol=1e-4, atol=1e-6
    )
    heads = {k: v for k, v in usual.params["params"].items() if k != "torso"}
    kernels = np.concatenate([h["kernel"].ravel() for h in heads.values()])
    assert np.std(kernels) == pytest.approx(64**-0.5, rel=0.25)
    assert np.abs(values(algorithm, fresh)).max() < 0.1
    assert np.abs(values(algorithm, usual)).max() > 0.5


def test_the_target_network_starts_from_the_same_values():
    _, optimistic = learner("dqn", initial_value=1.0)
    same = jax.tree.map(
        lambda a, b: bool((a == b).all()), optimistic.params, optimistic.target_params
    )
    assert all(jax.tree.leaves(same))


def test_starts_are_lanes_of_one_program():
    """Three starts of one seed, vmapped: each begins as it would alone."""
    starts = [{}, {"init_scale": 1.0}, {"initial_value": 2.0}]
    agents = [tiny("dqn", torso=MLP((64,)), **start) for start in starts]
    lanes = jax.tree.map(lambda *x: jnp.stack(x), *agents)
    start = jax.jit(jax.vmap(lambda agent: agent.init_params(KEY, OBS)))
    plain = jax.jit(jax.vmap(lambda agent: agent.network.init(KEY, OBS[None])))
    params, unchanged = start(lanes), plain(lanes)
    for leaf, other in zip(*map(jax.tree.leaves, (params, unchanged)), strict=True):
        np.testing.assert_array_equal(leaf[0], other[0])  # bit for bit
    for i, changes in enumerate(starts):
        alone = jax.tree.leaves(learner("dqn", **changes)[1].params)
        for leaf, other in zip(jax.tree.leaves(params), alone, strict=True):
            np.testing.assert_allclose(leaf[i], other, rtol=1e-4, atol=1e-6)


def test_a_network_of_another_kind_is_refused_with_a_remedy():
    params = {"params": {"torso": {}, "logits": {}}}
    with pytest.raises(InputError, match=r"torso, logits has no head .* QNetwork"):
        with_first_values(params, 1.0, 0.0)


@pytest.mark.parametrize(
    ("changes", "message"),
    [
        ({"init_scale": -1.0}, "init_scale=-1.0 must be a number between 0"),
        ({"initial_value": "one"}, "initial_value='one' must be a number"),
    ],
)
def test_what_cannot_work_is_refused(changes, message):
    with pytest.raises(InputError, match=message):
        DQN(**changes)


def test_other_parts_of_the_parameters_stay():
    params = QNetwork(MLP((8,)), 4).init(KEY, OBS[None])
    changed = with_first_values(params, 5.0, 3.0)
    jax.tree.map(
        np.testing.assert_array_equal,
        changed["params"]["torso"],
        params["params"]["torso"],
    )
    assert jax.tree.structure(changed) == jax.tree.structure(params)
