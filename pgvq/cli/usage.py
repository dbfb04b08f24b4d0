"""What is wrong with a command line, in one sentence: what, why, and the nearest right.

The options are read by tyro, which draws boxes around its errors. Where it refuses a
command line, the words are gone through once more here.
"""

import dataclasses
import typing
from collections.abc import Iterator, Mapping, Sequence
from typing import Any, Literal, NamedTuple

from pgvq.checks import did_you_mean

EXAMPLES = {
    "run": "pgvq run experiments/pong.py",
    "plot": "pgvq plot results/pong",
    "list": "pgvq list dqn",
    "new": "pgvq new my_algorithm.py",
    "doctor": "pgvq doctor my_algorithm.py:MyAlgorithm",
    "watch": "pgvq watch results/pong",
    "merge": "pgvq merge results/a results/b --out results/all",
    "tune": "pgvq tune experiments/tune_pong.py",
}


class Option(NamedTuple):
    """A field of a command, as it is on the command line."""

    name: str  # --max-steps; of what has no name, FILE
    kind: Any  # str, int, float, bool or a tuple of choices
    needed: bool
    several: bool


def explained(given: Sequence[str], commands: Mapping[str, type]) -> str:
    """The sentence for a command line that cannot be read; empty if none is known."""
    if not given:
        return (
            f"a command is missing; give one of {', '.join(commands)}, as in "
            f"{EXAMPLES['run']} (pgvq --help says more)"
        )
    name, *words = given
    if name not in commands:
        return _no_command(name, words, commands)
    return next(_faults(name, words, commands), "")


def overlooked(given: Sequence[str], commands: Mapping[str, type]) -> str:
    """The sentence for the word None, which tyro reads as an option's default."""
    if not given or given[0] not in commands:
        return ""
    name, *words = given
    options = {o.name: o for o in options_of(commands[name])}
    for option, value in _options(words, options):
        if option in options and value == "None":
            return f"{option} None is no value; leave it out to have its default"
    return ""


def options_of(command: type) -> list[Option]:
    """The options of a command, those without a name first."""
    found = []
    for field in dataclasses.fields(typing.cast(Any, command)):
        hint = typing.get_type_hints(command, include_extras=True)[field.name]
        marks: list[Any] = []
        while typing.get_origin(hint) is typing.Annotated:
            marks += hint.__metadata__
            hint = hint.__origin__
        placed = any("positional" in repr(mark).lower() for mark in marks)
        settings = [m for m in marks if hasattr(m, "metavar")]
        named = next((m.name for m in settings if m.name), None) or field.name
        metavar = next((m.metavar for m in settings if m.metavar), field.name.upper())
        needed = field.default is dataclasses.MISSING
        parts = [p for p in typing.get_args(hint) if p is not type(None)]
        if type(None) in typing.get_args(hint) and len(parts) == 1:
            hint, parts = parts[0], []
        several = hint is tuple or typing.get_origin(hint) is tuple
        if typing.get_origin(hint) is Literal:
            kind: Any = typing.get_args(hint)
        elif several:
            kind = str
        else:
            kind = parts[0] if parts else hint
        text = metavar if placed else "--" + named.replace("_", "-")
        found.append(Option(text, kind, needed, several))
    return sorted(found, key=lambda option: option.name.startswith("--"))


def _no_command(name: str, words: Sequence[str], commands: Mapping[str, type]) -> str:
    if name.startswith("-"):
        return (
            f"{_quoted(name)} is before the command; write the command first, as "
            f"in {EXAMPLES['run']}, and its options after it (pgvq --help says more)"
        )
    there = f"there are {', '.join(commands)}"
    if name.endswith(".py"):
        there = f"did you mean pgvq run {name}?"
    hint = did_you_mean(name, commands, there, lambda near: f"pgvq {near}")
    return f"there is no command {_quoted(name)}: {hint} (pgvq --help says more)"


def _faults(
    command: str, words: Sequence[str], commands: Mapping[str, type]
) -> Iterator[str]:
    options = {o.name: o for o in options_of(commands[command])}
    placed = [o for o in options.values() if not o.name.startswith("--")]
    help_ = f"pgvq {command} --help lists all"
    given, seen = 0, set()
    for word, value in _options(words, options):
        seen.add(word)
        if not word.startswith("-"):
            given += 1
            if given > len(placed) and not any(option.several for option in placed):
                yield (
                    f"{_quoted(word)} is one word too many; {command} takes one "
                    f"{placed[0].name}, as in {EXAMPLES[command]} (a name with spaces "
                    "needs quotes)"
                )
        elif word not in options:
            yield _no_option(command, word, options, commands) + f" ({help_})"
        elif options[word].kind is bool:
            if value is not None:
                yield f"{word} takes no value; write {word} alone ({help_})"
        elif value is None:
            yield f"{word} needs a value, such as {_usual(options[word])} ({help_})"
        elif wanted := _wrong(options[word], value):
            yield f"{word} {_quoted(value)} must be {wanted} ({help_})"
    missing = [option for option in placed[given:] if option.needed]
    missing += [
        option
        for option in options.values()
        if option.needed and option.name.startswith("--") and option.name not in seen
    ]
    if missing:
        yield f"{command} needs {missing[0].name}, as in {EXAMPLES[command]} ({help_})"


def _options(
    words: Sequence[str], options: Mapping[str, Option]
) -> Iterator[tuple[str, str | None]]:
    """Options with their values, and words that belong to none."""
    left = list(words)
    while left:
        word = left.pop(0)
        if not word.startswith("-") or _is_number(word) or word == "-":
            yield word, None
            continue
        name, equals, value = word.partition("=")
        name = "--" + name[2:].replace("_", "-") if name.startswith("--") else name
        takes = name in options and options[name].kind is not bool
        if equals:
            yield name, value
        elif takes and left and (not left[0].startswith("-") or _is_number(left[0])):
            yield name, left.pop(0)
        else:
            yield name, None


def _no_option(
    command: str,
    word: str,
    options: Mapping[str, Option],
    commands: Mapping[str, type],
) -> str:
    named = [name for name in options if name.startswith("--")]
    others = [
        other
        for other, part in commands.items()
        if word in [option.name for option in options_of(part)]
    ]
    bare = "--" + word.lstrip("-")
    longer = [name for name in named if len(bare) > 2 and name.startswith(bare)]
    other = f"{word} is one of pgvq {others[0]}" if others else ""
    there = f"it has {', '.join(named)}" if named else "it has none"
    near = did_you_mean(bare, named, f"did you mean {longer[0]}?" if longer else "")
    hint = near + (f" ({other})" if other and near else other) or there
    return f"{command} has no option {_quoted(word)}: {hint}"


def _wrong(option: Option, value: str) -> str:
    """What a value must be; empty if it is."""
    if isinstance(option.kind, tuple):
        if value in option.kind:
            return ""
        hint = did_you_mean(value, option.kind, otherwise="")
        return f"one of {', '.join(option.kind)}{'; ' * bool(hint)}{hint}"
    try:
        option.kind(value)
    except (ValueError, OverflowError):
        usual = f", such as {_usual(option)}"
        return ("a whole number" if option.kind is int else "a number") + usual
    return ""


def _usual(option: Option) -> str:
    if isinstance(option.kind, tuple):
        return f"{option.name} {option.kind[0]}"
    known = {"--steps": "2e6", "--set": "dqn.learning_rate=3e-4", "--only": "NAME"}
    known |= {"--out": "results/other", "--claim": "2", "--family": "q_learning"}
    known |= {"--env": "CartPole-v1", "--algorithm": "dqn", "--max-steps": "5000"}
    known |= {"--experiment": "experiments/pong.py"}
    known |= {"--variants": "dqn,ppo", "--order": "dqn,ppo", "--metric": "loss"}
    known |= {"--labels": "'dqn=Double DQN'", "--title": "'Value or policy?'"}
    known |= {"--size": "7x4", "--font": "'serif 8'", "--format": "png,pdf"}
    return f"{option.name} {known.get(option.name, '5')}"


def _is_number(word: str) -> bool:
    try:
        float(word)
    except ValueError:
        return False
    return True


def _quoted(word: str) -> str:
    text = word if len(word) <= 60 else word[:57] + "..."
    return text if text and not any(c.isspace() for c in text) else repr(text)
