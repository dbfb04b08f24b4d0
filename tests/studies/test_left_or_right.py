"""Left or right: measured moments against closed forms, and a small claim whole."""

import numpy as np
import pytest

from pgvq.study.page import filled
from why_not_backprop import left_or_right as claim
from why_not_backprop.left_or_right import CURVES, TEMPERATURES, gumbel_name, rows_of

pytestmark = [pytest.mark.studies, pytest.mark.usefixtures("light_compilation")]

P = claim.PROBABILITIES
SPREAD = P * (1 - P)


@pytest.fixture(scope="module")
def finding(light_compilation):
    said = []
    found = claim.measure(said.append, samples=4_000, steps=300, seeds=4)
    assert len(said) == 2
    return found


@pytest.fixture(scope="module")
def moments(finding):
    return finding.tables["moments"]


def assert_within_errors(rows, exact):
    """Four standard errors; rounding where every sample is the same."""
    off = np.abs(rows["mean"].to_numpy() - exact)
    np.testing.assert_array_less(off, 4 * rows.error.to_numpy() + 1e-5)


def test_autodiff_of_a_sampled_action_is_zero_in_every_sample(moments):
    assert (rows_of(moments, "backpropagation").largest == 0).all()


@pytest.mark.parametrize("method", claim.SAMPLED)
def test_reinforce_has_the_exact_mean(moments, method):
    assert_within_errors(rows_of(moments, method), 2 * SPREAD)


def test_closed_form_deviations_by_hand():
    """Estimates of left's logit: r (1 - π) when left was drawn, else -r π."""
    exact = claim.exact_deviations(P)
    second = P * (1 - P) ** 2 + (1 - P) * P**2
    by_hand = np.sqrt(np.maximum(second - (2 * SPREAD) ** 2, 0))
    np.testing.assert_allclose(exact[claim.NO_BASELINE] ** 2, by_hand**2, atol=1e-6)
    np.testing.assert_allclose(exact[claim.OPTIMAL] ** 2, 0.0, atol=1e-6)
    # With its own expected reward taken off, what is added to both is no matter.
    shifted = f"{claim.SHIFTED}, baseline: expected reward"
    np.testing.assert_allclose(exact[shifted], exact[claim.EXPECTED], atol=1e-6)


@pytest.mark.parametrize("name", CURVES)
def test_straight_through_reads_the_slopes_at_the_ends(moments, name):
    """`π (1 - π) (π f'(1) + (1 - π) f'(0))`, the slopes by hand."""
    slopes = {"straight line": (2, 2), "bent": (4, 0), "wave": (2 - np.pi, 2 - np.pi)}
    at_left, at_right = slopes[name]
    exact = SPREAD * (P * at_left + (1 - P) * at_right)
    assert_within_errors(rows_of(moments, "straight-through", name), exact)


@pytest.mark.parametrize("name", CURVES)
def test_every_curve_pays_what_the_game_pays(name):
    ends = CURVES[name].reward(np.array([0.0, 1.0]))
    np.testing.assert_allclose(ends, [-1.0, 1.0], atol=1e-6)


@pytest.mark.parametrize("temperature", TEMPERATURES)
def test_gumbel_softmax_has_the_mean_of_an_integral(moments, temperature):
    """The share is σ((logit + logistic noise) / t): over quantiles, by midpoints."""
    u = (np.arange(200_000) + 0.5) / 200_000
    logits = np.log(P / (1 - P))[:, None] + np.log(u / (1 - u))
    share = 1 / (1 + np.exp(-logits / temperature))
    exact = (2 * share * (1 - share) / temperature).mean(1)
    rows = rows_of(moments, gumbel_name(temperature), "straight line")
    assert_within_errors(rows, exact)


def test_a_small_measurement_agrees_but_for_what_is_known_not_to(finding):
    wrong = [said for said, met in finding.expectations.items() if not met]
    # Both rewards are as far from zero: there the usual baseline makes it worse.
    assert wrong == [
        "The expected reward as a baseline lowers the variance for every policy."
    ]


@pytest.mark.parametrize(
    ("number", "value"),
    [
        ("autodiff_largest", 1e-9),
        ("reinforce_z", 4.5),
        ("variance_z", float("nan")),
        ("straight_bias", 0.01),
        ("bent_bias", 0.0),
        ("wave_largest", 0.1),
        ("bias_rises", 0.0),
        ("moved_by_backpropagation", 1e-9),
        ("reinforce_worst", 0.0),
        ("value_error", 0.2),
        ("wave_best", 0.9),
    ],
)
def test_a_number_that_speaks_against_it_contradicts_one_more(finding, number, value):
    before = sum(finding.expectations.values())
    after = claim.expectations({**finding.numbers, number: value})
    assert sum(after.values()) == before - 1


def test_figures_and_words_are_made_from_the_finding(finding, tmp_path):
    files = claim.draw(finding, tmp_path)
    assert {path.name for path in files} >= {"gradients.png", "between.png"}
    page = filled(claim.left_or_right, finding, ".")
    assert "<<" not in page
    for stem in ("gradients", "between", "learning"):
        assert f"(./{stem}.png)" in page
        assert (tmp_path / f"{stem}.png").stat().st_size > 10_000
