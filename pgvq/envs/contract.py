"""The environment's side of the contract, checked once where an environment enters.

`check_environment` asks `reset`, `step_env` and `step` for their shapes, and lets an
environment that does not come with gymnax or pgvq (those have tests of their own) play
a few random steps, whose values are compared with its spaces. What one environment was
found to be is remembered with it, so that later algorithms on it cost nothing.
"""

from collections.abc import Callable
from typing import Any, NamedTuple

import jax
import jax.numpy as jnp
import numpy as np
from gymnax import registration
from gymnax.environments.environment import Environment
from gymnax.wrappers.purerl import GymnaxWrapper
from jax.core import Tracer

from pgvq.checks import did_you_mean, shown
from pgvq.envs.memo import once_per_environment
from pgvq.envs.spaces import kind_of, space_of, written
from pgvq.envs.trying import check_played, check_shown
from pgvq.storage.files import one_line
from pgvq.types import InputError, PyTree

MEMBERS = ("reset", "step", "default_params", "action_space", "observation_space")
SIX = "observation, state, reward, terminated, truncated, info"
FIVE = "observation, state, reward, terminated, info"


class Shapes(NamedTuple):
    """Shapes and dtypes of what an environment returns; `()` leading axes."""

    obs: PyTree
    state: PyTree
    reward: Any
    terminated: Any
    truncated: Any
    info: Any


def check_environment(
    env: Any, env_params: Any = None, *, strict: bool = False
) -> None:
    """Raises `InputError`, one sentence, unless algorithms can learn in `env`.

    JAX makes algorithms again from whatever it has in the place of their numbers:
    traced ones, stacked ones, markers. So parameters that are built like the default
    ones are looked at only where `strict`.

    Args:
        env: what was given as the environment.
        env_params: its parameters, None for its default.
        strict: they are as the user gave them.
    """
    check_type(env)
    found = _found(env)
    _remembered(found, "shapes", lambda: _check_shapes(env, found))
    if not isinstance(jnp.zeros(()), Tracer):  # else nothing can be played just now
        _remembered(found, "played", lambda: _check_play(env))
    if env_params is None:
        return
    leaves = jax.tree.leaves(env_params, is_leaf=lambda leaf: leaf is None)
    odd = [leaf for leaf in leaves if not _is_number(leaf)]
    if strict and odd:
        raise InputError(
            f"{type(env).__name__} does not take env_params={shown(env_params)}, "
            f"where {shown(odd[0])} is not a number; give parameters such as make() "
            "returns, or None for its default"
        )
    if strict:
        _check_params(env, env_params)
    elif not odd:
        structure = jax.tree.structure(env_params)
        _remembered(found, structure, lambda: _check_params(env, env_params))


def is_environment(env: Any) -> bool:
    """Whether this is an environment by its type: gymnax's, a wrapper, or one alike."""
    if isinstance(env, type):
        return False
    if isinstance(env, Environment | GymnaxWrapper):
        return True
    return all(hasattr(env, name) for name in MEMBERS)


def check_type(env: Any) -> None:
    """Raises `InputError` unless `env` is an environment by its type."""
    if is_environment(env):
        return
    if isinstance(env, str):
        raise InputError(
            f"env={shown(env)} is a name and no environment; {_by_name(env)}"
        )
    if isinstance(env, type):
        raise InputError(
            f"env={env.__name__} is a class and no environment; make one of it: "
            f"{env.__name__}()"
        )
    if isinstance(env, tuple) and env and is_environment(env[0]):
        raise InputError(
            "env is a pair of an environment and its parameters, as make() returns; "
            "unpack it: env, env_params = make(...)"
        )
    lacking = next((name for name in MEMBERS if not hasattr(env, name)), "reset")
    raise InputError(
        f"env is a {type(env).__module__}.{type(env).__name__}, which is not a gymnax "
        f"environment: it has no {lacking!r}; derive its class from "
        "gymnax.environments.environment.Environment"
    )


def check_num_actions(who: str, env: Any, params: Any) -> None:
    """Raises `InputError` unless the discrete actions are as many as `num_actions`."""
    space = _asked(who, "action_space", lambda: space_of(env, "action_space", params))
    if kind_of(space) == "unknown":
        raise InputError(
            f"{who}: action_space(params) is {type(space).__name__}, which is not a "
            "space; return gymnax.environments.spaces.Discrete(number of actions)"
        )
    if kind_of(space) != "discrete":
        return
    if not int(space.n) >= 1:
        raise InputError(
            f"{who} has no action: its action_space is {written(space)}; "
            "make it Discrete(number of actions)"
        )
    number = _asked(who, "num_actions", lambda: env.num_actions)
    if isinstance(number, bool) or not isinstance(number, int | np.integer):
        raise InputError(
            f"{who}: num_actions={shown(number)} is not a whole number; write it as a "
            f"property that returns {space.n}"
        )
    if number != space.n:
        raise InputError(
            f"{who} contradicts itself: num_actions={number}, but its action_space is "
            f"{written(space)}; make the two agree"
        )


def actions_in_words(space: Any) -> str:
    """What kind of actions a space that is not Discrete has."""
    kind = kind_of(space)
    if kind == "box":
        return f"continuous actions ({written(space)})"
    if kind == "multi-discrete":
        return f"several discrete actions at once ({written(space)})"
    if kind in ("dict", "tuple"):
        return f"actions of several parts ({written(space)})"
    return f"actions of a kind that is not known here ({written(space)})"


def line_of(error: BaseException) -> str:
    """The deepest line of an error that is in no installed package; "" if none is."""
    where, at = "", error.__traceback__
    while at is not None:
        path = at.tb_frame.f_code.co_filename
        if "site-packages" not in path and "/pgvq/" not in path:
            where = f" ({path}, line {at.tb_lineno})"
        at = at.tb_next
    return where


def shapes_of(env: Any, params: Any) -> Shapes:
    """Shapes of what `step` returns; raises `InputError` where it cannot be used."""
    who = type(env).__name__
    key = jax.eval_shape(lambda: jax.random.key(0))
    reset = _asked(who, "reset", lambda: jax.eval_shape(env.reset, key, params))
    if not isinstance(reset, tuple) or len(reset) != 2:
        raise InputError(
            f"{who}: reset returns {_count(reset)} and not two values, observation and "
            "state; return both"
        )
    obs, state = reset
    check_shown(who, "reset", obs, _observation_space(who, env, params))
    action = _action(who, env, params)
    if isinstance(env, Environment) and type(env).step is Environment.step:
        _check_step_env(who, env, params, key, obs, state, action)
    stepped = _asked(
        who, "step", lambda: jax.eval_shape(env.step, key, state, action, params)
    )
    if not isinstance(stepped, tuple) or len(stepped) != 6:
        raise InputError(
            f"{who}: step returns {_count(stepped)} and not six, {SIX} (five is what "
            "older versions of gymnax return); write `step_env`, which returns "
            f"{FIVE}, and leave `step` to gymnax's Environment"
        )
    shapes = Shapes(*stepped)
    _check_returns(who, "step", shapes.reward, shapes.terminated)
    _check_flag(who, "step", "truncated", shapes.truncated)
    check_alike(who, "observation", obs, shapes.obs)
    check_alike(who, "state", state, shapes.state)
    if not isinstance(shapes.info, dict) or "final_observation" not in shapes.info:
        raise InputError(
            f"{who}: step returns no info['final_observation'], the observation before "
            "an automatic reset, which targets are computed from; put it into the dict "
            "`info`, or leave `step` to gymnax's Environment"
        )
    final = shapes.info["final_observation"]
    check_alike(who, "info['final_observation']", obs, final)
    return shapes


def check_alike(who: str, what: str, first: PyTree, then: PyTree) -> None:
    """Raises `InputError` unless `step` returns what `reset` does, shape for shape."""
    if jax.tree.structure(first) != jax.tree.structure(then):
        raise InputError(
            f"{who}: the {what} has the structure {jax.tree.structure(first)} after "
            f"reset and {jax.tree.structure(then)} after step; return the same from "
            "both, for training is one compiled loop"
        )
    leaves = jax.tree_util.tree_leaves_with_path(first)
    for (path, one), other in zip(leaves, jax.tree.leaves(then), strict=True):
        if (one.shape, one.dtype) != (other.shape, other.dtype):
            where = jax.tree_util.keystr(path)
            raise InputError(
                f"{who}: the {what}{where} is {_form(one)} after reset and "
                f"{_form(other)} after step; give it one shape and dtype in both"
            )


@once_per_environment
def _found(env: Any) -> dict[Any, str]:
    """What is wrong with an environment, by what was looked at; "" where nothing is."""
    return {}


def _remembered(found: dict[Any, str], what: Any, look: Callable[[], None]) -> None:
    """Looks for a fault unless that was done before, and raises it."""
    if what not in found:
        try:
            look()
        except InputError as error:
            found[what] = str(error)
        else:
            found[what] = ""
    if found[what]:
        raise InputError(found[what])


def _check_shapes(env: Any, found: dict[Any, str]) -> None:
    who = type(env).__name__
    try:
        hash(env)
    except TypeError as error:
        raise InputError(
            f"{who} cannot be hashed ({one_line(error)}), and an environment is a "
            "constant of compiled programs; make it @dataclasses.dataclass(frozen=True)"
        ) from None
    params = _default_params(who, env)
    check_num_actions(who, env, params)
    shapes_of(env, params)
    found[jax.tree.structure(params)] = ""


def _check_play(env: Any) -> None:
    who = type(env).__name__
    if not _has_tests(env):
        params = _default_params(who, env)
        check_played(who, env, params, _observation_space(who, env, params))


def _default_params(who: str, env: Any) -> Any:
    with jax.ensure_compile_time_eval():
        return _asked(who, "default_params", lambda: env.default_params)


def _check_params(env: Any, params: Any) -> None:
    """Raises `InputError` unless an environment that is fine otherwise takes these."""
    who = type(env).__name__
    try:
        check_num_actions(who, env, params)
        shapes_of(env, params)
    except InputError as error:
        default = _default_params(who, env)
        kind = type(default).__name__
        if type(params) is type(default):
            kind = f"{kind} of the shapes in its default_params"
        raise InputError(
            f"{who} does not take env_params of type {type(params).__name__} "
            f"({error}); give {kind}, such as make() returns, or None for its default"
        ) from None


def _check_step_env(
    who: str, env: Any, params: Any, key: Any, obs: Any, state: Any, action: Any
) -> None:
    """Looks at `step_env` before gymnax's `step` stumbles over what it returns."""
    stepped = _asked(
        who,
        "step_env",
        lambda: jax.eval_shape(env.step_env, key, state, action, params),
    )
    if not isinstance(stepped, tuple) or len(stepped) != 5:
        raise InputError(
            f"{who}: step_env returns {_count(stepped)} and not five, {FIVE}; leave "
            "what the clock ends to max_steps_in_episode"
        )
    after, new_state, reward, terminated, info = stepped
    _check_returns(who, "step_env", reward, terminated)
    check_alike(who, "observation", obs, after)
    check_alike(who, "state", state, new_state)
    if not isinstance(info, dict):
        raise InputError(
            f"{who}: step_env returns a {type(info).__name__} as info, the last of its "
            "values; return a dict, {} for nothing"
        )
    clock = type(env).is_truncated is Environment.is_truncated
    if clock and not hasattr(state, "time"):
        raise InputError(
            f"{who}: its state, a {type(state).__name__}, has no field `time`, the "
            "agent steps since the reset that gymnax's clock reads; add it (jnp.int32, "
            "+ 1 in every step_env), or define is_truncated(state, params)"
        )
    if clock and not hasattr(params, "max_steps_in_episode"):
        raise InputError(
            f"{who}: its parameters, a {type(params).__name__}, have no field "
            "max_steps_in_episode, which gymnax's clock reads; add it, or define "
            "is_truncated(state, params)"
        )


def _check_returns(who: str, where: str, reward: Any, terminated: Any) -> None:
    """A reward is one number and `terminated` one bool."""
    leaves = jax.tree.leaves(reward)
    form = _form(leaves[0]) if len(leaves) == 1 else f"{len(leaves)} arrays"
    numeric = len(leaves) == 1 and not jnp.issubdtype(
        leaves[0].dtype, jnp.complexfloating
    )
    if len(leaves) != 1 or leaves[0].shape or not numeric:
        raise InputError(
            f"{who}: {where} returns a reward of {form} and not one real number; "
            "return a float32 of shape [], such as reward[0] or jnp.sum(reward)"
        )
    _check_flag(who, where, "terminated", terminated)


def _check_flag(who: str, where: str, name: str, value: Any) -> None:
    leaves = jax.tree.leaves(value)
    if len(leaves) == 1 and leaves[0].dtype == np.bool_ and not leaves[0].shape:
        return
    form = _form(leaves[0]) if len(leaves) == 1 else f"{len(leaves)} arrays"
    raise InputError(
        f"{who}: {where} returns `{name}` as {form} and not as one bool; make it one, "
        f"such as {name} > 0"
    )


def _observation_space(who: str, env: Any, params: Any) -> Any:
    return _asked(
        who, "observation_space", lambda: space_of(env, "observation_space", params)
    )


def _action(who: str, env: Any, params: Any) -> Any:
    """The shape of one action."""
    space = space_of(env, "action_space", params)
    if kind_of(space) == "discrete":
        return jax.ShapeDtypeStruct((), jnp.int32)
    key = jax.eval_shape(lambda: jax.random.key(0))
    return _asked(who, "action_space", lambda: jax.eval_shape(space.sample, key))


def _asked(who: str, what: str, function: Callable[[], Any]) -> Any:
    """What a part of the user's environment returns, or one sentence on its error."""
    try:
        return function()
    except InputError as error:
        raise InputError(f"{who}: {what}: {error}") from error
    except NotImplementedError as error:
        raise InputError(
            f"{who} does not define {_signature(what)}, which every environment needs; "
            "write it"
        ) from error
    except jax.errors.ConcretizationTypeError as error:
        raise InputError(
            f"{who}: {what} decides in Python on a number that is only known when the "
            f"compiled program runs{line_of(error)}; use jnp.where or jax.lax.cond "
            "instead of `if`, and arrays instead of int() and float()"
        ) from error
    except Exception as error:  # whatever a user's own code raises
        raise InputError(
            f"{who}: {what} raises {type(error).__name__}: {one_line(error)}"
            f"{line_of(error)}; correct it there"
        ) from error


def _signature(name: str) -> str:
    if name in ("num_actions", "default_params"):
        return f"the property `{name}`"
    inside = {
        "reset": "reset_env(key, params)",
        "step": "step_env(key, state, action, params)",
        "step_env": "step_env(key, state, action, params)",
    }
    return f"`{inside.get(name, f'{name}(params)')}`"


def _is_number(leaf: Any) -> bool:
    """Whether a leaf of parameters has a value to look at."""
    if isinstance(leaf, Tracer):
        return False
    return isinstance(leaf, bool | int | float | np.ndarray | np.generic | jax.Array)


def _has_tests(env: Any) -> bool:
    """Whether an environment, and all that it wraps, ships with gymnax or pgvq."""
    while type(env).__module__.split(".")[0] in ("gymnax", "pgvq"):
        if not isinstance(env, GymnaxWrapper):
            return True
        env = env._env
    return False


def _by_name(given: str) -> str:
    """Advice for a name that was given in the place of an environment."""
    if ":" in given:
        return f"make it: make({shown(given)})[0]"
    known = registration.registered_envs
    same = [name for name in known if name.lower().startswith(given.lower())]
    # Of several that begin so, this package's own is the last.
    otherwise = "make one by its name, such as make('CartPole-v1')[0]"
    if not given:
        return otherwise
    near = same[-1:] or known
    name = same[-1] if same else given
    return did_you_mean(name, near, otherwise, lambda name: f"make({name!r})[0]")


def _count(value: Any) -> str:
    if not isinstance(value, tuple):
        return f"one value, a {type(value).__name__},"
    return f"{len(value)} value{'s' if len(value) != 1 else ''}"


def _form(leaf: Any) -> str:
    return f"{leaf.dtype} of shape {list(leaf.shape)}"
