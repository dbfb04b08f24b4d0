"""Environments by name: gymnax's, this package's, other packages' and one's own."""

from collections.abc import Callable
from functools import partial
from typing import Any

import gymnax
from gymnax import registration
from gymnax.environments import spaces
from gymnax.environments.environment import Environment

from pgvq.checks import did_you_mean, shown
from pgvq.envs.choices import LeftOrRight
from pgvq.envs.contract import actions_in_words, check_num_actions, is_environment
from pgvq.envs.finite_mdp import random_mdp
from pgvq.envs.own import own_environment
from pgvq.envs.pong.environment import Pong
from pgvq.envs.smooth_pong.environment import SmoothPong
from pgvq.plugins import ENVIRONMENT_PLUGINS, plugins
from pgvq.types import InputError

PONG_ID = "Pong-Atari"
MDP_ID = "RandomMDP-pgvq"
CHOICE_ID = "LeftOrRight-pgvq"
SMOOTH_ID = "SmoothPong-pgvq"

_OWN = {
    PONG_ID: Pong,
    MDP_ID: random_mdp,
    CHOICE_ID: LeftOrRight,
    SMOOTH_ID: partial(SmoothPong, actions="buttons"),
}
for _id, _factory in _OWN.items():
    if _id not in registration.registered_envs:
        registration.register(_id, _factory)

# Discrete ones that are not listed, and why. All others can be trained.
UNLISTED = {
    "MNISTBandit-bsuite": "gymnax downloads the images of MNIST whenever it is made "
    "and they have not been downloaded yet",
}


def make(name: str, **settings: Any) -> tuple[Environment, Any]:
    """An environment with discrete actions by its name, with its default parameters.

    Args:
        name: one that gymnax knows (`Pong-Atari` is among them once this package is
            imported), one that an installed package offers as an entry point of
            "pgvq.environments", or "package.module:MyEnv" for a class of one's own,
            with the current folder on the search path. In this order: nothing takes
            the place of a name that gymnax knows.
        settings: what the environment's constructor takes.

    Raises:
        InputError: there is none of that name, a setting is unknown, it cannot be
            made, it is no gymnax environment, or its actions are not discrete.
    """
    if not isinstance(name, str):
        raise InputError(
            f"make({shown(name)}) needs the name of an environment as a text, such as "
            'make("CartPole-v1"); an environment itself is given as `env`'
        )
    env = _construct(name, _find(name), settings)
    return env, _checked_params(name, env)


def discrete_environments() -> list[str]:
    """The names that gymnax knows whose actions are discrete, in gymnax's order.

    Those of `UNLISTED` and those that cannot be made on this machine are left out.
    """
    names = []
    for name in registration.registered_envs:
        if name in UNLISTED:
            continue
        try:
            make(name)
        except InputError:
            continue
        names.append(name)
    return names


def _find(name: str) -> Callable[..., Any]:
    """What makes the environment of that name from its settings."""
    if name in registration.registered_envs:
        return lambda **settings: gymnax.make(name, **settings)[0]
    if ":" in name:
        return own_environment(name)
    offered = plugins(ENVIRONMENT_PLUGINS)
    if name in offered:
        return offered[name]()
    known = [*registration.registered_envs, *offered]
    hint = did_you_mean(name, known, f"there are {', '.join(known)}.", most=3)
    raise InputError(
        f"there is no environment named {shown(name)}: {hint} (One of your own is "
        "package.module:MyEnv.)"
    )


def _construct(
    name: str, factory: Callable[..., Any], settings: dict[str, Any]
) -> Environment:
    try:
        env = factory(**settings)
    except InputError:
        raise
    except KeyboardInterrupt:
        raise
    except (
        BaseException
    ) as error:  # whatever a constructor does: downloads, for example
        said = f"{type(error).__name__}: {error}"
        if settings and isinstance(error, TypeError):
            raise InputError(
                f"{name} does not take these settings ({said}): leave out or correct "
                f"{', '.join(settings)}"
            ) from error
        known = f"; {UNLISTED[name]}" if name in UNLISTED else ""
        raise InputError(
            f"{name} cannot be made with {_written(settings)} ({said}){known}: give "
            "other settings, or take another environment"
        ) from error
    if not is_environment(env):
        hint = (
            "return the environment alone, without its parameters"
            if isinstance(env, tuple)
            else "derive its class from gymnax.environments.environment.Environment"
        )
        raise InputError(
            f"{name} made an object of type {type(env).__name__}, and that is no "
            f"gymnax environment: {hint}"
        )
    return env


def _written(settings: dict[str, Any]) -> str:
    return ", ".join(f"{k}={shown(v)}" for k, v in settings.items()) or "no settings"


def _checked_params(name: str, env: Environment) -> Any:
    """The default parameters of an environment whose actions are discrete."""
    try:
        params = env.default_params
        check_num_actions(name, env, params)
    except NotImplementedError:
        raise InputError(
            f"{name} does not say what its parameters are: define the property "
            "`default_params`"
        ) from None
    space = env.action_space(params)
    if not isinstance(space, spaces.Discrete):
        raise InputError(
            f"{name} has {actions_in_words(space)} and algorithms here choose one of "
            "several discrete ones: use CartPole-v1, Pong-Atari or another whose "
            "action_space is gymnax.environments.spaces.Discrete (`analytic` alone "
            "moves in a Box: in an experiment, give it the object itself)"
        )
    return params
