"""What a score means: in which environment it was played, and what to compare it with.

A description keeps both for each variant, `environment` and `score`. Its own entries of
these names say what holds for all variants.
"""

import dataclasses
from collections.abc import Iterable, Mapping
from typing import Any

import jax
import numpy as np
from gymnax.wrappers.purerl import GymnaxWrapper

from pgvq.algorithms.contract import Algorithm
from pgvq.envs import Pong, evaluation_env
from pgvq.experiments.field_paths import in_short

# Mean score of uniform actions in Atari's Pong, over 2,048 games of frame skip 4,
# sticky actions 0.25, six actions and 0 to 30 no-ops, the longest of which took 1,487
# agent steps. Of other settings it is not known.
RANDOM_PLAY = -20.3
RANDOM_LENGTH = 2_000
MARGIN = 1.0  # points: a smaller difference counts as none
MAX_GAME_STEPS = 27_000  # agent steps of a game, where an environment does not say more
REFERENCES = ("random", "parity", "perfect")
SEVERAL = "several environments"
MOST = 3  # environments that a sentence names


def game_steps(algorithm: Algorithm) -> int:
    """Agent steps after which an environment's games are cut off in evaluations."""
    env: Any = evaluation_env(algorithm.env)
    while isinstance(env, GymnaxWrapper):
        env = env._env
    return env.cap if isinstance(env, Pong) else MAX_GAME_STEPS


def score_of(algorithm: Algorithm, max_steps: int) -> dict[str, Any]:
    """What an evaluation counts, and known scores; None where there is none.

    `max_steps`: agent steps after which a game is cut off.
    """
    env, params = evaluation_env(algorithm.env), algorithm.env_params
    if not (isinstance(env, Pong) and env.points_to_win == 21):
        return {"label": "return", "random": None, "parity": None, "perfect": None}
    cap = env.cap if params is None else params.max_steps_in_episode
    standard = (
        (env.frame_skip, env.num_actions, env.noop_max) == (4, 6, 30)
        and env.repeat_action_probability == 0.25
        and min(max_steps, cap) >= RANDOM_LENGTH
    )
    return {
        "label": "score (points won minus points lost, per game)",
        "random": RANDOM_PLAY if standard else None,
        "parity": 0.0,
        "perfect": 21.0,
    }


def described_environment(algorithm: Algorithm) -> dict[str, Any]:
    """In which environment an algorithm trains, and is evaluated; for people."""
    env, params = algorithm.env, algorithm.env_params
    described = {
        "name": env.name,
        "repr": in_short(env),
        "evaluated": in_short(evaluation_env(env)),
    }
    changed = "" if params is None else changed_parts(env.default_params, params)
    return described | ({"params": changed} if changed else {})


def changed_parts(default: Any, given: Any) -> str:
    """What of parameters is not as by default, as in `gravity=20.0`; "" if nothing."""
    if type(given) is not type(default) or not dataclasses.is_dataclass(given):
        return in_short(given)
    pairs = {
        field.name: (getattr(default, field.name), getattr(given, field.name))
        for field in dataclasses.fields(given)
    }
    return ", ".join(
        f"{name}={in_short(now)}"
        for name, (before, now) in pairs.items()
        if not _is_same(before, now)
    )


def _is_same(one: Any, other: Any) -> bool:
    leaves = jax.tree.leaves(one), jax.tree.leaves(other)
    return len(leaves[0]) == len(leaves[1]) and all(
        np.array_equal(a, b) for a, b in zip(*leaves, strict=True)
    )


def common_environment(environments: Iterable[Mapping[str, Any]]) -> dict[str, Any]:
    """The environment of all variants, or that there are several."""
    each = [dict(environment) for environment in environments]
    if all(one == each[0] for one in each):
        return each[0]
    texts = dict.fromkeys(str(one.get("repr", one.get("name"))) for one in each)
    names = dict.fromkeys(str(one.get("name")) for one in each)
    name = next(iter(names)) if len(names) == 1 else SEVERAL
    return {"name": name, "repr": "; ".join(texts)}


def common_score(scores: Iterable[Mapping[str, Any]]) -> dict[str, Any]:
    """What holds of all scores; a label that says if they are of several kinds."""
    each = list(scores)
    labels = dict.fromkeys(str(score.get("label", "score")) for score in each)
    common: dict[str, Any] = {
        "label": next(iter(labels)) if len(labels) == 1 else "score of its own game"
    }
    for name in REFERENCES:
        values = {score.get(name) for score in each}
        common[name] = values.pop() if len(values) == 1 else None
    return common


def score_of_variant(
    description: Mapping[str, Any], variant: Mapping[str, Any]
) -> Mapping[str, Any]:
    """A variant's own score; older descriptions have one for all."""
    return variant.get("score") or description["score"]


def margin_in(description: Mapping[str, Any]) -> float | None:
    """By how little scores may differ and count as equal; None where nobody knows.

    A point where the score has a parity, as in Pong: of other games' scores it is not
    known whether 1 is little or much.
    """
    return None if score_in(description)["parity"] is None else MARGIN


def environment_of_variant(
    description: Mapping[str, Any], variant: Mapping[str, Any]
) -> Mapping[str, Any]:
    """A variant's own environment; older descriptions have it among its fields."""
    if "environment" in variant:
        return variant["environment"]
    held, text = description["environment"], variant.get("fields", {}).get("env")
    if not isinstance(text, str) or text == held.get("repr"):
        return held
    return {"name": text.partition("(")[0], "repr": text}


def score_in(
    description: Mapping[str, Any], names: Iterable[str] | None = None
) -> dict[str, Any]:
    """What holds of the scores of all variants, or of those of some names."""
    chosen = _chosen(description, names)
    return common_score(score_of_variant(description, variant) for variant in chosen)


def environment_in(
    description: Mapping[str, Any], names: Iterable[str] | None = None
) -> dict[str, Any]:
    """The environment of all variants, or of those of some names."""
    chosen = _chosen(description, names)
    return common_environment(
        environment_of_variant(description, variant) for variant in chosen
    )


def comparable(
    description: Mapping[str, Any], one: Mapping[str, Any], other: Mapping[str, Any]
) -> bool:
    """Whether two variants are evaluated in the same environment."""
    return _evaluated(description, one) == _evaluated(description, other)


def difference_in_words(
    description: Mapping[str, Any], names: Iterable[str] | None = None
) -> str:
    """A sentence that says that environments differ; "" where they do not."""
    groups: dict[str, list[str]] = {}
    chosen = _chosen(description, names)
    for variant in chosen:
        environment = environment_of_variant(description, variant)
        text = str(environment.get("repr", environment.get("name")))
        if params := environment.get("params"):
            text += f" with {params}"
        groups.setdefault(text, []).append(variant["name"])
    if len(groups) < 2:
        return ""
    parts = [
        f"{_shortened(text)} ({', '.join(group)})" for text, group in groups.items()
    ]
    more = f"; and {len(parts) - MOST} more" if len(parts) > MOST else ""
    listed = "; ".join(parts[:MOST]) + more
    if all(comparable(description, chosen[0], variant) for variant in chosen):
        return f"Methods train in different environments, evaluated in one: {listed}."
    return f"Environments differ, so scores are not on one scale: {listed}."


def on_one_scale(one: Mapping[str, Any], other: Mapping[str, Any]) -> bool:
    """Whether two described environments are evaluated as the same game.

    Older descriptions do not say how an environment is evaluated: they are compared by
    how they train.
    """
    key = "evaluated" if "evaluated" in one and "evaluated" in other else "repr"
    return (one.get(key, one.get("name")), one.get("params")) == (
        other.get(key, other.get("name")),
        other.get("params"),
    )


def _evaluated(description: Mapping[str, Any], variant: Mapping[str, Any]) -> Any:
    environment = environment_of_variant(description, variant)
    return environment.get("evaluated", environment.get("repr")), environment.get(
        "params"
    )


def _chosen(
    description: Mapping[str, Any], names: Iterable[str] | None
) -> list[Mapping[str, Any]]:
    wanted = None if names is None else set(names)
    variants = description["variants"]
    found = [v for v in variants if wanted is None or v["name"] in wanted]
    return found or variants


def _shortened(text: str) -> str:
    return text if len(text) <= 60 else text[:57] + "..."
