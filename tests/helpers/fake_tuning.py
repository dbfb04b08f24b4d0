"""Tunings whose runs are not trained: a score is a formula of values and seed."""

import numpy as np
import pytest

from pgvq import DQN, PPO
from pgvq.tuning import Tuning
from pgvq.tuning.training import Scores, Stopped, Trainer


def tuning(**changes) -> Tuning:
    """PPO and DQN with few trials."""
    settings = {
        "name": "fake",
        "learners": [PPO(), DQN()],
        "steps": 1e5,
        "trials": 9,
        "seeds": 2,
        "finalists": 2,
        "final_seeds": 3,
        "round_size": 3,
        "structures": 2,
    }
    return Tuning(**(settings | changes))


def score(algorithm, seed: int) -> float:
    """Best at a learning rate of 2e-3; a little luck of the seed's own."""
    luck = np.random.default_rng(seed).normal()
    return 10 - 5 * np.log10(algorithm.learning_rate / 2e-3) ** 2 + luck


class Untrained:
    """Stands for `Trainer.train`; stops as Ctrl-C does after so many calls."""

    def __init__(self) -> None:
        self.calls: list[tuple[int, int]] = []  # structure, number of lanes
        self.stop_after: int | None = None

    def __call__(self, trainer, lanes, structure, width) -> Scores:
        if len(self.calls) == self.stop_after:
            raise Stopped
        self.calls.append((structure, len(lanes)))
        found = np.array([score(lane.algorithm, lane.seed) for lane in lanes])
        means = {"greedy": found, "explore": found - 1}
        return Scores(means, found[None], np.zeros(len(lanes), bool), 1.0)


@pytest.fixture
def untrained(monkeypatch: pytest.MonkeyPatch) -> Untrained:
    """No tuning of this test trains anything."""
    fake = Untrained()
    monkeypatch.setattr(Trainer, "train", lambda self, *args: fake(self, *args))
    monkeypatch.setattr(Trainer, "width", lambda self, lane, structure, wanted: wanted)
    return fake
