"""The instruments at work: gradients, action values and credit on Atari Pong.

Run it with `pgvq run experiments/instruments`.
"""

from instruments.credit import credit
from instruments.gradients import gradients
from instruments.q_values import q_values
from pgvq.study import Study

INTRODUCTION = """
Three instruments, each of which runs on any algorithm of the suite and on one's own.
They look inside the two families: how good the gradient is that a policy gradient
climbs, how true the values are that Q-learning acts on, and which of many actions
either method holds responsible for a point.

```python
import jax

from pgvq import DQN, ActorCritic
from pgvq.diagnostics import (
    action_credit,
    gradients_along_training,
    record,
    values_along_training,
)

key, critic = jax.random.key(0), ActorCritic()
frame = gradients_along_training(
    critic, [0, 2e4], key=key, samples=8, reference_samples=16
)
print(frame[["trained_steps", "estimator", "cosine", "signal_to_noise_per_step"]])

agents = {"DQN": DQN(double=False), "double DQN": DQN()}
print(values_along_training(agents, steps=2e4, points=2, seeds=2))

state = critic.init(key)
rally = record(critic, state, key, num_envs=4, length=64)
print(action_credit(critic, state, rally.batch).shape)  # agent steps, environments
```

What follows is what they show on Pong.
"""

study = Study(
    name="instruments",
    title="What gradients, values and credit are worth",
    introduction=INTRODUCTION,
    claims=[gradients, q_values, credit],
)
