"""Networks, in flax.linen: a torso that reads the observation, and the heads on it.

A torso is any module from `[N, *O]` to `[N, F]`; `pgvq.networks.torsos` has some.
Modules are frozen and compare by value, so they can be static fields of an algorithm.
"""

from typing import Any, Literal

import jax
import jax.numpy as jnp
from flax import linen as nn
from jax import Array

from pgvq.checks import as_int, shown
from pgvq.networks.torsos import whole
from pgvq.types import InputError, Params

# Small last layers make the first policy uniform and the first values zero.
SMALL_SCALE = 0.01  # of their weights' deviation, over that of `LECUN`
SMALL = nn.initializers.variance_scaling(1e-4, "fan_in", "truncated_normal")

# Not orthogonal: its QR decomposition inside a jitted, vmapped program can deadlock on
# a machine of two cores. This has the same scale.
LECUN = nn.initializers.lecun_normal()

Critic = Literal["none", "shared", "separate"]


class ActorCritic(nn.Module):
    """Policy logits `[N, A]` and, if there is a critic, state values `[N]`.

    Attributes:
        torso: module below the policy's head.
        num_actions: A.
        critic: none (values are zero), on the policy's torso (shared), or on a torso of
            its own with the same shape (separate).
    """

    torso: nn.Module
    num_actions: int
    critic: Critic = "separate"

    @nn.compact
    def __call__(self, obs: Array) -> tuple[Array, Array]:
        hidden = self.torso(obs)
        logits = nn.Dense(self.num_actions, kernel_init=SMALL, name="logits")(hidden)
        if self.critic == "none":
            return logits, jnp.zeros(obs.shape[0])
        if self.critic == "separate":
            hidden = self.torso.copy(name="critic_torso")(obs)
        value = nn.Dense(1, kernel_init=SMALL, name="value")(hidden)
        return logits, value[..., 0]


class QNetwork(nn.Module):
    """Action values `[N, A]`, or K quantiles of each action's return, `[N, A, K]`.

    Attributes:
        torso: module below the heads.
        num_actions: A.
        dueling: heads for the state's value and for the advantages, Q = V + A - mean A
            (Wang et al. 2016, eq. 9), of each quantile by itself. Both heads are linear
            on the shared torso, where the paper's have a hidden layer of their own.
        quantiles: K (QR-DQN, Dabney et al. 2018); 0 for action values.

    Raises:
        InputError: where `quantiles` is negative.
    """

    torso: nn.Module
    num_actions: int
    dueling: bool = False
    quantiles: int = 0

    def __post_init__(self) -> None:
        quantiles = as_int(self.quantiles)
        if quantiles is None or quantiles < 0:
            raise InputError(
                f"quantiles={shown(self.quantiles)} must be a whole number and cannot "
                "be negative; use 0 for plain action values, or 51 or 200 for QR-DQN"
            )
        self.quantiles = quantiles
        self.num_actions = whole(self, "num_actions", self.num_actions)
        super().__post_init__()

    @nn.compact
    def __call__(self, obs: Array) -> Array:
        hidden = self.torso(obs)
        if not self.dueling:
            return self.head(hidden, "q", self.num_actions)
        value = self.head(hidden, "value", 1)
        advantage = self.head(hidden, "advantage", self.num_actions)
        return value + advantage - advantage.mean(1, keepdims=True)

    def head(self, hidden: Array, name: str, rows: int) -> Array:
        """A linear layer `[N, F]` to `[N, rows]`, or `[N, rows, K]` with quantiles."""
        width = rows * max(self.quantiles, 1)
        outputs = nn.Dense(width, kernel_init=SMALL, name=name)(hidden)
        if self.quantiles:
            return outputs.reshape(-1, rows, self.quantiles)
        return outputs


def with_first_values(
    params: Params, scale: float | Array, value: float | Array
) -> Params:
    """Parameters of a `QNetwork`, fresh from `init`, with other first action values.

    Args:
        params: as `QNetwork.init` made them, with or without duel and quantiles.
        scale: deviation of the heads' weights over that of `LECUN`: 1 is the usual
            start, `SMALL_SCALE` leaves them as they are, 0 makes all values equal.
        value: added to every action value and every quantile of it. Where it is above
            all that can be earned, the start is optimistic (Sutton & Barto 2018, 2.6).

    Raises:
        InputError: the parameters are not those of a `QNetwork`.
    """
    heads = {name: params["params"].get(name) for name in ("q", "value", "advantage")}
    if heads["q"] is None and heads["value"] is None:
        raise InputError(
            f"a network with the parts {', '.join(params['params'])} has no head of "
            "action values, q or value: use a QNetwork, or set the first values of "
            "your own network where you initialise it"
        )

    def scaled(kernel: Array) -> Array:
        # Without a change there is no factor either: a compiler that merged it with
        # the initialiser's own could round otherwise.
        same = jnp.equal(scale, SMALL_SCALE)
        return jnp.where(same, kernel, kernel * (scale / SMALL_SCALE))

    started = {
        name: {
            "kernel": scaled(head["kernel"]),
            # A shift of all advantages would be lost: only their differences count.
            "bias": head["bias"] + (0.0 if name == "advantage" else value),
        }
        for name, head in heads.items()
        if head is not None
    }
    return {**params, "params": {**params["params"], **started}}


class RecurrentActorCritic(nn.Module):
    """A policy and its critic on a gated recurrent unit (Cho et al. 2014).

    With x the torso's features, h the memory, σ the logistic function and ⊙ the product
    of elements (in the form that applies the reset after the matrix product):

        r = σ(W_r x + U_r h + b_r)            z = σ(W_z x + U_z h + b_z)
        c = tanh(W_c x + r ⊙ U_c h + b_c)     h' = (1 - z) ⊙ c + z ⊙ h

    The three methods that make up a step are public so that `unroll` can apply all but
    `remember` to a whole rollout at once.

    Attributes:
        torso: module below the unit.
        num_actions: A.
        width: H, numbers in the memory; the first memory of an episode is zero.
        critic: whether there is one; values are zero without.
    """

    torso: nn.Module
    num_actions: int
    width: int = 64
    critic: bool = True

    def setup(self) -> None:
        gates = 3 * self.width
        self.inputs = nn.Dense(gates, kernel_init=LECUN)
        self.recurrent = nn.Dense(gates, kernel_init=LECUN, use_bias=False)
        self.logits = nn.Dense(self.num_actions, kernel_init=SMALL)
        if self.critic:
            self.value = nn.Dense(1, kernel_init=SMALL)

    def __call__(self, obs: Array, memory: Array) -> tuple[Array, Array, Array]:
        """One agent step: `obs [N, *O]`, `memory [N, H]` to logits, value, memory."""
        memory = self.remember(self.read(obs), memory)
        return *self.judge(memory), memory

    def read(self, obs: Array) -> Array:
        """What the gates get from the observation: `[N, *O]` to `[N, 3 H]`."""
        return self.inputs(self.torso(obs))

    def remember(self, inputs: Array, memory: Array) -> Array:
        """The next memory: `inputs [N, 3 H]`, `memory [N, H]` to `[N, H]`."""
        reset, update, candidate = jnp.split(inputs, 3, axis=-1)
        from_reset, from_update, kept = jnp.split(self.recurrent(memory), 3, axis=-1)
        candidate = nn.tanh(candidate + nn.sigmoid(reset + from_reset) * kept)
        update = nn.sigmoid(update + from_update)
        return (1 - update) * candidate + update * memory

    def judge(self, memory: Array) -> tuple[Array, Array]:
        """Logits `[N, A]` and values `[N]` of memories `[N, H]`."""
        if not self.critic:
            return self.logits(memory), jnp.zeros(memory.shape[0])
        return self.logits(memory), self.value(memory)[..., 0]


def unroll(
    network: RecurrentActorCritic,
    params: Params,
    obs: Array,
    memory: Array,
    ended: Array,
) -> tuple[Array, Array, Array]:
    """Applies a recurrent network along a rollout, forgetting where episodes ended.

    Torso, input projections and heads run once over all rows; only the memory is
    scanned.

    Args:
        obs: `[T, N, *O]`.
        memory: `[N, H]` before the first step.
        ended: `[T, N]` bool: the episode ended with this step, so the next step starts
            from a memory of zeros and no gradient crosses.

    Returns:
        Logits `[T, N, A]`, values `[T, N]` and memories `[T, N, H]` after each step,
        before they are zeroed: with `next_obs` they give the value to bootstrap from.
    """
    inputs = apply_over_time(network, params, obs, method="read")

    def step(memory: Array, row: tuple[Array, Array]) -> tuple[Array, Array]:
        inputs, ended = row
        after: Any = network.apply(params, inputs, memory, method="remember")
        return jnp.where(ended[:, None], 0.0, after), after

    _, after = jax.lax.scan(step, memory, (inputs, ended))
    logits, value = apply_over_time(network, params, after, method="judge")
    return logits, value, after


def apply_over_time(
    network: nn.Module, params: Params, obs: Array, method: str | None = None
) -> Any:
    """Applies a network for `[N, *O]` to a rollout `[T, N, *O]`, as one big batch."""
    length, count = obs.shape[:2]
    rows = obs.reshape(length * count, *obs.shape[2:])
    outputs = network.apply(params, rows, method=method)
    return jax.tree.map(lambda x: x.reshape(length, count, *x.shape[1:]), outputs)
