"""The command line, `pgvq`: what can be asked, and how errors are told.

Every `InputError` becomes one line on stderr and exit status 2. What a command does is
in the module of its name beside this one.
"""

import contextlib
import dataclasses
import functools
import io
import operator
import os
import sys
from collections.abc import Sequence
from typing import Annotated, Any, Literal, NoReturn

import tyro
from rich.console import Console
from tyro.conf import Positional, UseAppendAction, arg, subcommand

from pgvq import devices
from pgvq.cli.faults import ended_by
from pgvq.cli.usage import explained, overlooked
from pgvq.files import one_line
from pgvq.interrupts import INTERRUPTED
from pgvq.plain_text import printable, visible
from pgvq.types import InputError

UNREADABLE = "these options cannot be read"

HELP = """Policy gradients or Q-learning? Both on exact Atari Pong, side by side.

    pgvq run experiments/pong.py     train, several seeds each; goes on if stopped
    pgvq plot results/pong           draw the figures again
    pgvq watch results/pong          a GIF of a trained agent
    pgvq merge A B --out C           seeds of several machines in one folder
    pgvq list                        algorithms and environments
    pgvq tune experiments/tune_pong.py   search the learners' settings, equal effort
    pgvq new my_algorithm.py         begin an algorithm of your own
    pgvq doctor my_algorithm.py      does it keep what algorithms promise?
    pgvq run --help                  options, with examples; also: pgvq --version

Environment: PGVQ_DEVICES=N uses N CPU devices (default: one per core). PGVQ_CACHE=off
keeps no compiled programs, PGVQ_CACHE=FOLDER keeps them there (default: pgvq/xla in the
user's cache folder, which is ~/.cache on Linux unless XDG_CACHE_HOME names another, and
none without a home directory). Tab completion: `pgvq --tyro-print-completion bash` (or
zsh, tcsh) prints what your shell has to source.
"""


RUN = """Train what an experiment lacks, then print its table and draw its figures.

The results folder is continued: runs that it holds are not trained again, runs
that were stopped (Ctrl-C, kill, power) go on where their last checkpoint stands.

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

    pgvq run experiments/why_not_backprop.py
    pgvq run experiments/why_not_backprop.py --claim 2
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
    pgvq plot experiments/why_not_backprop.py
"""

LIST = """Algorithms and environments; of one of them, its fields and what they mean.

Those that other installed packages offer are shown with the package's name.

Examples:

    pgvq list
    pgvq list dqn
    pgvq list pong
"""

NEW = """Begin an algorithm of your own: a commented file that trains as it stands.

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
    """Greedy play, or as it behaves while learning; both by default."""
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
    """Begin an algorithm of your own: a commented file that trains as it stands."""

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
    """The best it knows, or as it behaves while learning."""
    games: Annotated[int, arg(metavar="N")] = 1
    """Games to play; the score of each is printed, the first is drawn."""
    max_steps: Annotated[int, arg(metavar="N")] = 5000
    """Agent steps after which a game is cut off."""
    experiment: Annotated[str | None, arg(metavar="FILE")] = None
    """The experiment file, for results that keep none or are not your own."""
    trust: Annotated[bool, arg(constructor=bool)] = False
    """Execute the experiment file that the folder keeps, whoever wrote it."""


@dataclasses.dataclass
class Merge:
    """Put results folders of one experiment, made on several machines, into one."""

    folders: Positional[Annotated[tuple[str, ...], arg(metavar="FOLDER")]]
    """Two or more results folders; nothing is written there."""
    out: Annotated[str, arg(metavar="FOLDER")]
    """The new folder; it must not exist yet, or be empty."""


COMMANDS: dict[str, type] = {
    "run": Run,
    "plot": Plot,
    "list": List,
    "new": New,
    "doctor": Doctor,
    "watch": Watch,
    "merge": Merge,
    "tune": Tune,
}


def commands(chosen: str | None) -> Any:
    """The type that the options are read into; only `chosen` is described in full."""
    texts = {"run": RUN, "plot": PLOT, "list": LIST, "new": NEW, "doctor": DOCTOR}
    texts |= {"watch": WATCH, "merge": MERGE, "tune": TUNE}
    if chosen == "doctor":
        from pgvq.cli.doctor import check_names

        texts["doctor"] += f"\nNames for --check: {check_names()}.\n"
    named = [
        Annotated[
            part,
            subcommand(
                name,
                description=texts[name] if name == chosen else part.__doc__,
            ),
        ]
        for name, part in COMMANDS.items()
    ]
    return functools.reduce(operator.or_, named)


def main(arguments: Sequence[str] | None = None) -> int:
    """Does what the command line asks and returns the exit status."""
    given = list(sys.argv[1:] if arguments is None else arguments)
    with printable():
        try:
            return _perform(given)
        except InputError as error:
            return _refuse(str(error))
        except KeyboardInterrupt:
            print("pgvq: stopped", file=sys.stderr)
            return 130
        except BrokenPipeError:  # `pgvq list | head`
            sys.stderr.close()
            return 141
        except OSError as error:  # a disk or a place that no module has words for
            where = f"{error.filename}: " if error.filename else ""
            return _refuse(f"{where}{error.strerror or error}; choose another place")
        except MemoryError:
            return _refuse(
                "this needs more memory than there is; use fewer seeds, games or "
                "environments, or smaller networks"
            )


def _refuse(sentence: str) -> int:
    """Prints an error's one line and returns its exit status."""
    print(f"pgvq: error: {visible(' '.join(sentence.split()))}", file=sys.stderr)
    return 2


def _perform(given: list[str]) -> int:
    if given == ["--version"]:
        from pgvq import __version__

        print(f"pgvq {__version__}")
        return 0
    command = _parsed(given)
    if command is None:
        return 0
    devices.wanted_devices()
    try:
        return perform(command, Console())
    except SystemExit as stop:  # by code of a user, while it is trained or examined
        raise InputError(
            f"{ended_by(stop)} ended the program; take it out, because nothing was "
            "finished"
        ) from stop


def program() -> NoReturn:
    """`main` as a process of its own, which ends when it is told to.

    After Ctrl-C a thread may still be compiling: Python would wait for it, perhaps a
    minute, and print a traceback at the next Ctrl-C.
    """
    status = main()
    if status == INTERRUPTED:
        with contextlib.suppress(OSError):
            sys.stdout.flush()
            sys.stderr.flush()
        os._exit(status)
    sys.exit(status)


def _parsed(given: list[str]) -> Any:
    """The command with its options; None where help was asked for and printed.

    Raises:
        InputError: the words cannot be read.
    """
    if given and given[0] not in COMMANDS and not given[0].startswith("-"):
        raise InputError(explained(given, COMMANDS))
    heard = io.StringIO()
    try:
        # Its boxes of several lines are not shown; `usage` has a sentence instead.
        with contextlib.redirect_stderr(heard):
            command = tyro.cli(
                commands(given[0] if given else None),
                prog="pgvq",
                description=HELP,
                args=given,
                config=(tyro.conf.FlagCreatePairsOff,),
            )
    except SystemExit as stop:
        if not stop.code:
            return None
        known = explained(given, COMMANDS)
        raise InputError(known or f"{UNREADABLE}; see pgvq --help") from None
    except (AssertionError, ValueError) as error:  # tyro's own, as for a wrong shell
        raise InputError(f"{UNREADABLE} ({one_line(error)}); see pgvq --help") from None
    if lost := overlooked(given, COMMANDS):
        raise InputError(lost)
    return command


def perform(command: Any, console: Console) -> int:
    """Hands a command to the module that does it."""
    if isinstance(command, Run):
        from pgvq.cli.run import run_file

        return run_file(command, console)
    if isinstance(command, Plot):
        from pgvq.cli.plot import draw

        return draw(command, console)
    if isinstance(command, List):
        from pgvq.cli.listing import show

        return show(command.name, console)
    if isinstance(command, New):
        from pgvq.cli.new import begin

        return begin(command.file, command.family, command.force, console)
    if isinstance(command, Doctor):
        from pgvq.cli.doctor import visit

        return visit(command.target, command.env, console, command.check)
    if isinstance(command, Merge):
        from pgvq.cli.merging import merge_folders

        return merge_folders(command, console)
    if isinstance(command, Tune):
        from pgvq.cli.tune import tune_file

        return tune_file(command, console)
    from pgvq.cli.watching import watch

    return watch(command, console)
