"""What each kind of thing is made of: the kind, a label, and parts to describe in turn.

`pgvq.identity.description` says what counts as the same, and puts the parts together.
"""

import enum
import functools
import logging
import math
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
from typing import Any

import flax.linen
import jax
import jax.numpy as jnp
import numpy as np
from jax.core import Tracer

from pgvq.identity.code import (
    Made,
    Part,
    Parts,
    atom,
    builtin_parts,
    cached_property_parts,
    class_parts,
    descriptor_parts,
    function_parts,
    method_parts,
    module_of,
    name_of,
    public_name,
)
from pgvq.identity.sources import is_own, short_hash
from pgvq.types import InputError

SMALL = 16  # elements of an array that is shown, not only digested
MANAGED_DICT = 1 << 4  # Py_TPFLAGS_MANAGED_DICT

# Numbers of these dtypes are what JAX makes of Python's own.
PLAIN = {np.dtype(kind) for kind in (bool, np.int32, np.int64, np.float32, np.float64)}


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


def _array(value: Any, path: str, _: set[str]) -> Made | None:
    """Arrays and scalars of NumPy and JAX."""
    if isinstance(value, Tracer):
        raise _undescribable(value, path, "it is known inside of a program only")
    if isinstance(value, np.ndarray) and type(value) is not np.ndarray:
        return None  # masked arrays and their like have more than their elements
    if isinstance(value, jax.Array) and jnp.issubdtype(
        value.dtype, jax.dtypes.prng_key
    ):
        made = array_label(np.asarray(jax.random.key_data(value)))
        return atom({"key": str(jax.random.key_impl(value)), **made})
    try:
        held = np.asarray(value)
    except Exception as error:  # deleted, or on another machine
        raise _undescribable(value, path, "its values cannot be read") from error
    if held.dtype.hasobject:
        parts = _numbered(held.ravel().tolist(), path)
        return "elements", {"array": f"object{list(held.shape)}"}, parts
    if held.ndim == 0 and held.dtype in PLAIN | {np.dtype(complex), np.dtype("c8")}:
        return atom(atom_of(held.item()))
    return atom(array_label(held))


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
        return atom({"module": value.__name__})
    if isinstance(value, PurePath):
        return atom({"path": str(value)})
    if isinstance(value, np.dtype):
        return atom({"dtype": str(value.descr if value.names else value.name)})
    if isinstance(value, logging.Logger):
        return atom({"logger": value.name})
    if isinstance(value, weakref.ref):
        return "weak reference", {}, [Part("0", value(), path)]
    if isinstance(value, _TYPES):
        return atom({"type": str(value)})
    return atom({"constant": str(value)})  # Ellipsis, NotImplemented


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


def _object(value: Any, path: str, modules: set[str]) -> Made:
    """Everything else: by class, and by fields, attributes, slots and hidden state."""
    kind = type(value)
    if not is_own(module_of(kind)) and (name := public_name(value)):
        return atom({"function": name})
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
        f"{path} is of type {kind.__module__}.{kind.__qualname__}, and {why}, so that "
        "a later run could not be known to have the same; keep what it is made from "
        "instead (a path, numbers, a seed), and make it where it is used"
    )


def _numbered(values: Any, path: str) -> Parts:
    return [Part(str(i), part, f"{path}[{i}]") for i, part in enumerate(values)]


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
    (types.MethodType, method_parts),
    (types.FunctionType, function_parts),
    (
        (
            types.BuiltinFunctionType,
            types.MethodDescriptorType,
            types.WrapperDescriptorType,
            types.MethodWrapperType,
        ),
        builtin_parts,
    ),
    (type, class_parts),
    ((property, classmethod, staticmethod), descriptor_parts),
    (functools.cached_property, cached_property_parts),
)
