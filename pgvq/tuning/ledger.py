"""The ledger of a tuning: one row for every run, kept in `ledger.parquet`.

| column | |
|---|---|
| learner, stage, trial, seed | which run; stage "search", or "final" for finalists |
| configuration | what it sets, JSON: dotted field to value |
| digest | of the learner with that configuration |
| agent_steps | that were executed: the budget, rounded up to whole iterations |
| steps_per_iteration | agent steps of one iteration |
| updates | gradient steps |
| seconds | its share of the wall-clock of the runs beside it, compilation left out |
| score, score_explore | mean over the final games, greedy and with exploration |
| curve | JSON: the mean score of the tuning's mode at each evaluation point |
| diverged | what it learnt is no longer finite |
| session | number of the session in `sessions.json` |
"""

import io
import json
from collections.abc import Iterable, Sequence
from pathlib import Path
from typing import Any, NamedTuple

import numpy as np
import pandas as pd
import pyarrow as pa
import pyarrow.parquet as pq

from pgvq.checks import shown
from pgvq.results.store import Results, load
from pgvq.storage.files import atomic, one_line, read_bytes, stands
from pgvq.tuning.folder import check_folder, read_description
from pgvq.types import InputError

LEDGER = "ledger.parquet"
STAGES = ("search", "final")
COLUMNS = {
    "learner": "str",
    "stage": "str",
    "trial": "int64",
    "seed": "int64",
    "configuration": "str",
    "digest": "str",
    "agent_steps": "int64",
    "steps_per_iteration": "int64",
    "updates": "int64",
    "seconds": "float64",
    "score": "float64",
    "score_explore": "float64",
    "curve": "str",
    "diverged": "bool",
    "session": "int64",
}
KEYS = ["learner", "stage", "trial", "seed"]
RESTORE = "put a good copy back, or tune anew into another folder with --out"
_MOST_BYTES = 2**28
_MOST_ROWS = 2**22


def empty() -> pd.DataFrame:
    """A ledger of no runs."""
    return pd.DataFrame({n: pd.Series(dtype=kind) for n, kind in COLUMNS.items()})


def joined(ledger: pd.DataFrame, rows: Iterable[dict[str, Any]]) -> pd.DataFrame:
    """The ledger with more rows."""
    new = pd.DataFrame(list(rows), columns=list(COLUMNS)).astype(COLUMNS)
    return pd.concat([ledger, new], ignore_index=True) if len(ledger) else new


def write(folder: Path, ledger: pd.DataFrame) -> None:
    """Writes a ledger atomically."""
    table = pa.Table.from_pandas(ledger, preserve_index=False)
    with atomic(folder / LEDGER) as file:
        pq.write_table(
            table.replace_schema_metadata(None),
            file,
            write_page_checksum=True,
            store_schema=False,
        )


def read(folder: Path) -> pd.DataFrame:
    """The ledger of a tuning's folder; empty where there is none yet.

    Raises:
        InputError: it is damaged.
    """
    path = folder / LEDGER
    if not stands(path):
        return empty()
    try:
        file = io.BytesIO(read_bytes(path, _MOST_BYTES))
        parquet = pq.ParquetFile(file, page_checksum_verification=True)
        if parquet.metadata.num_rows > _MOST_ROWS:
            raise ValueError(f"it declares {parquet.metadata.num_rows:,} rows")
        frame = parquet.read().to_pandas()
        if missing := [name for name in COLUMNS if name not in frame]:
            raise ValueError(f"it lacks the column {missing[0]!r}")
        frame = frame[list(COLUMNS)].astype(COLUMNS)
        _check(frame)
    except InputError:
        raise
    except Exception as error:  # Arrow raises of many kinds on damaged files
        raise InputError(
            f"{path} cannot be read ({one_line(error)}); {RESTORE}"
        ) from error
    return frame


def _check(frame: pd.DataFrame) -> None:
    """Raises `ValueError` for rows that no tuning writes."""
    if len(frame.drop_duplicates(KEYS)) < len(frame):
        raise ValueError("it has a run twice")
    if not set(frame.stage) <= set(STAGES):
        raise ValueError("it has a stage that is neither search nor final")
    for column in ("trial", "seed", "agent_steps", "steps_per_iteration", "seconds"):
        if not np.all(frame[column].to_numpy() >= 0):
            raise ValueError(f"its column {column} has a value below 0, or none")
    for text in frame.configuration.unique():
        if not isinstance(json.loads(text), dict):
            raise ValueError("it has a configuration that is no JSON object")


def trials_of(ledger: pd.DataFrame, learner: str, stage: str) -> pd.DataFrame:
    """A learner's trials by number: mean score over seeds, runs, configuration.

    The score is NaN where that of a run is.
    """
    rows = ledger[(ledger.learner == learner) & (ledger.stage == stage)]
    by_trial = rows.groupby("trial", sort=True)
    return pd.DataFrame(
        {
            "score": by_trial.score.apply(lambda s: float(np.mean(s.to_numpy()))),
            "runs": by_trial.size(),
            "configuration": by_trial.configuration.first(),
        }
    )


class Effort(NamedTuple):
    """What was spent on one learner."""

    runs: int
    trials: int
    agent_steps: int
    slack: int  # agent steps by which whole iterations may exceed the budget, in all


def effort(ledger: pd.DataFrame) -> dict[str, Effort]:
    """What was spent on each learner, by the ledger."""
    found = {}
    for name, rows in ledger.groupby("learner", sort=False):
        trials = rows[rows.stage == "search"].trial.nunique()
        slack = int((rows.steps_per_iteration - 1).clip(lower=0).sum())
        steps = int(rows.agent_steps.sum())
        found[str(name)] = Effort(len(rows), trials, steps, slack)
    return found


def check_equal(tuning: str | Path | pd.DataFrame, results: Sequence[Any] = ()) -> str:
    """Asserts that learners were tuned with equal effort, on seeds of no result.

    Args:
        tuning: a tuning's folder, or its ledger.
        results: results, or their folders, whose seeds must not be the tuning's.

    Returns a sentence with the numbers.

    Raises:
        InputError: runs, trials or agent steps differ between learners by more than
            the rounding to whole iterations, or a seed is one of a result.
    """
    ledger = _ledger_of(tuning)
    spent = effort(ledger)
    if not spent:
        raise InputError("the ledger holds no runs yet; tune first, with `pgvq tune`")
    for what in ("trials", "runs"):
        counts = {name: getattr(one, what) for name, one in spent.items()}
        if len(set(counts.values())) > 1:
            raise InputError(
                f"learners were not tuned equally, they have different numbers of "
                f"{what} ({_listed(counts)}); finish the tuning by the same command"
            )
    least = {name: one.agent_steps - one.slack for name, one in spent.items()}
    most = {name: one.agent_steps for name, one in spent.items()}
    if max(least.values()) > min(most.values()):
        raise InputError(
            "learners were not tuned equally, their agent steps differ by more than "
            f"whole iterations ({_listed(most)}); tune them on one budget"
        )
    used = {int(seed) for seed in ledger.seed.unique()}
    checked = 0
    for result in results:
        found = result if isinstance(result, Results) else load(result)
        seeds = {int(seed) for seed in found.evaluations.seed.unique()}
        checked += 1
        if both := sorted(used & seeds):
            raise InputError(
                f"seed {both[0]} of the result {found.description['name']!r} is one "
                "that learners were tuned with; train the result with other seeds, or "
                "tune with others"
            )
    one = next(iter(spent.values()))
    low, high = min(most.values()), max(most.values())
    steps = f"{low:,}" if low == high else f"{low:,} to {high:,}"
    seeds = f"seeds {min(used)} to {max(used)}"
    several = f"{len(spent)} learners" if len(spent) > 1 else "1 learner"
    apart = ""
    if checked:
        many = f"the {checked} results" if checked > 1 else "the result"
        apart = f"; none is a seed of {many} given"
    return (
        f"{several}, each with {one.trials} configurations, {one.runs} runs and "
        f"{steps} agent steps (whole iterations); {seeds}{apart}"
    )


def _ledger_of(tuning: Any) -> pd.DataFrame:
    if isinstance(tuning, pd.DataFrame):
        if missing := [name for name in COLUMNS if name not in tuning]:
            raise InputError(
                f"the ledger lacks the column {missing[0]!r}; give one of pgvq tune"
            )
        return tuning
    if not isinstance(tuning, str | Path):
        raise InputError(
            f"check_equal: {shown(tuning)} is no tuning; give its folder or its ledger"
        )
    folder = check_folder(tuning)
    held, ledger = read_description(folder), read(folder)
    missing = [name for name in held["search"] if name not in set(ledger.learner)]
    if missing and len(ledger):
        raise InputError(
            f"learners were not tuned equally, {missing[0]} has no runs yet; finish "
            "the tuning by the same command"
        )
    return ledger


def _listed(counts: dict[str, int]) -> str:
    return ", ".join(f"{name} {count:,}" for name, count in counts.items())
