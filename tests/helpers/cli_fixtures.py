"""One tiny experiment on Pong, whose programs are compiled once for all these tests.

`conftest.py` makes these fixtures known to every test.
"""

import os
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path

import jax
import pandas as pd
import pytest

from pgvq import DQN, Experiment, Pong
from pgvq.networks.torsos import MLP
from pgvq.results import store as results
from pgvq.results.store import Results
from pgvq.running import session
from pgvq.running.progress import Reporter
from pgvq.training.lanes import Lanes

TEXT = '''"""DQN at its smallest on games of one point."""

from pgvq import DQN, Experiment, Pong
from pgvq.networks.torsos import MLP

experiment = Experiment(
    name="tiny",
    algorithms=[
        DQN(
            env=Pong(episode="point", points_to_win=1),
            num_envs=4,
            rollout_length=8,
            warmup_steps=32,
            capacity=200,
            replay_ratio=2 / 32,
            batch_size=16,
            torso=MLP((8,)),
        )
    ],
    steps=224,
    seeds=2,
    evaluations=3,
    games=2,
)
'''
ITERATIONS = 6  # (224 - 32) / (4 * 8)
UNTIMED = "train_seconds"  # the only column that two equal runs do not share
ROOT = Path(__file__).parents[2]
_programs: dict[object, object] = {}


def dqn(**changes) -> DQN:
    """The algorithm of `TEXT`."""
    settings = {
        "env": Pong(episode="point", points_to_win=1),
        "num_envs": 4,
        "rollout_length": 8,
        "warmup_steps": 32,
        "capacity": 200,
        "replay_ratio": 2 / 32,
        "batch_size": 16,
        "torso": MLP((8,)),
    }
    return DQN(**(settings | changes))


def tiny(**changes) -> Experiment:
    """The experiment of `TEXT`."""
    settings = {
        "name": "tiny",
        "algorithms": [dqn()],
        "steps": 224,
        "seeds": 2,
        "evaluations": 3,
        "games": 2,
    }
    return Experiment(**(settings | changes))


@pytest.fixture
def compile_once(monkeypatch: pytest.MonkeyPatch) -> None:
    """Lanes of the same structure and number share their programs among tests."""
    compile_lanes = Lanes.compile

    def compile_or_share(lanes: Lanes) -> None:
        shapes = [(x.shape, x.dtype) for x in jax.tree.leaves(lanes._inputs)]
        structure = jax.tree.structure(lanes.lanes[0].algorithm)
        key = (structure, str(shapes), str(lanes._evaluate))
        if key in _programs:
            lanes._programs = _programs[key]
        compile_lanes(lanes)
        _programs[key] = lanes._programs

    monkeypatch.setattr(Lanes, "compile", compile_or_share)


@pytest.fixture
def often(monkeypatch: pytest.MonkeyPatch) -> None:
    """Comes back to the host, and saves, after every iteration."""
    monkeypatch.setattr(session, "CHUNK_SECONDS", 0.0)
    monkeypatch.setattr(session, "CHECKPOINT_SECONDS", 0.0)


@pytest.fixture(scope="session")
def finished(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A finished results folder, `results/tiny`, run by the command in its own process.

    Beside it lie the experiment's file and what the command printed.
    """
    root = tmp_path_factory.mktemp("finished")
    (root / "tiny.py").write_text(TEXT)
    done = command("run", "tiny.py", at=root)
    assert done.returncode == 0, done.stderr
    (root / "stdout.txt").write_text(done.stdout)
    return root / "results" / "tiny"


@pytest.fixture
def workplace(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[Path]:
    """An empty folder to work in, with the experiment's file."""
    monkeypatch.chdir(tmp_path)
    (tmp_path / "tiny.py").write_text(TEXT)
    yield tmp_path
    # Experiment files put their folders on the search path.
    sys.path[:] = [path for path in sys.path if path != str(tmp_path.resolve())]


def command(*arguments: str, at: Path) -> subprocess.CompletedProcess[str]:
    """`pgvq` in a process of its own."""
    return subprocess.run(
        [sys.executable, "-W", "error", "-m", "pgvq", *arguments],
        cwd=at,
        env=environment(),
        capture_output=True,
        text=True,
        timeout=120,
    )


def environment() -> dict[str, str]:
    """As that of the tests, with their compiled programs."""
    cache = jax.config._read("jax_compilation_cache_dir") or "off"
    return os.environ | {"PYTHONPATH": str(ROOT), "PGVQ_CACHE": cache, "COLUMNS": "80"}


def assert_equal(left: Results | Path, right: Results | Path) -> None:
    """Both tables agree bit for bit, in all but the time they took."""
    pair = [x if isinstance(x, Results) else results.load(x) for x in (left, right)]
    for table in ("evaluations", "training"):
        frames = [getattr(found, table).drop(columns=UNTIMED) for found in pair]
        pd.testing.assert_frame_equal(*frames, check_exact=True)


class Calls(Reporter):
    """Calls `on_advance(number)` after every chunk."""

    def __init__(self, on_advance) -> None:
        self.on_advance = on_advance
        self.chunks = 0
        self.batches = []

    def planned(self, experiment, done, batches) -> None:
        self.done = done
        self.batches = [[(lane.variant, lane.seed) for lane in b] for b in batches]

    def advanced(self, done_steps, lane_steps, seconds, compile_seconds) -> None:
        self.chunks += 1
        self.on_advance(self.chunks)
