"""The instruments at work: gradients, action values and credit on Atari Pong.

Run it with `pgvq run experiments/instruments.py`.
"""

from pgvq.claims.instrument_credit import credit
from pgvq.claims.instrument_gradients import gradients
from pgvq.claims.instrument_q import q_values
from pgvq.study import Study

INTRODUCTION = """
Three instruments, each of which runs on any algorithm of the suite and on one's own
(`pgvq.diagnostics`). They look inside the two families: how good the gradient is that a
policy gradient climbs, how true the values are that Q-learning acts on, and which of
many actions either method holds responsible for a point.
"""

study = Study(
    name="instruments",
    title="What gradients, values and credit are worth",
    introduction=INTRODUCTION,
    claims=[gradients, q_values, credit],
)
