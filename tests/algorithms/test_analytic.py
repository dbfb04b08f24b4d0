"""Backpropagation through the environment: its gradient, what it learns, what it takes.

That it keeps the contract of all algorithms is tested with the others.
"""

import gymnax
import jax
import jax.numpy as jnp
import numpy as np
import pytest
from jax.flatten_util import ravel_pytree

from pgvq import AnalyticPolicyGradient, Experiment, Pong, SmoothPong
from pgvq.algorithms import ActorCritic
from pgvq.algorithms.contract import Continuous, check_actions
from pgvq.cli.overrides import override
from pgvq.networks.torsos import MLP
from pgvq.rollout import init_world
from pgvq.training.lane import Lane
from pgvq.training.lanes import Lanes
from pgvq.types import InputError
from tests.helpers.cli_fixtures import tiny as experiment_of
from tests.helpers.probes import Steered
from tests.helpers.tiny import tiny

pytestmark = pytest.mark.usefixtures("light_compilation")

KEY = jax.random.key(0)


class Stopped(Steered):
    """A continuous action, and a step that lets no gradient pass."""

    _supports_transition_gradients = False


def with_constant_policy(algorithm, before_tanh):
    """Parameters of a policy that looks at nothing."""
    params = algorithm.network.init(KEY, jnp.zeros((1, 2)))
    params = jax.tree.map(jnp.zeros_like, params)
    params["params"]["speed"]["bias"] += before_tanh
    return params


def test_the_gradient_of_what_is_paid_for_the_action_itself_is_known():
    """Of J = Σ γ^t tanh(b): Σ γ^t (1 - tanh² b), for a policy of its bias alone."""
    algorithm = tiny("analytic", discount=0.9, noise=0.0)
    world = init_world(algorithm.env, algorithm.params, KEY, algorithm.num_envs)
    params = with_constant_policy(algorithm, 0.3)
    objective = jax.jit(jax.value_and_grad(algorithm.loss, has_aux=True))
    (loss, _), grads = objective(params, world, KEY)
    discounted = sum(0.9**t for t in range(8))
    assert loss == pytest.approx(-np.tanh(0.3) * discounted, abs=1e-6)
    slope = -(1 - np.tanh(0.3) ** 2) * discounted
    assert grads["params"]["speed"]["bias"][0] == pytest.approx(slope, abs=1e-6)


def test_the_gradient_is_that_of_the_mean_return():
    """Through the environment, against finite differences along random directions."""
    env = SmoothPong(temperature=8.0, max_agent_steps=30)
    algorithm = tiny("analytic", env=env, horizon=50, noise=0.3, torso=MLP((4,)))
    with jax.enable_x64(True):
        world = init_world(env, algorithm.params, KEY, algorithm.num_envs)
        drawn = np.random.default_rng(0).normal(size=(8, 64))
        shapes = algorithm.network.init(KEY, world.obs)
        flat, unravel = ravel_pytree(shapes)
        params = unravel(jnp.asarray(drawn[0, : flat.size]) / 3)

        def loss(params):
            return algorithm.loss(params, world, KEY)[0]

        gradient, _ = ravel_pytree(jax.jit(jax.grad(loss))(params))
        ways = jnp.asarray(drawn[1:, : flat.size])
        along = jax.jit(
            jax.vmap(lambda way: loss(jax.tree.map(jnp.add, params, unravel(way))))
        )
        # Rewards are float32, so the change must not be too small.
        differences = (along(2e-4 * ways) - along(-2e-4 * ways)) / 4e-4
        assert jnp.linalg.norm(gradient) > 0.02
        np.testing.assert_allclose(ways @ gradient, differences, atol=2e-3, rtol=2e-3)


def test_it_learns_the_smooth_pong_in_few_steps():
    """Two of three seeds at least, after 41k agent steps; random play scores -0.85."""
    algorithm = AnalyticPolicyGradient()
    lanes = Lanes([Lane("it", algorithm, seed) for seed in range(3)], 32, 250)
    progress = lanes.start()
    before, _ = lanes.evaluate(progress, 0)
    progress, _ = lanes.advance(progress, 80)
    after, _ = lanes.evaluate(progress, 0)
    assert not after.diverged.any()
    for mode in ("greedy", "explore"):
        assert (before.games[mode].score.mean(1) < -0.7).all()
        assert np.median(after.games[mode].score.mean(1)) > -0.3


def test_noise_is_what_it_explores_with():
    algorithm = tiny("analytic", noise=0.5)
    state = jax.jit(algorithm.init)(KEY)
    obs = jnp.zeros((4_000, 2))
    greedy, _ = algorithm.act(state, obs, (), KEY, greedy=True)
    assert (greedy == greedy[0]).all()
    explored = jnp.arctanh(algorithm.act(state, obs, (), KEY, greedy=False)[0])
    assert float(explored.std()) == pytest.approx(0.5, abs=0.025)
    quiet = algorithm.replace(noise=0.0)
    still, _ = quiet.act(state, obs, (), KEY, greedy=False)
    np.testing.assert_array_equal(still, greedy)


def test_it_moves_within_the_box_of_its_environment():
    """Pendulum's torque has a shape of its own, [1], and bounds of two."""
    env, _ = gymnax.make("Pendulum-v1")
    algorithm = AnalyticPolicyGradient(env=env, num_envs=3, horizon=4, torso=MLP((8,)))
    assert isinstance(algorithm, Continuous)
    assert algorithm.action_box.shape == (1,)
    params = algorithm.network.init(KEY, jnp.zeros((1, 3)))
    obs, large = jnp.zeros((3, 3)), jnp.array([[-9.0], [0.0], [9.0]])
    np.testing.assert_allclose(
        algorithm.action(params, obs, large), [[-2], [0], [2]], atol=1e-5
    )
    state = jax.jit(algorithm.init)(KEY)
    after, metrics = jax.jit(algorithm.iterate)(state)
    assert np.isfinite(metrics["loss"])
    assert metrics["grad_norm"] > 0
    assert after.agent_steps == 12


@pytest.mark.parametrize(
    ("env", "why"),
    [
        (Pong(), "Pong is not .its actions are discrete, and cannot be varied"),
        (SmoothPong(actions="buttons"), "SmoothPong is not .its actions are discrete"),
        (Stopped(), "Stopped is not .gradients do not pass through its step"),
    ],
    ids=["Pong", "buttons", "stopped"],
)
def test_an_environment_without_gradients_is_refused(env, why):
    says = f"needs an environment whose step is differentiable.*{why}.*use SmoothPong"
    with pytest.raises(InputError, match=says):
        AnalyticPolicyGradient(env=env)
    with pytest.raises(InputError, match=says):
        AnalyticPolicyGradient().replace(env=env)


def test_the_gradients_of_the_environment_given_need_not_be_on():
    """It turns them on for itself; what is played and described stays as it was."""
    algorithm = AnalyticPolicyGradient()
    assert not algorithm.env.transition_gradients_enabled
    given = AnalyticPolicyGradient(env=SmoothPong().with_transition_gradients())
    assert given.env.transition_gradients_enabled


@pytest.mark.parametrize(
    ("field", "value"), [("horizon", 0), ("noise", -0.1), ("num_envs", 1.5)]
)
def test_values_that_cannot_work_are_refused(field, value):
    with pytest.raises(InputError, match=f"{field}={value}"):
        AnalyticPolicyGradient(**{field: value})


# In experiments


def test_an_experiment_compares_it_with_algorithms_that_choose():
    experiment = Experiment(
        name="smooth",
        algorithms=[
            AnalyticPolicyGradient(),
            ActorCritic(env=SmoothPong(actions="buttons")),
        ],
        steps=1e5,
    )
    assert list(experiment.variants) == ["analytic", "actor_critic"]
    (described, _) = experiment.describe()["variants"]
    assert described["family"] == "backpropagation"
    assert described["fields"]["env"]["object"] == "pgvq.SmoothPong"
    assert described["fields"]["env"]["fields"]["actions"] == "speed"


def test_its_settings_and_its_environments_can_be_set():
    experiment = experiment_of(algorithms=[AnalyticPolicyGradient()], steps=1e5)
    wanted = ["analytic.horizon=8", "analytic.env.temperature=1", "*.noise=0.5"]
    made = override(experiment, wanted).variants["analytic"]
    assert (made.horizon, made.env.temperature, made.noise) == (8, 1.0, 0.5)
    with pytest.raises(InputError, match="step is differentiable"):
        override(experiment, ["analytic.env=CartPole-v1"])


def test_who_chooses_and_who_moves_need_environments_for_it():
    """Whatever an algorithm checks itself, an experiment checks as well."""
    with pytest.raises(
        InputError, match="this algorithm chooses one of several discrete"
    ):
        check_actions("it", ActorCritic(env=SmoothPong()))

    class Mover(ActorCritic, kw_only=True):
        action_box = SmoothPong().action_space()

    check_actions("it", Mover(env=SmoothPong()))
    with pytest.raises(InputError, match="it moves in continuous actions and Pong has"):
        check_actions("it", Mover())


def test_the_world_goes_on_where_the_horizon_ended():
    """Episodes of three or five agent steps, eight to a horizon: none is begun anew."""
    algorithm = tiny("analytic", num_envs=64)
    iterate = jax.jit(algorithm.iterate)
    state = jax.jit(algorithm.init)(KEY)
    state, _ = iterate(state)
    middle = np.asarray(state.world.env_state.time)
    np.testing.assert_array_equal(state.world.episode_length, middle)
    assert set(middle) == {0, 2, 3}
    again, _ = iterate(state)
    # Even numbers of three steps and odd ones of five: 16 is in the middle of most.
    assert set(np.asarray(again.world.env_state.time)) == {0, 1, 2, 3, 4}
