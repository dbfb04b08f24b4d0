"""What each kind of thing is made of: the kind, a label, and parts to describe in turn.

`pgvq.identity` says what counts as the same, and puts the parts together.
"""

import enum
import functools
import logging
import math
import sys
import types
import typing
import weakref
from collections import OrderedDict
from collections.abc import Iterator, Mapping
from copyreg import (
    _slotnames,  # pyright: ignore[reportAttributeAccessIssue]
    dispatch_table,
)
from pathlib import PurePath
from typing import Any, NamedTuple

import flax.linen
import jax
import jax.numpy as jnp
import numpy as np
import optax

from pgvq.sources import (
    FILE_MODULES,
    code_digest,
    is_own,
    place_among_namesakes,
    references,
    short_hash,
)
from pgvq.types import InputError


class _AnEnum(enum.Flag):
    ONE = 1


SMALL = 16  # elements of an array that is shown, not only digested
MANAGED_DICT = 1 << 4  # Py_TPFLAGS_MANAGED_DICT

# Where a function of an installed package is looked for first: private modules move.
PUBLIC = (jax.nn, jnp, jax.lax, jax.nn.initializers, flax.linen, optax, np)

# Numbers of these dtypes are what JAX makes of Python's own.
PLAIN = {np.dtype(kind) for kind in (bool, np.int32, np.int64, np.float32, np.float64)}


_ENUM_HOLDS = dict.fromkeys(name for name in vars(enum.Flag) if name[:2] != "__")
_ENUM_HOLDS |= dict.fromkeys(name for name in vars(_AnEnum) if name[:2] != "__")


class Part(NamedTuple):
    """A part of something: its name there (None: in no order) and its path in errors."""

    name: str | None
    value: Any
    path: str


Parts = list[Part]
Made = tuple[str, Any, Parts]  # kind, label and parts, as `identity_graph` has them


def is_atom(value: Any) -> bool:
    """Whether a value has no parts and is not worth being remembered."""
    return type(value) in (int, float, bool, str, type(None), bytes, complex)


def atom_of(value: Any) -> Any:
    """The description of an atom; tags keep apart what JSON has no word for."""
    if isinstance(value, float) and not math.isfinite(value):
        return {"float": str(value)}
    if isinstance(value, complex):
        return {"complex": [atom_of(value.real), atom_of(value.imag)]}
    if isinstance(value, bytes):
        return {"bytes": value.hex() if len(value) <= SMALL else short_hash(value, 32)}
    if isinstance(value, str) and not value.isascii():
        try:
            value.encode()
        except UnicodeEncodeError:
            return {"text": ascii(value)}
    return value


def parts_of(value: Any, path: str, modules: set[str]) -> Made:
    """Kind, label and parts of anything; names of own modules go into `modules`.

    Raises:
        InputError: it cannot be described.
    """
    for kinds, read in _READERS:
        if isinstance(value, kinds):
            made = read(value, path, modules)
            if made is not None:
                return made
    return _object(value, path, modules)


def _atom(label: Any) -> Made:
    return "atom", label, []


def _array(value: Any, path: str, _: set[str]) -> Made | None:
    """Arrays and scalars of NumPy and JAX."""
    if isinstance(value, jax.core.Tracer):
        raise _undescribable(value, path, "it is known inside of a program only")
    if isinstance(value, np.ndarray) and type(value) is not np.ndarray:
        return None  # masked arrays and their like have more than their elements
    if isinstance(value, jax.Array) and jnp.issubdtype(
        value.dtype, jax.dtypes.prng_key
    ):
        made = array_label(np.asarray(jax.random.key_data(value)))
        return _atom({"key": str(jax.random.key_impl(value)), **made})
    try:
        held = np.asarray(value)
    except Exception as error:  # deleted, or on another machine
        raise _undescribable(value, path, "its values cannot be read") from error
    if held.dtype.hasobject:
        parts = _numbered(held.ravel().tolist(), path)
        return "elements", {"array": f"object{list(held.shape)}"}, parts
    if held.ndim == 0 and held.dtype in PLAIN | {np.dtype(complex), np.dtype("c8")}:
        return _atom(atom_of(held.item()))
    return _atom(array_label(held))


def array_label(held: np.ndarray) -> dict[str, Any]:
    """An array by dtype, shape and content; the values of small ones to be read."""
    shape = ",".join(str(length) for length in held.shape)
    if held.dtype.names:
        fields = {name: array_label(held[name]) for name in held.dtype.names}
        return {"array": f"record[{shape}]", "columns": fields}
    held = held.astype(held.dtype.newbyteorder("<"), copy=False)
    data = np.ascontiguousarray(held).tobytes()
    made: dict[str, Any] = {
        "array": f"{held.dtype.name}[{shape}]",
        "digest": short_hash(data),
    }
    if held.size <= SMALL and held.dtype.kind in "biuf":
        made["values"] = jax.tree.map(atom_of, held.tolist())
    return made


def _sequence(value: Any, path: str, _: set[str]) -> Made | None:
    if type(value) not in (tuple, list):
        return None
    return type(value).__name__, {}, _numbered(value, path)


def _set(value: Any, path: str, _: set[str]) -> Made | None:
    if type(value) not in (set, frozenset):
        return None
    kind = type(value).__name__
    return kind, {}, [Part(None, part, f"{path}{{...}}") for part in value]


def _mapping(value: Mapping[Any, Any], path: str, modules: set[str]) -> Made | None:
    """Dicts, and mappings of installed packages, whose caches do not count."""
    if type(value) is OrderedDict:
        return "ordered dict", {}, _numbered(list(value.items()), path)
    if type(value) not in (dict, types.MappingProxyType):
        if is_own(module_of(type(value))) or isinstance(value, dict):
            return None
        label = {"object": name_of(type(value))}
        return "object", label, [Part("content", dict(value), path)]
    if all(type(key) is str for key in value):
        items = sorted(value.items())
        return "dict", {}, [Part(k, v, f"{path}[{k!r}]") for k, v in items]
    return (
        "dict items",
        {},
        [Part(None, item, f"{path}[{str(item[0])[:40]}]") for item in value.items()],
    )


def _small(value: Any, path: str, modules: set[str]) -> Made | None:
    """What is known by a name, or by a few values."""
    if isinstance(value, types.ModuleType):
        if is_own(value.__name__):
            modules.add(value.__name__)
        return _atom({"module": value.__name__})
    if isinstance(value, PurePath):
        return _atom({"path": str(value)})
    if isinstance(value, np.dtype):
        return _atom({"dtype": str(value.descr if value.names else value.name)})
    if isinstance(value, logging.Logger):
        return _atom({"logger": value.name})
    if isinstance(value, weakref.ref):
        return "weak reference", {}, [Part("0", value(), path)]
    if isinstance(value, _TYPES):
        return _atom({"type": str(value)})
    return _atom({"constant": str(value)})  # Ellipsis, NotImplemented


def _enum(value: enum.Enum, path: str, modules: set[str]) -> Made:
    kind = type(value)
    names = value.name if value.name is not None else str(value)
    parts = [Part("value", value.value, f"{path}.value"), *_class_part(kind, path)]
    return "object", {"enum": f"{name_of(kind)}.{names}"}, parts


def _partial(value: Any, path: str, modules: set[str]) -> Made:
    """`functools.partial` and `partialmethod`."""
    parts = [
        Part("function", value.func, f"{path}.func"),
        Part("arguments", tuple(value.args), f"{path}.args"),
        Part("keywords", dict(value.keywords), f"{path}.keywords"),
    ]
    return "object", {"object": name_of(type(value))}, parts


def _method(value: types.MethodType, path: str, modules: set[str]) -> Made:
    parts = [
        Part("function", value.__func__, path),
        Part("of", value.__self__, f"{path}.__self__"),
    ]
    return "object", {"object": "method"}, parts


def _builtin(value: Any, path: str, modules: set[str]) -> Made:
    """Functions and methods that are written in C."""
    owner = getattr(value, "__self__", None)
    if owner is None or isinstance(owner, types.ModuleType | type):
        return _atom({"function": f"{_module_of(value, owner)}{value.__qualname__}"})
    parts = [Part("of", owner, f"{path}.__self__")]
    return "object", {"object": "method", "name": value.__name__}, parts


def _module_of(value: Any, owner: Any) -> str:
    module = getattr(value, "__module__", None) or getattr(owner, "__module__", "")
    return f"{module}." if module and module != "builtins" else ""


def _function(value: types.FunctionType, path: str, modules: set[str]) -> Made:
    """Functions: of installed packages by name, if that finds them; else by code."""
    if not is_own(module_of(value)):
        if name := public_name(value):
            return _atom({"function": name})
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


def _class(value: type, path: str, modules: set[str]) -> Made:
    """Classes: of installed packages by name, the user's own by all they define."""
    if not is_own(module_of(value)):
        return _atom({"class": name_of(value)})
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


def _descriptor(value: Any, path: str, modules: set[str]) -> Made:
    """Properties, class methods and static methods."""
    names = ("fget", "fset", "fdel") if isinstance(value, property) else ("__func__",)
    parts = [Part(n, getattr(value, n), path) for n in names if getattr(value, n)]
    return "object", {"object": type(value).__name__}, parts


def _cached_property(value: Any, path: str, modules: set[str]) -> Made:
    return "object", {"object": "cached_property"}, [Part("function", value.func, path)]


def _object(value: Any, path: str, modules: set[str]) -> Made:
    """Everything else: by class, and by fields, attributes, slots and hidden state."""
    kind = type(value)
    if not is_own(module_of(kind)) and (name := public_name(value)):
        return _atom({"function": name})
    parts = [*_class_part(kind, path)]
    if wrapped := _wrapped(value):
        parts.append(Part("function", wrapped, path))
        return "object", {"object": kind.__name__}, parts
    for name, held in _attributes(value):
        parts.append(Part(f"fields {name}", held, f"{path}.{name}"))
    if _has_hidden_state(kind):
        parts += _pickled(value, path)
    return "object", {"object": name_of(kind)}, parts


def _class_part(kind: type, path: str) -> Parts:
    return [Part("class", kind, path)] if is_own(module_of(kind)) else []


def _wrapped(value: Any) -> Any:
    """The function below `jax.jit`, `functools.cache` and others written in C."""
    if callable(value) and _has_hidden_state(type(value)):
        return getattr(value, "__dict__", {}).get("__wrapped__")
    return None


def _attributes(value: Any) -> Iterator[tuple[str, Any]]:
    """Fields in their order, then other attributes and slots by name."""
    kind = type(value)
    named = {}
    if isinstance(value, tuple) and hasattr(kind, "_fields"):
        named = dict(zip(kind._fields, value, strict=True))  # pyright: ignore
        yield from named.items()
    held = dict(getattr(value, "__dict__", {}))
    for name in _slotnames(kind):
        with_value = object.__getattribute__
        try:
            held[name] = with_value(value, name)
        except AttributeError:  # not assigned
            continue
    for name in getattr(kind, "__dataclass_fields__", {}):
        if name in held and not _is_flax_s(value, name):
            yield name, held[name]
        held.pop(name, None)
    if isinstance(value, flax.linen.Module):
        return
    for name, part in sorted(held.items()):
        cached = isinstance(_of_class(kind, name), functools.cached_property)
        if not cached and name not in ("__doc__", "__orig_class__"):
            yield name, part


def _is_flax_s(value: Any, name: str) -> bool:
    return isinstance(value, flax.linen.Module) and name in ("parent", "name")


def _of_class(kind: type, name: str) -> Any:
    for base in kind.__mro__:
        if name in vars(base):
            return vars(base)[name]
    return None


def _has_hidden_state(kind: type) -> bool:
    """Whether objects hold more than their attributes and slots, as those of C do."""
    if kind.__itemsize__:
        return not (issubclass(kind, tuple) and hasattr(kind, "_fields"))
    size = object.__basicsize__
    if kind.__dictoffset__ and not kind.__flags__ & MANAGED_DICT:
        size += tuple.__itemsize__
    if kind.__weakrefoffset__ > 0:
        size += tuple.__itemsize__
    return kind.__basicsize__ > size + tuple.__itemsize__ * len(_slotnames(kind))


def _pickled(value: Any, path: str) -> Parts:
    """State that only C sees, as `pickle` would find it."""
    try:
        reducer = dispatch_table.get(type(value))
        made = reducer(value) if reducer else value.__reduce_ex__(4)
    except Exception as error:
        raise _undescribable(value, path, "nothing says what is in it") from error
    if isinstance(made, str):
        return [Part("content", made, path)]
    function, arguments, state, *items = [*made, None, None, None][:5]
    if state is not None and state == getattr(value, "__dict__", None):
        state = None
    arguments = tuple(part for part in arguments if part is not type(value))
    content = (function, arguments, state, *(list(part or ()) for part in items))
    return [Part("content", content, path)]


def _undescribable(value: Any, path: str, why: str) -> InputError:
    kind = type(value)
    return InputError(
        f"{path} is of type {kind.__module__}.{kind.__qualname__}, and {why}: whether a "
        "later run has the same one could not be told; keep what it is made from "
        "instead (a path, numbers, a seed), and make it where it is used"
    )


def _numbered(values: Any, path: str) -> Parts:
    return [Part(str(i), part, f"{path}[{i}]") for i, part in enumerate(values)]


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


_TYPES = (types.GenericAlias, types.UnionType, type(typing.Optional[int]))  # noqa: UP045

_READERS: tuple[tuple[Any, Any], ...] = (
    ((np.ndarray, np.generic, jax.Array), _array),
    (enum.Enum, _enum),
    ((tuple, list), _sequence),
    ((set, frozenset), _set),
    (Mapping, _mapping),
    (
        (
            types.ModuleType,
            PurePath,
            np.dtype,
            logging.Logger,
            weakref.ref,
            *_TYPES,
            type(...),
            type(NotImplemented),
        ),
        _small,
    ),
    ((functools.partial, functools.partialmethod), _partial),
    (types.MethodType, _method),
    (types.FunctionType, _function),
    (
        (
            types.BuiltinFunctionType,
            types.MethodDescriptorType,
            types.WrapperDescriptorType,
            types.MethodWrapperType,
        ),
        _builtin,
    ),
    (type, _class),
    ((property, classmethod, staticmethod), _descriptor),
    (functools.cached_property, _cached_property),
)
