"""The claim on credit: rallies by hand, and a cheap measurement whole."""

import numpy as np
import pandas as pd
import pytest

from instruments import credit as claim
from instruments.credit import PONG, Played, chosen_rally
from pgvq.diagnostics.credit import Recording
from pgvq.study.page import filled
from pgvq.types import InputError, Transition

pytestmark = pytest.mark.studies


VX, LIVE = (PONG.feature_names.index(name) for name in ("ball_vx", "in_play"))


def played(hits, won, lost, length):
    """One environment in which these steps were hits, points won and points lost."""
    obs = np.zeros((length, 1, len(PONG.feature_names)), np.float32)
    obs[..., LIVE] = 1
    after = obs.copy()
    obs[hits, 0, VX], after[hits, 0, VX] = 1, -1
    reward = np.zeros((length, 1))
    reward[won], reward[lost] = 1, -1
    ended = reward != 0
    action = np.zeros((length, 1), np.int32)
    batch = Transition(obs, action, reward, after, ended, np.zeros_like(ended))
    weights = {"REINFORCE": np.arange(float(length))[:, None]}
    return Played(Recording(batch, ()), weights)


def test_the_hit_that_won_is_the_last_of_a_rally_that_was_won():
    game = played(hits=[2, 5, 12, 18], won=[8, 30], lost=[14], length=32)
    assert list(np.flatnonzero(game.events("hit"))) == [5, 18]
    assert list(np.flatnonzero(game.events("won"))) == [8, 30]
    assert list(np.flatnonzero(game.events("lost"))) == [14]


def test_windows_are_in_standard_deviations():
    game = played(hits=[5], won=[70], lost=[], length=71)
    rows = game.around("REINFORCE", "won")
    assert rows.shape == (1, 64)
    np.testing.assert_allclose(np.diff(rows[0]), 1 / np.arange(71.0).std())


def test_a_rally_is_shown_if_it_is_long_enough_and_its_hit_stands_in_the_middle():
    """The first is too short, the next has its hit too early, the third too late."""
    won = [20, 100, 180, 260, 340]
    game = played([10, 40, 177, 230, 310], won, lost=[], length=341)
    assert chosen_rally(game) == (260, 0)
    with pytest.raises(InputError, match="of 1 points won none"):
        chosen_rally(played(hits=[3], won=[20], lost=[], length=30))


def test_the_ratio_of_sizes_after_and_before_the_hit():
    steps = np.arange(-32, 13)
    rows = pd.DataFrame({"event": "hit", "method": "REINFORCE", "step": steps})
    rows["size"] = np.where(steps > 0, 1.0, 4.0)
    rows.loc[(steps < -16) | (steps > 8), "size"] = 100.0
    assert claim.after_to_before(rows, "REINFORCE") == pytest.approx(0.25)


def test_a_correlation_is_numpys():
    a, b = np.random.default_rng(0).normal(size=(2, 5, 9))
    wanted = [np.corrcoef(x, y)[0, 1] for x, y in zip(a, b, strict=True)]
    np.testing.assert_allclose(claim.correlation(a, b), wanted, atol=1e-12)


@pytest.mark.slow
def test_a_cheap_measurement(tmp_path):
    said = []
    found = claim.measure(
        said.append,
        actor_steps=150_000,
        q_steps=20_000,
        seeds=2,
        num_envs=16,
        length=300,
        moments=12,
        replays=16,
    )
    assert len(said) == 3
    won = found.tables["aligned"]
    won = won[(won.event == "won") & (won.method == "REINFORCE")]
    assert (won.weight.tail(8) > 0).all()
    rally = found.tables["rally"]
    assert rally.hit.any()
    for path in claim.draw(found, tmp_path):
        assert path.stat().st_size > 10_000
    text = filled(claim.credit, found, "pictures")
    assert "<<" not in text
