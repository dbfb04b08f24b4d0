"""PPO's own fields: what cannot work is refused with what to do instead."""

import pytest

from pgvq.types import InputError
from tests.helpers.tiny import tiny


@pytest.mark.parametrize(
    ("changes", "message"),
    [
        (
            {"num_minibatches": 7},
            r"=7 must divide num_envs \* rollout_length = 4 \* 8 = 32; use 4",
        ),
        ({"num_minibatches": 64}, "num_minibatches=64 must divide .* = 32; use 32"),
        (
            {"num_minibatches": 8, "memory_size": 4},
            "num_minibatches=8 must divide num_envs = 4; use 4",
        ),
        ({"num_minibatches": 0}, "num_minibatches=0 must be"),
        ({"num_epochs": 0}, "num_epochs=0 must be"),
        (
            {"normalize": "all"},
            "normalize='all' is not one of 'none', 'batch', 'minibatch'",
        ),
        ({"num_minibatches": 32}, "over 1 agent step .* smaller num_minibatches"),
        (
            {
                "normalize": "batch",
                "num_envs": 1,
                "rollout_length": 1,
                "num_minibatches": 1,
            },
            "normalize='batch' over 1 agent step",
        ),
        ({"clip": 0.0}, "clip=0.0 must be"),
        ({"lambda_": 1.1}, "lambda_=1.1 must be"),
        ({"value_coef": -0.1}, "value_coef=-0.1 must be"),
        ({"target_kl": -0.1}, "target_kl=-0.1 must be"),
    ],
)
def test_what_cannot_work_is_refused(changes, message):
    with pytest.raises(InputError, match=message):
        tiny("ppo", **changes)


def test_minibatches_of_one_agent_step_work_unnormalised():
    assert tiny("ppo", num_minibatches=32, normalize="batch").num_rows == 32
