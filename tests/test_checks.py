"""Numbers of Python, NumPy and JAX mean the same."""

import math
from fractions import Fraction

import jax
import jax.numpy as jnp
import numpy as np
import pytest

from pgvq.checks import as_bool, as_float, as_int, shown


@pytest.mark.parametrize(
    "kind", [float, np.float64, np.float32, jnp.float32, jnp.array]
)
@pytest.mark.parametrize("number", [1e-4, 0.1, 3e-4, 0.99, 1.0, 12345.678, 0.0])
def test_floats_are_the_number_that_was_written(kind, number):
    found = as_float(kind(number))
    assert type(found) is float
    assert found == number


@pytest.mark.parametrize("given", [1, np.int8(1), jnp.int32(1), Fraction(1), True + 0])
def test_whole_numbers_are_numbers(given):
    assert as_float(given) == 1.0
    assert type(as_float(given)) is float


def test_what_rounds_to_itself_in_float32():
    """The shortest decimal trains exactly as the number given."""
    for value in np.random.default_rng(0).uniform(0, 1, 1000).astype(np.float32):
        assert np.float32(as_float(value)) == value


@pytest.mark.parametrize(
    "given",
    [None, True, np.True_, "1", b"1", [1.0], (), np.array([1.0]), jnp.ones(2), 1j,
     object(), jax.random.key(0), np.datetime64("2020"), {}],
)  # fmt: skip
def test_what_is_no_number(given):
    assert as_float(given) is None
    assert as_int(given) is None


def test_infinities_and_whole_numbers():
    assert math.isnan(as_float(jnp.nan))
    assert as_float(10**400) == math.inf
    assert as_int(np.int64(7)) == as_int(jnp.int32(7)) == as_int(7) == 7
    assert type(as_int(np.int64(7))) is int
    assert as_int(2.0) is as_int(np.float32(2)) is None


@pytest.mark.parametrize("given", [True, np.True_, jnp.array(True)])
def test_flags(given):
    assert as_bool(given) is True
    assert as_bool(1) is as_bool("True") is as_bool(None) is as_bool(np.ones(2)) is None


def test_a_value_in_a_message_is_one_line():
    class Broken:
        def __repr__(self):
            raise ValueError

    assert shown(Broken()) == "an object of type Broken"
    assert len(shown(10**5000)) <= 80
    assert "\n" not in shown(np.zeros((50, 50)))
