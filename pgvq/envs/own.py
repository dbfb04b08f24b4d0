"""A user's own environment, by the name of its module and its class."""

import importlib
import os
import sys
from collections.abc import Callable
from types import ModuleType
from typing import Any

from gymnax.environments.environment import Environment
from gymnax.wrappers.purerl import GymnaxWrapper

from pgvq.checks import did_you_mean
from pgvq.types import InputError


def own_environment(name: str) -> Callable[..., Any]:
    """What `name`, "package.module:MyEnv", names: a class or a function.

    The current folder is on the search path, as for `python -m`.

    Raises:
        InputError: there is no such module, it cannot be imported, it has no such
            attribute, or that is neither a gymnax environment's class nor a function.
    """
    module_name, _, attribute = name.partition(":")
    module = _import(name, module_name)
    try:
        found = getattr(module, attribute)
    except AttributeError:
        raise InputError(
            f"{name}: the module {module_name} has no {attribute!r}: "
            f"{_neighbours(module, attribute)}"
        ) from None
    if isinstance(found, type) and not issubclass(found, Environment | GymnaxWrapper):
        raise InputError(
            f"{name} is a class, but no gymnax environment: derive it from "
            "gymnax.environments.environment.Environment"
        )
    if not callable(found):
        raise InputError(
            f"{name} is of type {type(found).__name__}: name the environment's class, "
            "or a function that returns one"
        )
    return found


def _import(name: str, module_name: str) -> ModuleType:
    here = os.getcwd()
    if here not in sys.path:
        sys.path.insert(0, here)
    try:
        return importlib.import_module(module_name)
    except ModuleNotFoundError as error:
        missing = error.name or module_name
        if f"{module_name}.".startswith(f"{missing}."):
            raise InputError(
                f"{name}: there is no module {missing!r} in {here} or among the "
                "installed packages: name it as `import` does, package.module:MyEnv"
            ) from error
        raise InputError(
            f"{name}: {module_name} imports {missing!r}, which is not there: install it"
        ) from error
    except KeyboardInterrupt:
        raise
    except (
        BaseException
    ) as error:  # whatever the user's module does when it is imported
        raise InputError(
            f"{name}: {module_name} cannot be imported ({type(error).__name__}: "
            f"{error}): correct it"
        ) from error


def _neighbours(module: ModuleType, attribute: str) -> str:
    """What may have been meant: a name alike, else the module's own environments."""
    kinds = [
        key
        for key, value in vars(module).items()
        if isinstance(value, type) and issubclass(value, Environment | GymnaxWrapper)
    ]
    there = f"it has {', '.join(kinds)}" if kinds else "it has no environment at all"
    return did_you_mean(attribute, vars(module), there)
