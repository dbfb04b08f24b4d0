"""Statistics of sampled gradients: by hand, and against known distributions."""

import numpy as np
import pytest

from why_not_backprop.smooth_games import (
    component,
    cosine,
    cosine_of_each,
    total_variance,
)

pytestmark = pytest.mark.studies


@pytest.fixture
def generator():
    return np.random.default_rng(0)


def test_total_variance_by_hand(generator):
    rows = np.array([[[1.0, 0.0]], [[3.0, 4.0]]])  # variances 2 and 8
    estimate = total_variance(rows, generator)
    np.testing.assert_allclose(estimate.value, [10.0])
    assert estimate.low[0] <= 10.0 <= estimate.high[0]


def test_cosine_by_hand(generator):
    a = np.array([[[2.0, 0.0], [1.0, 1.0], [0.0, 0.0]]] * 3)
    b = np.array([[[3.0, 3.0], [-1.0, -1.0], [1.0, 0.0]]] * 3)
    estimate = cosine(a, b, generator)
    np.testing.assert_allclose(estimate.value, [np.sqrt(0.5), -1.0, 0.0], atol=1e-12)
    np.testing.assert_allclose(estimate.low, estimate.high, atol=1e-12)


def test_the_component_has_the_right_length_and_error():
    rows = np.array([[[1.0, 7.0]], [[5.0, -7.0]]])
    estimate = component(rows, [[10.0, 0.0]])
    np.testing.assert_allclose(estimate.value, [3.0])
    np.testing.assert_allclose(estimate.high - estimate.value, [1.96 * 2.0])
    np.testing.assert_allclose(estimate.value - estimate.low, [1.96 * 2.0])


def test_intervals_hold_the_truth_about_as_often_as_they_say(generator):
    """Rows of mean (3, 0) and total variance 5; cosine with (1, 1) is 0.707."""
    held = np.zeros(3)
    for _ in range(100):
        rows = generator.normal([3.0, 0.0], [1.0, 2.0], (60, 1, 2))
        estimates = (
            (total_variance(rows, generator), 5.0),
            (cosine(rows, np.ones((60, 1, 2)), generator), np.sqrt(0.5)),
            (component(rows, [[1.0, 0.0]]), 3.0),
        )
        held += [bool(e.low[0] <= truth <= e.high[0]) for e, truth in estimates]
    assert np.all(held >= 83), held
    assert np.all(held <= 100), held


def test_the_cosine_of_each_row_by_hand():
    rows = np.array([[[2.0, 0.0]], [[0.0, 0.5]], [[0.0, 0.0]]])
    estimate = cosine_of_each(rows, [4.0, 0.0])
    np.testing.assert_allclose(estimate.value, [1 / 3])
    error = 1.96 * np.sqrt(1 / 3) / np.sqrt(3)
    np.testing.assert_allclose(estimate.high - estimate.value, [error])
