"""How well does each learner play in the end, on which budget? Atari Pong.

    pgvq run experiments/budgets.py                 hours; stopped, it goes on
    pgvq run experiments/budgets.py --only 1M       one budget
    pgvq plot results/budgets                       the curve, from what is there

Every point has runs of its own, whose schedules run over their own budget.
"""

import sys
from pathlib import Path
from typing import Any

from pgvq import DQN, PPO, PQN, REINFORCE, SAC, ActorCritic, InputError
from pgvq.budgets import budgets
from pgvq.paths import with_settings

LEARNERS: dict[str, Any] = {
    "reinforce": REINFORCE(),
    "actor_critic": ActorCritic(),
    "ppo": PPO(),
    "pqn": PQN(),
    "dqn": DQN(),
    "sac": SAC(),
}

TUNING = "results/tuning/pong"
IS_TUNED = Path(TUNING).exists()
if IS_TUNED:
    from pgvq.tuning import chosen

    found = chosen(TUNING)
    if missing := LEARNERS.keys() - found.keys():
        raise InputError(
            f"{TUNING} has nothing for {min(missing)}; tune it again with the learners "
            "of this file"
        )
    LEARNERS = {n: with_settings(a, found[n]) for n, a in LEARNERS.items()}
else:
    print(
        f"{TUNING} is not there, and so all learners have their default settings; make "
        "it with `pgvq tune experiments/tune_pong.py`",
        file=sys.stderr,
    )

experiments = budgets(
    [2.5e5, 5e5, 1e6, 2e6, 4e6, 8e6],
    LEARNERS,
    title="Atari Pong, learnt from state features, "
    + ("each learner tuned with the same effort" if IS_TUNED else "default settings"),
    seeds=10,
    evaluations=1,
    games=10,
)
