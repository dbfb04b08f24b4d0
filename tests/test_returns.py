"""Returns: golden values by hand, and an O(T^2) reference with every kind of edge."""

import itertools

import jax
import numpy as np
import pytest

from pgvq.returns import has_ended, lambda_returns, one_step_returns

F, T = False, True


def returns(reward, next_value, terminated, truncated, discount, lambda_):
    """`lambda_returns` of lists, as a list."""
    return np.asarray(
        lambda_returns(
            np.array(reward, np.float32),
            np.array(next_value, np.float32),
            np.array(terminated, bool),
            np.array(truncated, bool),
            discount,
            lambda_,
        )
    )


def reference(reward, next_value, terminated, truncated, discount, lambda_):
    """The lambda-return as it is defined: a weighted sum of n-step returns, O(T^2).

    Each n-step return is summed forwards from its own rewards, so nothing of the
    recursion under test is repeated here.
    """
    length = len(reward)
    result = np.zeros(length)
    for start in range(length):
        # The last row whose reward still belongs to this step's episode.
        last = start
        while last < length - 1 and not (terminated[last] or truncated[last]):
            last += 1
        n_step = []
        for end in range(start, last + 1):
            earned = sum(
                discount ** (row - start) * reward[row] for row in range(start, end + 1)
            )
            bootstrap = 0.0 if terminated[end] else next_value[end]
            n_step.append(earned + discount ** (end - start + 1) * bootstrap)
        shares = [(1 - lambda_) * lambda_**n for n in range(len(n_step) - 1)]
        shares.append(lambda_ ** (len(n_step) - 1))
        result[start] = np.dot(shares, n_step)
    return result


@pytest.mark.parametrize(
    ("lambda_", "expected"),
    [
        # One step: r + 0.5 v, nothing behind the termination in row 1.
        (0.0, [1 + 5, 2, 3 + 20]),
        # To the end: row 1 is 2, row 0 is 1 + 0.5 * 2, row 2 meets the edge.
        (1.0, [2, 2, 23]),
        # Half way: row 0 is 1 + 0.5 * (0.5 * 10 + 0.5 * 2).
        (0.5, [4, 2, 23]),
    ],
)
def test_golden_termination(lambda_, expected):
    got = returns([1, 2, 3], [10, 20, 40], [F, T, F], [F, F, F], 0.5, lambda_)
    np.testing.assert_allclose(got, expected, rtol=1e-6)


def test_golden_truncation_bootstraps_and_cuts_the_trace():
    """Pitfall 3: a truncation taken for a termination would give 2 in row 1."""
    got = returns([1, 2, 3], [10, 20, 40], [F, F, F], [F, T, F], 0.5, 1.0)
    # Row 1: 2 + 0.5 * 20, not mixed with row 2, which belongs to another episode.
    np.testing.assert_allclose(got, [1 + 0.5 * 12, 12, 23], rtol=1e-6)


def test_golden_termination_wins_over_truncation_in_the_same_step():
    got = returns([1, 2], [10, 20], [T, F], [T, F], 0.5, 1.0)
    np.testing.assert_allclose(got, [1, 12], rtol=1e-6)


def test_the_value_is_read_where_the_step_led_to():
    """Pitfall 2: off by one, row 0 would bootstrap from row 1's value or its own."""
    got = returns([0, 0, 0], [1, 10, 100], [F, F, F], [F, F, F], 1.0, 0.0)
    np.testing.assert_allclose(got, [1, 10, 100])


@pytest.mark.parametrize("lambda_", [0.0, 0.3, 0.95, 1.0])
@pytest.mark.parametrize("discount", [0.0, 0.9, 1.0])
def test_every_short_sequence_against_the_definition(discount, lambda_):
    """Pitfall 2, exhaustively: all 256 ways in which four steps can end."""
    generator = np.random.default_rng(0)
    ends = np.array(list(itertools.product([F, T], repeat=8))).reshape(256, 2, 4)
    terminated, truncated = ends[:, 0].T, ends[:, 1].T  # [T, 256]
    reward, next_value = generator.normal(size=(2, 4, 256))
    got = returns(reward, next_value, terminated, truncated, discount, lambda_)
    for column in range(256):
        expected = reference(
            reward[:, column],
            next_value[:, column],
            terminated[:, column],
            truncated[:, column],
            discount,
            lambda_,
        )
        np.testing.assert_allclose(got[:, column], expected, rtol=1e-4, atol=1e-5)


def test_long_random_sequences_against_the_definition():
    generator = np.random.default_rng(1)
    shape = (60, 20)
    reward, next_value = generator.normal(size=(2, *shape))
    terminated, truncated = generator.random((2, *shape)) < 0.08
    got = returns(reward, next_value, terminated, truncated, 0.97, 0.9)
    for column in range(shape[1]):
        rows = (reward, next_value, terminated, truncated)
        expected = reference(*(row[:, column] for row in rows), 0.97, 0.9)
        np.testing.assert_allclose(got[:, column], expected, rtol=1e-4, atol=1e-5)


def test_lambda_zero_is_the_one_step_target():
    """Both families bootstrap alike: DQN's target is the recursion at lambda 0."""
    generator = np.random.default_rng(2)
    reward, next_value = generator.normal(size=(2, 30)).astype(np.float32)
    terminated, truncated = generator.random((2, 30)) < 0.2
    np.testing.assert_allclose(
        returns(reward, next_value, terminated, truncated, 0.9, 0.0),
        one_step_returns(reward, next_value, terminated, 0.9),
        rtol=1e-5,
        atol=1e-6,
    )


def test_has_ended_marks_whole_episodes():
    """Pitfalls 15 and 25: a step behind the last end is not complete."""
    terminated = np.array([[F, F], [T, F], [F, F], [F, F]])
    truncated = np.array([[F, F], [F, F], [F, T], [F, F]])
    got = has_ended(terminated, truncated)
    expected = np.array([[T, T], [T, T], [F, T], [F, F]])
    np.testing.assert_array_equal(got, expected)


def test_shapes_that_differ_are_refused():
    with pytest.raises(AssertionError):
        lambda_returns(
            np.zeros((3, 1)), np.zeros(3), np.zeros(3, bool), np.zeros(3, bool), 1, 1
        )


def test_returns_are_the_same_compiled():
    args = ([1.0, 2.0], [3.0, 4.0], [F, F], [T, F])
    arrays = [np.array(arg) for arg in args]
    np.testing.assert_allclose(
        jax.jit(lambda_returns)(*arrays, 0.9, 0.8), returns(*args, 0.9, 0.8), rtol=1e-6
    )
