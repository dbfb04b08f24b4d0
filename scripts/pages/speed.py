"""Tables of speed, from what the benchmarks wrote."""

import json
import re
from typing import Any

from pages import ROOT, words

PLACE = ROOT / "results" / "benchmarks"
NAMES = {
    "reinforce": "REINFORCE",
    "actor_critic": "actor-critic",
    "ppo": "PPO",
    "ppo-memory": "PPO with a memory",
    "sac": "SAC",
    "dqn": "DQN",
    "dqn-dueling": "DQN, dueling",
    "dqn-3-step": "DQN, 3-step",
    "dqn-prioritized": "DQN, prioritised",
    "dqn-quantiles": "DQN, quantiles",
    "pqn": "PQN",
    "tabular": "Tabular",
}


def read(name: str) -> dict[str, Any]:
    """What a benchmark wrote."""
    return json.loads((PLACE / name).read_text(encoding="utf-8"))


def training_speed() -> str:
    """Agent steps per second of every learner, and ratios within the run."""
    found = read("training_speed.json")["rows"]
    most = max(row["seeds"] for row in found)
    rows = [
        [
            NAMES.get(row["algorithm"], row["algorithm"]),
            f"{row['one_core'] / 1e3:.0f}k",
            f"{row['all_devices'] / 1e3:.0f}k",
            ratio(row["scaling"]),
            ratio(row["over_rule"]),
            ratio(row["over_bare"]),
        ]
        for row in found
        if row["seeds"] == most
    ]
    return words.table(["", "one core", "two cores", "/ core", "rule", "bare"], rows)


def ratio(value: float | None) -> str:
    """A ratio in two digits, or a dash."""
    return "-" if value is None or value != value else f"{value:.2f}"


def pong_speed() -> str:
    """Agent steps per second of the environment alone."""
    text = (PLACE / "pong_speed.txt").read_text(encoding="utf-8")
    rows = re.findall(r"^\s*([\d,]+)\s+\d+\s+([\d,]+)\s+[\d,]+\s+([\d,]+)", text, re.M)
    ale = re.search(r"(\d+) environments, .*: ([\d,]+) agent steps/s, ([\d,]+)", text)
    if not rows or ale is None:
        raise ValueError("results/benchmarks/pong_speed.txt has another form")
    millions = [
        [f"{float(x.replace(',', '')) / 1e6:.3g}M" for x in column]
        for column in zip(*[row[1:] for row in rows], strict=True)
    ]
    head = ["environments", *(row[0] for row in rows), f"ALE, {ale[1]}"]
    return words.table(
        head,
        [["agent steps/s", *millions[0], ale[2]], ["frames/s", *millions[1], ale[3]]],
    )


BLOCKS = {"training speed": training_speed, "pong speed": pong_speed}
