"""The claim on action values: a cheap measurement whole, and what its words rest on."""

import numpy as np
import pandas as pd
import pytest

from instruments import q_values as claim
from pgvq.study.page import filled

pytestmark = pytest.mark.studies


def frame(name, ends):
    """Two points in training, of seeds that end with these over-estimations."""
    return pd.DataFrame(
        {
            "variant": name,
            "seed": np.repeat(np.arange(len(ends)), 2),
            "agent_steps": [0, 10] * len(ends),
            "over_estimation": np.stack([np.full(len(ends), 0.5), ends], 1).ravel(),
        }
    )


def test_what_is_said_of_the_end_is_of_the_last_point_alone():
    ends = [0.1, 0.15, 0.2, 0.25, 0.3]
    values = pd.concat([frame("DQN", ends), frame("PQN", [0.0] * 5)])
    found = claim.summary(values, "over_estimation")
    assert found["DQN"][0] == pytest.approx(0.2)
    assert 0.05 < found["DQN"][1] < 0.2 < found["DQN"][2] < 0.35
    # Equal runs say nothing about their spread.
    np.testing.assert_equal(found["PQN"], (0.0, np.nan, np.nan))


def test_a_curve_goes_along_training():
    values = frame("DQN", [0.1, 0.15, 0.2, 0.25, 0.3])
    got = claim.curve(values, "DQN", "over_estimation")
    np.testing.assert_allclose(got.x, [0.0, 0.01])
    np.testing.assert_allclose(got.y, [0.5, 0.2])
    assert np.asarray(got.low)[1] < 0.2 < np.asarray(got.high)[1]
    few = claim.curve(frame("DQN", [0.1, 0.2]), "DQN", "over_estimation")
    assert few.low is None


@pytest.mark.slow
def test_a_cheap_measurement(tmp_path):
    """Far from trained: the new values are about zero, and so they are too high."""
    said = []
    found = claim.measure(
        said.append, steps=12_000, small_steps=12_000, points=2, seeds=3, max_steps=128
    )
    assert len(said) == 7
    values, distances = found.tables["over_estimation"], found.tables["distance"]
    start = values[(values.variant == "PQN") & (values.agent_steps == 0)]
    assert (start.estimated.abs() < 0.05).all()
    assert (start.obtained < -0.3).all()
    assert set(distances.variant) == {"DQN", "double DQN", "PQN", "table"}
    table = distances[distances.variant == "table"].sort_values("agent_steps")
    assert table["mean"].iloc[-1] < table["mean"].iloc[0]
    for path in claim.draw(found, tmp_path):
        assert path.stat().st_size > 10_000
    text = filled(claim.q_values, found, "pictures")
    assert "<<" not in text
    assert "(not known)" not in text
