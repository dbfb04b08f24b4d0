"""Instruments: what a method's gradients, values and credit are really worth.

`gradients` measures the bias and the variance of policy-gradient estimates, `q_values`
how far action values are from what is obtained, `credit` which actions get the blame.
"""

from pgvq.diagnostics.gradient_estimators import as_estimator, standard_estimators
from pgvq.diagnostics.gradient_exact import exact_policy_gradient
from pgvq.diagnostics.gradients import gradient_lab, reference_gradient

__all__ = [
    "as_estimator",
    "exact_policy_gradient",
    "gradient_lab",
    "reference_gradient",
    "standard_estimators",
]
