"""`--set dqn.learning_rate=3e-4`: fields of algorithms, changed by their names.

A target is a variant of the experiment, an algorithm (all its variants), or `*` (every
variant that has the field). What follows is a field, or a field of a field: of the
environment (`dqn.env.frame_skip=4`), of its parameters (`dqn.env_params.x=1`) or of a
network (`dqn.torso.features=128,128`). Values are read by the type of the field; a
function is one of `pgvq.experiments.field_paths.FUNCTIONS`
(`dqn.torso.activation=tanh`).
"""

import typing
from collections.abc import Iterable, Mapping
from typing import Any

from flax import linen as nn
from gymnax.environments.environment import Environment

from pgvq import envs
from pgvq.checks import did_you_mean
from pgvq.experiments.definition import Experiment
from pgvq.experiments.field_paths import (
    Changes,
    NoFieldError,
    changed,
    function_named,
    holder,
    in_short,
    note,
    type_of,
)
from pgvq.experiments.naming import algorithm_name
from pgvq.types import InputError

EXAMPLE = "dqn.learning_rate=3e-4"


def override(
    experiment: Experiment, settings: Iterable[str], **fields: Any
) -> Experiment:
    """The experiment with all `settings`, and other `fields` of its own.

    All changes are made at once, for one may be impossible without another.

    Raises:
        InputError: a setting cannot be read, or its target, field or value is unknown.
    """
    algorithms = dict(experiment.variants)
    changes: dict[str, Changes] = {}
    read = [(setting, *_parts(setting, algorithms)) for setting in settings]
    # Environments first: parameters are those of the environment that is set.
    for setting, names, path, text in sorted(read, key=lambda one: one[2] != ["env"]):
        missing: list[NoFieldError] = []
        for name in names:
            mine = changes.setdefault(name, Changes())
            thing: Any = algorithms[name]
            if path[0] == "env_params" and "env" in mine and thing.env_params is None:
                thing = changed(thing, Changes(env=mine["env"]))
            try:
                _note(setting, thing, path, text, mine)
            except NoFieldError as error:
                missing.append(error)
            swept = ".".join(path)
            if f" {swept}=" in name or f" {swept}." in name:
                raise InputError(
                    f"--set {setting}: the experiment sweeps {swept} already "
                    f"({name!r}); set another field, or change the file"
                )
        # `*` means: wherever there is such a field.
        if missing and (not setting.startswith("*.") or len(missing) == len(names)):
            raise InputError(f"--set {setting}: {missing[0]}") from missing[0]
    for name, mine in changes.items():
        algorithms[name] = changed(algorithms[name], mine)
    return experiment.replace(algorithms=algorithms, **fields)


def _parts(
    setting: str, algorithms: Mapping[str, Any]
) -> tuple[list[str], list[str], str]:
    """Names of variants, path of fields, and the value as text."""
    targets = {"*": list(algorithms)}
    for name, algorithm in algorithms.items():
        for kind in dict.fromkeys(
            (algorithm_name(algorithm), type(algorithm).__name__)
        ):
            targets.setdefault(kind, []).append(name)
    targets |= {name: [name] for name in algorithms}

    matching = [t for t in targets if setting.startswith(t + ".")]
    target = max(matching, key=len, default="")
    fields, equals, text = setting[len(target) + 1 :].partition("=")
    if target and equals and text and all(fields.split(".")):
        return targets[target], fields.split("."), text
    if target:
        raise InputError(
            f"--set {setting} is not of the form TARGET.FIELD=VALUE; write it as "
            f"in --set {EXAMPLE}"
        )
    wrong = setting.partition("=")[0].partition(".")[0]
    there = f"it has {', '.join(algorithms)}; or * for all"
    hint = did_you_mean(wrong, targets, there)
    if "." not in setting.partition("=")[0]:
        hint = f"write TARGET.FIELD=VALUE, as in --set {EXAMPLE}"
    raise InputError(f"--set {setting}: the experiment has no {wrong!r}; {hint}")


def _note(setting: str, thing: Any, path: list[str], text: str, into: Changes) -> None:
    """Adds the change of one field, found by its path, to `into`."""
    if path == ["budget"]:
        raise InputError(
            f"--set {setting}: the budget is the experiment's; use --steps"
        )
    value = _read(setting, holder(thing, path), path[-1], text)
    try:
        note(into, path, value)
    except InputError as error:
        raise InputError(f"--set {setting}: {error}") from None


def _read(setting: str, thing: Any, name: str, text: str) -> Any:
    """The value that `text` means for a field, by its type."""
    held: Any = getattr(thing, name)
    kind = float if type_of(thing, name) is float else type(held)
    if held is None:  # of `int | None` the int
        hint = typing.get_type_hints(type(thing)).get(name)
        others = [k for k in typing.get_args(hint) if k is not type(None)]
        kind = others[0] if len(others) == 1 else kind
    if name == "env":
        return envs.make(text)[0]
    parts = (type, nn.Module, Environment)
    if callable(held) and not isinstance(held, parts):
        try:
            return function_named(text, name)
        except InputError as error:
            raise InputError(f"--set {setting}: {error}") from None
    try:
        if kind is bool:
            return {"true": True, "false": False}[text.lower()]
        if kind is int:
            return _whole(text)
        if kind is float:
            return _number(text)
        if kind is str:
            return text
        if isinstance(held, tuple):
            element = type(held[0]) if held else int
            read = {int: _whole, float: _number, str: str}[element]
            return tuple(read(part) for part in text.strip("(), ").split(","))
    except (KeyError, ValueError, ArithmeticError):
        wanted = {
            bool: "true or false",
            int: "a whole number",
            float: "a number",
            tuple: "values with commas between, such as 128,128",
        }[kind]
        raise InputError(
            f"--set {setting}: {name}={text!r} must be {wanted} (now {in_short(held)})"
        ) from None
    raise InputError(
        f"--set {setting}: {name} is {in_short(held)}, which cannot be written on a "
        "command line; change it in the file"
    )


def _number(text: str) -> float:
    """A float, also as a fraction: `1/16`."""
    above, slash, below = text.partition("/")
    return float(above) / float(below) if slash else float(text)


def _whole(text: str) -> int:
    """A whole number, also as `1e5`."""
    try:
        return int(text)
    except ValueError:
        number = float(text)
        if number != int(number):
            raise ValueError(text) from None
        return int(number)
