"""Records `tests/data/ale_pong.npz`: games of Pong as the Arcade Learning Environment
plays them, which the exactness tests replay. Needs the extra `atari`.

    python scripts/record_ale_pong.py

The file has, for each record, `NAME/action` [T], `NAME/reward` [T], `NAME/reset` [T]
and `NAME/change` [F, T] uint8, by how much each number of `fields` changed modulo 256
from act to act (that is what compresses). One act is `NAME/frame_skip` frames.
"""

import sys
from pathlib import Path

import ale_py
import numpy as np

ROOT = Path(__file__).resolve().parents[1]
sys.path.insert(0, str(ROOT))

from tests.helpers.ale_player import FIELDS, record  # noqa: E402

# policy: acts, frame skip. Long enough for whole games to 21, lost and won, and for
# one rally of more than 256 contacts, after which their counter starts again.
RECORDS = {
    "random": (4_000, 1),
    "sticky": (4_000, 1),
    "slam": (4_000, 1),
    "tracking": (6_000, 1),
    "patient": (9_000, 1),
    "winning": (11_000, 1),
    "human": (7_000, 1),
    "sticky-skip": (2_000, 4),
    "winning-skip": (2_500, 4),
    "random-skip": (1_200, 7),
}


def main() -> None:
    """Records all and says what is in it."""
    arrays = {"fields": np.array(FIELDS), "ale_py": np.array(ale_py.__version__)}
    for seed, (name, (acts, frame_skip)) in enumerate(RECORDS.items()):
        games = record(name.removesuffix("-skip"), acts, 100 + seed, frame_skip)
        change = np.diff(games.state, axis=0, prepend=np.zeros_like(games.state[:1]))
        arrays |= {
            f"{name}/action": games.action,
            f"{name}/reward": games.reward,
            f"{name}/reset": games.reset,
            f"{name}/change": change.T,
            f"{name}/frame_skip": np.array(frame_skip),
        }
        columns = [FIELDS.index("player_score"), FIELDS.index("enemy_score")]
        ends = np.append(np.flatnonzero(games.reset)[1:] - 1, acts - 1)
        most = games.state[:, FIELDS.index("hits")].max()
        scores = games.state[ends][:, columns].tolist()
        print(f"{name}: {acts} acts, scores {scores}, hits up to {most}")
    path = ROOT / "tests" / "data" / "ale_pong.npz"
    np.savez_compressed(path, **arrays)
    print(f"{path.relative_to(ROOT)}: {path.stat().st_size / 1000:.0f} kB")


if __name__ == "__main__":
    main()
