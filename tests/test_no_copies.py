"""A variant is a field or a short file, never a copy: read from the sources."""

import itertools
import re
from pathlib import Path

import pytest

FOLDER = Path(__file__).parents[1] / "pgvq" / "algorithms"
FILES = sorted(path for path in FOLDER.glob("*.py") if path.stem != "__init__")
RUN = 6  # lines that two files may not have in common, one after the other


def runs(path):
    """Every run of six lines of code, without imports and lines of one parameter.

    The contract's methods have the same parameters in all files.
    """
    lines = [line.strip() for line in path.read_text(encoding="utf-8").splitlines()]
    shared = re.compile(r"from .*|import .*|(self|\*|\w+: \w+),|")
    code = [line for line in lines if not shared.fullmatch(line)]
    return {tuple(code[at : at + RUN]) for at in range(len(code) - RUN + 1)}


@pytest.mark.parametrize(
    ("one", "other"),
    list(itertools.combinations(FILES, 2)),
    ids=lambda path: path.stem,
)
def test_two_algorithms_share_no_run_of_six_lines(one, other):
    assert not runs(one) & runs(other)


def test_a_copy_would_be_seen():
    assert len(runs(FILES[0])) > 20
    assert runs(FILES[0]) & runs(FILES[0])
