"""Tunings with equal effort: what they cost, what they chose, how much was needed."""

from collections.abc import Callable
from pathlib import Path

import numpy as np

from pages import ROOT, words
from pages.headline import title
from pgvq.results.store import load
from pgvq.tuning import check_equal
from pgvq.tuning.analysis import best_of_k, by_influence, read_tuning
from pgvq.tuning.folder import read_chosen, read_description
from pgvq.tuning.ledger import read

COMMAND = "pgvq tune experiments/tune_pong.py"
# What the results need of a tuning, and which results are made of it.
USED = {
    "pong": {"reinforce", "actor_critic", "ppo", "pqn", "dqn"},
    "ladder": {"reinforce", "dqn"},
}
MADE_OF = {"pong": ("pong",)}
SMALL_GAMES = ("cartpole", "acrobot", "catch", "deep_sea")
FEW = 4  # configurations, of which the best is what a little tuning gives


def folder(name: str) -> Path:
    """Of a tuning that is committed."""
    return ROOT / "results" / "tuning" / name


def finished(name: str) -> list[str]:
    """The learners of a tuning that have their chosen configuration."""
    place = folder(name)
    return (
        list(read_chosen(place)["chosen"]) if (place / "chosen.json").is_file() else []
    )


def is_done(name: str) -> bool:
    """Whether every learner of a tuning is finished, or all that a result uses."""
    return set(finished(name)) >= USED.get(name, {"nothing is used of it"})


def effort(name: str) -> str:
    """The equality of effort, asserted from the ledger, against the results' seeds."""
    done = finished(name)
    ledger = read(folder(name))
    results = [load(ROOT / "results" / each) for each in MADE_OF.get(name, ())]
    text = check_equal(ledger[ledger.learner.isin(done)], results)
    left = [n for n in read_description(folder(name))["search"] if n not in done]
    more = f" Not finished: {words.listed([title(n) for n in left])}." if left else ""
    return f"{text[:1].upper()}{text[1:]}.{more}\n"


def learners_table(name: str) -> str:
    """A row per learner: what a little and all of the tuning gives."""
    found, chosen = read_tuning(folder(name)), read_chosen(folder(name))
    rows = []
    for learner, trials in found.trials.items():
        if learner not in chosen["chosen"]:
            continue
        curve, scores = best_of_k(trials.scores), chosen["scores"][learner]
        few = min(FEW, len(curve.k)) - 1
        field, share = by_influence(trials)[0]
        rows.append(
            [
                title(learner),
                words.score(float(curve.value[0])),
                words.score(float(curve.value[few])),
                words.with_interval(
                    float(curve.value[-1]), float(curve.low[-1]), float(curve.high[-1])
                ),
                words.score(scores["final_score"]),
                words.score(scores["default_search_score"]),
                f"{trials.scores.std(axis=1, ddof=1).mean():.1f}",
                f"{trials.means.std(ddof=1):.1f}",
                f"`{field}` ({100 * share:.0f} %)",
            ]
        )
    head = [
        "",
        "one configuration, drawn at random",
        f"best of {FEW}",
        f"best of {len(curve.k)}",
        "the chosen one, seeds of its own",
        "the learner's defaults, in the search",
        "deviation between runs of one configuration",
        "between configurations",
        "field of greatest influence",
    ]
    return words.table(head, rows)


def chosen_settings(name: str) -> str:
    """A row per learner: what was chosen, field by field."""
    found = read_chosen(folder(name))["chosen"]
    return words.table(
        ["", "chosen"],
        [
            [title(learner), ", ".join(f"{k} {_value(v)}" for k, v in values.items())]
            for learner, values in found.items()
        ],
    )


def _value(value: object) -> str:
    return f"{value:.3g}" if isinstance(value, float) else str(value)


def needed(name: str) -> str:
    """How many configurations come within a point of the most that they reach."""
    parts = []
    for learner, trials in read_tuning(folder(name)).trials.items():
        if learner not in finished(name):
            continue
        curve = best_of_k(trials.scores)
        near = int(np.argmax(curve.value >= curve.value.max() - 1.0))
        parts.append(f"{title(learner)} {curve.k[near]}")
    return (
        "Configurations after which the expected score is within one point of the "
        f"highest that up to {curve.k[-1]} reach: {words.listed(parts)}.\n"
    )


def fairness() -> str:
    """What of the results is tuned, and what is not yet."""
    known = {
        "the headline and the score against budget": is_done("pong"),
        "the tuned half of the ladder": is_done("ladder"),
        "the classics": all(finished(f"classic/{game}") for game in SMALL_GAMES),
    }
    done = [what for what, is_tuned in known.items() if is_tuned]
    left = [what for what, is_tuned in known.items() if not is_tuned]
    text = f"Tuned so: {words.listed(done)}. " if done else ""
    if left:
        text += f"Not yet: {words.listed(left)}. "
    return text + (
        "The learners' defaults were found by hand before, with about equally many "
        "runs for REINFORCE, actor-critic and DQN (72, 64 and 66) and fewer for PPO, "
        "PQN and SAC.\n"
    )


def _once_done(
    name: str, command: str, text: Callable[[str], str]
) -> Callable[[], str]:
    missing = f"*Not measured yet: `{command}`.*\n"
    return lambda: text(name) if is_done(name) else missing


BLOCKS = {
    "fairness, tuning": fairness,
    "tuning, effort": _once_done("pong", COMMAND, effort),
    "tuning, learners": _once_done("pong", COMMAND, learners_table),
    "tuning, needed": _once_done("pong", COMMAND, needed),
    "tuning, chosen": _once_done("pong", COMMAND, chosen_settings),
}
