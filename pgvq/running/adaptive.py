"""As many seeds as a comparison needs: train a group, decide, and go on if need be.

    found = run_adaptively(experiment, "results/pong")
    found.comparison.pairs      # which learner is higher, and after how many seeds

Groups of seeds train until every pair of variants is decided or the cap is reached;
variants whose pairs are all decided train no more. `adaptive.json` in the folder holds
the state (`pgvq.analysis.adaptive`); without it the tables say the same.
"""

from pathlib import Path
from typing import Any, NamedTuple

import numpy as np

from pgvq.analysis import adaptive
from pgvq.analysis.sequential_test import Plan
from pgvq.checks import as_float, shown, whole_number
from pgvq.experiments.definition import Experiment
from pgvq.experiments.score_meaning import comparable
from pgvq.results.store import Results
from pgvq.running.progress import Reporter
from pgvq.running.runner import opened
from pgvq.running.session import Session
from pgvq.storage.files import read_json, stands, write_json
from pgvq.types import InputError

FILE = "adaptive.json"
MODE = "greedy"  # the evaluation whose final scores are compared
MOST_SEEDS, GROUP = 30, 5


class Adaptive(NamedTuple):
    """What a comparison found, and the results that it found it in."""

    results: Results
    comparison: adaptive.Comparison


def run_adaptively(
    experiment: Experiment,
    out: str | Path | None = None,
    reporter: Reporter | None = None,
    *,
    cap: int = MOST_SEEDS,
    group: int = GROUP,
    alpha: float = 0.05,
    fresh: bool = False,
    source: dict[str, Any] | None = None,
) -> Adaptive:
    """Trains groups of seeds until all pairs of variants are decided.

    The score of a run is the mean of its greedy games at the end. Seeds are counted
    from the experiment's lowest one; how many it has plays no part.

    Args:
        experiment: of two or more variants that are evaluated in one environment.
        out: the results folder, made or continued; None keeps everything in memory.
        reporter: told of progress; None is silent.
        cap: seeds of a variant at most, a multiple of `group`.
        group: seeds of a variant from one look to the next.
        alpha: probability that any two equal variants are called different.
        fresh: delete the results folder first.
        source: kept in a new folder's `experiment.json`.

    Raises:
        InputError: as `pgvq.run`; or an argument is impossible, the variants cannot be
            compared, or the folder's comparison has another plan.
        Interrupted: Ctrl-C; what was trained is saved.
    """
    plan = planned(cap, group, alpha)
    if isinstance(experiment, Experiment):
        first = experiment.seed_numbers[0]
        experiment = experiment.replace(seeds=range(first, first + cap))
        check_comparable(experiment)
    with opened(experiment, out, reporter, fresh=fresh, source=source) as work:
        _check_plan(work.folder, plan, list(experiment.variants))
        state = _state(work, plan)
        _save(work.folder, state)
        while wanted := state.wanted:
            seeds = experiment.seed_numbers
            work.train([(n, seeds[i]) for n, places in wanted.items() for i in places])
            state = _state(work, plan)
            _save(work.folder, state)
            if not state.finished:
                work.reporter.compared(adaptive.sentences(state))
        return Adaptive(work.assembled(), state)


def planned(cap: int = MOST_SEEDS, group: int = GROUP, alpha: float = 0.05) -> Plan:
    """The plan of a comparison.

    Raises:
        InputError: an argument is impossible.
    """
    cap, group = whole_number("cap", cap), whole_number("group", group)
    level = as_float(alpha)
    if level is None or not 0.001 <= level <= 0.5:
        raise InputError(
            f"alpha={shown(alpha)} must be a probability from 0.001 to 0.5"
        )
    if group < 2:
        raise InputError(f"group={group} must be at least 2 seeds; 5 is usual")
    if cap < group:
        raise InputError(
            f"a cap of {cap} seeds is less than one group of {group}; give {group} or "
            "more"
        )
    if cap % group:
        raise InputError(
            f"a cap of {cap} seeds is no multiple of group={group}; give "
            f"{cap - cap % group} or {cap - cap % group + group}"
        )
    return adaptive.checked_plan(Plan(group=group, looks=cap // group, alpha=level))


def load_comparison(folder: Path) -> adaptive.Comparison | None:
    """The comparison that a results folder holds; None where it has none.

    Raises:
        InputError: its file is damaged.
    """
    path = folder / FILE
    if not stands(path):
        return None
    remedy = "delete it: the tables say the same"
    return adaptive.from_json(read_json(path, dict, remedy), str(path))


def check_comparable(experiment: Experiment) -> None:
    """Raises `InputError` unless there are variants with scores of one environment."""
    described = experiment.describe()
    first, *others = described["variants"]
    if not others:
        raise InputError(
            "--seeds auto (run_adaptively) compares variants, and this experiment has "
            f"only {first['name']}; give a number of seeds"
        )
    for other in others:
        if not comparable(described, first, other):
            raise InputError(
                f"{first['name']} and {other['name']} are evaluated in different "
                "environments, so that their scores cannot be compared; give a number "
                "of seeds"
            )


def _check_plan(folder: Path | None, plan: Plan, names: list[str]) -> None:
    """Raises `InputError` where a folder's comparison was planned otherwise."""
    held = None if folder is None else load_comparison(folder)
    if held is None:
        return
    if held.plan != plan:
        caps = [one.group * one.looks for one in (held.plan, plan)]
        parts = [
            f"most seeds {caps[0]} -> {caps[1]}",
            f"group {held.plan.group} -> {plan.group}",
            f"alpha {held.plan.alpha:g} -> {plan.alpha:g}",
        ]
        raise InputError(
            f"{folder} holds a comparison with another plan ({', '.join(parts)}), and "
            "a plan that changes after scores were seen does not keep its error; use "
            f"the old plan, --fresh, or another folder with --out"
        )
    if set(held.scores) != set(names):
        raise InputError(
            f"{folder / FILE if folder else FILE} compares other variants than the "
            "experiment has; delete it, and the same command goes on from the tables"
        )


def _state(work: Session, plan: Plan) -> adaptive.Comparison:
    """What the tables decide."""
    seeds = work.experiment.seed_numbers
    return adaptive.comparison(
        {name: _scores(work, name, seeds) for name in work.tables}, plan
    )


def _scores(work: Session, name: str, seeds: Any) -> list[float]:
    """Final scores of a variant's runs in the order of seeds, up to the first gap."""
    table = work.tables[name]["evaluations"]
    last = table["agent_steps"] == work.marks[name][-1]
    rows = table.loc[(table["mode"] == MODE) & last]
    scores = []
    for seed in seeds:
        if not work.has_all_rows(name, seed):
            break
        # In float32 as the tables on disk hold it, so that both say the same.
        games = rows.loc[rows["seed"] == seed, "score"].to_numpy(np.float32)
        with np.errstate(invalid="ignore"):  # infinity less infinity
            scores.append(float(np.mean(games, dtype=np.float64)))
    return scores


def _save(folder: Path | None, state: adaptive.Comparison) -> None:
    if folder is not None:
        write_json(folder / FILE, adaptive.to_json(state))
