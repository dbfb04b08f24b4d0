"""A tuning's folder: what it is of, and what was chosen.

results/tuning/NAME/
  tuning.json      learners, ranges, budget, trials, seeds, and a digest of these
  ledger.parquet   one row for every run (`pgvq.tuning.ledger`)
  sessions.json    versions, machine and timings of each session
  chosen.json      the chosen configuration of each learner that is finished
"""

from collections.abc import Mapping
from pathlib import Path
from typing import Any

from pgvq.experiments.field_paths import in_short, with_settings
from pgvq.identity.description import changes
from pgvq.storage.files import plain, read_json, stands, write_json
from pgvq.storage.locations import as_path
from pgvq.storage.places import folder_name
from pgvq.storage.provenance import version
from pgvq.storage.schema import (
    anything,
    choice,
    either,
    listed,
    mapped,
    maybe,
    number,
    problem,
    record,
    text,
    whole,
)
from pgvq.tuning.definition import FORMAT_VERSION, Tuning, tuning_digest
from pgvq.types import InputError

TUNING = "tuning.json"
CHOSEN = "chosen.json"
SESSIONS = "sessions.json"
ANEW = "put the old file back, or tune anew into another folder with --out"

_SEEDS = listed(whole(0, 2**31 - 1), most=100_000, least=1)
_SPACE = record(
    {
        "ranges": mapped(listed(anything, most=3, least=3), 1_000),
        "choices": mapped(listed(anything, most=10_000), 1_000),
        "structures": listed(mapped(anything, 1_000), most=10_000, least=1),
        "default": mapped(anything, 1_000),
    }
)
_DESCRIPTION = record(
    {
        "name": text(200, 1),
        "title": text(500),
        "budget_agent_steps": whole(1, 2**53),
        "learners": listed(
            record({"name": text(1_000), "family": text(200)}), most=10_000, least=1
        ),
        "mode": choice("greedy", "explore"),
        "trials": whole(1, 2**31),
        "seeds": _SEEDS,
        "finalists": whole(0, 2**31),
        "final_seeds": _SEEDS,
        "sampler": choice("tpe", "random"),
        "round_size": whole(1, 2**31),
        "search": mapped(_SPACE, 10_000),
        "digest": text(100),
    }
)
_VALUE: Any = either(
    number(-1e300, 1e300),
    lambda value, where: None if isinstance(value, str | bool | list) else "no value",
)
_CHOSEN = record(
    {"chosen": mapped(mapped(_VALUE, 1_000), 10_000)},
    optional={"scores": mapped(mapped(maybe(number(-1e300, 1e300)), 100), 10_000)},
)


def is_tuning(folder: Path) -> bool:
    """Whether a folder is that of a tuning."""
    return stands(folder / TUNING)


def check_folder(given: Any) -> Path:
    """The folder of a tuning; `InputError` where it is none."""
    folder = as_path(given, "FOLDER")
    if not is_tuning(folder):
        raise InputError(
            f"{folder} holds no tuning; make one with `pgvq tune FILE.py`, and give "
            "its folder"
        )
    return folder


def read_description(folder: Path) -> dict[str, Any]:
    """What `tuning.json` says.

    Raises:
        InputError: it is damaged, or was changed since it was written.
    """
    path = folder / TUNING
    held = read_json(path, dict, ANEW)
    if held.get("format_version") != FORMAT_VERSION:
        raise InputError(
            f"{path} has format_version {str(held.get('format_version'))[:40]}, this "
            f"pgvq reads {FORMAT_VERSION}; use the pgvq that wrote it"
        )
    if wrong := problem(_DESCRIPTION, held):
        raise InputError(f"{path}: {wrong}; {ANEW}")
    for name in held["search"]:
        folder_name(name, f"{path}, search")
    bare = {name: part for name, part in held.items() if name != "pgvq_version"}
    if tuning_digest(bare) != held["digest"]:
        raise InputError(
            f"{path} was changed since it was written: its digest is of another "
            f"tuning; {ANEW}"
        )
    return held


def begin(folder: Path, tuning: Tuning) -> dict[str, Any]:
    """The folder's description, written where there is none.

    Raises:
        InputError: the folder holds another tuning, or something else.
    """
    new = tuning.describe()
    if not is_tuning(folder):
        if stands(folder / "experiment.json"):
            raise InputError(
                f"{folder} holds the results of an experiment; choose another folder "
                "with --out"
            )
        write_json(folder / TUNING, new | {"pgvq_version": version("pgvq")})
        return new
    held = read_description(folder)
    if held["digest"] != new["digest"]:
        raise InputError(
            f"{folder} holds another tuning ({'; '.join(_differences(held, new))}); "
            "choose another folder with --out, or tune as it says"
        )
    return held


def _differences(held: Mapping[str, Any], new: Mapping[str, Any]) -> list[str]:
    """What differs between two descriptions, one phrase each; at most a few."""
    before, after = (
        {**side, "learners": {one["name"]: one for one in side["learners"]}}
        for side in (held, new)
    )
    found = []
    for name in after:
        if name == "learners":
            parts = {**before[name], **after[name]}
            for part in parts:
                found += changes(before[name].get(part), after[name].get(part), part)
        elif name not in ("digest", "title", "score", "search"):
            found += changes(before.get(name), after[name], name)
    for name, space in after["search"].items():
        old = before["search"].get(name, {})
        for kind, now in space.items():
            if old.get(kind) != now and old:
                found.append(f"search of {name}: other {kind}")
    return [*found[:4], *(["..."] if len(found) > 4 else [])] or ["its format"]


def write_chosen(
    folder: Path,
    tuning: Mapping[str, Any],
    found: Mapping[str, Mapping[str, Any]],
    scores: Mapping[str, Mapping[str, Any]],
) -> None:
    """Writes the chosen values of each learner, and what they scored."""
    write_json(
        folder / CHOSEN,
        plain(
            {
                "format_version": FORMAT_VERSION,
                "name": tuning["name"],
                "digest": tuning["digest"],
                "chosen": found,
                "scores": scores,
            }
        ),
    )


def read_chosen(given: Any) -> dict[str, Any]:
    """All that `chosen.json` says; `InputError` where it is damaged or not there."""
    folder = as_path(given, "FOLDER")
    path = folder / CHOSEN
    if not stands(path):
        raise InputError(
            f"{folder} holds no {CHOSEN}; finish the tuning with `pgvq tune FILE.py`"
        )
    held = read_json(path, dict, ANEW)
    if held.get("format_version") != FORMAT_VERSION:
        raise InputError(
            f"{path} has format_version {str(held.get('format_version'))[:40]}, this "
            f"pgvq reads {FORMAT_VERSION}; use the pgvq that wrote it"
        )
    if wrong := problem(_CHOSEN, held):
        raise InputError(f"{path}: {wrong}; {ANEW}")
    return held


def chosen(folder: str | Path) -> dict[str, dict[str, Any]]:
    """The chosen values of each learner, by dotted field, of a tuning's folder.

    Raises:
        InputError: none are chosen yet, or the file is damaged.
    """
    return read_chosen(folder)["chosen"]


def tuned(algorithm: Any, values: Mapping[str, Any]) -> Any:
    """The algorithm with chosen values: `tuned(PPO(), chosen(folder)["ppo"])`.

    Args:
        algorithm: such as `PPO()`; what is not in `values` stays.
        values: by dotted field, such as {"learning_rate": 1e-3}.

    Raises:
        InputError: it has no such field, or cannot have the value.
    """
    if isinstance(algorithm, type):
        name = algorithm.__name__
        raise InputError(f"tuned: {name} is a class; make an algorithm of it: {name}()")
    if not isinstance(values, Mapping):
        raise InputError(
            f"tuned: values={in_short(values)} must be a dict from fields to values, "
            'such as chosen(folder)["ppo"]'
        )
    return with_settings(algorithm, values)
