"""The results folder: everything a run leaves behind that its pictures are made from.

    results/NAME/
      experiment.json                 what was run, fully resolved; the configuration
      VARIANT/evaluations.parquet     one row per seed, evaluation point, mode and game
      VARIANT/training.parquet        one row per seed and evaluation point
      VARIANT/provenance.json         a list of sessions: versions, devices, timings
      adaptive.json                   of `--seeds auto`: plan, scores, decisions
      checkpoints/                    only for resuming; may be deleted
      learning_curves.png, ...        made from the above by `pgvq plot`

`experiment.json` holds `format_version` (1), `pgvq_version`, `name`, `title`,
`budget_agent_steps`, `variants` (each with `name`, `algorithm`, `family` and, complete
as `pgvq.identity.description` describes it, `object`, `fields` and the digest of its
own `code`), `environment`, `evaluation` (`points`, `games`, `modes`) and `score`
(`label` and the `random`, `parity` and `perfect` scores, null where unknown). Each
variant has an `environment` and a `score` of its own; those at the top hold for all
variants, or say that there are several. Seeds are not part of it: they are what the
tables hold. Numbers that JSON lacks are null (NaN) and "inf".

`ladder`, where the variants are rungs of one, has `steps`, each with `rung`, `parent`,
what changes in `words` and as `fields` (before and after); for a change of class the
fields of one class alone, `brings` and `drops`, and those that mean something else in
each, `apart`. `tuned` names the fields that each rung has a value of its own for. It
says how runs are compared, not what was run, and follows the program.

`sources` holds a digest of each module of the user's own that the variants depend on:
those that define a class or a function in them, and all own modules that these import
(comments, docstrings and layout do not count). Of the experiment's own file only the
classes and functions that the variants use count, by the `code` of each. `digest` is of
`name`, `budget_agent_steps`, `variants`, `evaluation` and `sources` together. A folder
goes on only if all of these are the same; `docs/results.md` says what "the same" means.

`checksum` is of all of it but `source`, which is signed, and `title`: a description
that is damaged is an error where it is read. Sessions in provenance.json have one too.

Folders without a `digest` were written by older versions and have a text for each
network and environment. They are read as they are. Where runs are added to one, it was
found to be the same by these texts alone, that is said, and the description is replaced
by a complete one with a digest and `continued_without_digest` (true): it is certain for
the added runs only.

`evaluations.parquet`: `seed`; `agent_steps` executed so far, exactly (at the first
point, before learning, 0 or a replay's warm-up); `updates`, gradient updates so far;
`train_seconds`, wall-clock of the training up to here of the batch the seed trained in,
without compilation and evaluation; `mode`, "greedy" or "explore" (as it behaves while
learning); `game`; its `score`; its `length` in agent steps; `truncated`, whether it
met the step cap.

`training.parquet`: `seed`, `agent_steps`, `updates`, `train_seconds` as above,
`diverged` (what is learnt is no longer finite), then the algorithm's own metrics as
float columns, NaN where not yet known.

`source` is what `pgvq run` was given: the `text` of the experiment's file, the options'
`changes` (`seeds` there is a number, or a text such as "100:110" or "auto") and `set`.
Only `pgvq watch` executes it; loading and plotting execute nothing of a folder.
`origin` in it is this user's signature, made when the folder is made (`trust.py`):
where it is missing, or `source` was changed, `watch` asks for --trust.

A lane is done when its tables are complete and its last checkpoint is there. Where the
whole folder of its batch, or `checkpoints`, was deleted, the tables are enough.

`adaptive.json` holds the `plan` of a comparison (`group`, `looks`, `alpha`,
`permutations`, `seed`), the final `scores` by variant in the order of seeds, what they
decide of all `pairs` (`a`, `b`, `verdict`, `seeds`) and whether it is `finished`. It
follows from the tables and may be deleted (`pgvq.analysis.adaptive`).

Every file is written atomically (a temporary file, then a rename); what killed
processes leave is removed at the next start. Nothing is written through a link that
leads out of the folder. Whatever is read is checked first (`format.py`,
`pgvq.storage.schema`): values are never converted unless that loses nothing, and names
that no version knows are ignored in JSON. Errors are `InputError`, one line with the
remedy.
"""

import os
import shutil
from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import pandas as pd

from pgvq.checks import did_you_mean
from pgvq.results import tables as parquet
from pgvq.results import trust
from pgvq.results.format import (
    FORMAT_VERSION,
    RESTORE,
    TABLES,
    checked_description,
    checked_sessions,
    checked_table,
    empty_table,
    most_rows_of_a_seed,
)
from pgvq.storage.files import (
    cannot_write,
    is_temporary,
    plain,
    read_json,
    stands,
    write_json,
)
from pgvq.storage.locations import as_path
from pgvq.storage.locking import LOCK
from pgvq.storage.places import check_inside, folder_name
from pgvq.storage.provenance import (
    provenance as provenance,  # part of what is offered here
)
from pgvq.storage.provenance import version
from pgvq.storage.seals import opened, sealed
from pgvq.types import InputError

# The text of the experiment has a signature of its own; the title says nothing that
# anything follows from, so that it may be bettered by hand.
OPEN = ("source", "title")
MEANT = 'put a good copy back, or delete its "checksum" if you meant the change'


@dataclass(frozen=True)
class Results:
    """What an experiment found, read from a folder or built in memory (`assemble`).

    The tables are tidy: one observation per row, with the columns `variant`,
    `algorithm` and `family` put first.
    """

    description: dict[str, Any]  # as in experiment.json
    evaluations: pd.DataFrame
    training: pd.DataFrame
    # By variant, oldest first: what `provenance` returns, with seeds and timings.
    sessions: dict[str, list[dict[str, Any]]] = field(default_factory=dict)
    folder: Path | None = None


def assemble(
    description: Mapping[str, Any],
    tables: Mapping[str, Mapping[str, pd.DataFrame]],
    sessions: Mapping[str, list[dict[str, Any]]] | None = None,
    folder: Path | None = None,
) -> Results:
    """Put `tables[variant][table_name]` of all variants into one `Results`.

    Variants and tables that are absent count as empty. Raises `InputError` where the
    description or a table lacks something.
    """
    described = checked_description(description, "the description")

    def joined(table_name: str) -> pd.DataFrame:
        parts = []
        for variant in described["variants"]:
            name = variant["name"]
            given = tables.get(name, {}).get(table_name, empty_table(table_name))
            checked = checked_table(given, table_name, f"{table_name} of {name}")
            parts.append(_labelled(checked, variant))
        # Empty parts say nothing about types: pandas would let them change the others'.
        return pd.concat([p for p in parts if len(p)] or parts[:1], ignore_index=True)

    return Results(
        description=described,
        evaluations=joined("evaluations"),
        training=joined("training"),
        sessions={v["name"]: [] for v in described["variants"]} | dict(sessions or {}),
        folder=folder,
    )


def _labelled(table: pd.DataFrame, variant: Mapping[str, Any]) -> pd.DataFrame:
    """Put the columns that say whose rows these are in front."""
    labels = {
        "variant": variant["name"],
        "algorithm": variant["algorithm"],
        "family": variant["family"],
    }
    front = pd.DataFrame(labels, index=table.index, dtype="str")
    return pd.concat([front, table], axis="columns")


def load(folder: str | os.PathLike[str]) -> Results:
    """Read a results folder. Raises `InputError` where it is absent or damaged."""
    folder = as_path(folder, "folder")
    description = read_description(folder)
    names = [variant["name"] for variant in description["variants"]]
    tables = {
        name: {table: read_table(folder, name, table, description) for table in TABLES}
        for name in names
    }
    sessions = {name: read_sessions(folder, name) for name in names}
    return assemble(description, tables, sessions, folder)


def create(
    folder: str | os.PathLike[str], description: Mapping[str, Any]
) -> dict[str, Any]:
    """Start a results folder; return the description as `read_description` will.

    Raises `InputError`, and overwrites nothing, when the folder already holds an
    experiment or anything else, is a file, or cannot be written.
    """
    folder = as_path(folder, "folder")
    stamped = {"format_version": FORMAT_VERSION, "pgvq_version": version("pgvq")}
    described = checked_description(plain(stamped | dict(description)), str(folder))
    if isinstance(described.get("source"), dict):
        # So that `pgvq watch` knows what this user wrote from what another did.
        described["source"] = trust.signed(described["source"])
    check_place(folder)
    if stands(folder / "experiment.json"):
        raise InputError(
            f"{folder} already holds an experiment and is not overwritten; "
            f"continue it with the same configuration, or choose another folder"
        )
    _write_description(folder, described)
    return described


def update(folder: Path, description: Mapping[str, Any]) -> None:
    """Replace the description of a folder that goes on, by one that says more."""
    described = checked_description(plain(dict(description)), str(folder))
    _write_description(folder, described)


def _write_description(folder: Path, described: dict[str, Any]) -> None:
    # A digest says that a run wrote it, and not a person.
    kept = sealed(described, OPEN) if "digest" in described else described
    write_json(folder / "experiment.json", kept)


def check_place(folder: Path) -> None:
    """Raise `InputError` for a folder that holds something, but no experiment."""
    if not stands(folder):
        return
    if not folder.is_dir():
        raise InputError(f"{folder} is a file; choose a folder, such as results/pong")
    if stands(folder / "experiment.json"):
        return
    try:
        parts = list(folder.iterdir())
    except OSError as error:
        raise cannot_write(folder, error) from error
    ours = (p for p in parts if not is_temporary(p) and p.name != LOCK)
    if found := sorted(p.name for p in ours):
        raise InputError(
            f"{folder} is not a results folder (it holds {found[0]!r} and no "
            f"experiment.json), so nothing is written there; choose another folder"
        )


def delete(folder: Path) -> None:
    """Delete what a results folder holds; `InputError` unless pgvq wrote it.

    One of another format version is deleted too.
    """
    path = folder / "experiment.json"
    if not stands(path):
        check_place(folder)
        return
    remedy = f"look at {folder} yourself, and delete it by hand if it may go"
    if "format_version" not in read_json(path, dict, remedy):
        raise InputError(f"{path} was not written by pgvq; {remedy}")
    try:
        # The description goes last: until then the folder is known for what it is.
        for part in sorted(folder.iterdir(), key=lambda part: part == path):
            if part.is_dir() and not part.is_symlink():
                shutil.rmtree(part)
            elif part.name != LOCK:
                part.unlink()
    except OSError as error:
        raise InputError(
            f"cannot delete {folder}: {error.strerror or error}; make it writable, or "
            "choose another folder"
        ) from error


def read_description(folder: str | os.PathLike[str]) -> dict[str, Any]:
    """Read experiment.json. Raises `InputError` where that cannot be done."""
    folder = as_path(folder, "folder")
    path = folder / "experiment.json"
    if not stands(folder):
        raise InputError(f"{folder} does not exist; {_nearest_folder(folder)}")
    if not folder.is_dir():
        raise InputError(
            f"{folder} is a file; give the results folder, such as results/pong"
        )
    if not stands(path):
        raise InputError(
            f"{folder} is not a results folder: it has no experiment.json; give a "
            f"folder that `pgvq run` wrote"
        )
    checked = checked_description(read_json(path, dict, RESTORE), str(path))
    return opened(checked, str(path), MEANT, OPEN)


def write_table(
    folder: str | os.PathLike[str], variant: str, table_name: str, frame: pd.DataFrame
) -> None:
    """Write the whole table of a variant, in the order of its keys, atomically."""
    path = _table_path(folder, variant, table_name)
    check_inside(Path(folder), path.parent)
    parquet.write(path, frame, table_name)


def read_table(
    folder: str | os.PathLike[str],
    variant: str,
    table_name: str,
    description: Mapping[str, Any] | None = None,
) -> pd.DataFrame:
    """Read a table of a variant; empty, with its columns, where there is none yet.

    A description bounds the rows that a seed can have; by default the folder's own,
    if it has one.
    """
    path = _table_path(folder, variant, table_name)
    if not stands(path):
        return empty_table(table_name)
    if description is None and (Path(folder) / "experiment.json").is_file():
        description = read_description(folder)
    # Seeds count as done by either table or by a checkpoint: only all three together
    # make them missing.
    remedy = (
        f"delete {path.parent} and {Path(folder) / 'checkpoints'} and run the "
        "experiment again: these seeds are computed anew"
    )
    if description is None:
        return parquet.read(path, table_name, remedy)
    most = most_rows_of_a_seed(description, table_name)
    return parquet.read(path, table_name, remedy, most)


def read_sessions(folder: str | os.PathLike[str], variant: str) -> list[dict[str, Any]]:
    """Read the sessions in which a variant was trained, oldest first."""
    path = _variant_path(folder, variant) / "provenance.json"
    remedy = "delete it: versions and timings are forgotten, the scores are not"
    if not stands(path):
        return []
    found = checked_sessions(read_json(path, list, remedy), str(path), remedy)
    return [opened(one, f"{path}, session {i}", remedy) for i, one in enumerate(found)]


def add_session(
    folder: str | os.PathLike[str], variant: str, session: Mapping[str, Any]
) -> None:
    """Record a session; one with the same `started` and `seeds` is replaced.

    So a session may be recorded at every evaluation, and a killed one stays on record.
    """
    path = _variant_path(folder, variant) / "provenance.json"
    check_inside(Path(folder), path.parent)
    new = plain(session)
    same = (new.get("started"), new.get("seeds"))
    old = read_sessions(folder, variant)
    kept = [s for s in old if (s.get("started"), s.get("seeds")) != same]
    remedy = "give a session as `provenance` begins it"
    checked = checked_sessions([*kept, new], str(path), remedy)
    write_json(path, [sealed(one) for one in checked])


def _table_path(folder: str | os.PathLike[str], variant: str, table_name: str) -> Path:
    if table_name not in TABLES:
        raise InputError(
            f"no table is called {table_name!r}; there are {', '.join(TABLES)}"
        )
    return _variant_path(folder, variant) / f"{table_name}.parquet"


def _variant_path(folder: str | os.PathLike[str], variant: str) -> Path:
    """A variant's folder; `InputError` for a name that would lead elsewhere."""
    return as_path(folder, "folder") / folder_name(variant, f"{folder}, variant")


def _nearest_folder(folder: Path) -> str:
    """Advice for a folder that does not exist: a sibling spelled nearly like it."""
    parent = folder.parent
    siblings = (
        [p.name for p in parent.iterdir() if (p / "experiment.json").is_file()]
        if parent.is_dir()
        else []
    )
    known = ", ".join(sorted(siblings)[:5])
    there = f"{parent} holds {known}" if known else "run an experiment first"
    return did_you_mean(folder.name, siblings, there, lambda name: str(parent / name))
