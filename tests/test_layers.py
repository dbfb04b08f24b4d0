"""Imports go one way, read from the sources: nothing is run for it.

Imports inside functions and those under TYPE_CHECKING count like any other.
"""

import ast
from pathlib import Path

import pytest

PACKAGE = Path(__file__).parents[1] / "pgvq"

# Rooms (folders) and single files, from the ground up. What stands in one line may use
# its own line's room and every line above it. Nothing may import in a circle.
LAYERS = [
    "types",
    "checks plain_text plugins machine interrupts",
    "storage",
    "devices",
    "identity",
    "ops",
    "networks",
    "replay",
    "envs",
    "rollout",
    "algorithms",
    "training",
    "results",
    "experiments",
    "analysis",
    "running",
    "plotting",
    "tuning",
    "study",
    "diagnostics",
    "doctor",
    "__init__",
    "templates",
    "cli",
    "__main__",
]
RANK = {name: i for i, line in enumerate(LAYERS) for name in line.split()}

# The order within the algorithms' folder: none of the last imports another.
ALGORITHM_ORDER = [
    "contract fields interface",
    "base",
    "policy_gradient q_learning replay_learning",
]

MODULES = sorted(PACKAGE.rglob("*.py"))


def name_of(path):
    """`pgvq.envs.registry` for its file, `pgvq.envs` for the folder's `__init__`."""
    parts = path.relative_to(PACKAGE.parent).with_suffix("").parts
    return ".".join(parts[:-1] if parts[-1] == "__init__" else parts)


NAMES = {name_of(path) for path in MODULES}


def imports(path):
    """Full names of all modules that a file imports, wherever it does."""
    found = set()
    for node in ast.walk(ast.parse(path.read_text(encoding="utf-8"))):
        if isinstance(node, ast.Import):
            found.update(alias.name for alias in node.names)
        elif isinstance(node, ast.ImportFrom):
            assert node.level == 0, f"{path}: write imports in full"
            for alias in node.names:
                full = f"{node.module}.{alias.name}"
                found.add(full if full in NAMES else node.module)
    return found


def inside(path):
    return {name for name in imports(path) if name.split(".")[0] == "pgvq"}


def room(name):
    """The room or the single file that a module of pgvq belongs to."""
    return name.split(".")[1] if "." in name else "__init__"


def ids(path):
    return str(path.relative_to(PACKAGE))


@pytest.mark.parametrize("path", MODULES, ids=ids)
def test_a_module_imports_its_own_room_or_what_is_below(path):
    mine = room(name_of(path))
    assert mine in RANK, f"give pgvq.{mine} a line in this file"
    for name in inside(path):
        other = room(name)
        assert other == mine or RANK[other] < RANK[mine], f"imports {name}"


def test_every_line_is_of_something_that_exists():
    assert set(RANK) == {room(name) for name in NAMES} | {"__init__"}


def test_nothing_imports_in_a_circle():
    waiting = {name_of(path): inside(path) - {name_of(path)} for path in MODULES}
    # A folder's name stands for its `__init__`, which imports what is in the folder.
    while waiting:
        free = {name for name, needs in waiting.items() if not needs & waiting.keys()}
        assert free, f"these import each other: {sorted(waiting)}"
        waiting = {name: waiting[name] for name in waiting.keys() - free}


@pytest.mark.parametrize("name", ["ops", "networks", "replay", "identity", "storage"])
def test_the_maths_and_the_files_know_no_environment(name):
    for path in (PACKAGE / name).glob("*.py"):
        used = {module.split(".")[0] for module in imports(path)}
        assert "gymnax" not in used, path.name


def test_training_knows_algorithms_but_none_by_name():
    for path in (PACKAGE / "training").glob("*.py"):
        known = {name for name in inside(path) if room(name) == "algorithms"}
        assert known <= {"pgvq.algorithms.contract"}, path.name


def test_algorithms_import_families_and_never_each_other():
    folder = PACKAGE / "algorithms"
    shared = " ".join(ALGORITHM_ORDER).split()
    for path in folder.glob("*.py"):
        if path.stem == "__init__":
            continue
        ranks = [names.split() for names in ALGORITHM_ORDER]
        own = [i for i, names in enumerate(ranks) if path.stem in names]
        rank = own[0] if own else len(ranks)
        allowed = {
            f"pgvq.algorithms.{name}" for names in ranks[:rank] for name in names
        }
        used = {name for name in inside(path) if room(name) == "algorithms"}
        assert used <= allowed, f"{path.name} may import {allowed} only"
    assert {path.stem for path in folder.glob("*.py")} >= set(shared)


def test_matplotlib_is_known_to_the_plots_alone():
    for path in MODULES:
        if room(name_of(path)) != "plotting" and not path.stem.endswith("figures"):
            used = {name.split(".")[0] for name in imports(path)}
            assert "matplotlib" not in used, ids(path)


def test_one_place_says_did_you_mean():
    for path in MODULES:
        if ids(path) != "checks.py":
            assert "difflib" not in imports(path), ids(path)
