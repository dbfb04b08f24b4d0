"""Imports go one way, read from the sources: nothing is run for it."""

import ast
from pathlib import Path

import pytest

PACKAGE = Path(__file__).parents[1] / "pgvq"

# A module may import what stands in its own layer or below, and never in a circle.
# A folder's layer holds for all that is in it.
LAYERS = {
    0: "types scalars plain_text locations devices files locking plugins provenance "
    "statistics memory bounds sources identity identity_graph identity_parts "
    "identity_code schema places interrupts trust digests exact seals seeds",
    1: "returns losses quantiles exploration torsos networks optimizers replay "
    "prioritized minibatches estimators",
    2: "envs rollout",
    3: "algorithms",
    4: "debugging lane training checkpoints",
    5: "experiment ladder budgets paths sweeping programs feasibility differences "
    "batch_run runner adaptive_run merging progress results results_format tables "
    "curves analysis summary summary_table score_meaning combining captions "
    "swept_fields plotting plotting_style plotting_options plotting_lines "
    "plotting_captions plotting_curves plotting_reached plotting_scores plotting_grid "
    "plotting_sweep plotting_ladder plotting_budgets plotting_table plotting_panels "
    "plotting_credit naming animation report doctor diagnostics study study_page "
    "tuning",
    6: "cli templates claims progress_display __init__ __main__",
}
LAYER = {name: layer for layer, names in LAYERS.items() for name in names.split()}

# The order within the algorithms' folder: none of the last imports another.
ALGORITHM_ORDER = [
    "contract fields",
    "base",
    "policy_gradient q_learning replay_learning",
]

MODULES = sorted(PACKAGE.rglob("*.py"))


def name_of(path):
    """`pgvq.envs.pong` for its file, `pgvq.envs` for the folder's `__init__`."""
    parts = path.relative_to(PACKAGE.parent).with_suffix("").parts
    return ".".join(parts[:-1] if parts[-1] == "__init__" else parts)


NAMES = {name_of(path) for path in MODULES}


def imports(path):
    """Full names of all modules that a file imports for running, not for types."""
    tree = ast.parse(path.read_text(encoding="utf-8"))
    found = set()

    def visit(node):
        if isinstance(node, ast.If) and "TYPE_CHECKING" in ast.unparse(node.test):
            for child in node.orelse:
                visit(child)
            return
        if isinstance(node, ast.Import):
            found.update(alias.name for alias in node.names)
        elif isinstance(node, ast.ImportFrom):
            assert node.level == 0, f"{path}: write imports in full"
            for alias in node.names:
                full = f"{node.module}.{alias.name}"
                found.add(full if full in NAMES else node.module)
        for child in ast.iter_child_nodes(node):
            visit(child)

    visit(tree)
    return found


def top(name):
    """The part of a pgvq module's name that has a layer; `__init__` for pgvq itself."""
    return name.split(".")[1] if "." in name else "__init__"


def inside(path):
    return {name for name in imports(path) if name.split(".")[0] == "pgvq"}


def ids(path):
    return str(path.relative_to(PACKAGE))


@pytest.mark.parametrize("path", MODULES, ids=ids)
def test_a_module_imports_its_own_layer_or_one_below(path):
    mine = top(name_of(path))
    assert mine in LAYER, f"give pgvq.{mine} a layer in this file"
    for name in inside(path):
        assert LAYER[top(name)] <= LAYER[mine], f"{path.name} imports {name}"


def test_nothing_imports_in_a_circle():
    waiting = {name_of(path): inside(path) - {name_of(path)} for path in MODULES}
    # A folder's name stands for its `__init__`, which imports what is in the folder.
    while waiting:
        free = {name for name, needs in waiting.items() if not needs & waiting.keys()}
        assert free, f"these import each other: {sorted(waiting)}"
        waiting = {name: waiting[name] for name in waiting.keys() - free}


@pytest.mark.parametrize("name", LAYERS[1].split())
def test_the_maths_knows_no_environment(name):
    assert not {
        module
        for module in imports(PACKAGE / f"{name}.py")
        if module.split(".")[0] == "gymnax"
    }


@pytest.mark.parametrize("name", LAYERS[4].split())
def test_training_knows_algorithms_but_none_by_name(name):
    known = {
        module
        for module in inside(PACKAGE / f"{name}.py")
        if top(module) == "algorithms"
    }
    assert known <= {"pgvq.algorithms.base"}


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
        used = {name for name in inside(path) if top(name) == "algorithms"}
        assert used <= allowed, f"{path.name} may import {allowed} only"
    assert {path.stem for path in folder.glob("*.py")} >= set(shared)


def test_matplotlib_is_known_to_the_plots_alone():
    for path in MODULES:
        if not path.stem.startswith("plotting") and path.stem != "figures":
            assert not {
                name for name in imports(path) if name.split(".")[0] == "matplotlib"
            }, path.name
