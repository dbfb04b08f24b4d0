"""The checks of an environment, in the order in which they are made."""

from typing import Any

import jax
import jax.numpy as jnp
import numpy as np

from pgvq.doctor.random_play import Subject
from pgvq.doctor.report import Check, Verdict, failed, passed, skipped
from pgvq.envs.discrete import num_states, state_index
from pgvq.envs.observations import reading
from pgvq.envs.spaces import dtype_of, kind_of, part, parts_of, written
from pgvq.envs.trying import outside
from pgvq.types import InputError, PyTree

CLOCK = 6  # agent steps of an episode, where the clock is looked at
NEVER = 2**28


def contract(subject: Subject) -> Verdict:
    """What `reset`, `step_env` and `step` return, in shapes and dtypes."""
    if subject.fault:
        return failed(subject.fault)
    read = reading(subject.env).said
    return passed(
        f"{written(subject.space)}, {subject.env.num_actions} actions"
        + (f"; learners read {read}" if read else "")
    )


def dtypes(subject: Subject) -> Verdict:
    """The declared dtype of each observation against the one that is shown."""
    shown = jax.eval_shape(
        subject.env.reset, jax.eval_shape(lambda: jax.random.key(0)), subject.params
    )[0]
    wrong = _other_dtypes(subject.space, shown, "")
    if wrong:
        return failed("; ".join(wrong))
    return passed("observations have the dtypes that observation_space declares")


def _other_dtypes(space: Any, shown: PyTree, name: str) -> list[str]:
    if kind_of(space) in ("dict", "tuple"):
        return [
            text
            for key, each in parts_of(space)
            for text in _other_dtypes(each, part(shown, key), f"{name}[{key!r}]")
        ]
    declared = dtype_of(space) if kind_of(space) == "box" else np.dtype(np.int32)
    if kind_of(space) != "box" and jnp.issubdtype(shown.dtype, jnp.integer):
        return []
    if shown.dtype == declared:
        return []
    where = f" at {name}" if name else ""
    return [f"observation_space declares {declared}{where} and {shown.dtype} is shown"]


def bounds(subject: Subject) -> Verdict:
    """Whether random play stays in the observation space."""
    play = subject.together
    for where, obs in (("reset", play.first), ("step", play.obs), ("step", play.final)):
        if fault := outside(subject.space, obs):
            return failed(f"{where} shows {fault}")
    steps = play.reward.size
    return passed(f"{steps:,} random steps stay in {written(subject.space)}")


def rewards(subject: Subject) -> Verdict:
    """Whether all that is paid is a finite number."""
    reward = np.asarray(subject.together.reward, np.float64)
    bad = ~np.isfinite(reward)
    if bad.any():
        step, game = np.argwhere(bad)[0]
        return failed(
            f"{int(bad.sum())} of {bad.size} random steps pay {reward[step, game]}, "
            f"the first after {step + 1} agent steps"
        )
    low, high = reward.min(), reward.max()
    return passed(f"rewards of random play lie between {low:.6g} and {high:.6g}")


def determinism(subject: Subject) -> Verdict:
    """The same keys and actions twice, compiled once, and twice without compilation."""
    where = _differs(subject.together, subject.again)
    if where := where or _differs(subject.eager, subject.eager_again):
        return failed(f"the same keys and actions give other numbers of {where}")
    return passed("the same keys and actions give the same numbers, to the last bit")


def side_by_side(subject: Subject) -> Verdict:
    """One game among others against the same game by itself."""
    many = _game(subject.together, 0)
    if where := _differs(many, subject.alone, 1e-4):
        return failed(f"alone (without jax.vmap) a game has other numbers of {where}")
    return passed("a game is the same alone and beside others")


def compiled(subject: Subject) -> Verdict:
    """Compiled steps against steps outside of `jit`."""
    eager = subject.eager
    steps = len(eager.reward)
    one = _game(subject.together, 0)
    short = type(one)(*one[:2], *jax.tree.map(lambda leaf: leaf[:steps], one[2:]))
    if where := _differs(short, eager, 1e-4):
        return failed(f"outside of jit (jax.disable_jit) other numbers of {where} come")
    return passed(f"{steps} steps are the same with and without compilation")


def final_observation(subject: Subject) -> Verdict:
    """What `info["final_observation"]` is, after an end and elsewhere."""
    play = subject.together
    if not play.ended.any():
        play = subject.clocked(CLOCK) or play
    ended = play.ended
    same = _equal(play.obs, play.final)  # [T, G]
    if not same[~ended].all():
        return failed(
            "where no episode ended, info['final_observation'] is not the observation "
            f"that step returns, in {int((~same[~ended]).sum())} steps"
        )
    if not ended.any():
        return skipped(f"no episode ended in {ended.size:,} random steps")
    changes = not _equal(play.before, play.final).all()
    if changes and same[ended].all():
        return failed(
            f"at all {int(ended.sum())} ends of episodes info['final_observation'] is "
            "the observation of the reset that followed"
        )
    return passed("it is the observation before the reset, and elsewhere the same")


def auto_reset(subject: Subject) -> Verdict:
    """Whether what follows an end is an episode's beginning."""
    play = subject.together
    if not play.ended.any():
        play = subject.clocked(CLOCK) or play
    ended = play.ended
    if not ended.any():
        return skipped(f"no episode ended in {ended.size:,} random steps")
    first, start = subject.resets
    for what, begun, after in (
        ("observation", first, play.obs),
        ("state", start, play.state),
    ):
        fixed = jax.tree_util.tree_leaves_with_path(begun)
        for (path, leaf), follows in zip(fixed, jax.tree.leaves(after), strict=True):
            constant = np.all(leaf == leaf[:1], axis=0)  # over resets
            rows = follows[ended]
            wrong = (rows != leaf[0]) & constant & ~(np.isnan(rows.astype(float)))
            if wrong.any():
                where = jax.tree_util.keystr(path)
                return failed(
                    f"after {int(ended.sum())} ends of episodes the {what}{where} is "
                    f"{_brief(rows[wrong])} in {int(wrong.sum())} numbers, which after "
                    "every reset are "
                    f"{_brief(np.broadcast_to(leaf[0], rows.shape)[wrong])}; that is "
                    "right for a statistic, and for nothing that the game reads"
                )
    return passed(f"{int(ended.sum())} ends were followed by an episode's beginning")


def clock(subject: Subject) -> Verdict:
    """A clock of few steps against one that never rings, with the same keys."""
    short, endless = subject.clocked(CLOCK), subject.clocked(NEVER)
    if short is None or endless is None:
        return skipped("its parameters have no max_steps_in_episode that can be set")
    length = _first_end(short)  # [G] agent steps of the first episode
    free = _first_end(endless)
    if (length > CLOCK).any():
        return failed(
            f"with max_steps_in_episode={CLOCK} an episode goes on for "
            f"{int(length.max())} agent steps or more"
        )
    early = (length < CLOCK) & (free > length)
    if early.any():
        return failed(
            f"with max_steps_in_episode={CLOCK} an episode is over after "
            f"{int(length[early].min())} agent steps, which without a clock goes on"
        )
    games = np.arange(len(length))
    terminated = short.terminated[length - 1, games]
    truncated = short.truncated[length - 1, games]
    natural = endless.terminated[length - 1, games]
    if (terminated & ~natural).any():
        return failed(
            "what the clock ends is reported as `terminated`, so that learners take "
            "the state for worth nothing"
        )
    if (truncated & (length < CLOCK)).any():
        return failed("an episode that ended by itself is reported as `truncated`")
    cut = length == CLOCK
    if not cut.any():
        return skipped(f"all episodes end within {CLOCK} agent steps by themselves")
    if not truncated[cut].all():
        return failed("what the clock ends is not reported as `truncated`")
    counted = getattr(short.state, "time", None)
    if counted is not None and np.shape(counted) == short.ended.shape:
        rows = np.arange(len(short.reward))[:, None] + 1
        running = rows < length
        if (np.where(running, counted - short.start.time, rows) != rows).any():
            return failed("the state's `time` does not go up by 1 with every step")
    return passed(f"with max_steps_in_episode={CLOCK} it truncates after {CLOCK} steps")


def keys(subject: Subject) -> Verdict:
    """Whether chance comes from the keys, after an automatic reset too."""
    first, start = subject.resets
    kinds = _kinds((first, start))
    play = subject.together
    if not play.ended.any():
        play = subject.clocked(CLOCK) or play
    ended = play.ended
    if kinds == 1:
        return passed("every reset is the same, whatever its key: nothing is drawn")
    if ended.sum() >= 8:
        after = jax.tree.map(lambda leaf: leaf[ended], (play.obs, play.state))
        if _kinds(after) == 1:
            return failed(
                f"{len(first_leaf(first))} resets by keys of their own begin in "
                f"{kinds} ways, and {int(ended.sum())} automatic resets in one"
            )
    return passed(f"{len(first_leaf(first))} resets begin in {kinds} ways")


def states(subject: Subject) -> Verdict:
    """What is registered for tabular methods, against what is seen."""
    try:
        count = int(num_states(subject.env))
    except InputError:
        return skipped("it is not registered for num_states, which tables need")
    play = subject.together
    seen = jax.tree.map(
        lambda *parts: np.concatenate([p.reshape(-1, *p.shape[2:]) for p in parts]),
        play.before,
        play.final,
    )
    index = np.asarray(state_index(subject.env, jax.tree.map(jnp.asarray, seen)))
    if index.min() < 0 or index.max() >= count:
        return failed(
            f"state_index gives {index.min()} to {index.max()}, and num_states says "
            f"{count}, numbers 0 to {count - 1}"
        )
    rows = np.concatenate(
        [leaf.reshape(len(index), -1) for leaf in jax.tree.leaves(seen)], axis=1
    )
    distinct = len(np.unique(rows, axis=0))
    numbers = len(np.unique(index))
    if numbers != distinct:
        return failed(
            f"{distinct} different observations have {numbers} different numbers"
        )
    return passed(f"{numbers} of {count} states were seen, each with its own number")


def first_leaf(tree: PyTree) -> Any:
    """The first array of a tree."""
    return jax.tree.leaves(tree)[0]


def _game(play: Any, game: int) -> Any:
    """One game of several: axes `[]` and `[T]`."""
    return type(play)(
        *jax.tree.map(lambda leaf: leaf[game], play[:2]),
        *jax.tree.map(lambda leaf: leaf[:, game], play[2:]),
    )


def _differs(one: Any, other: Any, tolerance: float = 0.0) -> str:
    """Where two plays have other numbers, in words; "" if nowhere."""
    names = {
        "first": "the reset's observation",
        "start": "the reset's state",
        "obs": "the observation",
        "state": "the state",
        "reward": "the reward",
        "terminated": "`terminated`",
        "truncated": "`truncated`",
        "final": "info['final_observation']",
    }
    for field, name in names.items():
        pairs = zip(
            jax.tree_util.tree_leaves_with_path(getattr(one, field)),
            jax.tree.leaves(getattr(other, field)),
            strict=True,
        )
        for (path, left), right in pairs:
            left, right = (np.asarray(x, np.float64) for x in (left, right))
            near = np.isclose(left, right, tolerance, tolerance, equal_nan=True)
            if not near.all():
                return name + jax.tree_util.keystr(path)
    return ""


def _equal(one: PyTree, other: PyTree) -> np.ndarray:
    """[T, G] bool: where two trees of `[T, G, ...]` are the same."""
    parts = [
        np.all(
            (left == right) | ((left != left) & (right != right)),
            axis=tuple(range(2, left.ndim)),
        )
        for left, right in zip(
            jax.tree.leaves(one), jax.tree.leaves(other), strict=True
        )
    ]
    return np.all(parts, axis=0)


def _first_end(play: Any) -> np.ndarray:
    """[G] agent steps until the first end; one more than there are if none came."""
    ended = play.ended
    return np.where(ended.any(axis=0), ended.argmax(axis=0), len(ended)) + 1


def _kinds(tree: PyTree) -> int:
    """How many different rows the leaves `[R, ...]` of a tree have."""
    leaves = jax.tree.leaves(tree)
    rows = [np.asarray(x, np.float64).reshape(len(leaves[0]), -1) for x in leaves]
    return len(np.unique(np.concatenate(rows, axis=1), axis=0))


def _brief(numbers: np.ndarray) -> str:
    some = [f"{float(x):.4g}" for x in np.ravel(numbers)[:3]]
    return ", ".join(dict.fromkeys(some))


CHECKS: dict[str, Check] = {
    "contract": Check(
        "reset and step return what training needs",
        "training is one compiled loop over what they return",
        "return the same shapes and dtypes from both, one number as the reward and "
        "one bool each as `terminated` and `truncated`",
        contract,
    ),
    "dtypes": Check(
        "observations have the declared dtype",
        "how an observation is read follows from its space: bytes are divided by 255, "
        "numbers of a Discrete space become one-hot",
        "give observation_space the dtype that `observe` returns, or cast there",
        dtypes,
    ),
    "bounds": Check(
        "observations stay in their space",
        "a number outside of a Discrete space is read as nothing, and in a table as "
        "another state",
        "correct the bounds in observation_space; -jnp.inf and jnp.inf are bounds too",
        bounds,
    ),
    "rewards": Check(
        "rewards are finite",
        "one NaN or infinity in a rollout ends the learning of its seed",
        "divide by what cannot be zero, and cut with jnp.clip",
        rewards,
    ),
    "determinism": Check(
        "the same key gives the same game",
        "a run that cannot be repeated cannot be resumed or compared",
        "draw from the key that reset_env and step_env get; no numpy.random, no "
        "clock, no global variables",
        determinism,
    ),
    "vmap": Check(
        "a game is the same alone and beside others",
        "training plays many games in one program by jax.vmap",
        "let no game read another's numbers, and leave out what Python decides",
        side_by_side,
    ),
    "jit": Check(
        "a game is the same compiled and not",
        "what Python computes while tracing is a constant of the compiled program",
        "use jax.numpy on everything that depends on the state, key or parameters",
        compiled,
    ),
    "final observation": Check(
        "info['final_observation'] is what the agent saw last",
        "targets are computed from it; with the next episode's first observation in "
        "its place an end is worth another episode",
        "leave `step` to gymnax's Environment, or put the observation from before the "
        "reset there",
        final_observation,
    ),
    "auto-reset": Check(
        "an end is followed by an episode's beginning",
        "what is left over from the last episode makes the next one another game",
        "make every field of the state anew in reset_env; leave `step` to gymnax's "
        "Environment",
        auto_reset,
    ),
    "clock": Check(
        "the clock truncates and does not terminate",
        "a cut taken for an end teaches that going on is worthless",
        "report terminations alone in step_env, count `time` up by 1 there, and leave "
        "max_steps_in_episode to gymnax's Environment",
        clock,
    ),
    "keys": Check(
        "chance comes from the keys",
        "with a key of its own every episode is the same one",
        "draw from the key that is given, also in an automatic reset; no "
        "jax.random.key(0) inside",
        keys,
    ),
    "states": Check(
        "numbers of states fit what is seen",
        "a table mixes up states that share a number, and drops those outside of it",
        "register num_states and state_index so that every observation has a number "
        "of its own below num_states",
        states,
    ),
}
