"""Claim: where the dynamics are known and smooth, backpropagation itself plays Pong."""

from collections.abc import Callable
from functools import partial
from pathlib import Path
from typing import Any, NamedTuple, cast

import jax
import jax.numpy as jnp
import numpy as np
import pandas as pd
from jax import Array
from numpy.typing import ArrayLike

from pgvq.algorithms import REINFORCE, ActorCritic
from pgvq.analysis.statistics import estimate, interquartile_mean, steps_to_reach
from pgvq.devices import side_by_side
from pgvq.envs import Pong, SmoothPong, SmoothPongParams, as_button
from pgvq.experiments.score_meaning import RANDOM_PLAY
from pgvq.plotting.panels import (
    COLORS,
    Curve,
    Panel,
    Rows,
    panels,
    seeds_curve,
    table_curve,
)
from pgvq.rollout import Games
from pgvq.study.definition import Claim, Finding, Say
from pgvq.types import InputError, Key, Params
from why_not_backprop.smooth_games import (
    ANALYTIC,
    DEVIATION,
    DISCOUNT,
    GAME,
    Act,
    Trained,
    compiled,
    component,
    cosine_of_each,
    credits_of_games,
    game_step,
    halfway,
    horizon_weights,
    mean_gradients,
    met_in_play,
    play_with,
    policy_shapes,
    score_credit,
    speed,
    total_variance,
    train,
)


class Gradients(NamedTuple):
    """Mean gradients of batches of games, `[B, H, P]`, and what their credits say."""

    backpropagation: Array  # [B, H, P]
    score_function: Array  # [B, H, P]
    zero: Array  # [B] share of exact 0 in the longest horizon's backpropagated credits


def contacts(temperature: Array) -> SmoothPongParams:
    """The game's parameters with contacts of this temperature, pixels."""
    return SmoothPongParams(
        max_steps_in_episode=GAME.max_agent_steps,
        temperature=cast(float, temperature),  # a tracer, while it is compiled
    )


def sample_gradients(
    act: Act,
    horizons: tuple[int, ...],
    games: int,
    deviation: float,
    params: Params,
    temperatures: Array,
    keys: Key,
) -> Gradients:
    """Both gradients of the discounted return over each horizon, batch by batch.

    Both are taken from the same games: of the same policy with the same noise, from
    situations that it meets.

    Args:
        act: the policy.
        horizons: H of them, agent steps, rising.
        games: N of a batch.
        deviation: of the Gaussian noise on its actions, in full speeds.
        params: its P weights.
        temperatures: `[B]`, of the contacts in each batch, pixels; 0 for hard ones.
        keys: `[B]`, consumed; one for each batch.
    """
    length = horizons[-1]
    weights = horizon_weights(horizons, length, DISCOUNT)

    def batch(row: tuple[Array, Key]) -> Gradients:
        temperature, key = row
        step = game_step(contacts(temperature))
        key_start, key_noise, key_game = jax.random.split(key, 3)
        start = met_in_play(act, params, deviation, key_start, games)
        noise = deviation * jax.random.normal(key_noise, (games, length))
        credits, obs, rewards = credits_of_games(
            step, act, params, start, noise, key_game, weights
        )
        scores = score_credit(noise, deviation, rewards, weights)
        return Gradients(
            backpropagation=mean_gradients(act, params, obs, credits),
            score_function=mean_gradients(act, params, obs, scores),
            zero=jnp.mean(credits[:, -1] == 0),
        )

    return jax.lax.map(batch, (temperatures, keys))


BACKPROPAGATION = "backpropagation"
STRETCH = 8192  # agent steps between two points of a curve: REINFORCE's rollout
EXACT = Pong(num_actions=3, observation="motion")


class Sizes(NamedTuple):
    """How much is measured."""

    seeds: int = 5
    stretches: int = 36  # of `STRETCH` agent steps
    batches: int = 24  # of games, for gradients
    games: int = 512  # of a batch
    matches: int = 4  # complete exact games per seed
    horizons: tuple[int, ...] = (1, 4, 8, 16, 32, 64, 100)  # agent steps


class Measured(NamedTuple):
    """What came of it."""

    curves: dict[str, np.ndarray]  # by algorithm, [S, K] mean return, points
    halfway: int  # agent steps of the policy whose gradients follow
    gradients: Gradients  # with soft contacts
    hard_zero: float  # share of exact zeros with hard ones
    exact: np.ndarray  # [S, G] scores of complete exact games


def measure_runs(say: Say, sizes: Sizes) -> Measured:
    """Trains three algorithms and examines what backpropagation has learnt."""
    seeds = jnp.arange(sizes.seeds)
    # One batch more, with hard contacts.
    temperatures = jnp.array([SmoothPong().temperature] * sizes.batches + [0.0])
    keys = jax.random.split(jax.random.key(4), len(temperatures))
    last_key = jax.random.key(5)

    say("compiling five programs (1 of 3)")
    sample = partial(sample_gradients, speed, sizes.horizons, sizes.games, DEVIATION)
    match = partial(play_with, EXACT, as_button, sizes.matches)
    programs = compiled(
        {name: (run, seeds) for name, run in training(sizes).items()}
        | {
            "gradients": (sample, policy_shapes(), temperatures, keys),
            "exact": (match, policy_shapes(sizes.seeds), last_key),
        }
    )
    say("training with backpropagation, REINFORCE and actor-critic (2 of 3)")
    trained: dict[str, Trained] = side_by_side(
        {name: partial(programs[name], seeds) for name in training(sizes)}
    )
    curves = {name: np.asarray(run.returns) for name, run in trained.items()}

    say("gradients over horizons, and games of the exact Pong (3 of 3)")
    params = trained[BACKPROPAGATION].params
    first = halfway(curves[BACKPROPAGATION][0])
    policy = jax.tree.map(lambda leaf: leaf[0, first], params)
    policies = jax.tree.map(lambda leaf: leaf[:, -1], params)
    done = side_by_side(
        {
            "gradients": partial(programs["gradients"], policy, temperatures, keys),
            "exact": partial(programs["exact"], policies, last_key),
        }
    )
    gradients: Gradients = jax.device_get(done["gradients"])
    games: Games = done["exact"]
    return Measured(
        curves=curves,
        halfway=(first + 1) * STRETCH,
        gradients=jax.tree.map(lambda leaf: leaf[:-1], gradients),
        hard_zero=float(gradients.zero[-1]),
        exact=np.asarray(games.score).reshape(sizes.seeds, sizes.matches),
    )


def training(sizes: Sizes) -> dict[str, Callable[[Array], Trained]]:
    """The three algorithms, from seeds `[S]` to their runs."""
    buttons = SmoothPong(actions="buttons")
    budget = float(sizes.stretches * STRETCH)
    algorithms: dict[str, Any] = {
        BACKPROPAGATION: ANALYTIC,
        "REINFORCE": REINFORCE(env=buttons, budget=budget),
        "actor-critic": ActorCritic(env=buttons, budget=budget),
    }

    return {
        name: partial(
            train,
            algorithm,
            stretches=sizes.stretches,
            iterations=STRETCH // algorithm.steps_per_iteration,
        )
        for name, algorithm in algorithms.items()
    }


def refusals() -> pd.DataFrame:
    """What asking for the derivative of the exact game's reward is answered."""
    state = EXACT.reset(jax.random.key(0))[1]

    def reward(action: Array) -> Array:
        return EXACT.step(jax.random.key(0), state, action)[2]

    asked = {
        "the exact game, by an action 0, 1 or 2": jnp.int32(1),
        "the exact game, by an action 1.0": jnp.float32(1.0),
    }
    rows = []
    for what, action in asked.items():
        try:
            jax.grad(reward)(action)
            answer, refused = "a number", False
        except (TypeError, InputError) as error:
            first = str(error).split(". ")[0]
            answer, refused = f"`{type(error).__name__}`: {first}", True
        rows.append({"derivative_of": what, "answer": answer, "refused": refused})
    return pd.DataFrame(rows)


SCORES = (-0.5, 0.0)  # mean returns of a point whose agent steps are counted
SHORT = 16  # agent steps: a horizon that ends before most rallies are decided
SCORE_FUNCTION = "score function"
CRITICAL = 4.0  # standard errors


def conclude(measured: Measured, refusals: pd.DataFrame, sizes: Sizes) -> Finding:
    """All numbers and tables, and what was expected of them."""
    horizons = horizon_table(measured, sizes)
    exact = measured.exact.mean(1)
    middle, low, high = estimate(exact)
    numbers = {
        "seeds": sizes.seeds,
        "matches": sizes.matches,
        "games": sizes.games,
        "batches": sizes.batches,
        "steps": sizes.stretches * STRETCH,
        "halfway": measured.halfway,
        "deviation": DEVIATION,
        "refused": float(refusals.refused.mean()),
        "hard_zero": measured.hard_zero,
        "soft_zero": float(np.mean(measured.gradients.zero)),
        "exact": float(middle),
        "exact_low": float(low),
        "exact_high": float(high),
        "random_play": RANDOM_PLAY,
        **reached(measured),
        **horizon_numbers(horizons, sizes),
    }
    return Finding(
        numbers=numbers,
        tables={
            "refusals": refusals.drop(columns="refused"),
            "curves": curve_table(measured),
            "speed": speed_table(measured),
            "horizons": horizons,
            "variances": variances_shown(horizons),
            "exact": pd.DataFrame({"seed": np.arange(sizes.seeds), "score": exact}),
        },
        expectations=expectations(numbers, sizes),
    )


def curve_table(measured: Measured) -> pd.DataFrame:
    """A row per algorithm, seed and point of the curve."""
    return pd.concat(
        [
            pd.DataFrame(
                {
                    "algorithm": name,
                    "seed": seed,
                    "agent_steps": STRETCH * np.arange(1, len(run) + 1),
                    "mean_return": run.astype(float).round(4),
                }
            )
            for name, curves in measured.curves.items()
            for seed, run in enumerate(curves)
        ],
        ignore_index=True,
    )


def steps_of(curves: np.ndarray, score: float) -> tuple[float, int]:
    """Median agent steps of `[S, K]` curves to a score, and how many get there.

    The median counts seeds that do not as slower than all; NaN where it is one of them.
    """
    steps = steps_to_reach(STRETCH * np.arange(1, curves.shape[1] + 1), curves, score)
    middle = float(np.median(np.where(np.isnan(steps), np.inf, steps)))
    return middle if np.isfinite(middle) else np.nan, int(np.sum(~np.isnan(steps)))


def speed_table(measured: Measured) -> pd.DataFrame:
    """A row per algorithm: agent steps to each score, and the last mean return."""
    rows = []
    for name, curves in measured.curves.items():
        row: dict[str, object] = {"algorithm": name}
        for score in SCORES:
            steps, count = steps_of(curves, score)
            known = "-" if np.isnan(steps) else f"{steps:,.0f}"
            row[f"steps to {score:g}"] = f"{known} ({count} of {len(curves)})"
        row["return at the end"] = f"{interquartile_mean(curves[:, -1]):+.2f}"
        rows.append(row)
    return pd.DataFrame(rows)


def reached(measured: Measured) -> dict[str, float]:
    """The median agent steps to each score by name, and the last mean return."""
    names = {"backpropagation": "bp", "REINFORCE": "reinforce", "actor-critic": "a2c"}
    numbers = {}
    for name, curves in measured.curves.items():
        first, second = (steps_of(curves, score)[0] for score in SCORES)
        numbers[f"first_{names[name]}"] = first
        numbers[f"parity_{names[name]}"] = second
        numbers[f"last_{names[name]}"] = float(interquartile_mean(curves[:, -1]))
    return numbers


def horizon_table(measured: Measured, sizes: Sizes) -> pd.DataFrame:
    """A row per estimator and horizon: variance, length, direction, each with its ends.

    The long-horizon gradient is the score function's, from the first half of the
    batches; what is compared with it comes from the second half.
    """
    generator = np.random.default_rng(0)
    half = sizes.batches // 2
    gradients = {
        BACKPROPAGATION: measured.gradients.backpropagation,
        SCORE_FUNCTION: measured.gradients.score_function,
    }
    reference = np.mean(gradients[SCORE_FUNCTION][:half, -1], axis=0)
    tables = []
    for name, rows in gradients.items():
        estimates = {
            "variance": total_variance(rows, generator),
            "along": component(rows[half:], reference),
            "cosine": cosine_of_each(rows[half:], reference),
        }
        columns: dict[str, object] = {
            "estimator": name,
            "horizon": sizes.horizons,
            "norm": norms(rows),
        }
        for what, found in estimates.items():
            scale = sizes.games if what == "variance" else 1  # of a single game
            columns[what] = scale * found.value
            columns[f"{what}_low"] = scale * found.low
            columns[f"{what}_high"] = scale * found.high
        tables.append(pd.DataFrame(columns))
    return pd.concat(tables, ignore_index=True)


def norms(rows: ArrayLike) -> np.ndarray:
    """Lengths of the mean gradients `[H]` of rows `[B, H, P]`, less what noise adds.

    NaN where noise is longer than they are.
    """
    rows = np.asarray(rows, float)
    noise = rows.var(0, ddof=1).sum(-1) / len(rows)
    squares = np.square(rows.mean(0)).sum(-1) - noise
    return np.sqrt(np.where(squares > 0, squares, np.nan))


def variances_shown(horizons: pd.DataFrame) -> pd.DataFrame:
    """The variances for the page, a row per horizon."""
    wide = horizons.pivot(index="horizon", columns="estimator", values="variance")
    return pd.DataFrame(
        {
            "horizon, agent steps": wide.index,
            "variance, backpropagation": [f"{v:.3g}" for v in wide[BACKPROPAGATION]],
            "variance, score function": [f"{v:.3g}" for v in wide[SCORE_FUNCTION]],
        }
    )


def horizon_numbers(horizons: pd.DataFrame, sizes: Sizes) -> dict[str, float]:
    """The numbers that the text and the expectations use."""
    by_estimator = {
        name: horizons[horizons.estimator == name].set_index("horizon")
        for name in (BACKPROPAGATION, SCORE_FUNCTION)
    }
    back, score = by_estimator[BACKPROPAGATION], by_estimator[SCORE_FUNCTION]
    longest = sizes.horizons[-1]
    short = max(h for h in sizes.horizons if h <= SHORT)
    error = np.hypot(back.along_high - back.along, score.along_high - score.along)
    apart = 1.96 * np.abs(back.along - score.along) / np.where(error > 0, error, 1.0)
    best = int(back.cosine.idxmax())
    noisier = back.index[back.variance > score.variance]
    return {
        "short": short,
        "longest": longest,
        "back_short": float(back.variance[short]),
        "back_long": float(back.variance[longest]),
        "growth": float(back.variance[longest] / back.variance[short]),
        "score_short": float(score.variance[short]),
        "score_long": float(score.variance[longest]),
        "score_growth": float(score.variance[longest] / score.variance[short]),
        "crossing": float(noisier[0]) if len(noisier) else np.nan,
        "apart": float(np.max(apart)),
        "along_short": float(back.along[short]),
        "along_long": float(score.along[longest]),
        "best": best,
        "cosine_best": float(back.cosine[best]),
        "cosine_short": float(back.cosine[short]),
        "cosine_long": float(back.cosine[longest]),
        "cosine_score": float(score.cosine[longest]),
    }


def expectations(n: dict[str, float], sizes: Sizes) -> dict[str, bool]:
    """What was expected before it was measured."""
    short, longest = n["short"], n["longest"]
    slower = {name: n[f"parity_{name}"] for name in ("reinforce", "a2c")}
    first = all(
        np.isnan(steps) or n["parity_bp"] < steps for steps in slower.values()
    ) and not np.isnan(n["parity_bp"])
    return {
        "JAX refuses to differentiate the exact game's reward by an action.": (
            n["refused"] == 1
        ),
        "With hard contacts the derivative is exactly zero for more than 99.9 % of the "
        "actions.": n["hard_zero"] > 0.999,
        "Backpropagation through the smooth game comes to a mean return of 0 in fewer "
        "agent steps than REINFORCE and actor-critic (medians).": first,
        f"At {short:.0f} agent steps the backpropagated gradient varies less than the "
        "score function's.": n["back_short"] < n["score_short"],
        "The variance of the backpropagated gradient grows faster than the horizon "
        f"(from {short:.0f} to {longest:.0f} agent steps).": (
            n["growth"] > longest / short
        ),
        f"At {longest:.0f} agent steps it varies more than the score function's.": (
            n["back_long"] > n["score_long"]
        ),
        "The two estimators have the same mean: along the long-horizon gradient they "
        f"are within {CRITICAL:.0f} standard errors at every horizon.": (
            n["apart"] < CRITICAL
        ),
        "Backpropagation's best direction, from the same number of games, has a "
        f"horizon shorter than {longest:.0f} agent steps.": n["best"] < longest,
        "In the exact Pong the policy plays better than at random (interval above "
        f"{n['random_play']:.1f}).": n["exact_low"] > n["random_play"],
        "It even beats the console's own player there (interval above 0).": (
            n["exact_low"] > 0
        ),
    }


HUES = {
    BACKPROPAGATION: COLORS["backpropagation"],
    "REINFORCE": COLORS["policy gradient"],
    "actor-critic": COLORS["policy gradient light"],
    SCORE_FUNCTION: COLORS["policy gradient"],
}


def draw(finding: Finding, folder: Path) -> list[Path]:
    """Two figures: learning with the exact game's scores, gradients over horizons."""
    return [*draw_learning(finding, folder), *draw_horizons(finding, folder)]


def draw_learning(finding: Finding, folder: Path) -> list[Path]:
    """Learning curves in the smooth game, and scores in the exact one."""
    n = finding.numbers
    curves = [
        learning_curve(name, rows)
        for name, rows in finding.tables["curves"].groupby("algorithm", sort=False)
    ]
    learning = Panel(
        "The smooth game, while learning",
        "thousand agent steps",
        "mean return of a point",
        curves,
        lines={"as many won as lost": 0.0},
    )
    scores = Rows(
        "The exact game",
        "score of a game to 21 points",
        {"policy learnt by backpropagation": finding.tables["exact"].score},
        {"policy learnt by backpropagation": COLORS["backpropagation"]},
        {"random play": n["random_play"], "level": 0.0},
    )
    return panels(
        folder / "learning",
        "Does backpropagation learn Pong where the game is smooth?",
        "Three ways to learn one game, and what the first plays in the real one",
        [learning, scores],
        f"{n['seeds']:.0f} seeds. Lines: interquartile mean over seeds; bands: its "
        "95 % bootstrap interval. Right: a dot per seed, the mean of "
        f"{n['matches']:.0f} complete games against the console; diamond and bar: "
        "interquartile mean and interval.",
    )


def learning_curve(name: object, rows: pd.DataFrame) -> Curve:
    """The interquartile mean over seeds, with its interval."""
    wide = rows.pivot(index="seed", columns="agent_steps", values="mean_return")
    return seeds_curve(str(name), wide.columns / 1000, wide, HUES[str(name)])


def draw_horizons(finding: Finding, folder: Path) -> list[Path]:
    """Noise, signal, bias and direction of both gradients over the horizon."""
    n, table = finding.numbers, finding.tables["horizons"]
    # Bars of the longest horizons may be long beyond all reading: they are cut.
    reach = 2 * float(table[table.estimator == SCORE_FUNCTION].along_high.max())
    parts = [
        Panel(
            "Noise: variance of one game's gradient",
            "horizon, agent steps",
            "total variance",
            horizon_curves(table, "variance", marker=""),
            x_log=True,
            y_log=True,
        ),
        Panel(
            "Signal: length of the mean gradient",
            "horizon, agent steps",
            "length, less what noise adds",
            horizon_curves(table, "norm", marker="o"),
            x_log=True,
            y_log=True,
        ),
        Panel(
            "Bias: mean along the long-horizon gradient",
            "horizon, agent steps",
            "component",
            horizon_curves(table, "along", marker="o"),
            x_log=True,
            lines={"nothing": 0.0},
            y_limits=(-reach, reach),
        ),
        Panel(
            f"Both: direction of one estimate, {n['games']:.0f} games",
            "horizon, agent steps",
            "cosine to the long-horizon one",
            horizon_curves(table, "cosine", marker="o"),
            x_log=True,
            lines={"no better than chance": 0.0},
        ),
    ]
    return panels(
        folder / "horizons",
        "How far ahead should one backpropagate?",
        "Two estimates of one gradient, from the same games of a policy with noise",
        parts,
        f"{n['batches'] * n['games']:,.0f} games of the policy that seed 0 has after "
        f"{n['halfway']:,.0f} agent steps, with Gaussian noise of deviation "
        f"{n['deviation']:g} on its speeds. Bands: 95 % bootstrap intervals; bars: "
        "1.96 standard errors, cut where they leave the panel; no point where noise "
        "hides a length. The long-horizon "
        f"gradient is the score function's for {n['longest']:.0f} agent steps, from "
        "games of its own.",
    )


def horizon_curves(table: pd.DataFrame, what: str, marker: str) -> list[Curve]:
    """One curve of a column for each estimator, with its ends where it has some."""
    return [
        table_curve(
            str(name), rows, "horizon", what, color=HUES[str(name)], marker=marker
        )
        for name, rows in table.groupby("estimator", sort=False)
    ]


def measure(say: Say, *, sizes: Sizes | None = None) -> Finding:
    """Curves of three algorithms, gradients over horizons, and complete exact games."""
    sizes = sizes or Sizes()
    return conclude(measure_runs(say, sizes), refusals(), sizes)


TEXT = r"""
**Question.** If the game itself could be differentiated, and we knew its rules,
would backpropagation be enough?

The exact Pong leaves nothing to differentiate: actions are whole numbers, and who
wins a point is decided by comparing whole numbers. This is the answer when the
derivative of the reward is asked for:

<<table:refusals>>

Would the same rules in floats help? With hard contacts the ball is returned or it
is not, and of the derivatives of a point's return with respect to the paddle's
speeds <<hard_zero:.1%>> were exactly zero. So `SmoothPong` makes the contacts soft
(and the stops between which the paddle moves): a ball that arrives $d$ pixels off
the middle of a paddle of half height $h$ is returned *to the degree*

$$p = \sigma\left(\frac{h - |d|}{\tau}\right), \qquad \tau = 2 \text{ pixels},$$

the rally goes on with weight $p$, and $1-p$ of it is paid as a lost point. The
return of a point is then the probability of winning it less that of losing it, a
differentiable function of every speed the paddle had.

**The mathematics.** With noise $\varepsilon_t$ on the policy's speeds, $a_t =
\mu_\theta(s_t) + \varepsilon_t$, one and the same gradient can be had in two ways:

$$\nabla_\theta\, \mathbb{E} \sum_{k<H} \gamma^k r_k
  = \mathbb{E} \sum_{t<H} c_t \,\frac{\partial \mu_\theta(s_t)}{\partial \theta},
  \qquad
  c_t = \frac{d}{da_t} \sum_{k \ge t} \gamma^k r_k
  \quad\text{or}\quad
  c_t = \frac{\varepsilon_t}{\sigma^2} \Big(\sum_{k \ge t} \gamma^k r_k - b_t\Big).$$

The first credit is backpropagation through the game: it asks what a little more
speed *would have* changed. The second is the score function (REINFORCE): it asks
whether the speed that *was* tried turned out well, and never looks into the game.
They differ in nothing else.

<<figure:learning|Learning curves in the smooth game, and scores in the exact one>>

<<table:speed>>

Agent steps to a mean return of −0.5 and of 0 while learning, medians over
<<seeds:d>> seeds (in brackets: how many got there within <<steps:,d>>). All have
the settings they come with, but for backpropagation's network, which is smaller
(two layers of 32 units instead of 64) so that many of its gradients can be taken
below. The two policy gradients choose among three buttons (stay, up, down);
backpropagation sets a speed, because it needs an action that can be varied a
little.

The policy learnt in the smooth game sees the same 13 numbers as in the exact Pong,
so it can play there, its speeds rounded to buttons. It scored <<exact:+.1f>> (95 %
interval <<exact_low:+.1f>> to <<exact_high:+.1f>>, <<seeds:d>> seeds) in complete
games; random play scores <<random_play:+.1f>>.

**How far ahead?** A derivative through $H$ agent steps is a product of $H$
Jacobians. Every contact turns pixels of offset into vertical speed, and the flight
after it turns that into more pixels, so that the product can grow with every hit.

<<figure:horizons|Noise, bias and direction of both gradients against the horizon>>

<<table:variances>>

From <<short:d>> to <<longest:d>> agent steps the variance of one game's gradient
changed by a factor of <<growth:,.0f>> for backpropagation and of
<<score_growth:,.1f>> for the score function. A short horizon does not see the
points that are decided later; that is its bias. What matters for learning is both
together: how well an estimate from <<games:d>> games points along the long-horizon
gradient. Backpropagation was best at a horizon of <<best:d>> agent steps (cosine
<<cosine_best:.2f>>; at <<longest:d>> agent steps <<cosine_long:.2f>>, where the
score function has <<cosine_score:.2f>>).

<<expectations>>

Where to read on: Freeman et al. (2021, Brax) train through a simulator; Xu et al.
(2022, SHAC) cut the horizon and let a critic stand for the rest; Metz et al. (2021)
and Suh et al. (2022) examine the noise of long products; Parmas et al. (2018) mix
the two estimators.
"""

smooth_pong = Claim(
    name="smooth_pong",
    title="Known, smooth dynamics: backpropagation through the game",
    measure=measure,
    draw=draw,
    text=TEXT,
)
