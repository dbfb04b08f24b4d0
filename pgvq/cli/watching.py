"""`pgvq watch`: a trained agent plays Pong, and the game becomes a GIF."""

from functools import partial
from pathlib import Path
from typing import Any, NamedTuple

import jax
import jax.numpy as jnp
import numpy as np
from rich.console import Console

from pgvq.algorithms.contract import Algorithm
from pgvq.checks import check_choice
from pgvq.cli.loading import load_experiment, select
from pgvq.cli.options import Watch
from pgvq.cli.run import made_from
from pgvq.envs import Pong, evaluation_env, resets_memory, vector_reset, vector_step
from pgvq.envs.pong.rendering import render, write_gif
from pgvq.experiments.definition import Experiment
from pgvq.experiments.differences import differences
from pgvq.experiments.seeds import listed
from pgvq.plain_text import say
from pgvq.results import store as results
from pgvq.results.trust import is_ours
from pgvq.rollout import reset_memory
from pgvq.storage.files import stands
from pgvq.storage.locations import as_path
from pgvq.training import checkpoints
from pgvq.training.lane import Lane
from pgvq.training.lanes import Lanes
from pgvq.types import InputError, Key

STRIDE = 2  # agent steps from one picture to the next
MOST = 10_000_000  # games, or agent steps of one
MAX_GIGABYTES = 4  # of the states of all games
MAX_PICTURES = 1500  # about 2 MB, and a hundred seconds of the game


class Played(NamedTuple):
    """`G` games side by side, T agent steps of each."""

    states: Any  # leaves [T, G, ...], before each step
    reward: Any  # [T, G] float32, points
    ended: Any  # [T, G] bool: the game was over, or cut, after this step


def watch(asked: Watch, console: Console) -> int:
    """Plays, prints the scores and writes the GIF; returns the exit status."""
    out = _checked(asked)
    folder = as_path(asked.folder, "FOLDER")
    held = results.read_description(folder)
    batch, number = find_lane(folder, held, asked.algorithm, asked.seed)
    variant, seed = batch.lanes[number]
    experiment = remade(folder, held, asked.experiment, asked.trust)
    if not isinstance(experiment.variants[variant].env, Pong):
        name = experiment.variants[variant].env.name
        raise InputError(
            f"{variant} was trained on {name}, and only games of Pong can be drawn; "
            "choose a results folder of Pong"
        )
    algorithm, state, iteration = restored(experiment, batch, number)
    played = play(algorithm, state, asked.mode, seed, asked.games, asked.max_steps)
    lengths = [int(np.argmax(e)) + 1 if e.any() else len(e) for e in played.ended.T]
    steps = experiment.steps_at(algorithm, iteration)
    who = f"{variant}, seed {seed}, after {steps:,} agent steps"
    say(console, f"{who}, {asked.mode} play:")
    for game, length in enumerate(lengths):
        score = played.reward[:length, game].sum()
        cut = "" if played.ended[:, game].any() else ", cut off there by --max-steps"
        text = f"  game {game + 1}: score {score:+.0f} in {length:,} agent steps{cut}"
        say(console, text)
    drawn = draw(played, lengths[0], out, algorithm.env)
    size = out.stat().st_size / 1e6
    over = drawn >= lengths[0] and played.ended[:, 0].any()
    whole = "the whole first game" if over else "the first game's start"
    text = f"{out}: {whole}, {drawn:,} agent steps, {size:.1f} MB"
    say(console, text, wrap=False)
    return 0


def _checked(asked: Watch) -> Path:
    """Where the GIF goes; raises `InputError` for what cannot be played or written."""
    for name in ("games", "max_steps"):
        value, option = getattr(asked, name), name.replace("_", "-")
        if not 1 <= value <= MOST:
            raise InputError(
                f"--{option} {value} must be at least 1 and at most {MOST:,}"
            )
    out = as_path(asked.out, "--out")
    if out.suffix.lower() != ".gif":
        raise InputError(f"--out {out} is no GIF; give a name that ends in .gif")
    if not stands(out.parent) or not out.parent.is_dir():
        raise InputError(f"the folder {out.parent} does not exist; make it first")
    return out


def find_lane(
    folder: Path, held: dict[str, Any], variant: str | None, seed: int | None
) -> tuple[checkpoints.Batch, int]:
    """The batch whose checkpoint holds a run, and the run's place in it.

    Without a variant it is the first that has a checkpoint; without a seed the lowest.

    Raises:
        InputError: the variant or the seed is unknown, or no checkpoint holds it.
    """
    names = [known["name"] for known in held["variants"]]
    if variant is not None:
        check_choice("algorithm", variant, names)
    batches = checkpoints.saved_batches(folder)
    saved = [lane for batch in batches for lane in batch.lanes]
    if seed is None:
        # Of the first variant that has any; 0 is for the error where none has.
        mine = ([s for n, s in saved if n == name] for name in _wanted(variant, names))
        seed = min(next((found for found in mine if found), [0]))
    found = [
        (batch, number)
        for name in _wanted(variant, names)
        for batch in batches
        for number, lane in enumerate(batch.lanes)
        if lane == (name, seed)
    ]
    if found:
        return max(found, key=lambda item: item[0].iteration())
    who = f"{variant or 'any algorithm'} with seed {seed}"
    seeds = sorted({s for name, s in saved if variant in (None, name)})
    if seeds:
        said = f"there are seeds {listed(seeds)}"
    else:
        said = "they were deleted, or never written; train again in another folder"
    raise InputError(f"{folder} has no checkpoint of {who}: {said}")


def _wanted(variant: str | None, names: list[str]) -> list[str]:
    return names if variant is None else [variant]


def remade(
    folder: Path, held: dict[str, Any], file: str | None, trusted: bool
) -> Experiment:
    """The experiment of a results folder, made again and found to be the same.

    Args:
        folder: of the results.
        held: its description.
        file: the user's own experiment file; None executes the text in the description.
        trusted: execute that text also where somebody else may have written it.

    Raises:
        InputError: it cannot be made, is another by now, or may be a stranger's text.
    """
    where = str(folder / "experiment.json")
    source = held.get("source")
    if (
        file is None
        and not trusted
        and isinstance(source, dict)
        and not is_ours(source)
    ):
        raise InputError(
            f"{folder} was not made by you on this machine, as far as is known, and to "
            f'make its agent again the Python program in {where} ("source", "text") '
            "would be executed; look at it, then add --trust, or give your own file by "
            "--experiment FILE"
        )
    if file is not None:
        given = select(load_experiment(file).experiments, held["name"], file)
        changes = {"steps": held["budget_agent_steps"]}
        experiment = given.replace(**changes)
    else:
        experiment, file = made_from(source, where, held["name"]), where
    changes = differences(held, experiment, variants_alone=True)
    if changes:
        raise InputError(
            f"{file} makes another experiment than the one that {folder} holds "
            f"({'; '.join(changes[:3])}); give the file it was run with, by "
            "--experiment FILE, or use the pgvq that wrote it"
        )
    return experiment


def restored(
    experiment: Experiment, batch: checkpoints.Batch, number: int
) -> tuple[Any, Any, int]:
    """A run's algorithm, its state, and the iteration it has come to."""
    variants = experiment.variants
    lanes = [Lane(name, variants[name], seed) for name, seed in batch.lanes]
    max_steps = experiment.game_steps(lanes[0].algorithm)
    programs = Lanes(lanes, experiment.games, max_steps)
    saved, position = batch.restore(programs.host_shapes())
    return *programs.agent(saved, number), position.iteration


def play(
    algorithm: Algorithm, state: Any, mode: str, seed: int, games: int, steps: int
) -> Played:
    """Plays several games side by side; after a game's end a new one begins."""
    env = evaluation_env(algorithm.env)
    given = algorithm.env_params
    params = env.default_params if given is None else given

    def step(carry: tuple[Any, ...], key: Key) -> tuple[tuple[Any, ...], Played]:
        obs, env_state, memory = carry
        key_act, key_env = jax.random.split(key)
        greedy = mode == "greedy"
        action, memory = algorithm.act(state, obs, memory, key_act, greedy=greedy)
        obs, after, reward, terminated, truncated, _ = vector_step(
            env, key_env, env_state, action, params
        )
        memory = reset_memory(
            memory, resets_memory(algorithm.env, reward, terminated, truncated)
        )
        return (obs, after, memory), Played(env_state, reward, terminated | truncated)

    @partial(jax.jit, static_argnums=1)
    def whole(key: Key, steps: int) -> Played:
        key_reset, key_play = jax.random.split(key)
        obs, env_state = vector_reset(env, key_reset, games, params)
        start = obs, env_state, algorithm.initial_memory(games)
        return jax.lax.scan(step, start, jax.random.split(key_play, steps))[1]

    _check_memory(jax.eval_shape(lambda key: whole(key, 1), jax.random.key(0)), steps)
    return jax.device_get(whole(jax.random.key(seed), steps))


def _check_memory(step: Any, steps: int) -> None:
    """Raises `InputError` where `steps` of one `step` of all games are too many."""
    size = sum(leaf.size * leaf.dtype.itemsize for leaf in jax.tree.leaves(step))
    needed = size * steps / 1e9
    if needed > MAX_GIGABYTES:
        raise InputError(
            f"these games need {needed:,.0f} GB of memory, more than the "
            f"{MAX_GIGABYTES} GB allowed; give smaller --games and --max-steps"
        )


def draw(played: Played, length: int, out: Path, env: Any) -> int:
    """Writes the GIF of the first game; returns how many agent steps it shows."""
    chosen = range(0, length, STRIDE)[:MAX_PICTURES]
    pictures = [
        render(
            jax.tree.map(lambda leaf, at=at: jnp.asarray(leaf[at, 0]), played.states)
        )
        for at in chosen
    ]
    write_gif(pictures, out, STRIDE * env.frame_skip)
    return min(length, len(pictures) * STRIDE)
