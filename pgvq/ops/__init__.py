"""Free functions of arrays that algorithms are made of."""

from pgvq.ops.exploration import epsilon_greedy, linear_schedule
from pgvq.ops.losses import (
    action_value,
    approximate_kl,
    clipped_surrogate_loss,
    clipped_value_error,
    entropy,
    expected_value,
    greedy_value,
    huber_error,
    log_prob,
    policy_gradient_loss,
    safe_scale,
    soft_value,
    squared_error,
    standardized,
)
from pgvq.ops.optimizers import adam, apply_gradients, clip_by_global_norm
from pgvq.ops.returns import has_ended, lambda_returns, n_step, one_step_returns

__all__ = [
    "action_value",
    "adam",
    "apply_gradients",
    "approximate_kl",
    "clip_by_global_norm",
    "clipped_surrogate_loss",
    "clipped_value_error",
    "entropy",
    "epsilon_greedy",
    "expected_value",
    "greedy_value",
    "has_ended",
    "huber_error",
    "lambda_returns",
    "linear_schedule",
    "log_prob",
    "n_step",
    "one_step_returns",
    "policy_gradient_loss",
    "safe_scale",
    "soft_value",
    "squared_error",
    "standardized",
]
