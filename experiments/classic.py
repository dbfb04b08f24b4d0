"""The classics beside Pong: five games that the field's other suites report.

    pgvq run experiments/classic.py                        all of them
    pgvq run experiments/classic.py --only cartpole        one game
    pgvq run experiments/classic.py --only cartpole_tuned  after the tuning

One configuration per algorithm, the same in all five games; and, once `pgvq tune
experiments/tune_classic.py` is done, each learner tuned for each game.
"""

import contextlib
from typing import Any, NamedTuple

from pgvq import (
    DQN,
    PPO,
    PQN,
    REINFORCE,
    SAC,
    ActorCritic,
    Experiment,
    InputError,
    Tabular,
    make,
)
from pgvq.networks import Torso
from pgvq.tuning import chosen, tuned

# Fields that differ from the defaults, which were found on Pong: there a reward comes
# some hundred steps later and agent steps are plenty, here the budgets are small.
ALGORITHMS = {
    "reinforce": REINFORCE(num_envs=8, rollout_length=512, learning_rate=1e-2),
    "actor_critic": ActorCritic(num_envs=16),
    "ppo": PPO(),
    "sac": SAC(discount=0.99),
    "dqn": DQN(
        torso=Torso(layer_norm=True),
        replay_ratio=1 / 4,
        target_period=100,
        discount=0.99,
        max_grad_norm=100.0,  # of errors of values that reach 100, not 1
        exploration_fraction=0.2,
        epsilon_end=0.04,
    ),
    "pqn": PQN(),
}
TABULAR = {
    "q-learning, table": Tabular(),
    "sarsa, table": Tabular(rule="sarsa"),
}


# A convolution takes a CPU some minutes per run, and with a replay hours.
IMAGES = {name: ALGORITHMS[name] for name in ("ppo", "pqn")}


class Game(NamedTuple):
    """An environment, its budget, and who learns it."""

    title: str
    environment: str
    steps: float
    algorithms: dict[str, Any] = ALGORITHMS
    seeds: int = 10

    def experiment(self, name: str, how: str, algorithms: dict[str, Any]) -> Experiment:
        """The game's experiment with these algorithms."""
        return Experiment(
            name=name,
            title=f"{self.title}, {how}",
            algorithms=algorithms,
            steps=self.steps,
            seeds=self.seeds,
            evaluations=10,
            games=10,
            max_game_steps=5_000,
        )

    def configured(self) -> dict[str, Any]:
        """The algorithms as they are in all games, in this one's environment."""
        env, _ = make(self.environment)
        return {name: a.replace(env=env) for name, a in self.algorithms.items()}


GAMES = {
    "cartpole": Game("CartPole", "CartPole-v1", 2e5),
    "acrobot": Game("Acrobot", "Acrobot-v1", 2e5),
    "catch": Game("Catch", "Catch-bsuite", 1e5, ALGORITHMS | TABULAR),
    "deep_sea": Game("Deep Sea", "DeepSea-bsuite", 1e5, ALGORITHMS | TABULAR),
    "breakout": Game("MinAtar Breakout", "Breakout-MinAtar", 1e6, IMAGES, seeds=4),
}
CONFIGURED = {
    name: game.experiment(
        name, "one configuration per algorithm for all of five games", game.configured()
    )
    for name, game in GAMES.items()
}


def tuned_games() -> list[Experiment]:
    """Games for which every learner was tuned, each learner with what was chosen."""
    found = []
    for name, game in GAMES.items():
        with contextlib.suppress(InputError):  # not tuned, or not all of it
            values = chosen(f"results/tuning/classic/{name}")
            algorithms = game.configured()
            if values.keys() == algorithms.keys():
                made = {a: tuned(algorithms[a], values[a]) for a in values}
                how = "each learner tuned for it with the same effort"
                found.append(game.experiment(f"{name}_tuned", how, made))
    return found


experiments = [*CONFIGURED.values(), *tuned_games()]
