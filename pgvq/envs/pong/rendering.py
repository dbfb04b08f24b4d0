"""Pictures of a game of Pong, to be watched: as on the screen, 210 x 160 pixels."""

from collections.abc import Iterable
from pathlib import Path

import numpy as np
from PIL import Image

from pgvq.envs.pong.state import PongState
from pgvq.storage.files import atomic

HEIGHT, WIDTH = 210, 160
FIELD_TOP, FIELD_BOTTOM = 34, 194  # rows; beyond them are the walls
WALL = BALL = (236, 236, 236)
FIELD = (144, 72, 17)
PLAYER = (92, 186, 92)
ENEMY = (213, 130, 74)
PLAYER_COLUMN, ENEMY_COLUMN, PADDLE_WIDTH, PADDLE_HEIGHT = 140, 16, 4, 16
# As the console draws them: left edges of tens and units, and the digits on a grid
# of 3 x 5 blocks of 4 pixels.
ENEMY_DIGITS, PLAYER_DIGITS, BLOCK = (20, 36), (100, 116), 4
DIGITS = (
    ("###", "# #", "# #", "# #", "###"),
    (" # ", " # ", " # ", " # ", " # "),
    ("###", "  #", "###", "#  ", "###"),
    ("###", "  #", " ##", "  #", "###"),
    ("# #", "# #", "###", "  #", "  #"),
    ("###", "#  ", "###", "  #", "###"),
    ("#  ", "#  ", "###", "# #", "###"),
    ("###", "  #", "  #", "  #", "  #"),
    ("###", "# #", "###", "# #", "###"),
    ("###", "# #", "###", "  #", "  #"),
)
FRAMES_PER_SECOND = 60


def render(state: PongState) -> np.ndarray:
    """The picture of one game, [210, 160, 3] uint8. The state has no leading axes."""
    court = {name: int(number) for name, number in state.court._asdict().items()}
    picture = np.zeros((HEIGHT, WIDTH, 3), np.uint8)
    picture[:] = FIELD
    picture[24:FIELD_TOP] = WALL
    picture[FIELD_BOTTOM:] = WALL
    picture[0, :8] = 0
    # A view of the field: what reaches beyond it is cut off, as on the screen.
    field = picture[FIELD_TOP:FIELD_BOTTOM]
    if court["y"] > 0 and court["x"] > 49:
        for column in (court["x"] - 49, court["x"] - 48):
            # On the right the beam is late: there an odd ball stands a row higher.
            late = court["y"] % 2 == 1 and column >= 130
            _fill(field, court["y"] - 14 - late, 4, column, 1, BALL)
    top = 2 * ((court["player"] + 1) // 2) - 14
    _fill(field, top, PADDLE_HEIGHT, PLAYER_COLUMN, PADDLE_WIDTH, PLAYER)
    _fill(field, court["enemy"] - 15, PADDLE_HEIGHT, ENEMY_COLUMN, PADDLE_WIDTH, ENEMY)
    _draw_score(picture, court["enemy_score"], ENEMY_DIGITS, ENEMY)
    _draw_score(picture, court["player_score"], PLAYER_DIGITS, PLAYER)
    return picture


def _fill(
    field: np.ndarray,
    row: int,
    height: int,
    column: int,
    width: int,
    colour: tuple[int, int, int],
) -> None:
    """A rectangle on the field, its row counted on the screen."""
    top, bottom = (max(r - FIELD_TOP, 0) for r in (row, row + height))
    field[top:bottom, max(column, 0) : column + width] = colour


def _draw_score(
    picture: np.ndarray,
    score: int,
    columns: tuple[int, int],
    colour: tuple[int, int, int],
) -> None:
    for left, digit in zip(columns, divmod(score, 10), strict=True):
        if left == columns[0] and digit == 0:
            continue  # no leading zero
        grid = np.array([[block == "#" for block in row] for row in DIGITS[digit]])
        blocks = np.kron(grid, np.ones((BLOCK, BLOCK), bool))
        picture[1 : 1 + 5 * BLOCK, left : left + 3 * BLOCK][blocks] = colour


def scale(pictures: np.ndarray, factor: int) -> np.ndarray:
    """Pictures [..., H, W, 3] with each pixel `factor` times as high and wide."""
    return pictures.repeat(factor, -3).repeat(factor, -2)


def write_gif(
    pictures: Iterable[np.ndarray], path: Path, frames_per_picture: int = 4
) -> None:
    """An animation that repeats, at about the game's own pace.

    Args:
        pictures: each [H, W, 3] uint8, at least one.
        path: the file; replaced if it stands.
        frames_per_picture: frames of the game from one picture to the next: 4 if
            there is one for each agent step at the usual frame skip.
    """
    palette = _palette()
    images = [
        Image.fromarray(picture).quantize(palette=palette, dither=Image.Dither.NONE)
        for picture in pictures
    ]
    # The format counts in hundredths of a second, and viewers slow down below two.
    hundredths = max(round(100 * frames_per_picture / FRAMES_PER_SECOND), 2)
    with atomic(path) as file:
        images[0].save(
            file,
            "GIF",
            save_all=True,
            append_images=images[1:],
            duration=10 * hundredths,
            loop=0,
            optimize=False,
        )


def _palette() -> Image.Image:
    """The game's own five colours, so that no picture is dithered."""
    colours = [(0, 0, 0), WALL, FIELD, PLAYER, ENEMY]
    palette = Image.new("P", (1, 1))
    palette.putpalette([channel for colour in colours for channel in colour])
    return palette
