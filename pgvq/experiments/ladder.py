"""Ladders: algorithms that differ from each other in one change at a time.

    Ladder(
        rungs={
            "actor-critic": ActorCritic(lambda_=1.0),
            "bootstrapping": Rung(parent="actor-critic", change={"lambda_": 0.95}),
            "four epochs": Rung(
                parent="bootstrapping",
                change="four epochs on each rollout instead of one update",
                algorithm=PPO(num_minibatches=1, ...),
            ),
        }
    )

A ladder can be built only if each rung differs from its parent in its change and in
nothing else, so that a difference of their scores has one cause. Algorithms are
compared by their complete descriptions (`pgvq.identity.description`). A change of the
class has to keep every field that both classes have.
"""

import dataclasses
from collections.abc import Mapping, Sequence
from typing import Any, NamedTuple, cast

from pgvq.algorithms.contract import Algorithm
from pgvq.algorithms.interface import check_interface
from pgvq.checks import did_you_mean, shown
from pgvq.experiments.field_paths import holder, in_short, with_settings
from pgvq.identity.description import Description, brief, describe, digest
from pgvq.storage.places import folder_name_problem
from pgvq.types import InputError

Change = Mapping[str, Any] | str

BUDGET = "budget"  # the experiment's, not a setting
MOST_WORDS = 200  # letters of a change in words


@dataclasses.dataclass(frozen=True, kw_only=True)
class Rung:
    """One step of a ladder: a parent, and the one change that is made to it.

    Attributes:
        parent: the name of another rung.
        change: one field and its value, `{"lambda_": 1.0}`; or, where the class changes
            and `algorithm` is given, what that changes, in words.
        algorithm: of another class than the parent's.
        words: what a change of fields is called in figures; needed where several fields
            are one change.
        apart: fields that both classes have and that may differ, because they mean
            something else in each.
        also: other parents with the one change that leads here from them, for a rung
            that is reached by two ways.
    """

    parent: str
    change: Change
    algorithm: Algorithm | None = None
    words: str = ""
    apart: Sequence[str] = ()
    also: Mapping[str, Change] = dataclasses.field(default_factory=dict)


class Step(NamedTuple):
    """From a parent to a rung, and what differs; values as a few words."""

    rung: str
    parent: str
    words: str
    fields: dict[str, tuple[str, str]]  # what changed, by path: before and after
    apart: dict[str, tuple[str, str]]  # what else may differ, and does
    brings: dict[str, str]  # fields that only the rung's class has
    drops: dict[str, str]  # fields that only the parent's class has

    @property
    def is_worded(self) -> bool:
        """Whether a change of fields has words of its own."""
        return bool(self.fields) and self.words != _in_words(self.fields)


@dataclasses.dataclass(frozen=True, kw_only=True)
class Ladder:
    """Rungs by name: one algorithm to begin with, and a `Rung` for each other.

    `nuisance` names fields such as `learning_rate` that `tuned` may set for each rung;
    they are held equal otherwise.

    Raises `InputError` where a rung differs from its parent in more or less than its
    change, where two rungs are the same, a parent is unknown, or parents form a circle.
    """

    rungs: Mapping[str, Algorithm | Rung]
    nuisance: Sequence[str] = ()
    # By name. Given by `with_algorithms` alone; otherwise made from the changes.
    algorithms: Mapping[str, Algorithm] = dataclasses.field(default_factory=dict)
    steps: tuple[Step, ...] = dataclasses.field(default=(), init=False)

    def __post_init__(self) -> None:
        order = _ordered(self.rungs)
        _check_nuisance(self.nuisance, self.rungs)
        made: dict[str, Any] = dict(self.algorithms)
        for name in () if made else order:
            made[name] = _made(name, self.rungs[name], made)
        ordered = {name: made[name] for name in self.rungs}
        free = (*self.nuisance, BUDGET) if self.algorithms else (BUDGET,)
        steps = [
            _step(name, parent, change, rung, ordered, free)
            for name, rung in self.rungs.items()
            if isinstance(rung, Rung)
            for parent, change in _ways(rung).items()
        ]
        # The same change has the same words, whatever it is made to.
        said = {str(s.fields): s.words for s in reversed(steps) if s.is_worded}
        steps = [s._replace(words=said.get(str(s.fields), s.words)) for s in steps]
        _check_different(ordered)
        object.__setattr__(self, "algorithms", ordered)
        object.__setattr__(self, "steps", tuple(steps))

    def with_algorithms(self, algorithms: Mapping[str, Algorithm]) -> "Ladder":
        """The ladder of other algorithms, which may differ in the nuisance as well.

        Raises:
            InputError: they are not those of the rungs, or differ in more.
        """
        if set(algorithms) != set(self.rungs):
            odd = sorted(set(algorithms) ^ set(self.rungs))[0]
            raise InputError(
                f"ladder: {odd!r} is not both an algorithm and a rung; give an "
                "algorithm for each rung, or ladder=None for algorithms without one"
            )
        return dataclasses.replace(self, algorithms=dict(algorithms))

    def tuned(self, chosen: Mapping[str, Mapping[str, Any]]) -> "Ladder":
        """Each rung with nuisance settings of its own, by rung and field.

        `pgvq.tuning.chosen` reads them from the folder of a tuning.

        Raises:
            InputError: a rung has none, or they set what is not nuisance.
        """
        made = {}
        for name, algorithm in self.algorithms.items():
            if name not in chosen:
                raise InputError(
                    f"ladder: nothing was chosen for the rung {name!r}; tune the same "
                    "rungs again"
                )
            for field in chosen[name]:
                if field not in self.nuisance:
                    raise InputError(
                        f"ladder: {name!r} was tuned in {field}, which is not in "
                        f"nuisance={tuple(self.nuisance)}; tune only these"
                    )
            made[name] = _applied(name, algorithm, chosen[name])
        return self.with_algorithms(made)

    def describe(self) -> dict[str, Any]:
        """What `experiment.json` keeps: parents, changes, and what was tuned.

        `tuned` names the nuisance fields in which a rung differs from a parent.
        """
        fields = {name: _fields(a) for name, a in self.algorithms.items()}
        pairs = [(fields[step.parent], fields[step.rung]) for step in self.steps]
        tuned = [
            field
            for field in self.nuisance
            if any(field in a and field in b and a[field] != b[field] for a, b in pairs)
        ]
        return {"tuned": tuned, "steps": [step._asdict() for step in self.steps]}


def _ways(rung: Rung) -> dict[str, Change]:
    """All parents of a rung, with the change that leads from each."""
    return {rung.parent: rung.change, **rung.also}


def _ordered(rungs: Any) -> list[str]:
    """Names such that parents come first; `InputError` where that cannot be."""
    if not isinstance(rungs, Mapping):
        raise InputError(
            f"ladder: rungs={in_short(rungs)} must be a dict from names to rungs"
        )
    for name in rungs:
        if fault := folder_name_problem(name):
            raise InputError(
                f"ladder: the name {shown(name, 60)} cannot be a folder; {fault}"
            )
    roots = [name for name, rung in rungs.items() if not isinstance(rung, Rung)]
    if len(roots) != 1 or len(rungs) < 2:
        raise InputError(
            f"ladder: {len(roots)} of {len(rungs)} rungs have no parent; give one "
            "algorithm to begin with, and Rung(parent=..., change=...) for the others"
        )
    for name, rung in rungs.items():
        if isinstance(rung, Rung):
            _check_rung(name, rung, rungs)
    order, waiting = roots, [name for name in rungs if name not in roots]
    while waiting:
        ready = [n for n in waiting if all(p in order for p in _ways(rungs[n]))]
        if not ready:
            raise InputError(
                f"ladder: the parents of {', '.join(map(repr, waiting))} form a "
                "circle; let one of them descend from another rung"
            )
        order = order + ready
        waiting = [name for name in waiting if name not in ready]
    return order


def _check_rung(name: str, rung: Rung, rungs: Mapping[str, Any]) -> None:
    """Raises `InputError` for what cannot be a rung, whatever the algorithms are."""
    if not isinstance(rung.also, Mapping):
        raise InputError(
            f"ladder: also={in_short(rung.also)} of {name!r} must be a dict from other "
            "parents to changes"
        )
    if not isinstance(rung.words, str) or len(rung.words) > MOST_WORDS:
        raise InputError(
            f"ladder: words={shown(rung.words, 60)} of {name!r} must be a text of at "
            f"most {MOST_WORDS} letters"
        )
    for parent, change in _ways(rung).items():
        if parent not in rungs:
            hint = did_you_mean(parent, rungs, show=repr)
            raise InputError(
                f"ladder: the parent {shown(parent, 60)} of {name!r} is not a rung; "
                f"{hint}"
            )
        if not change or not isinstance(change, Mapping | str):
            raise InputError(
                f"ladder: change={in_short(change)} of {name!r} says nothing; give one "
                'field, as {"lambda_": 1.0}, or words for a change of the class'
            )
        if isinstance(change, Mapping) and len(change) > 1 and not rung.words:
            raise InputError(
                f"ladder: {name!r} changes {', '.join(map(str, change))}; make a rung "
                "of each, or say in words='...' why they are one change"
            )
        if isinstance(change, str) and len(change) > MOST_WORDS:
            raise InputError(
                f"ladder: the change of {name!r} has {len(change)} letters; say it in "
                f"{MOST_WORDS}"
            )
    if isinstance(rung.apart, str) or not all(isinstance(f, str) for f in rung.apart):
        raise InputError(
            f"ladder: apart={in_short(rung.apart)} of {name!r} must be a list of names "
            "of fields"
        )


def _check_nuisance(nuisance: Any, rungs: Mapping[str, Any]) -> None:
    if isinstance(nuisance, str) or not all(isinstance(f, str) for f in nuisance):
        raise InputError(
            f"ladder: nuisance={in_short(nuisance)} must be a list of names of fields"
        )
    for name, rung in rungs.items():
        if isinstance(rung, Rung) and isinstance(rung.change, Mapping):
            for field in rung.change:
                if field in nuisance:
                    raise InputError(
                        f"ladder: {name!r} changes {field}, which is in nuisance; a "
                        "setting is either tuned or a rung"
                    )


def _made(name: str, rung: Any, made: Mapping[str, Any]) -> Any:
    """The algorithm of a rung whose parents are made."""
    if not isinstance(rung, Rung):
        return _an_algorithm(name, rung)
    if rung.algorithm is not None:
        return _an_algorithm(name, rung.algorithm)
    if isinstance(rung.change, str):
        raise InputError(
            f"ladder: {name!r} says its change in words alone; give the algorithm that "
            'they lead to, or the field that changes, as {"lambda_": 1.0}'
        )
    return _applied(name, made[rung.parent], rung.change)


def _an_algorithm(name: str, value: Any) -> Any:
    check_interface(type(value))
    if isinstance(value, type) or not isinstance(value, Algorithm):
        raise InputError(
            f"ladder: {name!r} is {in_short(value)}, not an algorithm such as DQN()"
        )
    return value


def _applied(name: str, algorithm: Any, settings: Mapping[str, Any]) -> Any:
    """The algorithm with the settings of a rung, which errors name."""
    try:
        return with_settings(algorithm, settings)
    except InputError as error:
        raise InputError(f"ladder: {name!r}: {error}") from None


def _step(
    name: str,
    parent: str,
    change: Change,
    rung: Rung,
    algorithms: Mapping[str, Any],
    free: Sequence[str],
) -> Step:
    """What differs between a rung and its parent; `InputError` if that is more.

    Fields in `free` may differ besides.
    """
    before, after = algorithms[parent], algorithms[name]
    if isinstance(change, str):
        return _step_of_class(name, parent, change, rung, before, after, free)
    expected = _applied(name, before, change)
    old, new = describe(before), describe(after)
    if describe(expected) == old:
        raise InputError(
            f"ladder: {name!r} changes nothing of {parent!r}, which has "
            f"{_settings(change)} already; give another value"
        )
    more = [p for p in _differing(describe(expected), new) if not _is_in(p, free)]
    if more:
        values = f"{_at(describe(expected), more[0])} -> {_at(new, more[0])}"
        raise InputError(
            f"ladder: {name!r} is not {parent!r} with {_settings(change)}: they also "
            f"differ in {more[0] or 'their class'} ({values}); hold it equal, or make "
            "a rung of it"
        )
    fields = {
        path: (brief(describe(_value(before, path))), brief(describe(value)))
        for path, value in change.items()
    }
    words = (rung.words if parent == rung.parent else "") or _in_words(fields)
    return Step(name, parent, words, fields, {}, {}, {})


def _step_of_class(
    name: str,
    parent: str,
    words: str,
    rung: Rung,
    before: Any,
    after: Any,
    free: Sequence[str],
) -> Step:
    """The step between algorithms of two classes."""
    if type(before) is type(after):
        raise InputError(
            f"ladder: {name!r} and its parent {parent!r} are both of the class "
            f"{type(after).__name__}; give the change by its field, as "
            '{"lambda_": 1.0}'
        )
    old, new = _fields(before), _fields(after)
    shared = [field for field in old if field in new]
    if lost := [field for field in rung.apart if field not in shared]:
        raise InputError(
            f"ladder: apart={lost[0]!r} of {name!r} is not a field of both classes; "
            "leave it out"
        )
    differ = [field for field in shared if old[field] != new[field]]
    more = [f for f in differ if not _is_in(f, (*rung.apart, *free))]
    if more:
        values = f"{brief(old[more[0]])} -> {brief(new[more[0]])}"
        raise InputError(
            f"ladder: {name!r} differs from its parent {parent!r} also in {more[0]} "
            f"({values}); hold it equal, or name it in apart=({more[0]!r},) if it "
            "means something else there"
        )
    return Step(
        rung=name,
        parent=parent,
        words=words,
        fields={},
        apart={
            field: (brief(old[field]), brief(new[field]))
            for field in differ
            if field in rung.apart
        },
        brings={f: brief(value) for f, value in new.items() if f not in old},
        drops={f: brief(value) for f, value in old.items() if f not in new},
    )


def _check_different(algorithms: Mapping[str, Any]) -> None:
    seen: dict[str, str] = {}
    for name, algorithm in algorithms.items():
        kind = f"{type(algorithm).__module__}.{type(algorithm).__qualname__}"
        known = digest([kind, _fields(algorithm)])
        if known in seen:
            raise InputError(
                f"ladder: {seen[known]!r} and {name!r} are the same algorithm; make "
                "one rung of them, with the second way to it in `also`"
            )
        seen[known] = name


def _fields(algorithm: Any) -> dict[str, Description]:
    """Descriptions of all fields of an algorithm but the budget."""
    return {
        field.name: describe(getattr(algorithm, field.name))
        for field in dataclasses.fields(cast(Any, algorithm))
        if field.name != BUDGET
    }


def _differing(one: Description, other: Description, path: str = "") -> list[str]:
    """Paths of the fields in which two descriptions differ."""
    if one == other:
        return []
    parts = [side if isinstance(side, dict) else {} for side in (one, other)]
    rests = [{k: v for k, v in part.items() if k != "fields"} for part in parts]
    inside = [part.get("fields") for part in parts]
    if rests[0] != rests[1] or not all(isinstance(part, dict) for part in inside):
        return [path]
    names = {**cast(dict, inside[0]), **cast(dict, inside[1])}
    found = []
    for name in names:
        before, after = (cast(dict, part).get(name) for part in inside)
        found += _differing(before, after, f"{path}.{name}" if path else name)
    return found


def _is_in(path: str, fields: Sequence[str]) -> bool:
    """Whether a path leads to one of the fields or into it."""
    return any(path == field or path.startswith(f"{field}.") for field in fields)


def _at(description: Description, path: str) -> str:
    """A few words for what a description has at a path."""
    for name in path.split(".") if path else ():
        description = (description.get("fields") or {}).get(name)
    return brief(description)


def _value(algorithm: Any, path: str) -> Any:
    """What an algorithm has at the path of a field."""
    names = path.split(".")
    return getattr(holder(algorithm, names), names[-1])


def _in_words(fields: Mapping[str, tuple[str, str]]) -> str:
    words = ", ".join(f"{path} from {a} to {b}" for path, (a, b) in fields.items())
    return words[:MOST_WORDS]


def _settings(change: Mapping[str, Any]) -> str:
    return ", ".join(f"{field}={in_short(value)}" for field, value in change.items())
