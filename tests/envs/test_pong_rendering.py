"""The picture shows what the state says."""

import jax.numpy as jnp
import numpy as np
import pytest
from PIL import Image

from pgvq.envs import PongState
from pgvq.envs.pong.rendering import (
    BALL,
    ENEMY,
    FIELD,
    PLAYER,
    WALL,
    render,
    scale,
    write_gif,
)
from pgvq.envs.pong.state import pack
from tests.helpers.ale_replay import court


def picture(**numbers: int) -> np.ndarray:
    return render(PongState(time=jnp.int32(0), words=pack(court(**numbers))))


def test_ball_and_paddles_stand_where_the_state_says():
    image = picture(x=100, y=120, player=101, enemy=90)
    assert image.shape == (210, 160, 3)
    assert image.dtype == np.uint8
    for colour, rows, columns in [
        (BALL, (106, 109), (51, 52)),
        (PLAYER, (88, 103), (140, 143)),
        (ENEMY, (75, 90), (16, 19)),
    ]:
        at = np.argwhere((image[34:194] == colour).all(-1))
        at[:, 0] += 34
        assert tuple(at.min(0)) == (rows[0], columns[0])
        assert tuple(at.max(0)) == (rows[1], columns[1])
    assert (image[24:34] == WALL).all()
    assert (image[194:] == WALL).all()
    assert (image[50, 80] == FIELD).all()


def test_no_ball_is_drawn_before_the_serve():
    assert not (picture(y=0, timer=30)[34:194] == BALL).all(-1).any()


def test_paddles_are_cut_at_the_walls():
    image = picture(player=38, enemy=208)
    assert (image[24:34] == WALL).all()
    assert (image[194:] == WALL).all()
    assert (image[34:194] == PLAYER).all(-1).any()


@pytest.mark.parametrize(("score", "tens"), [(7, False), (20, True)])
def test_scores_stand_above(score, tens):
    image = picture(enemy_score=score, player_score=score)
    assert (image[1:21, 36:48] == ENEMY).all(-1).any()
    assert (image[1:21, 116:128] == PLAYER).all(-1).any()
    assert (image[1:21, 100:112] == PLAYER).all(-1).any() == tens


def test_an_animation_keeps_the_colours(tmp_path):
    pictures = [scale(picture(x=100 + 5 * i), 2) for i in range(5)]
    path = tmp_path / "rally.gif"
    write_gif(pictures, path)
    with Image.open(path) as image:
        assert image.n_frames == 5
        assert image.size == (320, 420)
        assert image.info["duration"] == 70  # ms: four frames of a sixtieth
        image.seek(3)
        np.testing.assert_array_equal(np.asarray(image.convert("RGB")), pictures[3])
