"""Several results as one: one's own run beside the committed ones, in one figure.

What cannot be compared is never mixed silently: different environments are an error
here; different budgets and caps stay with each variant, and figures say so.
"""

import os
from collections import Counter
from collections.abc import Iterable, Mapping, Sequence
from typing import Any

import pandas as pd

from pgvq.checks import shown
from pgvq.experiments.score_meaning import (
    common_environment,
    common_score,
    environment_of_variant,
    on_one_scale,
    score_of_variant,
)
from pgvq.results.format import MODES
from pgvq.results.store import Results, load
from pgvq.types import InputError


def combine(parts: Iterable[Results | str | os.PathLike[str]]) -> Results:
    """Returns the variants of several results as one `Results`, which has no folder.

    A variant whose name several of them have gets its folder's name behind it, as in
    "dqn (my_pong)". In the description each variant has its own `budget_agent_steps`,
    `evaluation`, `environment`, `score` and `folder`; the budget at the top is the
    largest. A single part is returned as it is.

    Args:
        parts: results, or the folders that they are loaded from.

    Raises:
        InputError: there is none, one is given twice or cannot be read, or they are
            evaluated in different environments, whose scores are not on one scale.
    """
    if isinstance(parts, str | os.PathLike | Results) or not isinstance(
        parts, Iterable
    ):
        raise InputError(
            f"combine takes a list of results, and was given {shown(parts)}; give "
            "several, as in combine(['results/pong', 'results/my_pong'])"
        )
    given = [part if isinstance(part, Results) else load(part) for part in parts]
    if not given:
        raise InputError("there are no results to combine; give at least one folder")
    if len(given) == 1:
        return given[0]
    _check_places(given)
    _check_environments(given)
    folders = _folder_names(given)
    names = _variant_names(given, folders)
    variants = [
        _variant(part.description, variant, folder, name)
        for part, folder, renamed in zip(given, folders, names, strict=True)
        for variant, name in zip(
            part.description["variants"], renamed.values(), strict=True
        )
    ]
    return Results(
        description=_description(given, folders, variants),
        evaluations=_joined([part.evaluations for part in given], names),
        training=_joined([part.training for part in given], names),
        sessions={
            renamed[old]: sessions
            for part, renamed in zip(given, names, strict=True)
            for old, sessions in part.sessions.items()
        },
    )


def _check_places(parts: Sequence[Results]) -> None:
    seen: set[Any] = set()
    for part in parts:
        place = id(part) if part.folder is None else part.folder.resolve()
        if place in seen:
            raise InputError(
                f"{part.folder or part.description['name']} is given twice; give each "
                "results folder once"
            )
        seen.add(place)


def _check_environments(parts: Sequence[Results]) -> None:
    first = parts[0].description
    for part in parts:
        for variant in part.description["variants"]:
            one = environment_of_variant(first, first["variants"][0])
            other = environment_of_variant(part.description, variant)
            if not on_one_scale(one, other):
                where = part.folder or part.description["name"]
                raise InputError(
                    f"{parts[0].folder or first['name']} plays {_environment(one)} and "
                    f"{where} plays {_environment(other)}, and their scores are not on "
                    f"one scale; draw each by itself, as in: pgvq plot {where}"
                )


def _environment(environment: Mapping[str, Any]) -> str:
    text = str(environment.get("evaluated", environment.get("repr", "another game")))
    params = environment.get("params")
    text = f"{text} with {params}" if params else text
    return text if len(text) <= 60 else text[:57] + "..."


def _folder_names(parts: Sequence[Results]) -> list[str]:
    """A name for each, of as many parts of its path as tell it from the others."""
    paths = [
        part.folder.resolve().parts if part.folder else (part.description["name"],)
        for part in parts
    ]
    longest = max(len(path) for path in paths)
    for depth in range(1, longest + 1):
        names = ["/".join(path[-depth:]) for path in paths]
        if len(set(names)) == len(names):
            return names
    names = ["/".join(path) for path in paths]  # equal ones: of results in memory
    return [
        name if names.count(name) == 1 else f"{name} {number}"
        for number, name in enumerate(names, 1)
    ]


def _variant_names(
    parts: Sequence[Results], folders: Sequence[str]
) -> list[dict[str, str]]:
    """For each part its variants' names, by the name that they had."""
    old = [[v["name"] for v in part.description["variants"]] for part in parts]
    counts = Counter(name for names in old for name in names)
    taken = {name for name, count in counts.items() if count == 1}
    renamed = []
    for names, folder in zip(old, folders, strict=True):
        new = {}
        for name in names:
            new[name] = name if counts[name] == 1 else f"{name} ({folder})"
            while counts[name] > 1 and new[name] in taken:
                new[name] += "'"
            taken.add(new[name])
        renamed.append(new)
    return renamed


def _variant(
    described: Mapping[str, Any], variant: Mapping[str, Any], folder: str, name: str
) -> dict[str, Any]:
    """A variant with what its description says for all of its variants."""
    return {
        **variant,
        "name": name,
        "own_name": variant["name"],
        "folder": folder,
        "budget_agent_steps": variant.get(
            "budget_agent_steps", described["budget_agent_steps"]
        ),
        "evaluation": described["evaluation"],
        "environment": environment_of_variant(described, variant),
        "score": score_of_variant(described, variant),
    }


def _description(
    parts: Sequence[Results], folders: Sequence[str], variants: list[dict[str, Any]]
) -> dict[str, Any]:
    evaluations = [part.description["evaluation"] for part in parts]
    # A folder that does not say in which modes it was evaluated may have both.
    known = {mode for e in evaluations for mode in e.get("modes", MODES)}
    evaluation: dict[str, Any] = {"modes": sorted(known, reverse=True)}
    for name in ("points", "games"):
        if numbers := [e[name] for e in evaluations if name in e]:
            evaluation[name] = max(numbers)
    title = f"{', '.join(folders[:-1])} and {folders[-1]}"
    return {
        "name": title,
        "title": title,
        "budget_agent_steps": max(v["budget_agent_steps"] for v in variants),
        "variants": variants,
        "environment": common_environment(v["environment"] for v in variants),
        "evaluation": evaluation,
        "score": common_score(v["score"] for v in variants),
    }


def _joined(
    tables: Sequence[pd.DataFrame], names: Sequence[Mapping[str, str]]
) -> pd.DataFrame:
    """All rows, under the new names of their variants."""
    parts = []
    for table, renamed in zip(tables, names, strict=True):
        column = [renamed[name] for name in table["variant"]]
        parts.append(table.assign(variant=pd.Series(column, table.index, dtype="str")))
    return pd.concat([p for p in parts if len(p)] or parts[:1], ignore_index=True)
