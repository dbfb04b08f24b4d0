"""The claim on policy-gradient estimates: measured cheaply, drawn, and worded."""

import jax
import pytest

from instruments.gradients import COMPARED, NAMES, gradients, measure, rounded, when
from pgvq.algorithms import ActorCritic
from pgvq.diagnostics.gradients import gradients_along_training
from pgvq.networks.torsos import MLP
from pgvq.study.page import filled
from pgvq.types import InputError

pytestmark = [pytest.mark.studies, pytest.mark.usefixtures("light_compilation")]

# Small, and not Pong: what is drawn and said must hold for any finding.
AGENT = ActorCritic(num_envs=4, rollout_length=8, torso=MLP((4,)))


@pytest.fixture(scope="module")
def finding():
    said = []
    found = measure(
        said.append,
        steps=(0, 40),
        samples=3,
        reference_samples=3,
        agent=AGENT,
        burn_in=4,
        tail=4,
    )
    assert len(said) == 2
    return found


@pytest.mark.slow
def test_every_estimator_is_measured_at_every_point(finding):
    lab = finding.tables["lab"]
    assert sorted(set(lab.trained_steps)) == [0, 64]  # whole iterations
    for _, part in lab.groupby("trained_steps"):
        assert {*NAMES, *COMPARED} <= set(part.estimator)
        assert (part.variance > 0).all()
        assert part.estimator.is_unique
    assert finding.numbers["reference_steps"] == 3 * 32 * 256
    assert finding.numbers["rollout"] == 512


@pytest.mark.slow
def test_lambda_one_waits_longer_for_the_critic_than_lambda_zero(finding):
    """Before training the critic says 0: what differs is the rewards that are seen."""
    first = finding.tables["lab"].query("trained_steps == 0").set_index("estimator")
    assert (
        first.variance["actor-critic, λ = 1"]
        > 2 * first.variance["actor-critic, λ = 0"]
    )


@pytest.mark.slow
def test_the_page_has_a_place_for_everything(finding, tmp_path):
    files = gradients.draw(finding, tmp_path)
    assert {file.name for file in files} == {"lambda.png", "batch_size.png"}
    page = filled(gradients, finding, "pictures")
    assert "<<" not in page
    assert "before training" in page
    assert len(finding.tables["noise"]) == 11


def test_words_and_digits():
    assert rounded(123_456.0) == 120_000
    assert rounded(96.0) == 96
    assert when(0) == "before training"
    assert when(100_352) == "after 100,000 steps"


def test_points_of_training_rise():
    for steps in ([], [10, 10], [-1, 5], [5, 1]):
        with pytest.raises(InputError, match="give rising numbers"):
            gradients_along_training(AGENT, steps, key=jax.random.key(0))
