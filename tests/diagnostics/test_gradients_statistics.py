"""Bias, variance and direction of made-up estimates, whose truth is known."""

import numpy as np
import pytest

from pgvq.diagnostics.gradient_statistics import (
    QUANTITIES,
    EstimateGroups,
    comparison,
    cosine_at,
)

WEIGHTS = 200


def groups_of(estimates, reference):
    """Groups [J, P] from estimates [J, K, P] and the reference's [J, P]."""
    squared = (estimates**2).sum(-1)
    unit = estimates / np.sqrt(squared)[..., None]
    return EstimateGroups(estimates.mean(1), unit.mean(1), squared.mean(1), reference)


def simulated(random, offset, noise, groups=40, each=8):
    """Estimates with mean (1, offset, 0, ...), and a noisy reference (1, 0, ...)."""
    truth = np.zeros(WEIGHTS)
    truth[0] = 1.0
    shared = 0.05 * random.normal(size=(groups, WEIGHTS))  # of the same games
    estimates = (
        truth + shared[:, None] + noise * random.normal(size=(groups, each, WEIGHTS))
    )
    estimates[..., 1] += offset
    reference = truth + 0.2 * random.normal(size=(3 * groups, WEIGHTS))
    return groups_of(estimates, truth + shared), reference


def test_intervals_hold_the_truth_as_often_as_they_say():
    random, offset, noise, steps = np.random.default_rng(0), 0.5, 1.0, 10
    variance = WEIGHTS * (noise**2 + 0.05**2)
    norm2 = 1 + offset**2
    truth = {
        "bias": offset,
        "relative_bias": offset,
        "alignment": 1 / np.sqrt(norm2),
        "variance": variance,
        "noise_scale": steps * variance / norm2,
        "signal_to_noise_per_step": norm2 / variance / steps,
    }
    held = dict.fromkeys(truth, 0)
    means = dict.fromkeys(truth, 0.0)
    for _ in range(100):
        row = comparison(*simulated(random, offset, noise), steps)
        for name, value in truth.items():
            held[name] += row[f"{name}_low"] <= value <= row[f"{name}_high"]
            means[name] += row[name] / 100
    for name, value in truth.items():
        assert 88 <= held[name] <= 100, (name, held[name])
        assert means[name] == pytest.approx(value, rel=0.05), name


def test_noise_does_not_look_like_bias():
    random = np.random.default_rng(1)
    rows = [comparison(*simulated(random, 0.0, 2.0), 10) for _ in range(100)]
    assert np.mean([row["bias_low"] == 0 for row in rows]) > 0.9
    assert np.mean([row["bias"] for row in rows]) < 0.2  # the noise alone is 0.9
    # Not on average: a noisy length in the denominator pushes a mean up.
    assert np.median([row["alignment"] for row in rows]) == pytest.approx(1, abs=0.1)


def test_the_cosine_of_an_estimate_is_the_one_that_its_noise_predicts():
    random = np.random.default_rng(2)
    row = comparison(*simulated(random, 0.5, 0.3, groups=200), 10)
    assert row["cosine_low"] < row["cosine"] < row["cosine_high"]
    predicted = cosine_at(row["alignment"], row["noise_scale"], 10)
    assert row["cosine"] == pytest.approx(predicted, rel=0.02)
    assert predicted == pytest.approx(1 / np.sqrt(1.25 + 200 * 0.0925), rel=0.05)


def test_every_quantity_has_its_interval():
    row = comparison(*simulated(np.random.default_rng(3), 0.5, 1.0), 10)
    for name in QUANTITIES:
        assert row[f"{name}_low"] <= row[name] <= row[f"{name}_high"], name


def test_a_gradient_that_is_all_noise_has_no_direction():
    random = np.random.default_rng(4)
    rows = []
    for _ in range(20):
        nothing = random.normal(size=(20, 5, WEIGHTS))
        groups = groups_of(nothing, nothing.mean(1))
        rows.append(comparison(groups, random.normal(size=(20, WEIGHTS)), 10))
    assert any(np.isnan(row["alignment"]) for row in rows)
    unknown = [row for row in rows if np.isnan(row["reference_norm"])]
    assert unknown
    assert all(np.isnan(row["relative_bias"]) for row in unknown)
    assert all(row["bias"] == 0 for row in rows)


def test_the_cosine_grows_with_the_batch_up_to_the_alignment():
    steps = np.array([1.0, 100.0, 1e9])
    np.testing.assert_allclose(
        cosine_at(0.8, 100.0, steps), [0.8 / np.sqrt(101), 0.8 / np.sqrt(2), 0.8]
    )
