"""A sequence of digits: the task, the one loss of both ways, a small claim whole."""

import itertools

import jax
import jax.numpy as jnp
import numpy as np
import pytest

from pgvq.study.page import filled
from why_not_backprop import sequence as claim
from why_not_backprop.sequence import DIGITS, LENGTH, PICTURES, READING

pytestmark = [pytest.mark.studies, pytest.mark.usefixtures("light_compilation")]

KEY = jax.random.key(0)
draw_task = jax.jit(claim.draw_task, static_argnums=1)


@pytest.fixture(scope="module")
def finding(light_compilation):
    said = []
    found = claim.measure(said.append, steps=200, seeds=2)
    assert len(said) == 2
    return found


@pytest.fixture(scope="module")
def params(light_compilation):
    """Weights of a network that is sure of itself, as it is not at the beginning."""
    return jax.tree.map(lambda leaf: 3.0 * leaf, opinionated(jax.jit(claim.init)(KEY)))


def opinionated(params):
    inner = dict(params["params"])
    inner["logits"] = {**inner["logits"], "kernel": 100 * inner["logits"]["kernel"]}
    return {"params": inner}


def test_the_ten_pictures_differ():
    assert PICTURES.shape == (DIGITS, 5, 3)
    for one, other in itertools.combinations(range(DIGITS), 2):
        assert np.abs(PICTURES[one] - PICTURES[other]).sum() >= 1


def test_the_columns_read_are_the_pictures_of_the_answers_in_order():
    task = draw_task(KEY, 7)
    columns = np.asarray(task.columns).reshape(LENGTH, 3, 7, 5)
    for place, row in itertools.product(range(LENGTH), range(7)):
        picture = PICTURES[int(task.digits[place, row])]
        seen = columns[place, :, row].T  # rows, columns
        assert np.abs(seen - picture).max() < 6 * claim.NOISE
        assert np.corrcoef(seen.ravel(), picture.ravel())[0, 1] > 0.7


def test_an_answer_is_fed_back_after_it_is_given_and_never_before():
    task = draw_task(KEY, 4)
    seen = claim.inputs(task, task.digits)
    before = np.asarray(seen[..., 5:-1])
    assert before[: READING + 1].sum() == 0
    told = before[READING + 1 :].argmax(-1)
    np.testing.assert_array_equal(told, task.digits[:-1])
    np.testing.assert_array_equal(seen[:, 0, -1], [0] * READING + [1] * LENGTH)


def test_answers_are_drawn_with_the_probabilities_that_the_loss_differentiates(params):
    """Many draws for one sequence: frequencies of the first two answers, jointly."""
    count = 20_000
    one = draw_task(KEY, 1)
    many = claim.Task(*(jnp.repeat(leaf, count, 1) for leaf in one))
    drawn = np.asarray(jax.jit(claim.sample)(params, many, KEY))
    frequency = np.zeros((DIGITS, DIGITS))
    np.add.at(frequency, (drawn[0], drawn[1]), 1 / count)

    pairs = np.array(list(itertools.product(range(DIGITS), repeat=2))).T
    answers = jnp.array([*pairs, np.zeros(100, int)])  # the third changes nothing
    every = claim.Task(*(jnp.repeat(leaf, 100, 1) for leaf in one))
    log_probs = jax.jit(claim.log_probs)(params, every, answers)
    probs = np.exp(np.asarray(log_probs)[:2].sum(0)).reshape(DIGITS, DIGITS)
    np.testing.assert_allclose(probs.sum(), 1.0, atol=1e-5)
    assert probs.max() > 0.05  # sure enough that a mistake would show
    error = np.sqrt(probs * (1 - probs) / count)
    np.testing.assert_array_less(np.abs(frequency - probs), 4.5 * error + 1e-4)


@jax.jit
def losses(params, task, answers):
    """The loss of both ways, and the log-probabilities of right and of own answers."""
    loss = [claim.loss(params, task, answers, jnp.bool_(s)) for s in (True, False)]
    return loss, [claim.log_probs(params, task, x) for x in (task.digits, answers)]


def test_the_loss_weighs_whose_answers_it_should(params):
    task = draw_task(KEY, 5)
    answers = task.digits.at[0].add(jnp.array([0, 1, 0, 1, 1])) % DIGITS
    (supervised, by_reward), (right, own) = losses(params, task, answers)
    np.testing.assert_allclose(supervised, -right.sum(0).mean(), rtol=1e-4)
    reward = np.array([1, 2 / 3, 1, 2 / 3, 2 / 3])  # two of three right, or all
    weighed = own.sum(0) * (reward - reward.mean())
    np.testing.assert_allclose(by_reward, -weighed.mean(), rtol=1e-4)


def test_a_small_measurement_learns_by_the_right_answers(finding):
    numbers = finding.numbers
    assert numbers["autodiff_largest"] == 0
    assert numbers["supervised_lowest"] > 0.25
    assert numbers["reward_highest"] < numbers["supervised_lowest"]
    curves = finding.tables["learning"]
    supervised = curves[curves.method == claim.SUPERVISED]["median"].to_numpy()
    assert supervised[-1] > supervised[0] + 0.15


@pytest.mark.parametrize(
    ("number", "value"),
    [
        ("supervised_lowest", 0.89),
        ("autodiff_largest", 1e-9),
        ("reward_lowest", 0.11),
        ("reward_highest", 0.97),
    ],
)
def test_a_number_that_speaks_against_it_contradicts_one(number, value):
    numbers = {
        "supervised_lowest": 0.93,
        "autodiff_largest": 0.0,
        "reward_lowest": 0.2,
        "reward_highest": 0.4,
        "chance": 0.1,
        "guess_error": 0.003,
    }
    assert all(claim.expectations(numbers).values())
    changed = claim.expectations({**numbers, number: value})
    assert list(changed.values()).count(False) == 1


def test_figure_and_words_are_made_from_the_finding(finding, tmp_path):
    claim.draw(finding, tmp_path)
    page = filled(claim.sequence, finding, ".")
    assert "<<" not in page
    assert "(./learning.png)" in page
    assert (tmp_path / "learning.png").stat().st_size > 10_000
