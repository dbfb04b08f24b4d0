"""docs/extending.md: its programs are run as they stand, and they learn."""

import re
import sys
import tomllib
from pathlib import Path

import jax
import jax.numpy as jnp
import numpy as np
import pytest

from pgvq import load
from pgvq.algorithms.replay_learning import Row
from pgvq.cli import listing, main
from pgvq.cli.loading import load_experiment
from pgvq.cli.overrides import override
from pgvq.plugins import ALGORITHM_PLUGINS, ENVIRONMENT_PLUGINS, plugins
from pgvq.replay.samplers import Minibatch
from pgvq.rollout import play

pytestmark = pytest.mark.usefixtures("light_compilation")

ROOT = Path(__file__).parents[2]
TEXT = (ROOT / "docs" / "extending.md").read_text(encoding="utf-8")
PROGRAMS = {
    re.match(r"# (\w+\.py)\n", text)[1]: text
    for text in re.findall(r"```python\n(.*?)```", TEXT, re.DOTALL)
}
FEW = ["--seeds", "1", "--evaluations", "1", "--games", "20"]


@pytest.fixture
def workplace(tmp_path, monkeypatch):
    """A user's own folder with the document's files in it."""
    monkeypatch.chdir(tmp_path)
    for name, text in PROGRAMS.items():
        (tmp_path / name).write_text(text, encoding="utf-8")
    before = list(sys.path)
    yield tmp_path
    sys.path[:] = before
    sys.modules.pop("corridor", None)


def scores(folder):
    """Mean score by evaluation point, of greedy play."""
    games = load(folder).evaluations.query("mode == 'greedy'")
    return games.groupby("agent_steps")["score"].mean()


def test_a_whole_algorithm_fits_on_a_page():
    assert len(PROGRAMS["my_experiment.py"].splitlines()) <= 60


def test_it_needs_few_lines_of_imports():
    for name in ("my_experiment.py", "munchausen.py"):
        assert len(re.findall(r"^from pgvq", PROGRAMS[name], re.MULTILINE)) <= 4


def test_the_algorithm_learns(workplace, capsys):
    words = ["run", "my_experiment.py", *FEW, "--steps", "7e4"]
    assert main([*words, "--set", "AverageBaseline.decay=0.8"]) == 0
    assert "final scores" in capsys.readouterr().out
    assert (workplace / "results" / "mine" / "learning_curves.png").exists()
    before, after = scores("results/mine")
    assert before < 0  # uniform play catches one ball in five: -0.6
    assert after > 0.5
    training = load("results/mine").training
    assert not training["diverged"].any()
    assert training["baseline"].iloc[-1] > 0


def test_a_whole_algorithm_with_a_replay_fits_on_a_page():
    assert len(PROGRAMS["munchausen.py"].splitlines()) <= 60


def test_the_algorithm_with_a_replay_learns(workplace):
    """And its bonus is one: negative, and no lower than its bound allows."""
    (agent,) = load_experiment("munchausen.py").experiment.variants.values()
    agent = agent.replace(budget=2e4)

    @jax.jit
    def learn(key):
        def one(state, _):
            return agent.iterate(state)

        state, metrics = jax.lax.scan(one, agent.init(key), length=150)
        return state.agent_steps, metrics["episode_return"].value, metrics["bonus"]

    steps, returns, bonus = learn(jax.random.key(0))
    assert steps == agent.initial_steps + 150 * agent.steps_per_iteration
    assert np.nanmean(returns[:5]) < -0.2  # nearly uniform play
    assert np.nanmean(returns[-20:]) > 0.8
    assert ((bonus >= -0.9) & (bonus < 0)).all()


def test_munchausen_s_target_by_value(workplace):
    """Vieillard et al. 2020, eq. 2, on one row, with a policy that is nearly certain.

    Q(s, .) is (0, 0, 0.06): tau log pi(a_0|s) = -0.06 - tau log(1 + 2 exp(-2)).
    """
    (agent,) = load_experiment("munchausen.py").experiment.variants.values()
    example = jnp.zeros((10, 5))
    shapes = jax.eval_shape(agent.init_params, jax.random.key(0), example)
    zeros = jax.tree.map(lambda leaf: jnp.zeros(leaf.shape), shapes)

    # All weights are zero but the three biases of the last layer.
    q_values = jnp.array([0.0, 0.0, 0.06])
    target_params = jax.tree.map(
        lambda leaf: q_values if leaf.shape == (3,) else leaf, zeros
    )
    obs = example[None]
    row = Row(obs, jnp.array([0]), jnp.array([1.0]), obs, jnp.array([0.5]))
    batch = Minibatch(row, jnp.array([0]), jnp.array([1.0]))
    loss = jax.jit(agent.loss)
    _, (error, metrics) = loss(zeros, target_params, batch)
    soft = 0.06 + 0.03 * np.log1p(2 * np.exp(-2))
    np.testing.assert_allclose(metrics["bonus"], -0.9 * soft, rtol=1e-5)
    np.testing.assert_allclose(error, [1 - 0.9 * soft + 0.5 * soft], rtol=1e-5)
    # A policy that is certain of another action is held by the bound.
    sure = jax.tree.map(lambda leaf: 100 * leaf, target_params)
    _, (_, metrics) = loss(zeros, sure, batch)
    np.testing.assert_allclose(metrics["bonus"], -0.9, rtol=1e-6)


def test_the_environment_is_one(workplace):
    experiment = load_experiment("my_corridor.py").experiment
    settings = ["*.env.length=5", "*.env_params.max_steps_in_episode=9"]
    changed = override(experiment, settings).variants
    assert set(changed) == {"actor_critic", "dqn"}
    algorithm = changed["dqn"]

    def games(action):
        def act(obs, memory, key):
            return jnp.full(len(obs), action), memory

        key = jax.random.key(0)
        return play(algorithm.env, algorithm.env_params, act, key, 2, 1000)

    right, left = games(1), games(0)
    assert (right.score.tolist(), right.truncated.tolist()) == ([-5] * 2, [False] * 2)
    assert (left.score.tolist(), left.truncated.tolist()) == ([-9] * 2, [True] * 2)


@pytest.mark.slow
def test_the_environment_is_learnt_in(workplace):
    assert main(["run", "my_corridor.py", *FEW]) == 0
    games = load("results/corridor").evaluations.query("mode == 'greedy'")
    last = games[games.agent_steps >= 4e4]
    assert set(last.variant) == {"actor_critic", "dqn"}
    assert set(last.score) == {-6}  # the shortest way


def test_entry_points_are_written_as_they_are_read():
    """The document's groups are pgvq's, and its values are `module:Class`."""
    (text,) = re.findall(r"```toml\n(.*?)```", TEXT, re.DOTALL)
    points = tomllib.loads(text)["project"]["entry-points"]
    assert set(points) == {ALGORITHM_PLUGINS, ENVIRONMENT_PLUGINS}
    for group, entries in points.items():
        for name, value in entries.items():
            assert re.fullmatch(r"[\w.]+:\w+", value)
            assert name not in plugins(group)


@pytest.mark.parametrize("name", sorted(set(re.findall(r"`(pgvq[./][\w./]+)`", TEXT))))
def test_what_it_names_is_there(name):
    parts = name.split(".")
    found = __import__("pgvq") if "/" not in name else (ROOT / name).exists()
    for i, part in enumerate(parts[1:] if "/" not in name else [], 2):
        if not hasattr(found, part):
            __import__(".".join(parts[:i]))
        found = getattr(found, part)
    assert found


@pytest.fixture
def package(workplace, monkeypatch):
    """The document's package, installed: its files, its entry points, a broken one."""
    folder = workplace / "site"
    (folder / "my_package").mkdir(parents=True)
    (folder / "my_package" / "__init__.py").touch()
    algorithms = PROGRAMS["my_experiment.py"].partition("\nenv, _")[0]
    (folder / "my_package" / "algorithms.py").write_text(algorithms)
    (folder / "my_package" / "corridor.py").write_text(PROGRAMS["corridor.py"])
    info = folder / "my_package-3.1.dist-info"
    info.mkdir()
    metadata = "Metadata-Version: 2.1\nName: my-package\nVersion: 3.1\n"
    (info / "METADATA").write_text(metadata)
    (text,) = re.findall(r"```toml\n(.*?)```", TEXT, re.DOTALL)
    points = text.replace("project.entry-points.", "").replace('"', "")
    other = "\nbroken = my_package.nothing:Here\nnot_one = math:pi\n\n"
    points = points.replace("\n\n", other)
    taken = "algorithms]\ndqn = my_package.algorithms:AverageBaseline\n"
    points = points.replace("algorithms]\n", taken)
    (info / "entry_points.txt").write_text(points)
    monkeypatch.syspath_prepend(folder)
    yield workplace
    for name in [name for name in sys.modules if name.startswith("my_package")]:
        del sys.modules[name]


def said(capsys, *words):
    """Status and all that a command prints."""
    capsys.readouterr()
    status = main(words)
    out, err = capsys.readouterr()
    return status, out + err


def test_list_shows_what_packages_offer_without_importing_it(
    package, capsys, monkeypatch
):
    monkeypatch.setattr(listing.envs, "discrete_environments", list)  # seconds
    status, out = said(capsys, "list")
    assert status == 0
    rows = {line.split()[0]: line for line in out.splitlines() if line.strip()}
    for name in ("average_baseline", "broken", "Corridor-v0"):
        assert "my-package" in rows[name]
    assert "my_package.algorithms:AverageBaseline" in rows["average_baseline"]
    assert "my-package" not in rows["dqn"]  # a name of pgvq's own stays its own
    assert "my_package" not in sys.modules
    for summary in ("Synchronous advantage actor-critic.", "Monte Carlo policy"):
        assert summary in out


def test_list_describes_one_of_a_package(package, capsys):
    status, out = said(capsys, "list", "average_baseline")
    assert status == 0
    assert "average_baseline - AverageBaseline, policy gradient" in out
    assert "share of the old baseline" in out
    assert "Every step costs 1" in said(capsys, "list", "Corridor-v0")[1]
    assert "DQN, Q-learning" in said(capsys, "list", "dqn")[1]
    status, out = said(capsys, "list", "average_baselin")
    assert status == 2
    assert "did you mean average_baseline" in out
    assert (
        "package my-package 3.1 cannot be loaded" in said(capsys, "list", "broken")[1]
    )
    assert "is no algorithm" in said(capsys, "list", "not_one")[1]


def test_a_package_s_names_hold_in_experiments_and_settings(package):
    (package / "theirs.py").write_text(
        "from pgvq import Experiment, make, sweep\n"
        "from my_package.algorithms import AverageBaseline\n"
        "env, _ = make('Corridor-v0', length=3)\n"
        "agent = AverageBaseline(env=env)\n"
        "both = [agent, sweep(agent, decay=[0.1, 0.2])]\n"
        "experiment = Experiment(name='theirs', algorithms=both, steps=1e5)\n"
    )
    experiment = load_experiment("theirs.py").experiment
    names = ["average_baseline", "average_baseline decay=0.1"]
    names.append("average_baseline decay=0.2")
    assert list(experiment.variants) == names
    one = override(experiment, ["average_baseline.decay=0.7"]).variants
    assert [a.decay for a in one.values()] == [0.7, 0.1, 0.2]
    alone = experiment.replace(algorithms={"a": experiment.variants[names[0]]})
    for target in ("average_baseline", "AverageBaseline", "a", "*"):
        changed = override(alone, [f"{target}.env.length=6"]).variants["a"]
        assert changed.env.length == 6


def test_the_study_becomes_a_page(workplace, capsys):
    assert main(["run", "my_study.py"]) == 0
    assert "confirmed: Four times the tosses halve the error." in " ".join(
        capsys.readouterr().out.split()
    )
    page = Path("docs/my_study.md").read_text(encoding="utf-8")
    assert "to the power of −0.5" in page
    assert "- Confirmed: Four times" in page
    assert Path("results/my_study/coins/errors.png").is_file()
    assert main(["plot", "my_study.py"]) == 0
