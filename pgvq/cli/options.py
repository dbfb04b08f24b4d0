"""The options of each command, and what `--help` says of it."""

import dataclasses
from typing import Annotated, Literal

from tyro.conf import Positional, UseAppendAction, arg

RUN = """Train what an experiment lacks, then print its table and draw its figures.

The results folder is continued: runs that it holds are not trained again, runs
that were stopped (Ctrl-C, kill, power) resume from their last checkpoint.

Examples:

    pgvq run experiments/pong.py
    pgvq run experiments/pong.py --seeds 30      (only the seeds that are missing)
    pgvq run experiments/pong.py --seeds 100:110 (seeds 100 to 109, kept beside others)
    pgvq run experiments/pong.py --seeds auto    (stops when it knows who is better)
    pgvq run experiments/pong.py --steps 2e6 --out results/longer
    pgvq run experiments/pong.py --set dqn.learning_rate=3e-4 --out results/slower
    pgvq run experiments/pong.py --set dqn.torso.features=128,128
      --set '*.env.repeat_action_probability=0' --out results/not_sticky

A file may define a study instead, claims that are measured and become a page:

    pgvq run experiments/why_not_backprop
    pgvq run experiments/why_not_backprop --claim 2
"""

PLOT = """Draw all figures and write summary.csv, from results folders alone.

Several folders are drawn together, one's own run beside the committed ones; a variant
that several of them have gets its folder's name. They must play the same game; where
budgets differ, the caption says so, for a curve belongs to its budget. Of a study's
file, its figures and its page are drawn, from what has been measured.

Examples:

    pgvq plot results/pong
    pgvq plot results/pong results/my_pong --out figures
    pgvq plot results/pong --out figures --variants dqn,reinforce
      --labels 'dqn=Double DQN' --title 'Value or policy?'
    pgvq plot results/pong --out figures --metric loss --log y --x updates
    pgvq plot results/pong --out figures --size column --font serif --format pdf
    pgvq plot experiments/why_not_backprop
"""

LIST = """Algorithms and environments; of one of them, its fields and what they mean.

Those that other installed packages offer are shown with the package's name.

Examples:

    pgvq list
    pgvq list dqn
    pgvq list pong
"""

NEW = """Begin an algorithm of your own: a commented file that trains without changes.

    policy_gradient    a policy climbs its expected return; you write `loss`
    q_learning         regression on action values; you write `update`
    replay             Q-learning from a replay buffer; you write `learn`
    bare               no family: you write `init`, `iterate` and `act`

Examples:

    pgvq new my_algorithm.py
    pgvq new sarsa.py --family q_learning
"""

DOCTOR = """Examine an algorithm or an environment: does it keep the contract?

An algorithm learns small decision processes whose answers are known; half a minute on
two cores. An environment is played at random; some seconds. Exit status 0 if nothing
fails, 1 if something does, 2 if it cannot be loaded.

Examples:

    pgvq doctor my_algorithm.py:MyAlgorithm
    pgvq doctor my_algorithm.py:MyAlgorithm --check seeds --check 'float fields'
    pgvq doctor my_package.algorithms:MyAlgorithm --env CartPole-v1
    pgvq doctor dqn
    pgvq doctor my_env.py:MyEnv
    pgvq doctor CartPole-v1
"""

TUNE = """Search the configurations of several learners, with equal effort for each.

Every learner gets the same number of trials, seeds and agent steps; a ledger has a row
for every run, and the equality is asserted from it. The file defines a tuning:

    from pgvq import DQN, PPO
    from pgvq.tuning import Tuning

    tuning = Tuning(name="mine", learners=[PPO(), DQN()], steps=1e6, trials=32)

What is searched is declared on the learners' fields (`pgvq list ppo` shows it), and may
be changed by Tuning(search=...). The folder is continued, also after Ctrl-C or kill.
Optuna proposes the trials where it is installed (`pip install 'pgvq[tune]'`); without
it they are spread evenly.

Examples:

    pgvq tune experiments/tune_pong.py
    pgvq tune experiments/tune_pong.py --only ppo       (the others later)
    pgvq tune experiments/tune_pong.py --trials 8 --steps 2e5 --out results/tuning/quick
    pgvq plot results/tuning/tune_pong                  (figures, and what was chosen)
"""

WATCH = """Let a trained agent play a game of Pong and write it as a GIF.

The agent is the one of the newest checkpoint. To make it again, this executes the
experiment file that the results folder keeps. For a folder that was not made by you on
this machine it asks first: look at "source" in its experiment.json, then add --trust,
or give a file of your own by --experiment, so that nothing of the folder is executed.
(`pgvq plot` never executes anything.)

Examples:

    pgvq watch results/pong
    pgvq watch downloaded --experiment experiments/pong.py
    pgvq watch results/pong --algorithm dqn --seed 3 --out rally.gif
"""

MERGE = """Put results folders of one experiment, made on several machines, into one.

Each machine trains seeds of its own; the merged folder holds all of them, and can be
drawn and continued like any other. The folders must be of the same experiment (budget,
evaluation, algorithms, your own code), and are left as they are. Runs that are not at
the end of their budget are left out, and checkpoints are not copied.

Examples:

    pgvq run experiments/pong.py --seeds 0:5  --out results/a     (on one machine)
    pgvq run experiments/pong.py --seeds 5:10 --out results/b     (on another one)
    pgvq merge results/a results/b --out results/all
    pgvq run experiments/pong.py --seeds 20 --out results/all     (ten more)
"""


@dataclasses.dataclass
class Run:
    """Train what an experiment lacks, then print its table and draw its figures."""

    file: Positional[Annotated[str, arg(metavar="FILE")]]
    """Python file that defines `experiment`, or a list `experiments`; `pong` means
    experiments/pong.py."""
    seeds: Annotated[str | None, arg(metavar="SEEDS")] = None
    """Runs per algorithm: 8 (seeds 0 to 7), 100:110 (seeds 100 to 109), 3,7,11, or
    0:5,100:105. Only those that are missing are trained; others are kept. auto: as
    many as it takes to tell every two algorithms apart, five at a time."""
    most_seeds: Annotated[int | None, arg(metavar="N")] = None
    """With --seeds auto: at most N seeds of each algorithm; 30 by default."""
    steps: Annotated[float | None, arg(metavar="STEPS")] = None
    """Budget of each run in agent steps, such as 2e6."""
    settings: Annotated[
        UseAppendAction[tuple[str, ...]],
        arg(name="set", metavar="TARGET.FIELD=VALUE"),
    ] = ()
    """Change a field of an algorithm (`dqn`), of one variant, or of all that have it
    (`*`); may be given several times. `pgvq list dqn` shows the fields."""
    out: Annotated[str | None, arg(metavar="FOLDER")] = None
    """Results folder; by default results/ and the experiment's name."""
    only: Annotated[str | None, arg(metavar="NAME")] = None
    """Of a file that defines several experiments, the one of this name."""
    claim: Annotated[UseAppendAction[tuple[str, ...]], arg(metavar="NUMBER")] = ()
    """Of a study, only the claim of this number or name; may be given several times."""
    fresh: Annotated[bool, arg(constructor=bool)] = False
    """Delete the results folder first."""
    evaluations: Annotated[int | None, arg(metavar="N")] = None
    """Evaluation points, after the one before learning."""
    games: Annotated[int | None, arg(metavar="N")] = None
    """Complete games per seed, evaluation point and mode."""
    no_cache: bool = False
    """Compile everything anew, and keep nothing of it."""


@dataclasses.dataclass
class Plot:
    """Draw all figures and write summary.csv, from results folders alone."""

    folders: Positional[Annotated[tuple[str, ...], arg(metavar="FOLDER")]]
    """Results folders, such as results/pong, or the file of a study."""
    out: Annotated[str | None, arg(metavar="FOLDER")] = None
    """Where the figures go; by default, of one results folder, into it."""
    variants: Annotated[UseAppendAction[tuple[str, ...]], arg(metavar="NAMES")] = ()
    """Only these, with commas; may be given several times. Colours stay the same."""
    order: Annotated[UseAppendAction[tuple[str, ...]], arg(metavar="NAMES")] = ()
    """These first, the others as they are; `score` puts the highest first."""
    labels: Annotated[UseAppendAction[tuple[str, ...]], arg(metavar="NAME=LABEL")] = ()
    """What a variant is called; may be given several times."""
    title: Annotated[str | None, arg(metavar="TEXT")] = None
    """Above every figure, instead of the question that it answers; '' for none."""
    mode: Literal["greedy", "explore"] | None = None
    """Greedy play, or play with exploration; both by default."""
    x: Literal["agent_steps", "updates", "seconds"] | None = None
    """The curves' x-axis: agent steps, gradient updates or seconds of training; by
    default panels against agent steps and seconds."""
    log: Literal["x", "y", "xy"] | None = None
    """Logarithmic axes of the curves; y is that of the metrics, if there are any."""
    metric: Annotated[UseAppendAction[tuple[str, ...]], arg(metavar="NAME")] = ()
    """Draw a training metric too, such as loss; may be given several times."""
    size: Annotated[str | None, arg(metavar="SIZE")] = None
    """Inches, such as 7x4; or `column` or `page` of a paper, which leave the headings
    and the caption to its text."""
    font: Annotated[str | None, arg(metavar="FONT")] = None
    """A family, a size in points, or both, such as 'serif 8'."""
    format: Annotated[str, arg(metavar="ENDINGS")] = "png"
    """Of png, pdf and svg, with commas. A PDF has its fonts in it."""
    no_caption: bool = False
    """Leave headings and caption out of the figures; a text file beside has them."""


@dataclasses.dataclass
class List:
    """Algorithms and environments; of one of them, its fields and what they mean."""

    name: Positional[Annotated[str | None, arg(metavar="NAME")]] = None
    """Only this algorithm or environment, with everything about it."""


@dataclasses.dataclass
class New:
    """Begin an algorithm of your own: a commented file that trains without changes."""

    file: Positional[Annotated[str, arg(metavar="FILE.py")]]
    """Where to; my_algorithm.py holds a class MyAlgorithm."""
    family: Annotated[str, arg(metavar="FAMILY")] = "policy_gradient"
    """policy_gradient, q_learning, replay or bare."""
    force: Annotated[bool, arg(constructor=bool)] = False
    """Replace a file that is there."""


@dataclasses.dataclass
class Doctor:
    """Examine an algorithm or an environment: does it keep the contract?"""

    target: Positional[Annotated[str, arg(metavar="FILE.py:CLASS")]]
    """A class in a file or an installed module, or the name of an algorithm or of an
    environment."""
    env: Annotated[str | None, arg(metavar="NAME")] = None
    """Environment that its shapes and its memory are checked on; its own by default."""
    check: Annotated[UseAppendAction[tuple[str, ...]], arg(metavar="NAME")] = ()
    """Make only the check of this name; may be given several times."""


@dataclasses.dataclass
class Tune:
    """Search the configurations of several learners, with equal effort for each."""

    file: Positional[Annotated[str, arg(metavar="FILE")]]
    """Python file that defines `tuning`, or a list `tunings`."""
    out: Annotated[str | None, arg(metavar="FOLDER")] = None
    """The tuning's folder; by default results/tuning/ and the tuning's name. Several
    tunings of a file have a folder of their own each within the file's."""
    trials: Annotated[int | None, arg(metavar="N")] = None
    """Configurations of each learner."""
    steps: Annotated[float | None, arg(metavar="STEPS")] = None
    """Budget of each run in agent steps, such as 1e6."""
    seeds: Annotated[str | None, arg(metavar="FIRST:END")] = None
    """Seeds of each trial, such as 1000000:1000003; END is not one of them. One number
    is how many."""
    only: Annotated[str | None, arg(metavar="NAME")] = None
    """Only the learner of this name, or of several tunings the one of this name; the
    others when the command is given again."""


@dataclasses.dataclass
class Watch:
    """Let a trained agent play a game of Pong and write it as a GIF."""

    folder: Positional[Annotated[str, arg(metavar="FOLDER")]]
    """A results folder, such as results/pong."""
    algorithm: Annotated[str | None, arg(metavar="VARIANT")] = None
    """Which variant plays; the first that has a checkpoint by default."""
    seed: Annotated[int | None, arg(metavar="SEED")] = None
    """Which of its runs; the one of the lowest seed by default."""
    out: Annotated[str, arg(metavar="FILE.gif")] = "rally.gif"
    """Where the GIF goes."""
    mode: Literal["greedy", "explore"] = "greedy"
    """Greedy play, or play with exploration."""
    games: Annotated[int, arg(metavar="N")] = 1
    """Games to play; the score of each is printed, the first is drawn."""
    max_steps: Annotated[int, arg(metavar="N")] = 5000
    """Agent steps after which a game is cut off."""
    experiment: Annotated[str | None, arg(metavar="FILE")] = None
    """The experiment file, for results that keep none or are not your own."""
    trust: Annotated[bool, arg(constructor=bool)] = False
    """Execute the experiment file in the folder, even if you did not write it."""


@dataclasses.dataclass
class Merge:
    """Put results folders of one experiment, made on several machines, into one."""

    folders: Positional[Annotated[tuple[str, ...], arg(metavar="FOLDER")]]
    """Two or more results folders; nothing is written there."""
    out: Annotated[str, arg(metavar="FOLDER")]
    """The new folder; it must not exist yet, or be empty."""
