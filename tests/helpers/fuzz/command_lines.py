"""Command lines as a hostile user writes them: seeded, the same in every run.

Each is refused with one line, or is harmless: nothing in here trains. `lines` makes
any number of them; the files that they name are written by `furnish`.
"""

import random
from collections.abc import Iterator
from pathlib import Path

from tests.helpers.cli_fixtures import TEXT

MADE = (
    "from pgvq import *\nfrom pgvq.networks.heads import *\nimport jax.numpy as jnp\n"
)
# Experiment files that cannot work, by name: what they hold.
FILES: dict[str, bytes] = {
    "empty.py": b"",
    "blank.py": b"\n\n   \n",
    "nul.py": b"x = 1\0\n",
    "latin.py": b"# caf\xe9\n",
    "cookie.py": b"# coding: klingon\n",
    "bom_bad.py": b"\xef\xbb\xbfx = = 1\n",
    "utf16.py": "x = 1\n".encode("utf-16"),
    "binary.py": bytes(range(256)),
    "syntax.py": b"def f(:\n",
    "indent.py": b"if 1:\nx\n",
    "deep.py": b"(" * 2000 + b")" * 2000,
    "long.py": b"x = " + b"1 + " * 20000 + b"1\nraise ValueError\n",
    "exit0.py": b"import sys\nsys.exit(0)\n",
    "exit.py": b"exit()\n",
    "exit_text.py": b"raise SystemExit('bye')\n",
    "interrupt.py": b"raise KeyboardInterrupt\n",
    "generator.py": b"raise GeneratorExit\n",
    "base.py": b"class E(BaseException): pass\nraise E('x')\n",
    "recursion.py": b"def f(): return f()\nf()\n",
    "ask.py": b"name = input('who? ')\n",
    "zero.py": b"1 / 0\n",
    "assertion.py": b"assert False\n",
    "lines.py": b"raise ValueError('a\\nb\\x1b[31m\\nc' * 999)\n",
    "imports.py": b"import syntax\n",
    "missing.py": b"import nowhere_at_all\n",
    "none.py": b"experiment = None\n",
    "five.py": b"experiment = 5\n",
    "several.py": b"experiments = []\n",
    "study.py": b"study = 5\n",
    "renamed.py": (MADE + "mine = Experiment(name='a', algorithms=[PPO()], "
                   "steps=1e5)\n").encode(),
}  # fmt: skip
# Arguments of `Experiment` that are refused, after MADE.
WRONG = [
    "name='a', algorithms=[PPO(learning_rate=None)], steps=1e5",
    "name='a', algorithms=[PPO(learning_rate='x')], steps=1e5",
    "name='a', algorithms=[PPO(learning_rate=[1, 2])], steps=1e5",
    "name='a', algorithms=[DQN(torso=5)], steps=1e5",
    "name='a', algorithms=[DQN(torso=MLP)], steps=1e5",
    "name='a', algorithms=[DQN(prioritized='x')], steps=1e5",
    "name='a', algorithms=[DQN(double=1)], steps=1e5",
    "name='a', algorithms=[DQN(num_envs=None)], steps=1e5",
    "name='a', algorithms=[DQN(num_envs=2.5)], steps=1e5",
    "name='a', algorithms=[DQN(num_envs=10**30)], steps=1e5",
    "name='a', algorithms=[DQN(discount=float('nan'))], steps=1e5",
    "name='a', algorithms=[DQN(torso=MLP((0,)))], steps=1e5",
    "name='a', algorithms=[DQN(torso=MLP(activation='tanh'))], steps=1e5",
    "name='a', algorithms=[DQN(torso=Torso(features=64))], steps=1e5",
    "name='a', algorithms=[DQN(env=Pong(frame_skip='4'))], steps=1e5",
    "name='a', algorithms=[DQN(env=Pong(frame_skip=10**12))], steps=1e5",
    "name='a', algorithms=[DQN(env=make(5)[0])], steps=1e5",
    "name='a', algorithms=[PPO(normalize='all')], steps=1e5",
    "name='a', algorithms=[PPO(num_epochs=10**9)], steps=1e5",
    "name='a', algorithms=[DQN], steps=1e5",
    "name='a', algorithms=[], steps=1e5",
    "name='a', algorithms=[5], steps=1e5",
    "name='a/b', algorithms=[PPO()], steps=1e5",
    "name='', algorithms=[PPO()], steps=1e5",
    "name='a', algorithms=[PPO()], steps=float('nan')",
    "name='a', algorithms=[PPO()], steps=1",
    "name='a', algorithms=[PPO()], steps=1e5, seeds=0",
    "name='a', algorithms=[PPO()], steps=1e5, games=2.5",
    "name='a', algorithms=[PPO()]",
    "name='a', algorithms=[PPO(lerning_rate=1)], steps=1e5",
]
TARGETS = ["dqn", "*", "DQN", "ppo", "", "dqn.torso", "*.env", "dqn.env", "dqn.nope"]
FIELDS = ["learning_rate", "num_envs", "torso.features", "torso", "env",
          "double", "lerning_rate", "env.frame_skip", "env.nope", "budget",
          "env_params.max_steps_in_episode", "replay_ratio", "capacity", "", ".",
          "env.", "torso.activation", "torso.features.x", "prioritized"]  # fmt: skip
# None of them is right for any of FIELDS.
VALUES = ["", "x", "nan", "-1", "1e999", "0x", "[1,", "None", "\N{SNOWMAN}", "1/0",
          "a,b", "--", "9" * 400, "\x1b[31m", "{}", "$x$", " ", "-inf"]  # fmt: skip
NUMBERS = ["x", "", "-1", "1.5", "nan", "inf", "1e999", "0", "0x10", "1;5",
           "one", "--fresh", "-", "１.５", "1 2", "[5]", "None", "\x00"]  # fmt: skip
COUNTS = ["--seeds", "--games", "--evaluations", "--steps"]
NOT_OPTIONS = ["--sed", "--seed", "--out-folder", "--set-it", "--nope", "-s", "-x",
               "---", "--Seeds", "--no-fresh", "--fresh=1", "--help-me", "--sets=5",
               "--tyro-x", "–seeds", "--no-cache=x", "--algorithm",
               "--mode"]  # fmt: skip
PLACES = ["nothing", "nothing.py", "a" * 300, "a" * 300 + ".py", "a/" * 3000 + "x.py",
          "", " ", ".", "..", "/", "/dev/null", "/proc/1/mem", "~nobody_at_all/x",
          "\x00", "a\x00b.py", "\udc80.py", "[bold]x", "$HOME/x", "tiny.py/inside",
          "tiny", "folder.py", "folder", "*", "-", "{}", "\x1b[31m", "a\nb", "CON",
          "http://x.invalid/a.py", "🚀.py"]  # fmt: skip
COMMANDS = ["run", "plot", "list", "new", "doctor", "watch", "merge", "tune"]
NOT_COMMANDS = ["runn", "RUN", "train", "help", "tiny.py", "", " ", "-", "--",
                "--seeds", "--fresh", "plott", "wach", "--verison", "\x00", "🚀",
                "run tiny.py", "-v", "[run]", "5", "None"]  # fmt: skip
TARGET_CLASSES = ["nope", "dqn.py", "tiny.py", "tiny.py:Nope", "exit0.py:A", "exit:A",
                  "syntax.py:A", "os:getcwd", "json:JSONDecoder", "tiny.py:experiment",
                  "nowhere.at.all:A", ":", ":A", "tiny.py:", "a.b", "..:A", "nul.py:A",
                  "recursion.py:A", "interrupt.py:A", "ask:A", "base:A", "dqnn",
                  "pgvq.algorithms:ALGORITHMS", "tiny:MLP"]  # fmt: skip
ENVIRONMENTS = ["nope", "Pendulum-v1", "exit0:A", "os:getcwd", "tiny:Nope", "", ":",
                "CartPole", "a.b:C", "json:JSONDecoder", "base:A"]  # fmt: skip


def furnish(folder: Path) -> None:
    """Writes the files that the command lines name."""
    (folder / "tiny.py").write_text(TEXT)
    (folder / "folder").mkdir()
    (folder / "folder.py").mkdir()
    for name, content in FILES.items():
        (folder / name).write_bytes(content)
    for number, arguments in enumerate(WRONG):
        text = f"{MADE}experiment = Experiment({arguments})\n"
        (folder / f"wrong{number}.py").write_text(text)


def every() -> Iterator[list[str]]:
    """Each hostile word once, in the place where it is read."""
    yield []
    for word in NOT_COMMANDS:
        yield [word]
        yield [word, "tiny.py"]
    for command in COMMANDS:
        if command != "list":
            yield [command]
        for word in NOT_OPTIONS:
            yield [command, "tiny.py", word]
        yield [command, "tiny.py", "extra", "words"]
    for name in [*FILES, *(f"wrong{number}.py" for number in range(len(WRONG)))]:
        yield ["run", name]
    for place in PLACES:
        if place not in ("tiny",):
            yield ["run", place]
        yield ["plot", place]
        yield ["watch", place]
        yield ["tune", place]
        yield ["new", place]
        yield ["list", place]
    for option in COUNTS:
        yield ["run", "tiny.py", option]
        for number in NUMBERS:
            yield ["run", "tiny.py", option, number]
        yield ["run", "tiny.py", option, "5", option, "x"]
    for number in NUMBERS:
        for option in ("--trials", "--steps", "--seeds"):
            yield ["tune", "tiny.py", option, number]
    for target in TARGET_CLASSES:
        yield ["doctor", target]
    for name in ENVIRONMENTS:
        yield ["doctor", "dqn", "--env", name]
        yield ["run", "tiny.py", "--set", f"dqn.env={name}"]
    for value in NUMBERS:
        for option in ("--games", "--max-steps", "--seed", "--mode"):
            yield ["watch", "nothing", option, value]


def random_line(draw: random.Random) -> list[str]:
    """`run` with several of its options, at least one of them wrong."""
    words = ["run", draw.choice(["tiny.py", "tiny.py", "tiny.py", draw.choice(PLACES)])]
    words += ["--set", setting(draw)]
    for _ in range(draw.randrange(3)):
        kind = draw.randrange(4)
        if kind == 0:
            words += [draw.choice(COUNTS), draw.choice(NUMBERS)]
        elif kind == 1:
            words += ["--set", setting(draw)]
        elif kind == 2:
            words += [draw.choice(NOT_OPTIONS)]
        else:
            words += ["--only", draw.choice(PLACES)]
    if draw.random() < 0.2:
        draw.shuffle(words)
    return words


def setting(draw: random.Random) -> str:
    """A `--set` that no algorithm can have."""
    text = f"{draw.choice(TARGETS)}.{draw.choice(FIELDS)}={draw.choice(VALUES)}"
    return draw.choice([text, text, text.replace("=", ""), text.replace(".", "", 1)])


def lines(count: int, seed: int = 0) -> list[list[str]]:
    """`count` command lines, each hostile word among them."""
    found = list(every())
    draw = random.Random(seed)
    while len(found) < count:
        found.append(random_line(draw))
    return found
