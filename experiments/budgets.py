"""How well does each learner play in the end, on which budget? Atari Pong.

    pgvq run experiments/budgets.py                 hours; stopped, it goes on
    pgvq run experiments/budgets.py --only 1M       one budget
    pgvq plot results/budgets                       the curve, from what is there

Every point has runs of its own, whose schedules run over their own budget. SAC is left
out, because it is the slowest and its tuning is not finished.
"""

import sys
from typing import Any

from pgvq import DQN, PPO, PQN, REINFORCE, ActorCritic, InputError
from pgvq.experiments.budgets import budgets
from pgvq.tuning import chosen, tuned

LEARNERS: dict[str, Any] = {
    "reinforce": REINFORCE(),
    "actor_critic": ActorCritic(),
    "ppo": PPO(),
    "pqn": PQN(),
    "dqn": DQN(),
}

try:
    found = chosen("results/tuning/pong")
    if missing := LEARNERS.keys() - found.keys():
        raise InputError(f"nothing was chosen for {min(missing)}; tune it as well")
    LEARNERS = {name: tuned(a, found[name]) for name, a in LEARNERS.items()}
    SETTINGS = "each learner tuned with the same effort"
except InputError as error:
    SETTINGS = "default settings"
    print(
        "all learners have their default settings until `pgvq tune "
        f"experiments/tune_pong.py` is done: {error}",
        file=sys.stderr,
    )

experiments = budgets(
    [2.5e5, 5e5, 1e6, 2e6, 4e6, 8e6],
    LEARNERS,
    title=f"Atari Pong, learnt from state features, {SETTINGS}",
    seeds=10,
    evaluations=1,
    games=10,
)
