"""From REINFORCE to DQN, one change at a time, on Atari Pong.

    pgvq run experiments/ladder.py --only untuned      everything else held equal
    pgvq tune experiments/tune_ladder.py               the same effort for each rung
    pgvq run experiments/ladder.py --only tuned        each rung at its best settings
    pgvq run experiments/ladder.py --only quantiles    takes ten times as long a rung
    pgvq run experiments/ladder.py --only hidden       what a memory is worth

Each rung differs from its parent in one thing, which `Ladder` checks. SAC is not a
rung: it changes the policy, the critics and the exploration at once.
"""

import sys
from typing import Any

from pgvq import (
    DQN,
    PPO,
    PQN,
    REINFORCE,
    ActorCritic,
    Experiment,
    InputError,
    Ladder,
    Pong,
    Rung,
)
from pgvq.tuning import chosen

# Settings that say nothing about how a method learns. Untuned, all rungs have these,
# which are the defaults of most learners here; tuned, each has its own. There is no
# learning rate that suits all: of 2e-3, 5e-3 and 1e-2 (three seeds each) REINFORCE
# learns faster with the larger ones, PQN without layer normalisation best with 2e-3.
NUISANCE = ("learning_rate", "discount", "entropy_coef", "exploration_fraction")
SAME: dict[str, Any] = {
    "num_envs": 32,
    "discount": 0.99,
    "learning_rate": 2e-3,
    "max_grad_norm": 0.5,
}
LONG, SHORT = 256, 16  # agent steps of a rollout in each environment
CUT = "returns end with the rollout, in the value of its last state"

POLICY_GRADIENTS = {
    "reinforce": REINFORCE(
        **SAME, rollout_length=LONG, baseline="none", normalize=False
    ),
    "running mean": Rung(
        parent="reinforce",
        change={"baseline": "running mean"},
        words="the mean return is subtracted as a baseline",
    ),
    "value network": Rung(
        parent="running mean",
        change={"baseline": "value network"},
        words="the baseline is a value network instead of the mean",
    ),
    # REINFORCE pays rewards across rollouts: its returns stay complete.
    "value network, short rollouts": Rung(
        parent="value network",
        change={"rollout_length": SHORT},
        words=f"an update every {SHORT} steps instead of every {LONG}",
    ),
    # One update of either class is the same where rollouts hold whole episodes, by
    # tests/algorithms/test_ladder_equalities.py.
    "cut returns, long rollouts": Rung(
        parent="value network",
        change=CUT,
        algorithm=ActorCritic(
            **SAME, rollout_length=LONG, lambda_=1.0, normalize=False
        ),
    ),
    "cut returns, short rollouts": Rung(
        parent="cut returns, long rollouts",
        change={"rollout_length": SHORT},
        words=f"an update every {SHORT} steps instead of every {LONG}",
        also={
            "value network, short rollouts": CUT,
        },
    ),
    "bootstrapping, long rollouts": Rung(
        parent="cut returns, long rollouts",
        change={"lambda_": 0.95},
        words="bootstraps at every step: lambda 0.95 instead of 1",
    ),
    "bootstrapping, short rollouts": Rung(
        parent="cut returns, short rollouts",
        change={"lambda_": 0.95},
        words="bootstraps at every step: lambda 0.95 instead of 1",
        also={"bootstrapping, long rollouts": {"rollout_length": SHORT}},
    ),
    "actor-critic": Rung(
        parent="bootstrapping, short rollouts",
        change={"normalize": True},
        words="advantages get mean 0 and deviation 1",
    ),
    # With one epoch PPO's update is actor-critic's, by the same tests.
    "four epochs": Rung(
        parent="actor-critic",
        change="four updates on each rollout instead of one",
        algorithm=PPO(
            **SAME,
            rollout_length=SHORT,
            normalize="batch",
            num_epochs=4,
            num_minibatches=1,
            clip=1e6,
        ),
        apart=("normalize",),  # True is called "batch" there
    ),
    "clipped": Rung(
        parent="four epochs",
        change={"clip": 0.2},
        words="the policy's ratio is clipped at 20 %",
    ),
    "ppo": Rung(
        parent="clipped",
        change={"num_minibatches": 4},
        words="four minibatches in each epoch instead of one",
    ),
}

VALUES = {
    "pqn, no layer norm": Rung(
        parent="ppo",
        change="learns action values and explores by epsilon, without a policy",
        algorithm=PQN(
            **SAME,
            rollout_length=SHORT,
            num_epochs=4,
            num_minibatches=4,
            lambda_=0.95,
            torso=PPO().torso,
        ),
    ),
    "pqn": Rung(
        parent="pqn, no layer norm",
        change={"torso.layer_norm": True},
        words="layer normalisation in the network",
    ),
    "one-step q-learning": Rung(
        parent="pqn, no layer norm",
        change={"lambda_": 0.0},
        words="one-step targets: lambda 0 instead of 0.95",
    ),
    # As many updates and rows as PQN: 16 of 128 in every 512 agent steps, and targets
    # that are fixed for these 16.
    "dqn, no replay": Rung(
        parent="one-step q-learning",
        change="minibatches are drawn from the last rollout instead of dealt out",
        algorithm=DQN(
            **SAME,
            rollout_length=SHORT,
            replay_ratio=1 / 32,
            batch_size=128,
            capacity=32 * SHORT,
            target_period=16,
            double=False,
            torso=PPO().torso,
        ),
    ),
    "replay, no target network": Rung(
        parent="dqn, no replay",
        change={"capacity": 100_000},
        words="drawn from the last 100,000 steps instead of the last 512",
    ),
    "dqn": Rung(
        parent="replay, no target network",
        change={"target_period": 250},
        words="a target network that is copied every 250 updates, not 16",
    ),
    "dqn, double": Rung(
        parent="dqn",
        change={"double": True},
        words="double: the online network chooses the target's action",
    ),
    "dqn, dueling": Rung(
        parent="dqn",
        change={"dueling": True},
        words="dueling: heads for the state's value and for advantages",
    ),
    "dqn, 3-step": Rung(
        parent="dqn", change={"n_step": 3}, words="targets of 3 steps instead of 1"
    ),
    "dqn, prioritised": Rung(
        parent="dqn",
        change={"prioritized": True},
        words="rows are drawn by their last error",
    ),
}

LADDER = Ladder(rungs=POLICY_GRADIENTS | VALUES, nuisance=NUISANCE)

untuned = Experiment(
    name="untuned",
    title="From REINFORCE to DQN, one change at a time, all else held equal: "
    "Atari Pong",
    algorithms=LADDER,
    steps=1e6,
    seeds=20,
    evaluations=5,
    games=10,
)

quantiles = untuned.replace(
    name="quantiles",
    title="DQN with and without quantiles, all else held equal: Atari Pong",
    ladder=None,
    algorithms=Ladder(
        rungs={
            "dqn": LADDER.algorithms["dqn"],
            "dqn, quantiles": Rung(
                parent="dqn",
                change={"quantiles": 32},
                words="32 quantiles of the return instead of its mean",
            ),
        }
    ),
)

# Where things are, and not where they are going: one look is not enough.
HIDDEN = PPO(
    env=Pong(episode="point", observation="positions"),
    num_minibatches=4,
    learning_rate=1e-3,
)

hidden = Experiment(
    name="hidden",
    title="Atari Pong with its velocities hidden: what a memory is worth",
    algorithms={
        "ppo": HIDDEN,
        "ppo with memory": HIDDEN.replace(memory_size=64),
    },
    steps=2.5e6,
    seeds=4,
    evaluations=6,
    games=6,
)

experiments = [untuned, quantiles, hidden]

try:
    tuned = untuned.replace(
        name="tuned",
        title="From REINFORCE to DQN, one change at a time, each rung tuned with the "
        "same effort: Atari Pong",
        algorithms=LADDER.tuned(chosen("results/tuning/ladder")),
    )
    experiments.insert(1, tuned)
except InputError as error:
    print(
        f"`tuned` is left out until `pgvq tune experiments/tune_ladder.py` is done: "
        f"{error}",
        file=sys.stderr,
    )
