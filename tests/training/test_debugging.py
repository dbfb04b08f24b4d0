"""JAX's own switches as a debugging path: where a NaN is born, training uncompiled."""

import re
import subprocess
import sys
from pathlib import Path

import jax
import pytest

from pgvq import Experiment, InputError, make, run
from pgvq.algorithms import PPO
from pgvq.networks.torsos import MLP
from pgvq.training import debugging
from tests.helpers.cli_fixtures import environment

PAGE = Path(__file__).parents[2] / "docs" / "debugging.md"
PROGRAM = '''"""A loss with a fault."""

import jax.numpy as jnp

from pgvq import PPO, Experiment, make
from pgvq.networks.torsos import MLP


class Mine(PPO, kw_only=True):
    def loss(self, params, batch):
        loss, metrics = super().loss(params, batch)
        FAULT
        return loss, metrics


experiment = Experiment(
    name="mine",
    algorithms=[
        Mine(
            env=make("Catch-bsuite")[0],
            num_envs=4,
            rollout_length=8,
            num_minibatches=2,
            num_epochs=1,
            torso=MLP((4,)),
        )
    ],
    steps=64,
    seeds=1,
    evaluations=1,
    games=1,
)
'''


def small(seeds: int = 1) -> Experiment:
    algorithm = PPO(
        env=make("Catch-bsuite")[0],
        num_envs=2,
        rollout_length=4,
        num_minibatches=1,
        num_epochs=1,
        torso=MLP((4,)),
    )
    return Experiment(
        name="small", algorithms=[algorithm], steps=8, seeds=seeds, evaluations=1,
        games=1,
    )  # fmt: skip


@pytest.mark.slow
@pytest.mark.parametrize(
    "fault",
    [
        "loss = loss + jnp.sqrt(0.0 * loss)",  # NaN in the derivative alone
        "loss = loss * jnp.log(-1.0 - jnp.abs(loss))",
        "loss = loss + (loss - loss) / (loss - loss)",
    ],
)
@pytest.mark.parametrize("eager", [False, True])
def test_the_line_where_a_nan_is_born(fault, eager, tmp_path):
    (tmp_path / "mine.py").write_text(PROGRAM.replace("FAULT", fault))
    switches = {"JAX_DEBUG_NANS": "1"} | ({"JAX_DISABLE_JIT": "1"} if eager else {})
    done = subprocess.run(
        [sys.executable, "-m", "pgvq", "run", "mine.py"],
        cwd=tmp_path,
        env=environment() | switches,
        capture_output=True,
        text=True,
        timeout=400,
    )
    assert done.returncode == 2, done.stderr
    assert done.stderr.startswith("pgvq: error: a NaN was born in mine.py, line 12 (")
    assert fault in done.stderr
    assert done.stderr.count("\n") == 1


@pytest.mark.slow
def test_training_is_the_same_without_compilation():
    compiled = run(small(seeds=2))
    with jax.disable_jit():
        eager = run(small(seeds=2))
    columns = ["loss", "entropy", "episodes_per_iteration"]
    left, right = (found.training.iloc[-1][columns] for found in (compiled, eager))
    assert left.tolist() == pytest.approx(right.tolist(), rel=1e-4)


@pytest.mark.slow
def test_our_own_unknown_metrics_are_no_fault():
    with jax.debug_nans(True):
        found = run(small())
    assert found.training["episode_return"].isna().any()


def test_the_mode_of_64_bits_is_refused():
    with jax.enable_x64(True), pytest.raises(InputError, match="JAX_ENABLE_X64 is on"):
        run(small())
    debugging.check_precision()


def test_the_first_bad_iteration_is_found_by_bisection():
    asked = []

    class Progress:
        def __init__(self, count):
            asked.append(count)
            bad = jax.numpy.where(count >= 37, jax.numpy.nan, 0.0)
            self.state, self.count = [jax.numpy.stack([0.0, bad])], count

    number, before = debugging.first_bad(Progress, 1000, lane=1)
    assert (number, before.count) == (37, 36)
    assert len(asked) <= 10
    assert debugging.bad_lanes(Progress(37).state) == [1]
    assert debugging.bad_lanes(Progress(36).state) == []
    assert debugging.bad_lanes({}) == []


def test_lanes_one_after_the_other_are_lanes_together():
    def function(shared, one, two):
        return {"sum": shared + one + two}

    each = jax.numpy.arange(3.0), jax.numpy.ones(3)
    made = debugging.one_by_one(function, 1)(10.0, *each)
    assert made["sum"].tolist() == [11.0, 12.0, 13.0]


def test_the_program_on_the_page_runs(capsys):
    """The comparison of seeds alone and together, as the page has it."""
    (program,) = re.findall(r"```python\n(.+?)```", PAGE.read_text(), re.DOTALL)
    exec(compile(program, "debugging.md", "exec"), {})
    assert capsys.readouterr().out.count("largest difference of a weight") == 3
