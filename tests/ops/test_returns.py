"""Returns: golden values by hand, and an O(T^2) reference with every kind of edge."""

import itertools

import jax
import numpy as np
import pytest

from pgvq.ops.returns import has_ended, lambda_returns, n_step, one_step_returns
from pgvq.types import InputError

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


def n_step_reference(reward, terminated, truncated, discount, n):
    """The n-step return as it is defined, each window walked by itself."""
    rows = []
    for start in range(len(reward) - n + 1):
        end = start
        while end < start + n - 1 and not (terminated[end] or truncated[end]):
            end += 1
        window = reward[start : end + 1]
        earned = sum(discount**k * r for k, r in enumerate(window))
        rows.append((earned, discount ** len(window) * (not terminated[end]), end))
    return [np.array(column) for column in zip(*rows, strict=True)]


@pytest.mark.parametrize(
    ("n", "earned", "bootstrap", "last"),
    [
        (1, [1, 2, 3, 4, 5], [0.5, 0.5, 0, 0.5, 0.5], [0, 1, 2, 3, 4]),
        (2, [1 + 1, 2 + 1.5, 3, 4], [0.25, 0, 0, 0.5], [1, 2, 2, 3]),
        (3, [1 + 1 + 0.75, 2 + 1.5, 3], [0, 0, 0], [2, 2, 2]),
        (5, [2.75], [0], [2]),
    ],
)
def test_golden_n_steps(n, earned, bootstrap, last):
    """Discount 1/2; the episode terminates in row 2, and the next is cut in row 3."""
    got = n_step(
        np.array([1, 2, 3, 4, 5], np.float32),
        np.array([F, F, T, F, F]),
        np.array([F, F, F, T, F]),
        0.5,
        n,
    )
    for column, expected in zip(got, (earned, bootstrap, last), strict=True):
        np.testing.assert_array_equal(column, expected)
    assert got[2].dtype == np.int32


@pytest.mark.parametrize("n", [1, 2, 3, 4])
@pytest.mark.parametrize("discount", [0.0, 0.9, 1.0])
def test_every_short_window_against_the_definition(discount, n):
    """All 256 ways in which four steps can end, in windows of every length."""
    generator = np.random.default_rng(3)
    ends = np.array(list(itertools.product([F, T], repeat=8))).reshape(256, 2, 4)
    terminated, truncated = ends[:, 0].T, ends[:, 1].T  # [T, 256]
    reward = generator.normal(size=(4, 256)).astype(np.float32)
    got = n_step(reward, terminated, truncated, discount, n)
    assert all(column.shape == (5 - n, 256) for column in got)
    columns = zip(reward.T, terminated.T, truncated.T, strict=True)
    expected = [n_step_reference(*column, discount, n) for column in columns]
    for part, wanted in zip(got, np.moveaxis(expected, 0, -1), strict=True):
        np.testing.assert_allclose(part, wanted, rtol=1e-5, atol=1e-6)


@pytest.mark.parametrize("n", [1, 3, 8])
def test_n_steps_are_the_recursion_at_lambda_one_cut_after_n(n):
    """Pitfalls 2 and 3: each window bootstraps where, and as, the recursion does."""
    generator = np.random.default_rng(4)
    shape = (20 + n - 1, 6)
    reward, next_value = generator.normal(size=(2, *shape)).astype(np.float32)
    terminated, truncated = generator.random((2, *shape)) < 0.15
    earned, bootstrap, last = n_step(reward, terminated, truncated, 0.9, n)
    target = earned + bootstrap * np.take_along_axis(next_value, np.asarray(last), 0)
    windows = np.arange(20)[None] + np.arange(n)[:, None]  # [n, T]
    rows = [row[windows] for row in (reward, next_value, terminated, truncated)]
    np.testing.assert_allclose(
        target, returns(*rows, 0.9, 1.0)[0], rtol=1e-4, atol=1e-5
    )


def test_one_step_is_the_one_step_target_exactly():
    generator = np.random.default_rng(5)
    reward, next_value = generator.normal(size=(2, 40, 3)).astype(np.float32)
    terminated, truncated = generator.random((2, 40, 3)) < 0.2
    earned, bootstrap, last = n_step(reward, terminated, truncated, 0.99, 1)
    np.testing.assert_array_equal(last, np.tile(np.arange(40)[:, None], 3))
    np.testing.assert_array_equal(
        earned + bootstrap * next_value,
        one_step_returns(
            *map(jax.numpy.asarray, (reward, next_value, terminated)), 0.99
        ),
    )


def test_what_follows_an_end_is_never_read():
    """A NaN of the next episode must not reach this one, as 0 * NaN would."""
    reward = np.array([1.0, np.nan, np.nan], np.float32)
    ends, never = np.array([T, F, F]), np.array([F, F, F])
    for terminated, truncated in [(ends, never), (never, ends)]:
        earned, bootstrap, _ = n_step(reward, terminated, truncated, 0.5, 3)
        assert earned[0] == 1.0
        assert bootstrap[0] == (0.5 if truncated[0] else 0.0)


@pytest.mark.parametrize(("n", "hint"), [(0, "use n=1"), (4, "at least 4 rows")])
def test_a_window_that_cannot_be_is_refused(n, hint):
    never = np.zeros(3, bool)
    with pytest.raises(InputError, match=hint):
        n_step(np.zeros(3, np.float32), never, never, 0.9, n)


def test_n_steps_are_the_same_compiled():
    generator = np.random.default_rng(6)
    reward = generator.normal(size=(9, 4)).astype(np.float32)
    terminated, truncated = generator.random((2, 9, 4)) < 0.2
    args = (reward, terminated, truncated, 0.9)
    compiled = jax.jit(n_step, static_argnums=4)(*args, 3)
    for got, expected in zip(compiled, n_step(*args, 3), strict=True):
        np.testing.assert_allclose(got, expected, rtol=1e-6)


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
