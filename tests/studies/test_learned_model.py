"""The claim on learned models: its parts, and the whole of it at its smallest."""

from functools import cache, partial

import jax
import jax.numpy as jnp
import numpy as np
import pytest

from pgvq.study.page import filled
from pgvq.types import Transition
from why_not_backprop import learned_model as claim
from why_not_backprop.learned_model import (
    EPISODE,
    NETWORK,
    SIZE,
    Learnt,
    Measured,
    Model,
    ModelledPong,
    ModelParams,
    Sizes,
    explained,
    fit,
    learned_model,
    measure,
    model_step,
    predict,
    unrolled_errors,
)

FIT = jax.jit(partial(fit, updates=600))
EXPLAINED = jax.jit(explained)

pytestmark = [pytest.mark.studies, pytest.mark.usefixtures("light_compilation")]

SIZES = Sizes(
    amounts=(500, 5_000),
    updates=30,
    unrolled=4,
    batches=4,
    games=8,
    horizons=(1, 4),
    seeds=3,
    stretches=2,
    steps=1024,
    matches=2,
)


def transitions(shape, key=None):
    """Random observations of a game that moves each entry by 0.1 times the action."""
    keys = jax.random.split(jax.random.key(0) if key is None else key, 2)
    obs = jax.random.normal(keys[0], (*shape, SIZE))
    action = jax.random.uniform(keys[1], shape, minval=-1.0)
    no = jnp.zeros(shape, dtype=bool)
    return Transition(obs, action, action**2, obs + 0.1 * action[..., None], no, no)


@pytest.fixture(scope="module")
def fitted():
    """A model of that game."""
    return FIT(transitions((2_000,)), jnp.int32(2_000), jax.random.key(1))


def test_a_fit_explains_games_it_has_not_seen(fitted):
    data = transitions((1_000,), jax.random.key(9))
    np.testing.assert_allclose(fitted.scale, 0.1 / np.sqrt(3), rtol=0.05)
    share = EXPLAINED(fitted, data)
    assert share["change"] < 0.05
    assert share["payment"] < 0.4
    predicted = predict(fitted, data.obs, data.action)
    assert jnp.all(predicted.over < 0), "no point was over"


def test_a_fit_uses_only_the_amount_it_is_given():
    data = transitions((2_000,))
    other = jax.tree.map(lambda x: x.at[100:].set(jnp.zeros_like(x[100:])), data)
    models = [FIT(given, jnp.int32(100), jax.random.key(1)) for given in (data, other)]
    for one, other in zip(*map(jax.tree.leaves, models), strict=True):
        np.testing.assert_array_equal(one, other)


@cache
def _untrained():
    obs = jnp.zeros((1, SIZE))
    params = jax.jit(NETWORK.init)(jax.random.key(3), obs, obs[:, 0])
    return Model(params, jnp.ones(SIZE))


def test_explained_by_hand():
    params = jax.tree.map(jnp.zeros_like, _untrained().params)
    model = Model(params, jnp.full(SIZE, 2.0))  # says that nothing changes, pays 0
    data = transitions((4,))
    change = jnp.array([1.0, 2.0, 4.0, 0.0])[:, None]
    paid = jnp.array([0.0, 0.0, 1.0, -1.0])
    share = EXPLAINED(model, data._replace(next_obs=data.obs + change, reward=paid))
    np.testing.assert_allclose(share["contacts"], 0.5)
    np.testing.assert_allclose(share["change"], (1 + 4 + 16) / 4 / 4, rtol=1e-5)
    np.testing.assert_allclose(share["change in contacts"], 16 / 4 / 2, rtol=1e-5)
    np.testing.assert_allclose(share["change elsewhere"], 5 / 4 / 2, rtol=1e-5)
    np.testing.assert_allclose(share["payment"], 1.0, rtol=1e-5)


def test_errors_roll_out_by_hand():
    """A game that moves by 1; a guess that moves by 1.5; one game ends after a step."""
    at = jnp.arange(6.0)[:, None, None] * jnp.ones((6, 2, SIZE))
    data = transitions((6, 2))._replace(obs=at, next_obs=at + 1)
    ended = data.terminated.at[0, 0].set(True)
    run = jax.jit(partial(unrolled_errors, lambda obs, _: obs + 1.5, length=3))
    errors = run(data)
    np.testing.assert_allclose(errors, [0.5, 1.0, 1.5], rtol=1e-6)
    wrong = data._replace(next_obs=(at + 1).at[1, 0].set(99.0), terminated=ended)
    errors = run(wrong)
    np.testing.assert_allclose(errors, [0.5, 1.0, 1.5], rtol=1e-6)


def test_the_model_is_an_environment_with_gradients_where_asked():
    model, starts = _untrained(), jax.random.normal(jax.random.key(4), (5, SIZE))
    params = ModelParams(model=model, starts=starts)
    key = jax.random.key(0)
    env = ModelledPong()
    obs, state = env.reset(key, params)
    assert any(bool(jnp.all(obs == row)) for row in starts)
    after, *_ = env.step_env(key, state, jnp.float32(0.5), params)
    expected = predict(model, obs[None], jnp.full(1, 0.5)).next_obs[0]
    np.testing.assert_allclose(after, expected, rtol=1e-6)

    def moved(action, env):
        return env.step_env(key, state, action, params)[0].sum()

    assert jax.grad(moved)(0.5, env) == 0
    assert jax.grad(moved)(0.5, env.with_transition_gradients()) != 0
    late = state.replace(time=jnp.int32(EPISODE - 1))
    *_, truncated, info = env.step(key, late, jnp.float32(0.5), params)
    assert bool(truncated | info["terminated"])


def test_a_model_pays_nothing_once_its_point_is_over():
    model = _untrained()
    step = jax.jit(model_step(model))
    obs = jax.random.normal(jax.random.key(5), (SIZE,))
    paid = step(obs, jnp.array(False), jnp.float32(2.0), jax.random.key(0))
    over = step(obs, jnp.array(True), jnp.float32(2.0), jax.random.key(0))
    predicted = predict(model, obs[None], jnp.ones(1))  # the nearest valid speed
    np.testing.assert_allclose(paid[2], predicted.reward[0], rtol=1e-6)
    assert over[2] == 0
    assert bool(over[1])


def synthetic(score=0.1, turn=1.0):
    """Runs whose numbers are known; `turn` is the sign of the best model's gradient."""
    count = len(SIZES.amounts)
    shape = (SIZES.batches, len(SIZES.horizons), 5)
    true = np.ones(shape) + 0.01 * np.random.default_rng(0).normal(size=shape)
    signs = np.array([-1.0, turn])[:, None, None]
    share = {"contacts": 0.03, "change": 0.3, "change in contacts": 2.0}
    share |= {"change elsewhere": 0.2, "payment": 0.5}
    falling = 1 / (1 + np.arange(count))
    rising = np.arange(1.0, 1 + SIZES.unrolled)
    learnt = Learnt(
        models=_untrained(),
        starts=jnp.zeros((1, SIZE)),
        one_step={name: jnp.array(value * falling) for name, value in share.items()},
        unrolled=jnp.array(0.1 * rising * falling[:, None]),
        still=jnp.array(0.3 * rising),
        random=jnp.float32(-0.85),
    )
    spread = np.array([-0.02, -0.01, 0.0, 0.01, 0.02])  # of equal runs nothing is known
    scores = np.array([0.2, -0.9, score])[:, None] + spread
    return Measured(learnt, true, true[:, None] * signs, scores)


def test_expectations_follow_the_numbers():
    found = claim.conclude(synthetic(), SIZES)
    np.testing.assert_allclose(found.numbers["cosine_last"], 1.0)
    np.testing.assert_allclose(found.numbers["least_last"], -1.0)
    np.testing.assert_allclose(found.numbers["most_score"], 0.1)
    unmet = [said for said, met in found.expectations.items() if not met]
    assert all("Errors add up" in said or "Its direction" in said for said in unmet)
    other = claim.conclude(synthetic(score=0.5, turn=-1.0), SIZES).expectations
    failed = " ".join(said for said, met in other.items() if not met)
    assert "right way" in failed
    assert "worse than one trained through the game" in failed
    lost = claim.conclude(synthetic(score=-0.9), SIZES).expectations
    assert not lost[
        "A policy trained through that model plays better than at random (interval)."
    ]


def test_the_page_and_the_figure_are_made_from_the_finding(tmp_path):
    found = claim.conclude(synthetic(), SIZES)
    assert "models.png" in {path.name for path in learned_model.draw(found, tmp_path)}
    text = filled(learned_model, found, "pictures")
    assert "<<" not in text
    assert "−0.85" in text


@pytest.mark.slow
def test_the_whole_claim_at_its_smallest(tmp_path):
    told = []
    found = measure(told.append, sizes=SIZES)
    assert len(told) == 4
    assert len(found.tables["scores"]) == 3 * SIZES.seeds
    assert found.tables["scores"].score.between(-1, 1).all()
    assert found.tables["cosines"].cosine.between(-1, 1).all()
    assert 0.01 < found.numbers["contacts"] < 0.1
    learned_model.draw(found, tmp_path)
    assert "<<" not in filled(learned_model, found, "pictures")
