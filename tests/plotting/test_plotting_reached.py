"""The share of seeds that are there for good: steps at the seeds' own times."""

import numpy as np
import pytest
from matplotlib.figure import Figure

from pgvq.plotting.reached import draw_reached, reached, shares_of
from pgvq.results.store import assemble
from pgvq.types import InputError
from tests.helpers.synthetic_results import description, evaluations, learning


def test_each_seed_is_a_step_at_its_own_time():
    """Pitfall 30: a seed that falls back is not there, and one never arrives."""
    steps = np.array([0, 10, 20, 30])
    scores = np.array([[-4, -2, 2, 4], [-4, 4, -4, 4], [1, 2, 3, 4], [4, 4, 4, -4]])
    where, shares = shares_of(steps, scores.astype(float), 0.0)
    np.testing.assert_allclose(where, [0, 0, 15, 25, 30])
    np.testing.assert_allclose(shares, [0, 0.25, 0.5, 0.75, 0.75])
    assert shares_of(steps, np.empty((0, 4)), 0.0)[0].size == 0


def test_a_line_per_variant_on_the_callers_axes():
    made = learning({"a2c": "ActorCritic", "dqn": "DQN"}, seeds=8)
    axes = Figure().add_subplot()
    assert draw_reached(axes, made, 0.0) is axes
    assert [line.get_label() for line in axes.lines] == ["a2c", "dqn"]
    for line in axes.lines:
        assert line.get_drawstyle() == "steps-post"
        assert np.all(np.diff(np.asarray(line.get_ydata())) >= 0)
    with pytest.raises(InputError, match="use greedy or explore"):
        draw_reached(axes, made, 0.0, "exploit")


def test_unfinished_seeds_are_left_out_and_said(tmp_path, monkeypatch):
    said = []
    text = Figure.text
    monkeypatch.setattr(
        Figure, "text", lambda *a, **k: said.append(str(a[3])) or text(*a, **k)
    )
    scores = np.array([[-20, 5, 9], [-20, 5, 9], [-20, 5, np.nan]])[..., None]
    table = {"dqn": {"evaluations": evaluations(scores)}}
    made = assemble(description({"dqn": "DQN"}), table)
    assert [path.name for path in reached(made, tmp_path)] == ["reached.png"]
    words = " ".join(" ".join(said).split())
    assert "Unfinished, left out: dqn 1 of 3." in words
    axes = draw_reached(Figure().add_subplot(), made, 0.0)
    assert np.asarray(axes.lines[0].get_ydata())[-1] == 1.0


def test_nothing_is_drawn_where_parity_is_not_known(tmp_path):
    made = learning({"dqn": "DQN"})
    made.description["score"] = {"label": "return", "parity": None}
    assert reached(made, tmp_path) == []
    assert reached(assemble(description({"dqn": "DQN"}), {}), tmp_path) == []
    assert not list(tmp_path.iterdir())
