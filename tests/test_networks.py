"""Networks: shapes, which weights are shared, and what they say at the beginning."""

import jax
import jax.numpy as jnp
import numpy as np
import pytest

from pgvq.networks import MLP, ActorCritic, QNetwork, apply_over_time

OBS = jax.random.normal(jax.random.key(1), (5, 3, 2))  # [N, *O] with *O = (3, 2)


def made(network):
    """A network's parameters, and its output for `OBS`."""
    params = network.init(jax.random.key(0), OBS[:1])
    return params, network.apply(params, OBS)


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
    params = MLP((4,)).init(jax.random.key(0), obs)
    assert MLP((4,)).apply(params, obs).dtype == jnp.float32


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
