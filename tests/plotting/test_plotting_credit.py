"""Strips below a rally: what is drawn where, and what is refused."""

import numpy as np
import pytest
from PIL import Image

from pgvq.plotting import credit as plotting_credit
from pgvq.plotting.credit import Strip, credit_strips
from pgvq.types import InputError

STEPS = np.arange(-5, 1)
FRAMES = [np.full((210, 160, 3), 40 * i, np.uint8) for i in range(6)]
MOVES = [0, -1, 1, 0, 1, -1]
WEIGHTS = [0.1, -0.2, 0.4, np.nan, 0.0, -0.4]


def drawn(folder, **changes):
    given = {
        "frames": FRAMES,
        "steps": STEPS,
        "moves": MOVES,
        "strips": [Strip("REINFORCE", WEIGHTS), Strip("a critic", np.zeros(6), "none")],
        "events": {"the hit": -2},
        "pictures": 3,
        **changes,
    }
    return credit_strips(
        folder / "rally", "Who did it?", "Pong", caption="Words.", **given
    )


def test_the_file_is_written_and_the_same_again(tmp_path):
    [png] = drawn(tmp_path)
    with Image.open(png) as picture:
        assert min(picture.size) > 400
    assert png.name == "rally.png"
    assert png.read_bytes() == drawn(tmp_path)[0].read_bytes()


def test_every_strip_has_the_colours_of_its_own_scale(tmp_path, monkeypatch):
    """The largest weight is as orange in a strip of small ones as in one of large."""
    shown = []
    real = plotting_credit._draw_strip

    def spy(axes, steps, strip):
        real(axes, steps, strip)
        (image,) = axes.get_images()
        note = axes.texts[-1].get_text()
        shown.append((np.asarray(image.get_array())[0], image.get_clim(), note))

    monkeypatch.setattr(plotting_credit, "_draw_strip", spy)
    small = np.array(WEIGHTS) / 100
    drawn(tmp_path, strips=[Strip("large", WEIGHTS), Strip("small", small)])
    (large, limits, note), (_, fewer, _) = shown
    np.testing.assert_allclose(np.ma.filled(large, np.nan), WEIGHTS)
    assert limits == (-0.4, 0.4)
    assert fewer == pytest.approx((-0.004, 0.004))
    assert note == "±0.4"


def test_the_pictures_are_those_of_their_steps(tmp_path, monkeypatch):
    chosen = []

    def spy(figure, strip, frames, steps, shown):
        chosen.extend((int(steps[i]), int(frames[i][0, 0, 0])) for i in shown)

    monkeypatch.setattr(plotting_credit, "_draw_frames", spy)
    drawn(tmp_path)
    assert chosen == [(-5, 0), (-3, 80), (0, 200)]


@pytest.mark.parametrize(
    ("changes", "said"),
    [
        ({"frames": FRAMES[:2]}, "frames: 2 of them for 6 steps"),
        ({"moves": [0]}, "moves: 1 of them"),
        ({"strips": [Strip("short", [1.0])]}, "short: 1 of them"),
    ],
)
def test_numbers_that_differ_are_said(tmp_path, changes, said):
    with pytest.raises(InputError, match=said):
        drawn(tmp_path, **changes)
