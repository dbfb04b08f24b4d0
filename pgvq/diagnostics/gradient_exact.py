"""Policy gradients of finite MDPs in closed form: what estimates are measured against.

The policy is a softmax over a table of logits [S, A]; `S` counts states here, `A`
actions. Every step is weighted as in a long run of episodes, one after the other: d(s)
is the share of agent steps spent in s. The clock of an environment, which truncates, is
left out, so give it a step cap that episodes do not reach.
"""

import numpy as np
from scipy.special import softmax

from pgvq.checks import check_integer, check_probability
from pgvq.envs import FiniteMDP, policy_values
from pgvq.types import InputError


def exact_policy_gradient(
    mdp: FiniteMDP,
    logits: np.ndarray,
    discount: float,
    *,
    discounted_states: bool = False,
) -> np.ndarray:
    """The policy gradient with respect to the logits, per agent step: [S, A].

        g(s, a) = d(s) pi(a|s) (Q(s, a) - sum_b pi(b|s) Q(s, b))

    Q is the discounted action value. There are two gradients of this form (Nota &
    Thomas 2020, "Is the policy gradient a gradient?"). Every practical method weights
    states by how often they are visited; with a discount below 1 that is the gradient
    of no function. With `discounted_states` a visit after t steps of its episode counts
    `discount^t`, and g is the gradient of the expected discounted return of an episode
    (Sutton et al. 2000), divided by the mean length of an episode.

    Args:
        mdp: its episodes start in a uniformly drawn state.
        logits: [S, A].
        discount: 0..1.
        discounted_states: which of the two.

    Raises:
        InputError: the shapes do not fit, a return may be infinite, or episodes need
            not end.
    """
    policy = _policy(mdp, logits)
    values = policy_values(*mdp.tables, discount, policy)
    visits = expected_visits(mdp, policy)
    weights = expected_visits(mdp, policy, discount) if discounted_states else visits
    return _gradient(weights / visits.sum(), policy, values)


def expected_actor_critic_gradient(
    mdp: FiniteMDP,
    logits: np.ndarray,
    values: np.ndarray,
    discount: float,
    lambda_: float,
    rollout_length: int,
) -> np.ndarray:
    """What actor-critic's estimate is on average, per agent step: [S, A].

    In the row of a rollout that has n rows to its end, itself among them, the return
    that a pair can expect is

        Q_n(s, a) = r(s, a) + g(s, a) sum_s' p(s'|s, a) v_n(s')
        v_1 = V            v_n = (1 - lambda) V + lambda sum_b pi(b|.) Q_{n-1}(., b)
        g(s, a) = discount * (1 - termination(s, a))

    with V the critic, and the estimate is the policy gradient with the mean of Q_1 to
    Q_T in the place of Q. So it has no bias where V is the policy's own value.

    Args:
        mdp: its episodes start in a uniformly drawn state.
        logits: [S, A].
        values: [S], the critic's V.
        discount: 0..1.
        lambda_: 0..1.
        rollout_length: T, agent steps.

    Raises:
        InputError: as `exact_policy_gradient`, or an argument is out of its range.
    """
    policy = _policy(mdp, logits)
    check_probability("discount", discount)
    check_probability("lambda_", lambda_)
    check_integer("rollout_length", rollout_length, 1)
    transitions, rewards, terminations = mdp.tables
    onward = discount * (1 - terminations)[..., None] * transitions  # [S, A, S]
    visits = expected_visits(mdp, policy)
    total, ahead = np.zeros_like(rewards), np.asarray(values, np.float64)
    for _ in range(rollout_length):
        returns = rewards + onward @ ahead  # [S, A]
        total += returns
        ahead = (1 - lambda_) * values + lambda_ * (policy * returns).sum(1)
    return _gradient(visits / visits.sum(), policy, total / rollout_length)


def expected_visits(
    mdp: FiniteMDP, policy: np.ndarray, discount: float = 1.0
) -> np.ndarray:
    """How often an episode visits each state, [S]; after t steps counts `discount^t`.

    Args:
        mdp: its episodes start in a uniformly drawn state.
        policy: [S, A], probabilities; rows sum to 1.
        discount: 0..1.

    Raises:
        InputError: under the policy episodes need not end.
    """
    transitions, _, terminations = mdp.tables
    moves = (policy * (1 - terminations))[..., None] * transitions
    moves = discount * moves.sum(1)  # [S, S]
    if np.abs(np.linalg.eigvals(moves)).max() > 1 - 1e-12:
        raise InputError(
            "episodes of this MDP need not end under this policy, so that no share of "
            "visits is defined; give every state some probability of terminating"
        )
    start = np.full(mdp.num_states, 1 / mdp.num_states)
    return np.linalg.solve(np.eye(mdp.num_states) - moves.T, start)


def _policy(mdp: FiniteMDP, logits: np.ndarray) -> np.ndarray:
    shape = mdp.num_states, mdp.num_actions
    if np.shape(logits) != shape:
        raise InputError(
            f"logits of shape {np.shape(logits)} are no policy of this MDP; give a "
            f"table [S, A] of shape {shape}"
        )
    return softmax(np.asarray(logits, np.float64), axis=1)


def _gradient(
    weights: np.ndarray, policy: np.ndarray, values: np.ndarray
) -> np.ndarray:
    """`weights [S]` times the derivative of `sum_a pi(a|s) values(s, a)`: [S, A]."""
    advantage = values - (policy * values).sum(1, keepdims=True)
    return weights[:, None] * policy * advantage
