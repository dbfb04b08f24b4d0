"""Pong on a small grid: few enough states that the best play is known exactly.

What makes Pong hard is still in it: the ball comes back many choices later, where on
the paddle it is hit decides where it flies, and the opponent must be outplayed.
"""

import dataclasses
from typing import Any

import jax
import jax.numpy as jnp
import numpy as np
from flax import struct
from gymnax.environments import environment, spaces
from jax import Array

from pgvq.checks import check_integer, check_probability, settle
from pgvq.diagnostics.exact import Outcomes, observations, outcomes
from pgvq.envs import num_states, state_index
from pgvq.types import Key


@struct.dataclass
class SmallPongState(environment.EnvState):
    """The state of a point; leading axes [...] are common. All int32."""

    time: Array  # agent steps in this point  # pyright: ignore[reportIncompatibleVariableOverride]
    x: Array  # ball, 0 at the opponent .. width - 1 at the agent
    y: Array  # ball, 0 top .. height - 1
    vx: Array  # -1 to the opponent, +1 to the agent
    vy: Array  # -1 up, 0, +1 down
    player: Array  # the middle cell of the agent's paddle, 1..height - 2
    enemy: Array  # and of the opponent's


FIELDS = ("x", "y", "vx", "vy", "player", "enemy")


@dataclasses.dataclass(frozen=True, kw_only=True)
class SmallPong(environment.Environment[SmallPongState, environment.EnvParams]):
    """One point of Pong on a grid, +1 if the agent wins it and -1 if not.

    Actions: 0 stays, 1 moves the paddle a cell up, 2 a cell down. Paddles are three
    cells high; the cell that hits the ball decides whether it flies up, straight or
    down. The ball moves one column per agent step. It begins in the middle column, in
    a uniformly drawn row, with uniformly drawn velocities and both paddles in the
    middle. The observation is the six numbers `FIELDS`, each scaled to -1..+1.

    width: columns.
    height: rows.
    skill: probability per agent step that the opponent moves a cell towards the ball.
    max_agent_steps: after which a point is truncated.

    Raises `InputError` where these cannot work.
    """

    width: int = 8
    height: int = 7
    skill: float = 0.5
    max_agent_steps: int = 200

    def __post_init__(self) -> None:
        exact = "every state of a larger one is no longer a small number"
        settle(
            self,
            width=check_integer("width", self.width, 4, 1000, exact),
            height=check_integer("height", self.height, 4, 1000, exact),
            skill=check_probability("skill", self.skill),
            max_agent_steps=check_integer("max_agent_steps", self.max_agent_steps, 1),
        )

    @property
    def num_actions(self) -> int:
        """A, which is 3."""
        return 3

    @property
    def default_params(self) -> environment.EnvParams:
        """The step cap alone."""
        return environment.EnvParams(max_steps_in_episode=self.max_agent_steps)

    @property
    def radix(self) -> tuple[int, ...]:
        """How many values each of `FIELDS` has."""
        paddle = self.height - 2
        return self.width, self.height, 2, 3, paddle, paddle

    def reset_env(
        self, key: Key, params: environment.EnvParams
    ) -> tuple[Array, SmallPongState]:
        """A new point; consumes `key`."""
        rows = self.height
        state = self._served(jax.random.randint(key, (), 0, 6 * rows, jnp.int32))
        return self.observe(key, state, None, params), state

    def _served(self, number: Array) -> SmallPongState:
        """One of the 6 * height first states, by its number [...] int32."""
        middle = jnp.full_like(number, (self.height - 1) // 2)
        return SmallPongState(
            time=jnp.zeros_like(number),
            x=jnp.full_like(number, self.width // 2),
            y=number // 6,
            vx=2 * (number % 2) - 1,
            vy=number // 2 % 3 - 1,
            player=middle,
            enemy=middle,
        )

    def step_env(
        self,
        key: Key,
        state: SmallPongState,
        action: int | float | Array,
        params: environment.EnvParams,
    ) -> tuple[Array, SmallPongState, Array, Array, dict[Any, Any]]:
        """One agent step without the automatic reset; consumes `key`."""
        alert = jax.random.bernoulli(key, self.skill)
        after, reward = self.advance(state, jnp.asarray(action), alert)
        obs = self.observe(key, after, action, params)
        return obs, after, reward, reward != 0, {}

    def advance(
        self, state: SmallPongState, action: Array, alert: Array
    ) -> tuple[SmallPongState, Array]:
        """The state and the reward after a step; `alert`: the opponent moves.

        All [...]. A reward other than 0 ends the point.
        """
        low, high = 1, self.height - 2
        turn = jnp.where(action == 1, -1, jnp.where(action == 2, 1, 0))
        player = jnp.clip(state.player + turn, low, high)
        enemy = state.enemy + alert * jnp.sign(state.y - state.enemy)
        enemy = jnp.clip(enemy, low, high)

        x, y, last = state.x + state.vx, state.y + state.vy, self.height - 1
        bounces = (y < 0) | (y > last)
        y = jnp.where(y < 0, 1, jnp.where(y > last, last - 1, y))
        vy = jnp.where(bounces, -state.vy, state.vy)

        from_player, from_enemy = y - player, y - enemy
        at_player, at_enemy = x == self.width - 1, x == 0
        lost = at_player & (jnp.abs(from_player) > 1)
        won = at_enemy & (jnp.abs(from_enemy) > 1)
        vx = jnp.where(at_player, -1, jnp.where(at_enemy, 1, state.vx))
        vy = jnp.where(at_player, from_player, jnp.where(at_enemy, from_enemy, vy))
        after = SmallPongState(
            time=state.time + 1,
            x=x,
            y=y,
            vx=vx,
            vy=jnp.clip(vy, -1, 1),
            player=player,
            enemy=enemy,
        )
        return after, won.astype(jnp.float32) - lost.astype(jnp.float32)

    def observe(
        self,
        key: Key | None,
        state: SmallPongState,
        action: int | float | Array | None,
        params: environment.EnvParams | None,
    ) -> Array:
        """Six numbers [..., 6] of states [...]; draws nothing from `key`."""
        del key, action, params
        digits = self._digits(state)
        scaled = [2 * d / (n - 1) - 1 for d, n in zip(digits, self.radix, strict=True)]
        return jnp.stack(scaled, -1).astype(jnp.float32)

    def _digits(self, state: SmallPongState) -> tuple[Array, ...]:
        """Each of `FIELDS` counted from 0."""
        vx = (state.vx + 1) // 2
        return state.x, state.y, vx, state.vy + 1, state.player - 1, state.enemy - 1

    def states(self) -> SmallPongState:
        """All states [S], in the order of their numbers; many are never reached."""
        numbers = np.arange(np.prod(self.radix))
        x, y, vx, vy, player, enemy = map(
            jnp.int32, np.unravel_index(numbers, self.radix)
        )
        time = jnp.zeros_like(x)
        return SmallPongState(time, x, y, 2 * vx - 1, vy - 1, player + 1, enemy + 1)

    def number(self, state: SmallPongState) -> Array:
        """The numbers [...] int32 of states [...]."""
        return jnp.ravel_multi_index(self._digits(state), self.radix, mode="clip")

    def action_space(
        self, params: environment.EnvParams | None = None
    ) -> spaces.Discrete:
        """The three actions."""
        return spaces.Discrete(self.num_actions)

    def observation_space(
        self, params: environment.EnvParams | None = None
    ) -> spaces.Box:
        """Vectors of six numbers."""
        return spaces.Box(-1, 1, (len(FIELDS),), jnp.float32)


@num_states.register
def _(env: SmallPong) -> int:
    return int(np.prod(env.radix))


@state_index.register
def _(env: SmallPong, obs: Array) -> Array:
    """Read back from the six numbers."""
    sizes = jnp.array(env.radix)
    digits = jnp.round((obs + 1) * (sizes - 1) / 2).astype(jnp.int32)
    digits = tuple(jnp.moveaxis(digits, -1, 0))
    return jnp.ravel_multi_index(digits, env.radix, mode="clip").astype(jnp.int32)


@observations.register
def _(env: SmallPong) -> Array:
    return env.observe(None, env.states(), None, None)


@outcomes.register
def _(env: SmallPong) -> Outcomes:
    """Two each, by the very step that is played: the opponent moves or rests."""
    states = jax.tree.map(lambda leaf: leaf[:, None, None], env.states())
    alert = jnp.array([True, False])
    after, reward = env.advance(states, jnp.arange(3)[:, None], alert)
    shape = np.broadcast_shapes(reward.shape, (num_states(env), 3, 2))
    first = env.number(env._served(jnp.arange(6 * env.height)))
    return Outcomes(
        probability=np.broadcast_to([env.skill, 1 - env.skill], shape),
        successor=np.broadcast_to(env.number(after), shape),
        reward=np.broadcast_to(np.asarray(reward, np.float64), shape),
        terminated=np.broadcast_to(np.asarray(reward) != 0, shape),
        start=np.bincount(first, minlength=shape[0]) / len(first),
    )
