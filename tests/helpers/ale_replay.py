"""Our Pong through a recorded list of actions, to be compared with what ALE did."""

from functools import partial

import jax
import jax.numpy as jnp
import numpy as np

from pgvq.envs import Pong
from pgvq.envs.pong.rules import Court

# All numbers of the game that ALE keeps in its memory, as `ale_player` has them.
FIELDS = (
    "target",
    "player",
    "enemy",
    "x",
    "y",
    "vx",
    "vy",
    "timer",
    "clock",
    "enemy_score",
    "player_score",
    "hits",
)


@partial(jax.jit, static_argnames="env")
def _run(env: Pong, action: jax.Array, reset: jax.Array):
    key = jax.random.key(0)  # decides nothing: neither sticky actions nor no-ops
    params = env.default_params
    _, start = env.reset(key)

    def body(state, given):
        action, reset = given
        state = jax.tree.map(lambda a, b: jnp.where(reset, a, b), start, state)
        _, state, reward, terminated, _ = env.step_env(key, state, action, params)
        court = state.court
        seen = jnp.stack([getattr(court, name) for name in FIELDS])
        return state, (seen, reward, terminated)

    return jax.lax.scan(body, start, (action, reset))[1]


def replay(action, reset, frame_skip: int = 1, reward: str = "score"):
    """States [T, F] uint8, rewards [T] and ends of games [T] of T acts.

    `reset` [T] says before which of them the game starts anew.
    """
    env = Pong(
        frame_skip=frame_skip, repeat_action_probability=0, noop_max=0, reward=reward
    )
    acts = len(action)
    padding = (0, -acts % 3_000)  # few lengths, so few programs to compile
    action = np.pad(action.astype(np.int32), padding)
    state, reward, over = _run(env, action, np.pad(reset, padding))
    return (
        np.asarray(state)[:acts].astype(np.uint8),
        np.asarray(reward)[:acts],
        np.asarray(over)[:acts],
    )


def assert_equal_games(record, ours) -> None:
    """No number of any frame may differ; the message shows the first that does."""
    state, reward, over = ours
    assert record.state.shape == state.shape
    wrong = (record.state != state).any(1) | (record.reward != reward)
    if wrong.any():
        at = int(wrong.argmax())
        differ = {
            name: (int(record.state[at, f]), int(state[at, f]))
            for f, name in enumerate(FIELDS)
            if record.state[at, f] != state[at, f]
        }
        raise AssertionError(
            f"{wrong.sum()} of {len(wrong)} acts differ, the first is {at}: (ALE, "
            f"ours) = {differ}, reward {record.reward[at]}, {reward[at]}"
        )
    # A game ends where ALE says so: there the record starts a new one.
    assert (over[:-1] == record.reset[1:]).all()


def court(**numbers: int) -> Court:
    """A court in play, ball in its middle, with some numbers given."""
    usual = dict.fromkeys(Court._fields, 0) | {
        "resistance": 408_823,
        "target": 109,
        "player": 109,
        "enemy": 128,
        "x": 128,
        "y": 128,
        "vx": 1,
        "vy": 1,
    }
    return Court(**{k: jnp.int32(v) for k, v in (usual | numbers).items()})
