"""The threshold: closed forms against integrals and autodiff, a small claim whole."""

import jax
import jax.numpy as jnp
import numpy as np
import pytest
from scipy import integrate, stats

from pgvq.envs import Threshold
from pgvq.study.page import filled
from why_not_backprop import threshold as claim

pytestmark = [pytest.mark.studies, pytest.mark.usefixtures("light_compilation")]

MEANS = np.array([0.1, 0.3, 0.5, 0.62, 0.9])


@pytest.fixture(scope="module")
def finding(light_compilation):
    said = []
    found = claim.measure(
        said.append,
        networks=500,
        samples=4_000,
        steps=60,
        seeds=3,
        optimum_steps=1_500,
    )
    assert len(said) == 4
    return found


@pytest.mark.parametrize("scale", [0.1, 0.3])
def test_the_gaussian_value_is_the_integral(scale):
    for mean in MEANS:
        density = stats.norm(mean, scale).pdf
        value = integrate.quad(density, 0.5, 5)[0] - integrate.quad(density, -4, 0.5)[0]
        np.testing.assert_allclose(claim.gaussian_value(mean, scale), value, atol=1e-6)


@pytest.mark.parametrize("scale", [0.1, 0.3])
def test_the_gaussian_gradient_is_autodiff_of_the_expectation(scale):
    def value(mean):
        return 2 * jax.scipy.stats.norm.cdf(0.5, -mean + 1.0, scale) - 1

    with jax.enable_x64(True):
        slopes = jax.grad(lambda mean: value(mean).sum())(jnp.array(MEANS))
    np.testing.assert_allclose(claim.gaussian_gradient(MEANS, scale), slopes, atol=1e-6)


@pytest.mark.parametrize("concentration", [4.0, 10.0])
def test_the_beta_value_is_the_integral(concentration):
    for mean in MEANS:
        beta = stats.beta(concentration * mean, concentration * (1 - mean))
        value = beta.sf(0.5) - beta.cdf(0.5)
        got = claim.beta_value(mean, concentration)
        np.testing.assert_allclose(got, value, atol=1e-6)


@pytest.mark.parametrize("concentration", [4.0, 10.0])
def test_the_beta_gradient_is_the_slope_of_the_value(concentration):
    """Central differences over five points."""
    h = 1e-3
    shifts = np.array([-2, -1, 1, 2]) * h
    weights = np.array([1, -8, 8, -1]) / (12 * h)
    slopes = weights @ claim.beta_value(MEANS + shifts[:, None], concentration)
    got = claim.beta_gradient(MEANS, concentration)
    np.testing.assert_allclose(got, slopes, atol=1e-6)


def test_the_smoothed_slope_is_autodiff_of_the_games_reward():
    actions = np.array([0.05, 0.3, 0.5, 0.8])
    slopes = jax.grad(lambda a: Threshold(0.3).reward(a).sum())(jnp.array(actions))
    got = claim.smoothed_slope(actions, 0.3)
    np.testing.assert_allclose(got, slopes, atol=1e-6)


def test_the_smoothed_value_is_the_games_reward():
    actions = np.array([0.05, 0.3, 0.5, 0.8])
    got = claim.smoothed_value(actions, 0.2, 0.7)
    np.testing.assert_allclose(got, Threshold(0.2, 0.7).reward(actions), atol=1e-6)


@pytest.mark.parametrize("cost", [0.2, 0.5, 1.5])
def test_no_action_is_better_than_the_smoothed_optimum(cost):
    actions = np.linspace(0, 1, 200_001)
    for temperature in (0.01, 0.05, 0.14, 0.5, 0.97, 1.5, 4.0):
        best = claim.smoothed_optimum(temperature, cost)
        values = claim.smoothed_value(actions, temperature, cost)
        mine = claim.smoothed_value(best, temperature, cost)
        assert mine >= values.max() - 1e-9
        if 0 < best < 1:  # and there the slope pays the cost exactly
            slope = claim.smoothed_slope(best, temperature)
            np.testing.assert_allclose(slope, cost, atol=1e-6)


def test_the_smoothed_optimum_by_hand():
    """t = 0.1, c = 0.5: 1/2 + 0.2 arccosh(√10)."""
    by_hand = 0.5 + 0.2 * np.log(np.sqrt(10) + 3)
    np.testing.assert_allclose(claim.smoothed_optimum(0.1, 0.5), by_hand, atol=1e-6)
    assert claim.smoothed_optimum(1.5, 0.5) == 0.0


@pytest.mark.parametrize("start", [0.2, 0.6])
def test_a_network_begins_where_it_is_told_to(start):
    for seed in range(3):
        params = claim.init(jax.random.key(seed), start)
        np.testing.assert_allclose(claim.output(params), start, atol=1e-6)


def test_the_score_functions_have_the_exact_means(finding):
    moments = finding.tables["moments"]
    for policy in ("Gaussian", "Beta"):
        rows = moments[moments.policy == policy]
        assert (rows.error > 0).all()
        np.testing.assert_array_less((rows["mean"] - rows.exact).abs(), 4 * rows.error)
    pathwise = moments[moments.policy == "Gaussian, pathwise"]
    assert (pathwise.largest == 0).all()
    assert (pathwise.exact > 0.1).all()


def test_autodiff_is_the_closed_form_and_then_vanishes(finding):
    slopes = finding.tables["slopes"]
    closed = claim.smoothed_slope(0.5 - slopes.distance, slopes.temperature)
    np.testing.assert_allclose(slopes.slope, closed, rtol=1e-3, atol=1e-9)
    far = slopes[(slopes.distance == 0.4) & (slopes.temperature < 0.011)]
    assert (far.slope < 1e-12).all()


def test_a_small_measurement_agrees_with_all_that_was_expected(finding):
    assert all(finding.expectations.values()), finding.expectations
    assert finding.numbers["optimum_error"] < 2e-3


@pytest.mark.parametrize(
    ("number", "value"),
    [
        ("zero_share", 0.999),
        ("own_zero_share", 0.1),
        ("score_z", 4.1),
        ("pathwise_largest", 1e-9),
        ("itself_moved", 1e-9),
        ("gaussian_lowest", 0.4),
        ("beta_lowest", 0.4),
        ("warm_lowest", 0.4),
        ("cold_highest", 0.6),
        ("optimum_error", float("nan")),
        ("optimum_rises", 0.0),
        ("hottest_optimum", 0.9),
    ],
)
def test_a_number_that_speaks_against_it_contradicts_one(finding, number, value):
    changed = claim.expectations({**finding.numbers, number: value})
    assert list(changed.values()).count(False) == 1


def test_figures_and_words_are_made_from_the_finding(finding, tmp_path):
    claim.draw(finding, tmp_path)
    page = filled(claim.threshold, finding, ".")
    assert "<<" not in page
    for stem in ("gradients", "smoothing", "learning"):
        assert f"(./{stem}.png)" in page
        assert (tmp_path / f"{stem}.png").stat().st_size > 10_000
