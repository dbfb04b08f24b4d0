"""Networks: shapes, which weights are shared, and what they say at the beginning."""

import re
from functools import partial

import jax
import jax.numpy as jnp
import numpy as np
import pytest

from pgvq.networks.heads import (
    ActorCritic,
    QNetwork,
    RecurrentActorCritic,
    apply_over_time,
    unroll,
)
from pgvq.networks.torsos import MLP, Torso
from pgvq.types import InputError

pytestmark = pytest.mark.usefixtures("light_compilation")

OBS = jax.random.normal(jax.random.key(1), (5, 3, 2))  # [N, *O] with *O = (3, 2)


@partial(jax.jit, static_argnums=0)
def made(network, *more):
    """A network's parameters, and its output for `OBS` and what else it reads."""
    outputs, params = network.init_with_output(jax.random.key(0), OBS, *more)
    return params, outputs


def test_q_network_gives_a_value_per_action():
    _, q_values = made(QNetwork(MLP((8,)), 4))
    assert q_values.shape == (5, 4)


@pytest.mark.parametrize("critic", ["none", "shared", "separate"])
def test_actor_critic_gives_logits_and_values(critic):
    params, (logits, value) = made(ActorCritic(MLP((8,)), 4, critic))
    assert logits.shape == (5, 4)
    assert value.shape == (5,)
    names = {
        "none": {"torso", "logits"},
        "shared": {"torso", "logits", "value"},
        "separate": {"torso", "critic_torso", "logits", "value"},
    }
    assert set(params["params"]) == names[critic]
    assert (critic == "none") == bool((value == 0).all())


@pytest.mark.parametrize(("critic", "shared"), [("shared", True), ("separate", False)])
def test_the_critic_moves_the_policys_torso_only_when_shared(critic, shared):
    network = ActorCritic(MLP((8,)), 4, critic)
    params, _ = made(network)
    gradient = jax.grad(lambda p: network.apply(p, OBS)[1].sum())(params)["params"]
    moved = any((leaf != 0).any() for leaf in jax.tree.leaves(gradient["torso"]))
    assert moved == shared


def test_torsos_of_separate_critics_start_differently():
    params, _ = made(ActorCritic(MLP((8,)), 4, "separate"))
    mine, theirs = params["params"]["torso"], params["params"]["critic_torso"]
    assert (mine["Dense_0"]["kernel"] != theirs["Dense_0"]["kernel"]).any()


def test_the_first_policy_is_uniform_and_the_first_values_are_zero():
    _, (logits, value) = made(ActorCritic(MLP((64, 64)), 6))
    np.testing.assert_allclose(jax.nn.softmax(logits), 1 / 6, atol=0.02)
    np.testing.assert_allclose(value, 0, atol=0.1)


def test_whole_number_observations_are_read():
    obs = jnp.ones((2, 3), dtype=jnp.int32)
    output = jax.eval_shape(MLP((4,)).init_with_output, jax.random.key(0), obs)[0]
    assert output.dtype == jnp.float32


def test_apply_over_time_is_the_network_step_by_step():
    network = ActorCritic(MLP((8,)), 4)
    params, _ = made(network)
    rollout = jnp.stack([OBS, OBS + 1, OBS - 1])  # [T, N, *O]
    logits, value = apply_over_time(network, params, rollout)
    for step in range(3):
        expected = network.apply(params, rollout[step])
        np.testing.assert_allclose(logits[step], expected[0], atol=1e-6)
        np.testing.assert_allclose(value[step], expected[1], atol=1e-6)


def test_networks_compare_by_value():
    """So that two algorithms made alike share one compiled program."""
    assert QNetwork(MLP((8,)), 4) == QNetwork(MLP((8,)), 4)
    assert hash(MLP((8,))) == hash(MLP((8,)))
    assert MLP((8,)) != MLP((9,))
    assert QNetwork(MLP((8,)), 4) != QNetwork(MLP((8,)), 4, dueling=True)
    recurrent = RecurrentActorCritic(MLP((8,)), 4)
    assert recurrent == RecurrentActorCritic(MLP((8,)), 4)
    assert hash(recurrent) == hash(RecurrentActorCritic(MLP((8,)), 4))


@pytest.mark.parametrize("quantiles", [0, 3])
@pytest.mark.parametrize("dueling", [False, True])
def test_the_heads_of_action_values(dueling, quantiles):
    params, q_values = made(QNetwork(MLP((8,)), 4, dueling, quantiles))
    assert q_values.shape == ((5, 4, quantiles) if quantiles else (5, 4))
    heads = {"value", "advantage"} if dueling else {"q"}
    assert set(params["params"]) == {"torso", *heads}
    np.testing.assert_allclose(q_values, 0, atol=0.1)


@pytest.mark.parametrize("quantiles", [0, 3])
def test_advantages_of_a_duel_are_relative_to_their_mean(quantiles):
    """Q = V + A - mean A: the mean of Q is V, whatever is added to every advantage."""
    network = QNetwork(MLP((8,)), 4, dueling=True, quantiles=quantiles)
    params, _ = made(network)
    width = max(quantiles, 1)
    bias = np.arange(4 * width, dtype=np.float32)  # [A * K], a quantile's K apart
    state_value = 10.0 * np.arange(1, width + 1, dtype=np.float32)
    params = jax.tree.map(jnp.zeros_like, params)
    params["params"]["advantage"]["bias"] = jnp.array(bias)
    params["params"]["value"]["bias"] = jnp.array(state_value)
    q_values = np.asarray(network.apply(params, OBS)).reshape(5, 4, width)
    np.testing.assert_allclose(q_values.mean(1), np.tile(state_value, (5, 1)))
    advantage = bias.reshape(4, width)
    expected = state_value + advantage - advantage.mean(0)
    np.testing.assert_allclose(q_values[0], expected, rtol=1e-6)


def test_a_negative_number_of_quantiles_is_refused():
    with pytest.raises(InputError, match="quantiles=-1"):
        QNetwork(MLP((8,)), 4, quantiles=-1)


@pytest.fixture(scope="module")
def recurrent():
    """A recurrent network with heads that are not near zero, `[T, N, *O]`, memory."""
    network = RecurrentActorCritic(MLP((8,)), 4, width=6)
    obs = jax.random.normal(jax.random.key(2), (5, 3, 2))
    memory = jax.random.normal(jax.random.key(3), (3, 6))
    params = jax.jit(network.init)(jax.random.key(0), obs[0], memory)
    for head in ("logits", "value"):
        params["params"][head]["kernel"] *= 100
    return network, params, obs, memory


def test_a_step_is_the_gated_recurrent_unit(recurrent):
    network, params, obs, memory = recurrent
    weights = params["params"]
    torso = MLP((8,)).apply({"params": weights["torso"]}, obs[0])
    inputs = np.split(
        torso @ weights["inputs"]["kernel"] + weights["inputs"]["bias"], 3, 1
    )
    kept = np.split(memory @ weights["recurrent"]["kernel"], 3, 1)
    reset, update = (
        1 / (1 + np.exp(-x - y)) for x, y in zip(inputs[:2], kept[:2], strict=True)
    )
    expected = (1 - update) * np.tanh(inputs[2] + reset * kept[2]) + update * memory
    logits, value, after = network.apply(params, obs[0], memory)
    np.testing.assert_allclose(after, expected, atol=1e-5)
    assert (logits.shape, value.shape) == ((3, 4), (3,))


def test_unroll_is_single_steps_that_forget_where_an_episode_ended(recurrent):
    network, params, obs, memory = recurrent
    ended = jnp.zeros((5, 3), bool).at[0, 0].set(True).at[2, 1].set(True)
    outputs = jax.jit(unroll, static_argnums=0)(network, params, obs, memory, ended)
    for step in range(5):
        expected = network.apply(params, obs[step], memory)
        for ours, theirs in zip(outputs, expected, strict=True):
            np.testing.assert_allclose(ours[step], theirs, atol=1e-5)
        memory = jnp.where(ended[step][:, None], 0, expected[2])


def test_gradients_flow_through_time_and_not_into_another_episode(recurrent):
    network, params, obs, memory = recurrent
    ended = jnp.zeros((5, 3), bool).at[1, 0].set(True)

    @jax.jit
    @partial(jax.grad, argnums=(0, 1, 2))
    def gradient(params, obs, memory):
        return unroll(network, params, obs, memory, ended)[1][3].sum()

    weights, by_obs, by_memory = gradient(params, obs, memory)
    reached = np.abs(by_obs).max(axis=2) > 0  # [T, N]
    np.testing.assert_array_equal(reached[:, 0], [False, False, True, True, False])
    np.testing.assert_array_equal(reached[:, 1], [True, True, True, True, False])
    np.testing.assert_array_equal(np.abs(by_memory).max(1) > 0, [False, True, True])

    def moved(env):
        """Whether the torso's gradient depends on an observation three steps back."""
        other, _, _ = gradient(params, obs.at[0, env].add(1.0), memory)
        pairs = (x["params"]["recurrent"]["kernel"] for x in (weights, other))
        return not np.array_equal(*pairs)

    assert not moved(0)
    assert moved(1)


def test_only_the_memory_is_scanned(recurrent):
    """One matrix product a step; the torso, its projection and the heads run once."""
    network, params, obs, memory = recurrent
    run = partial(unroll, network)
    program = jax.make_jaxpr(run)(params, obs, memory, jnp.zeros((5, 3), bool))
    (scan,) = (x for x in program.eqns if x.primitive.name == "scan")
    assert str(scan.params["jaxpr"]).count("dot_general") == 1
    assert str(program).count("dot_general") == 5


def test_the_first_recurrent_policy_is_uniform_and_its_values_zero():
    network = RecurrentActorCritic(MLP((64, 64)), 6)
    _, (logits, value, _) = made(network, jnp.zeros((5, 64)))
    np.testing.assert_allclose(jax.nn.softmax(logits), 1 / 6, atol=0.02)
    np.testing.assert_allclose(value, 0, atol=0.1)


def test_no_network_is_initialised_by_a_qr_decomposition():
    """It can deadlock inside a jitted, vmapped program on two cores."""
    args = jax.random.key(0), OBS
    recurrent = RecurrentActorCritic(Torso(), 4, 6)
    for network, more in (
        (ActorCritic(Torso(), 4), ()),
        (QNetwork(Torso(), 4, True, 3), ()),
        (recurrent, (jnp.zeros((5, 6)),)),
    ):
        program = str(jax.make_jaxpr(network.init)(*args, *more))
        assert not re.search(r"\b(qr|geqrf|householder_product)\b", program)
