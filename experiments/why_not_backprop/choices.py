"""What the claims on single choices share: how they are compiled, learning curves."""

from collections.abc import Callable, Mapping
from functools import partial
from typing import Any

import jax
import jax.numpy as jnp
import numpy as np
import pandas as pd
from jax import Array
from numpy.typing import ArrayLike

from pgvq.plotting.panels import Curve
from pgvq.types import Key

# At XLA's usual level, 3, some of these take four times as long to compile and run no
# faster: 17.7 s against 4.2 s of one core for the recurrent network's.
_OPTIONS = {"xla_backend_optimization_level": 1}

quick_jit = partial(jax.jit, compiler_options=_OPTIONS)

CRITICAL = 4.0  # standard errors: a mean within so many is taken to be exact
DOTS: dict[str, Any] = {"dashes": "", "marker": "o"}  # of a curve: points alone
BAND = "the line is the median of the seeds, the band holds the middle 80 %"


def seed_keys(seeds: int, claim: int) -> Key:
    """A key for each of S seeds, `[S]`, of the claim with that number."""
    keys = jax.vmap(partial(jax.random.fold_in, jax.random.key(claim)))
    return keys(jnp.arange(seeds))


def learnt_by_seed(
    one: Callable[[Key], dict[str, Array]], seeds: int, claim: int
) -> dict[str, np.ndarray]:
    """What `one` learns with the key of each of S seeds, `[S, ...]` by method."""
    return jax.device_get(quick_jit(jax.vmap(one))(seed_keys(seeds, claim)))


def with_errors(
    name: str, rows: pd.DataFrame, x: str, y: str = "mean", **look: Any
) -> Curve:
    """The columns x and y of a table, plus and minus two of its standard `error`s."""
    margin = 2 * rows.error
    return Curve(name, rows[x], rows[y], rows[y] - margin, rows[y] + margin, **look)


def learning_table(
    runs: Mapping[str, ArrayLike], steps: ArrayLike, digits: int = 5
) -> pd.DataFrame:
    """A row per method and step: `median`, `low` and `high` over the seeds.

    Args:
        runs: by method, `[S, K]` values of S seeds.
        steps: `[K]`, gradient steps before each value.
        digits: after the point.

    Low and high hold the middle 80 % of the seeds between them.
    """
    frames = []
    for method, values in runs.items():
        low, median, high = np.quantile(np.asarray(values), [0.1, 0.5, 0.9], axis=0)
        columns = {
            "method": method,
            "step": steps,
            "median": median,
            "low": low,
            "high": high,
        }
        frames.append(pd.DataFrame(columns))
    return pd.concat(frames, ignore_index=True).round(digits)


def learning_curves(
    table: pd.DataFrame, colors: Mapping[str, str], dashed: tuple[str, ...] = ()
) -> list[Curve]:
    """A curve with its band for each method of a `learning_table` that has a colour."""
    curves = []
    for method, color in colors.items():
        rows = table[table.method == method]
        curves.append(
            Curve(
                method,
                rows.step,
                rows["median"],
                rows.low,
                rows.high,
                color=color,
                dashes=(0, (4, 1.5)) if method in dashed else "-",
            )
        )
    return curves


def first_step(runs: ArrayLike, steps: ArrayLike, bar: float) -> float:
    """The step at which the median of `runs` `[S, K]` is first above `bar`; or NaN."""
    above = np.median(np.asarray(runs), axis=0) > bar
    return float(np.asarray(steps)[above.argmax()]) if above.any() else float("nan")
