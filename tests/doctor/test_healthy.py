"""Sound algorithms pass: no check may fail for one, whatever it is."""

import pytest

from pgvq import ALGORITHMS
from pgvq.doctor import CHECKS, examine
from pgvq.doctor.trials import TRIALS
from pgvq.types import InputError
from tests.helpers.reference_algorithms import Actions, Policy, Replayed

slow = pytest.mark.slow
OTHERS = [name for name in ALGORITHMS if name not in ("actor_critic", "analytic")]
LEARNT = [name for name, check in CHECKS.items() if check.trials]

# What cannot be asked of an algorithm, and no more than that.
SKIPPED = {
    "reinforce": {"target network", "truncation", "termination", "next observation"}
    | {"bootstrap", "values"},
    "actor_critic": {"target network", "unfinished episodes"},
    "ppo": {"target network", "unfinished episodes"},
    "sac": {"target network", "unfinished episodes", "entropy", "values"},
    "dqn": {"unfinished episodes", "entropy"},
    "pqn": {"target network", "unfinished episodes", "entropy"},
    "tabular": {"target network", "unfinished episodes", "entropy", "clipping"}
    | {"updates"},
}


def told(report):
    return {f.name: f"{f.outcome}: {f.found}" for f in report.findings}


@pytest.mark.parametrize(
    "name",
    ["actor_critic", *[pytest.param(name, marks=slow) for name in OTHERS]],
)
def test_built_in_algorithms_are_healthy(name):
    report = examine(ALGORITHMS[name]())
    assert report.healthy, told(report)
    skipped = {f.name for f in report.findings if f.outcome == "skipped"}
    assert skipped == SKIPPED.get(name, skipped), told(report)


def test_q_learning_learns_the_trials():
    """Of the other family by default only what it learns: half of the programs."""
    report = examine(ALGORITHMS["dqn"](), LEARNT)
    assert report.healthy, told(report)
    skipped = {f.name for f in report.findings if f.outcome == "skipped"}
    assert skipped == SKIPPED["dqn"], told(report)


VARIANTS = {
    "dqn": {
        "n_step": {"n_step": 3},
        "prioritized": {"prioritized": True},
        "dueling": {"dueling": True},
        "quantiles": {"quantiles": 8},
        "single, Huber": {"double": False, "huber": True},
    },
    "ppo": {"memory": {"memory_size": 8}},
    "tabular": {"sarsa": {"rule": "sarsa"}, "expected": {"rule": "expected_sarsa"}},
    "reinforce": {"value network": {"baseline": "value network"}},
}


@slow
@pytest.mark.parametrize(
    ("name", "variant"),
    [(name, variant) for name, all_of in VARIANTS.items() for variant in all_of],
)
def test_variants_are_healthy(name, variant):
    if name not in ALGORITHMS:
        pytest.skip(f"there is no {name}")
    report = examine(ALGORITHMS[name](**VARIANTS[name][variant]))
    assert report.healthy, told(report)


@slow
@pytest.mark.parametrize(
    "pupil",
    [Policy(), Policy(critic="none"), Actions(), Replayed()],
    ids=["critic", "no critic", "Q(lambda)", "replay"],
)
def test_pupils_are_healthy_before_a_fault_is_planted(pupil):
    report = examine(pupil)
    assert report.healthy, told(report)


def test_one_that_moves_in_continuous_actions_is_told_that_it_cannot_be_examined():
    with pytest.raises(InputError, match="decision processes with discrete actions"):
        examine(ALGORITHMS["analytic"]())


def test_every_trial_is_asked_for_by_a_check():
    asked = {trial for check in CHECKS.values() for trial in check.trials}
    assert asked == set(TRIALS)
