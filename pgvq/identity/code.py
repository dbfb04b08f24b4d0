"""Functions and classes: their names, their code, and what that refers to."""

import enum
import sys
import types
from typing import Any, NamedTuple

import flax.linen
import jax
import jax.numpy as jnp
import numpy as np
import optax

from pgvq.identity.sources import (
    FILE_MODULES,
    code_digest,
    is_own,
    place_among_namesakes,
    references,
)

# Where a function of an installed package is looked for first: private modules move.
PUBLIC = (jax.nn, jnp, jax.lax, jax.nn.initializers, flax.linen, optax, np)


class Part(NamedTuple):
    """A part: its name in the whole (None: in no order) and its path in errors."""

    name: str | None
    value: Any
    path: str


Parts = list[Part]
Made = tuple[str, Any, Parts]  # kind, label and parts, as `identity_graph` has them


class _AnEnum(enum.Flag):
    ONE = 1


_ENUM_HOLDS = dict.fromkeys(name for name in vars(enum.Flag) if name[:2] != "__")
_ENUM_HOLDS |= dict.fromkeys(name for name in vars(_AnEnum) if name[:2] != "__")


def atom(label: Any) -> Made:
    return "atom", label, []


def method_parts(value: types.MethodType, path: str, modules: set[str]) -> Made:
    parts = [
        Part("function", value.__func__, path),
        Part("of", value.__self__, f"{path}.__self__"),
    ]
    return "object", {"object": "method"}, parts


def builtin_parts(value: Any, path: str, modules: set[str]) -> Made:
    """Functions and methods that are written in C."""
    owner = getattr(value, "__self__", None)
    if owner is None or isinstance(owner, types.ModuleType | type):
        return atom({"function": f"{_module_of(value, owner)}{value.__qualname__}"})
    parts = [Part("of", owner, f"{path}.__self__")]
    return "object", {"object": "method", "name": value.__name__}, parts


def _module_of(value: Any, owner: Any) -> str:
    module = getattr(value, "__module__", None) or getattr(owner, "__module__", "")
    return f"{module}." if module and module != "builtins" else ""


def function_parts(value: types.FunctionType, path: str, modules: set[str]) -> Made:
    """Functions: of installed packages by name, if that finds them; else by code."""
    if not is_own(module_of(value)):
        if name := public_name(value):
            return atom({"function": name})
        place = place_among_namesakes(value.__code__)
        label = {"function": f"{name_of(value)}{f' ({place})' if place else ''}"}
        return "code", label, _captured(value, path)
    if value.__module__:
        modules.add(value.__module__)
    label = {"function": name_of(value), "source": code_digest(value.__code__)}
    parts = [*_captured(value, path), *_globals(value, path, modules)]
    for name, held in sorted(vars(value).items()):
        if name not in ("__wrapped__", "__doc__"):
            parts.append(Part(f"attribute {name}", held, f"{path}.{name}"))
    return "code", label, parts


def _captured(value: types.FunctionType, path: str) -> Parts:
    """Defaults, and what a function closes over."""
    parts = []
    for name, cell in zip(
        value.__code__.co_freevars, value.__closure__ or (), strict=True
    ):
        try:
            held = cell.cell_contents
        except ValueError:  # not assigned yet
            held = "unassigned"
        parts.append(Part(f"closure {name}", held, f"{path}: its variable {name}"))
    if value.__defaults__:
        parts.append(Part("defaults", value.__defaults__, f"{path}: its defaults"))
    if value.__kwdefaults__:
        parts.append(Part("keywords", value.__kwdefaults__, f"{path}: its defaults"))
    return parts


def _globals(value: types.FunctionType, path: str, modules: set[str]) -> Parts:
    """What a function reads of its module, and of the own modules that this imports."""
    parts = []
    for name, *attributes in references(value.__code__):
        if not name:
            if is_own(attributes[0]):
                modules.add(attributes[0])
            continue
        if name not in value.__globals__:
            continue  # a builtin, or nothing yet
        held, chain = value.__globals__[name], [name]
        while isinstance(held, types.ModuleType) and attributes:
            if not is_own(held.__name__) or not hasattr(held, attributes[0]):
                break
            modules.add(held.__name__)
            chain.append(attributes.pop(0))
            held = getattr(held, chain[-1])
        title = ".".join(chain)
        parts.append(Part(f"global {title}", held, f"{path}: the global {title}"))
    return parts


def class_parts(value: type, path: str, modules: set[str]) -> Made:
    """Classes: of installed packages by name, the user's own by all they define."""
    if not is_own(module_of(value)):
        return atom({"class": name_of(value)})
    modules.add(module_of(value) or "")
    parts = [
        Part(f"base {i}", base, f"{path}: its base {base.__name__}")
        for i, base in enumerate(value.__bases__)
    ]
    if type(value) is not type:
        parts.append(Part("metaclass", type(value), path))
    for name, held in sorted(vars(value).items()):
        if not _is_made(value, name, held):
            where = f"{path}: {value.__qualname__}.{name}"
            parts.append(Part(f"attribute {name}", held, where))
    return "code", {"class": name_of(value)}, parts


def _is_made(owner: type, name: str, value: Any) -> bool:
    """Whether Python or a decorator put this into a class, not its author."""
    if isinstance(value, types.MemberDescriptorType | types.GetSetDescriptorType):
        return True
    if name in ("_abc_impl", "_flax_dataclass"):
        return True
    if issubclass(owner, enum.Enum) and name in owner.__members__ | _ENUM_HOLDS:
        return True  # its members are described where they are used
    code = getattr(value, "__code__", None)
    if code is None:
        return name.startswith("__") and not isinstance(
            value, classmethod | staticmethod | property
        )
    generated = code.co_filename == "<string>" or value.__module__ == "dataclasses"
    replace = name == "replace" and value.__module__ == "flax.struct"
    return "__dataclass_fields__" in vars(owner) and (generated or replace)


def descriptor_parts(value: Any, path: str, modules: set[str]) -> Made:
    """Properties, class methods and static methods."""
    names = ("fget", "fset", "fdel") if isinstance(value, property) else ("__func__",)
    parts = [Part(n, getattr(value, n), path) for n in names if getattr(value, n)]
    return "object", {"object": type(value).__name__}, parts


def cached_property_parts(value: Any, path: str, modules: set[str]) -> Made:
    return "object", {"object": "cached_property"}, [Part("function", value.func, path)]


def module_of(thing: Any) -> str | None:
    """The module of a class or a function; some classes of C hide theirs."""
    module = getattr(thing, "__module__", None)
    if isinstance(thing, type) and not isinstance(module, str):
        module = vars(type)["__module__"].__get__(thing)
    return module if isinstance(module, str) else None


def name_of(thing: Any) -> str:
    """Module and name of a class or a function; of pgvq's the shortest that finds it.

    Of what the experiment's own file defines, the name alone.
    """
    module, name = module_of(thing), thing.__qualname__
    if module is None or module in FILE_MODULES or module == "builtins":
        return name
    if not is_own(module):
        parts = module.split(".")
        for length in range(1, len(parts)):
            above = ".".join(parts[:length])
            if getattr(sys.modules.get(above), name, None) is thing:
                return f"{above}.{name}"
    return f"{module}.{name}"


def public_name(thing: Any) -> str | None:
    """The name of a function of an installed package; None where none finds it."""
    name = getattr(thing, "__name__", None)
    if not isinstance(name, str) or not callable(thing):
        return None
    for module in PUBLIC:
        if getattr(module, name, None) is thing:
            return f"{module.__name__}.{name}"
    module, path = (
        getattr(thing, "__module__", None),
        getattr(thing, "__qualname__", name),
    )
    found: Any = sys.modules.get(module) if isinstance(module, str) else None
    for part in path.split("."):
        found = getattr(found, part, None)
    return name_of(thing) if found is thing and hasattr(thing, "__qualname__") else None
