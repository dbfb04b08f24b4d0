"""Plays Pong in the Arcade Learning Environment and writes down every frame.

Used by `scripts/record_ale_pong.py` and by the live comparison; needs the extra
`atari`. Actions are numbers 0..5 in the order of ALE's minimal set.
"""

from collections import deque
from collections.abc import Callable, Iterator
from typing import NamedTuple

import ale_py
import numpy as np

# Where the game's numbers stand in the console's memory; the two velocities are signed.
ADDRESSES = {
    "target": 60,
    "player": 51,
    "enemy": 21,
    "x": 49,
    "y": 54,
    "vx": 58,
    "vy": 56,
    "timer": 11,
    "clock": 8,
    "enemy_score": 13,
    "player_score": 14,
    "hits": 17,
}
FIELDS = tuple(ADDRESSES)
UP, DOWN = 2, 3
Seen = dict[str, int]  # the numbers of one frame
Policy = Callable[[np.random.Generator], Iterator[int]]


class Record(NamedTuple):
    """T acts in a row, over one or more games."""

    action: np.ndarray  # [T] int8, given to ALE
    reward: np.ndarray  # [T] int8
    reset: np.ndarray  # [T] bool: the game was reset before this act
    state: np.ndarray  # [T, F] uint8, after the act, in the order of `FIELDS`


def console(seed: int = 1, frame_skip: int = 1, repeat: float = 0.0):
    """ALE with Pong in it."""
    ale_py.ALEInterface.setLoggerMode(ale_py.LoggerMode.Error)
    ale = ale_py.ALEInterface()
    ale.setInt("random_seed", seed)
    ale.setInt("frame_skip", frame_skip)
    ale.setFloat("repeat_action_probability", repeat)
    ale.loadROM(ale_py.roms.get_rom_path("pong"))
    return ale


def memory(ale) -> np.ndarray:
    """The game's numbers, [F] uint8."""
    return ale.getRAM()[list(ADDRESSES.values())]


def record(policy: str, acts: int, seed: int, frame_skip: int = 1) -> Record:
    """Plays `acts` times, game after game."""
    ale = console(frame_skip=frame_skip)
    actions = ale.getMinimalActionSet()
    play = POLICIES[policy](np.random.default_rng(seed))
    next(play)
    rows, reset = [], True
    for _ in range(acts):
        if reset:
            ale.reset_game()
        seen = dict(zip(FIELDS, memory(ale).tolist(), strict=True))
        action = play.send(seen)
        reward = ale.act(actions[action])
        rows.append((action, reward, reset, memory(ale)))
        reset = ale.game_over()
    action, reward, resets, state = zip(*rows, strict=True)
    return Record(
        np.array(action, np.int8),
        np.array(reward, np.int8),
        np.array(resets),
        np.array(state, np.uint8),
    )


def _random(generator: np.random.Generator) -> Iterator[int]:
    """Any action in every frame."""
    while True:
        yield int(generator.integers(6))


def _sticky(generator: np.random.Generator) -> Iterator[int]:
    """An action is kept for ten frames on average."""
    action = 0
    while True:
        if generator.random() < 0.1:
            action = int(generator.integers(6))
        yield action


def _slam(generator: np.random.Generator) -> Iterator[int]:
    """From stop to stop, now and then waiting there."""
    while True:
        action = int(generator.choice([0, 1, 2, 2, 3, 3, 4, 4, 5, 5]))
        for _ in range(int(generator.integers(8, 60))):
            yield action


def _follow(seen: Seen, aim: float, fire: bool, slack: float = 3) -> int:
    """Moves so that the ball meets the paddle `aim` pixels below its top."""
    towards = seen["y"] if seen["x"] > 100 and not seen["timer"] else 120 + aim
    off = towards - aim - seen["target"]
    if abs(off) <= slack:
        return int(fire)
    return (DOWN if off > 0 else UP) + 2 * fire


def _tracking(generator: np.random.Generator) -> Iterator[int]:
    """Follows the ball; the button held during most rallies, and a new aim in each."""
    seen, aim, fire = (yield 0), 6.0, True
    while True:
        if seen["timer"] == 1:
            aim, fire = generator.uniform(-2, 15), generator.random() < 0.8
        seen = yield _follow(seen, aim, fire)


def _patient(generator: np.random.Generator) -> Iterator[int]:
    """Follows the ball, meets it in the middle, fires: one rally without an end."""
    seen = yield 0
    while True:
        seen = yield _follow(seen, 6, True)


def _arrival(seen: Seen) -> float:
    """Height at which the ball will reach the paddle's column."""
    vx, vy = (n - 256 if n > 127 else n for n in (seen["vx"], seen["vy"]))
    if vx >= 0:
        return 126.0
    span = 206 - 46
    y = (seen["y"] + vy * (189 - seen["x"]) / -vx - 46) % (2 * span)
    return 46 + min(y, 2 * span - y)


def _winning(generator: np.random.Generator) -> Iterator[int]:
    """Waits where the ball will arrive and hits it with the edge: steep and fast."""
    seen, aim = (yield 0), 0.0
    while True:
        if seen["x"] < 130:
            aim = generator.choice([-1.0, 0.0, 14.0, 15.0])
        step = seen["target"] - seen["player"]
        off = _arrival(seen) - aim - (seen["target"] + 2 * step)
        move = 0 if abs(off) < 2 else (DOWN if off > 0 else UP)
        seen = yield move + 2 if move else 1


def _human(generator: np.random.Generator) -> Iterator[int]:
    """Sees the ball twelve frames late, decides every five, aims badly, idles."""
    past: deque[Seen] = deque(maxlen=12)
    seen, aim, action, fire = (yield 0), 6.0, 0, False
    for frame in range(10**9):
        past.append(seen)
        if frame % 5 == 0:
            aim = generator.normal(6, 6) if frame % 60 == 0 else aim
            fire = bool(generator.random() < 0.1) != fire
            idle = generator.random() < 0.1
            action = 0 if idle else _follow(past[0], aim, fire, slack=6)
        seen = yield action


POLICIES: dict[str, Policy] = {
    "random": _random,
    "sticky": _sticky,
    "slam": _slam,
    "tracking": _tracking,
    "patient": _patient,
    "winning": _winning,
    "human": _human,
}
