"""The claim on the smooth Pong: its parts, and the whole of it at its smallest."""

import jax
import jax.numpy as jnp
import numpy as np
import pytest

from pgvq.devices import side_by_side
from pgvq.study.page import filled
from why_not_backprop import smooth_pong as claim
from why_not_backprop.smooth_games import ANALYTIC, GAME, game_step, halfway, speed
from why_not_backprop.smooth_pong import (
    Gradients,
    Measured,
    Sizes,
    contacts,
    measure,
    refusals,
    sample_gradients,
    smooth_pong,
)

pytestmark = [pytest.mark.studies, pytest.mark.usefixtures("light_compilation")]

SIZES = Sizes(
    seeds=3, stretches=4, batches=8, games=16, matches=1, horizons=(1, 16, 100)
)


@pytest.fixture(scope="module")
def sampled():
    """Both gradients of a policy that follows the ball, over 1 and 40 agent steps."""
    follow = lambda gain, obs: jnp.tanh(gain * obs[..., -2])  # noqa: E731

    def run(keys):
        temperatures = jnp.array([2.0] * 30 + [0.0])
        gain = jnp.float32(1.0)
        return sample_gradients(follow, (1, 40), 64, 0.3, gain, temperatures, keys)

    return jax.jit(run)(jax.random.split(jax.random.key(0), 31))


def test_hard_contacts_leave_no_derivative_and_soft_ones_do(sampled):
    assert sampled.zero[-1] == 1
    assert np.all(sampled.backpropagation[-1] == 0)
    assert np.all(sampled.zero[:-1] < 0.9)


def test_both_estimators_have_the_same_mean_in_the_game(sampled):
    back, score = (
        np.asarray(rows[:-1, 1, 0], float)
        for rows in (sampled.backpropagation, sampled.score_function)
    )
    error = np.hypot(back.std(ddof=1), score.std(ddof=1)) / np.sqrt(len(back))
    assert abs(back.mean() - score.mean()) < 4 * error
    assert back.mean() > 8 * back.std(ddof=1) / np.sqrt(len(back)), "follow it more"


def test_once_a_point_is_over_nothing_is_paid():
    params = contacts(jnp.float32(2.0))
    key = jax.random.key(0)
    obs, state = GAME.reset_env(key, params)
    court = state.court._replace(
        x=jnp.float32(189), vx=jnp.float32(1), y=jnp.float32(60), timer=jnp.float32(0),
        player=jnp.float32(150), alive=jnp.float32(0.5),
    )  # fmt: skip
    step = game_step(params)
    missed = step(obs, state.replace(court=court), jnp.float32(0), key)
    np.testing.assert_allclose(missed[2], -0.5, atol=1e-6)
    over = state.replace(court=court._replace(alive=jnp.float32(0.009)))
    assert step(obs, over, jnp.float32(0), key)[2] == 0


def test_speeds_keep_leading_axes():
    obs = jax.random.normal(jax.random.key(1), (2, 3, 13))
    params = jax.jit(ANALYTIC.network.init)(jax.random.key(0), obs[0])
    speeds = speed(params, obs)
    assert speeds.shape == (2, 3)
    np.testing.assert_allclose(speeds[1], speed(params, obs[1]), atol=1e-6)


def test_the_exact_game_refuses_a_derivative():
    table = refusals()
    assert table.refused.all()
    assert table.answer.str.contains("`TypeError`").any()


def test_halfway_is_the_first_point_above_half():
    assert halfway([-0.9, -0.5, -0.4, -0.6, 0.1]) == 2
    assert halfway([-0.9, np.nan, -0.8]) == 2


def test_jobs_come_back_by_name():
    assert side_by_side({"a": lambda: 1, "b": lambda: 2}) == {"a": 1, "b": 2}


def synthetic(noise=1.0):
    """Runs whose numbers are known: gradients of mean (h, 0), noise on every entry."""
    generator = np.random.default_rng(0)
    shape = (SIZES.batches, len(SIZES.horizons), 5)
    mean = np.zeros(shape[1:])
    mean[:, 0] = 1, 2, 3
    growing = np.array([1.0, 10.0, 1000.0])[:, None] * noise
    rise = np.linspace(-0.9, 0.2, SIZES.stretches)
    return Measured(
        curves={
            "backpropagation": np.stack([rise] * SIZES.seeds),
            "REINFORCE": np.full((SIZES.seeds, SIZES.stretches), -0.8),
            "actor-critic": np.stack([rise - 0.3] * SIZES.seeds),
        },
        halfway=8192,
        gradients=Gradients(
            backpropagation=mean + growing * generator.normal(size=shape),
            score_function=mean + 20 * noise * generator.normal(size=shape),
            zero=np.full(SIZES.batches, 0.3),
        ),
        hard_zero=1.0,
        exact=np.array([[3.0], [5.0], [7.0]]),
    )


def test_variances_are_of_one_game():
    table = claim.horizon_table(synthetic(), SIZES)
    back = table[table.estimator == "backpropagation"].set_index("horizon")
    score = table[table.estimator == "score function"].set_index("horizon")
    np.testing.assert_allclose(back.variance[1], SIZES.games * 5, rtol=0.5)
    np.testing.assert_allclose(back.variance[100], SIZES.games * 5e6, rtol=0.5)
    np.testing.assert_allclose(score.variance, SIZES.games * 5 * 400, rtol=0.5)


def test_without_noise_means_and_directions_are_exact():
    table = claim.horizon_table(synthetic(noise=0.0), SIZES)
    np.testing.assert_allclose(table.along, [1, 2, 3] * 2)
    np.testing.assert_allclose(table.cosine, 1.0)
    np.testing.assert_allclose(table.norm, [1, 2, 3] * 2)


def test_lengths_are_those_without_noise():
    rows = np.random.default_rng(0).normal(size=(100, 1, 1000))
    rows[:, 0, 0] += 3  # the mean's square has 9 of this, and 10 of noise
    np.testing.assert_allclose(claim.norms(rows), 3.0, rtol=0.2)
    assert np.isnan(claim.norms(np.array([[[1.0]], [[-1.0]]])))[0]


def test_steps_are_medians_that_count_runs_which_never_get_there():
    curves = np.array([[-1.0, 0.5, 1.0], [-1.0, -1.0, 0.5], [-1.0, -1.0, -1.0]])
    steps, count = claim.steps_of(curves, 0.0)
    assert (steps, count) == (3 * claim.STRETCH, 2)
    steps, count = claim.steps_of(curves[[0, 2, 2]], 0.0)
    assert np.isnan(steps)
    assert count == 1


def test_expectations_follow_the_numbers():
    found = claim.conclude(synthetic(), refusals(), SIZES)
    assert found.numbers["crossing"] == 100
    assert found.numbers["parity_bp"] == 4 * claim.STRETCH
    assert all(
        met for said, met in found.expectations.items() if "direction" not in said
    )
    worse = synthetic()
    worse = worse._replace(
        hard_zero=0.5,
        exact=-worse.exact - 20,
        curves=worse.curves | {"REINFORCE": np.ones((SIZES.seeds, SIZES.stretches))},
    )
    sentences = claim.conclude(worse, refusals(), SIZES).expectations
    failed = " ".join(said for said, met in sentences.items() if not met)
    for part in ("hard contacts", "in fewer agent steps", "than at random", "console"):
        assert part in failed


def test_the_page_and_the_figures_are_made_from_the_finding(tmp_path):
    found = claim.conclude(synthetic(), refusals(), SIZES)
    pictures = smooth_pong.draw(found, tmp_path)
    assert {"learning.png", "horizons.png"} <= {path.name for path in pictures}
    text = filled(smooth_pong, found, "pictures")
    assert "<<" not in text
    assert "+5.0" in text  # the exact game's score


@pytest.mark.slow
def test_the_whole_claim_at_its_smallest(tmp_path):
    told = []
    found = measure(told.append, sizes=SIZES)
    assert len(told) == 3
    n = found.numbers
    assert n["hard_zero"] == 1
    assert n["soft_zero"] < 1
    assert n["back_short"] < n["back_long"]
    assert len(found.tables["curves"]) == 3 * SIZES.seeds * SIZES.stretches
    assert -21 <= n["exact"] <= 21
    smooth_pong.draw(found, tmp_path)
    assert "<<" not in filled(smooth_pong, found, "pictures")
