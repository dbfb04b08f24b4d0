"""Methods of another form than the contract's are refused, with what to write."""

import jax
import jax.numpy as jnp
import pytest

from pgvq import Experiment, Ladder, Rung
from pgvq.algorithms import QLearning, ReplayLearning, RolloutAlgorithm
from pgvq.doctor import examine
from pgvq.types import InputError
from tests.helpers.reference_algorithms import Actions
from tests.helpers.tiny import tiny

POLICY = r"write policy\(learner, obs, memory, key, \*, greedy, step\)"


def own(*bases, **methods):
    """A class of a user's own with these methods."""
    names = {"__module__": __name__, **methods}
    return type(RolloutAlgorithm)("Mine", bases, names, kw_only=True)


@pytest.mark.parametrize("old", ["explore", "choose", "behave"])
@pytest.mark.parametrize("base", [RolloutAlgorithm, QLearning, ReplayLearning])
def test_methods_that_nothing_calls_are_refused(base, old):
    """Also beside an inherited `policy`, which would act instead of them."""
    with pytest.raises(InputError, match=f"Mine: nothing calls .* {old};.*{POLICY}"):
        own(base, **{old: lambda self, learner, obs, key: ...})


@pytest.mark.parametrize(
    ("base", "name", "says"),
    [
        (RolloutAlgorithm, "update", r"write update\(learner, batch, key, step\)"),
        (ReplayLearning, "learn", r"write learn\(learner, batch, key, step\)"),
        (RolloutAlgorithm, "policy", POLICY),
        (RolloutAlgorithm, "act", r"write act\(state, obs, memory, key, \*, greedy\)"),
    ],
)
def test_other_parameters_are_refused(base, name, says):
    with pytest.raises(InputError, match=rf"Mine: {name}\(self, learner.*{says}"):
        own(base, **{name: lambda self, learner, batch, key: ...})


def test_names_of_ones_own_are_free():
    """`learn` is a method of replays alone, and `policy` may call any other."""

    def free(self): ...

    assert own(RolloutAlgorithm, learn=free).learn is free
    mine = own(
        RolloutAlgorithm,
        explore=lambda self, obs: ...,
        policy=lambda self, *given, **named: self.explore(given[1]),
    )
    assert issubclass(own(mine, explore=lambda self, obs: ...), mine)


class WithoutMemory:
    """An algorithm without any base, with the `act` of an earlier version."""

    def act(self, state, obs, key, *, greedy): ...


@pytest.mark.parametrize(
    "refuse",
    [
        examine,
        lambda mine: Experiment(name="a", algorithms=[mine], steps=1e5),
        lambda mine: Experiment(name="a", algorithms={"b": mine}, steps=1e5),
        lambda mine: Ladder(rungs={"a": mine, "b": Rung(parent="a", change={"x": 1})}),
    ],
)
def test_an_act_without_memory_is_refused_with_one_sentence(refuse):
    with pytest.raises(InputError, match=r"write act.* and initial_memory") as error:
        refuse(WithoutMemory())
    assert "\n" not in str(error.value)


def test_only_what_is_called_decides():
    """Functions of any parameters that can be called so."""
    for methods in (
        {"policy": lambda self, *given, greedy, step: ...},
        {"update": lambda self, learner, batch, key, steps: ...},
    ):
        assert issubclass(own(Actions, **methods), Actions)


def test_a_method_is_given_the_steps_before_the_rollout():
    """The same to act and to learn, from the warm-up on."""
    seen = []

    class Watched(Actions, kw_only=True):
        @property
        def initial_steps(self):
            return 5

        def policy(self, *given, greedy, step):
            jax.debug.callback(lambda step: seen.append(("act", int(step))), step)
            return super().policy(*given, greedy=greedy, step=step)

        def update(self, learner, batch, key, step):
            jax.debug.callback(lambda step: seen.append(("learn", int(step))), step)
            return super().update(learner, batch, key, step)

    algorithm = Watched(env=tiny("dqn").env, num_envs=2, rollout_length=3)
    state = algorithm.init(jax.random.key(0))
    assert state.agent_steps.dtype == jnp.int32
    for _ in range(2):
        state, _ = jax.jit(algorithm.iterate)(state)
    jax.effects_barrier()
    assert set(seen) == {("act", 5), ("learn", 5), ("act", 11), ("learn", 11)}
    assert state.agent_steps == 17
