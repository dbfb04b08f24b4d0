"""How actor-critic's advantages are scaled, and why it once lost every point for good.

    python benchmarks/three_actions.py [--seeds 8] [--steps 3e6] [--json F] [--page F]

On Pong with three actions, three rules that differ in nothing else: advantages divided
by their deviation; centred and divided by it; and `pgvq.ops.losses.standardized`, which
divides by the deviation, but by at least a tenth of the returns' size.
"""

import argparse
import json
from pathlib import Path
from typing import Any

import pgvq  # first: it gives JAX one device per core
from pgvq import ActorCritic, Pong, train
from pgvq.algorithms import actor_critic
from pgvq.ops.losses import standardized
from pgvq.storage.provenance import provenance

import numpy as np  # isort: skip

RULES = {
    "divided by the deviation": lambda a, _: a / (a.std() + 1e-8),
    "centred, divided by the deviation": lambda a, _: (a - a.mean()) / (a.std() + 1e-8),
    "centred, divided by the deviation or a tenth of the returns": standardized,
}
LOST = -20.5  # points: a mean score below it has lost (nearly) every point
BEGIN, END = "<!-- scales -->", "<!-- end of scales -->"


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.split("\n\n")[0])
    parser.add_argument("--seeds", type=int, default=8)
    parser.add_argument("--steps", type=float, default=3e6)
    parser.add_argument("--json", type=Path, help="write the figures there as well")
    parser.add_argument("--page", type=Path, help="put the table into this page")
    options = parser.parse_args()
    rows = []
    for name, rule in RULES.items():
        rows.append({"rule": name, **measure(rule, options.seeds, options.steps)})
        print(json.dumps(rows[-1]), flush=True)
    if options.json:
        text = {
            "machine": provenance(),
            "seeds": options.seeds,
            "agent_steps": options.steps,
            "rows": rows,
        }
        options.json.write_text(json.dumps(text, indent=2, default=str) + "\n")
    if options.page:
        text = options.page.read_text()
        head, tail = text.split(BEGIN)[0], text.split(END)[1]
        options.page.write_text(f"{head}{BEGIN}\n{table(rows)}\n{END}{tail}")


def measure(rule: Any, seeds: int, steps: float) -> dict[str, Any]:
    """Final greedy scores and entropies of runs that scale advantages by a rule."""
    before = actor_critic.standardized
    actor_critic.standardized = rule
    try:
        env = Pong(num_actions=3, episode="point")
        results = train(
            ActorCritic(env=env), steps=steps, seeds=seeds, evaluations=4, games=6
        )
    finally:
        actor_critic.standardized = before
    games, training = results.evaluations, results.training
    last = games.agent_steps == games.agent_steps.max()
    scores = games[last & (games["mode"] == "greedy")].groupby("seed").score.mean()
    entropy = training[training.agent_steps == training.agent_steps.max()].entropy
    return {
        "lost": int((scores < LOST).sum()),
        "seeds": len(scores),
        "median_score": float(scores.median()),
        "scores": np.sort(scores.round(2)).tolist(),
        "lowest_entropy": float(entropy.min()),
    }


def table(rows: list[dict[str, Any]]) -> str:
    """Markdown, for the page."""
    lines = [
        "| advantages are | runs that lost | median score | lowest entropy, nats |",
        "|---|---|---|---|",
    ]
    for row in rows:
        lines.append(
            f"| {row['rule']} | {row['lost']} of {row['seeds']} | "
            f"{row['median_score']:+.1f} | {row['lowest_entropy']:.4f} |"
        )
    return "\n".join(lines)


if __name__ == "__main__":
    print(pgvq.devices.describe())
    main()
