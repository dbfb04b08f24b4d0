"""Instruments: what a method's gradients, values and credit are really worth.

`gradients` measures the bias and the variance of policy-gradient estimates, `q_values`
how far action values are from what is obtained, `credit` which actions get the blame.
`exact` solves what is small enough, so that they can be compared with the truth.
"""

from pgvq.diagnostics.credit import action_credit, record, true_advantage
from pgvq.diagnostics.gradient_estimators import as_estimator, standard_estimators
from pgvq.diagnostics.gradient_exact import (
    exact_policy_gradient,
    expected_actor_critic_gradient,
)
from pgvq.diagnostics.gradients import (
    gradient_lab,
    gradients_along_training,
    reference_gradient,
)
from pgvq.diagnostics.network_gradient import network_policy_gradient
from pgvq.diagnostics.q_training import values_along_training
from pgvq.diagnostics.q_values import distance_to_best, over_estimation, values_of

__all__ = [
    "action_credit",
    "as_estimator",
    "distance_to_best",
    "exact_policy_gradient",
    "expected_actor_critic_gradient",
    "gradient_lab",
    "gradients_along_training",
    "network_policy_gradient",
    "over_estimation",
    "record",
    "reference_gradient",
    "standard_estimators",
    "true_advantage",
    "values_along_training",
    "values_of",
]
