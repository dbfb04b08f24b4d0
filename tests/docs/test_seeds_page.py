"""docs/seeds.md says what results/benchmarks/adaptive.json holds."""

import importlib.util
import json
from pathlib import Path

import pytest

ROOT = Path(__file__).parents[2]


@pytest.fixture(scope="module")
def benchmark():
    path = ROOT / "benchmarks" / "adaptive.py"
    spec = importlib.util.spec_from_file_location("benchmark_adaptive", path)
    module = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(module)
    return module


def test_the_page_has_the_tables_of_the_file(benchmark):
    found = json.loads(benchmark.JSON.read_text())
    page = benchmark.PAGE.read_text()
    part = page.split(benchmark.BEGIN)[1].split(benchmark.END)[0]
    assert part.strip() == benchmark.page_part(found).strip()


def test_the_file_holds_every_cell_and_what_the_text_says_of_it(benchmark):
    found = json.loads(benchmark.JSON.read_text())
    assert found["comparisons"] >= 1_000
    chance = 3 * (0.05 * 0.95 / found["comparisons"]) ** 0.5
    cells = benchmark.EQUAL | benchmark.PARTLY
    errors = {(r["learners"], r["population"]): r["error"] for r in found["errors"]}
    for kind in benchmark.POPULATIONS:
        for name in cells:
            assert errors[name, kind] <= 0.05 + chance
    shares = {(r["learners"], r["population"]): r["share"] for r in found["runs"]}
    assert len(shares) == 3 * len(benchmark.APART | benchmark.PARTLY)
    for name in ("2, by 1.3", "2, by 1.8"):  # of the others the page names those above
        for kind in benchmark.POPULATIONS:
            assert shares[name, kind] <= 0.6


def test_a_cell_that_misses_is_named(benchmark):
    found = {
        "comparisons": 1_000,
        "errors": [{"learners": "2", "population": "normal", "error": 0.09}],
        "runs": [{"learners": "3", "population": "skewed", "share": 0.61}],
    }
    said = " ".join(benchmark.missed(found))
    assert "2 (normal, 9.0%)" in said
    assert "3 (skewed, 61%)" in said


def test_fixed_designs_have_the_power_of_textbooks(benchmark):
    """One standard deviation apart, power 0.9: 23 seeds of each by the t test."""
    count, test = benchmark.fixed_design([0, 1.0], "normal", 0.9, count=600)
    assert test == "means"
    assert 21 <= count <= 25
