"""The learners of both families tuned for each of the classics, with equal effort.

    pgvq tune experiments/tune_classic.py                    all; Breakout takes longest
    pgvq tune experiments/tune_classic.py --only cartpole    one game

Each search starts from the configuration that `classic.py` has for all games, and its
results are in results/tuning/classic/. Then `pgvq run experiments/classic.py` has an
experiment more for each game, such as `--only cartpole_tuned`.
"""

from classic import GAMES  # the file beside this one
from pgvq.tuning import Tuning

# A convolution takes a CPU minutes per run: a smaller search, for its two learners.
IMAGES = {"trials": 8, "finalists": 2, "structures": 1, "round_size": 4}
VECTORS = {"trials": 16, "finalists": 4, "structures": 2}

tunings = [
    Tuning(
        name=name,
        title=f"{game.title}, each learner tuned with the same effort",
        learners=game.configured(),
        steps=2.5e5 if name == "breakout" else game.steps,
        seeds=range(1_000_000, 1_000_002),  # a result's seeds begin with 0
        final_seeds=range(1_001_000, 1_001_005),
        max_game_steps=5_000,
        **(IMAGES if name == "breakout" else VECTORS),
    )
    for name, game in GAMES.items()
]
