"""Whatever the files of a folder hold: one line, or what they say; never other numbers.

    pytest -m slow tests/fuzz/test_contents.py -n 0 -s

Each wrong content is loaded, drawn by `pgvq plot` and continued by `pgvq run`.
"""

import json
import math
import random
import shutil
import sys
from pathlib import Path

import pandas as pd
import pyarrow as pa
import pyarrow.parquet as pq
import pytest

from pgvq import load, plotting, run
from pgvq.results.format import _ROW_KEYS, MODES
from pgvq.running import session
from pgvq.running.session import Interrupted
from pgvq.study import definition as study
from tests.helpers import cli_fixtures
from tests.helpers.cli_fixtures import Calls, assert_equal
from tests.helpers.fuzz import contents
from tests.helpers.fuzz.bounds import Figures, called, commanded

pytestmark = [pytest.mark.slow, pytest.mark.usefixtures("compile_once")]

OF_EACH = 60  # contents of every JSON file
OF_EACH_TABLE = 30  # these take longer
JSON_FILES = {  # by the folder that is damaged
    "finished": ["experiment.json", "dqn/provenance.json"],
    "stopped": [
        "experiment.json",
        "checkpoints/*/lanes.json",
        "checkpoints/*/*/note.json",
    ],
}
TABLES = ["evaluations", "training"]
STUDY = """
import pandas as pd
from pgvq.study import Claim, Finding, Study

def measure(say):
    return Finding(
        numbers={"answer": -41.5, "unknown": float("nan")},
        tables={"tosses": pd.DataFrame({"step": [0, 1], "coin": ["head", "tail"]})},
        expectations={"It is positive.": False, "It is a number.": True},
    )

def draw(finding, folder):
    text = f"{finding.numbers['answer']:+.1f} {finding.tables['tosses'].step.sum()}"
    (folder / "drawn.png").write_text(text)
    return [folder / "drawn.png"]

TEXT = "It is <<answer:+.1f>>.\\n\\n<<table:tosses>>\\n\\n<<expectations>>\\n"
claim = Claim(name="one", title="One", measure=measure, draw=draw, text=TEXT)
study = Study(name="small", title="Why?", claims=[claim])
"""


@pytest.fixture(scope="module")
def whole(tmp_path_factory):
    """A finished folder and one that was stopped after four of six iterations."""
    root = tmp_path_factory.mktemp("whole")
    source = {"text": cli_fixtures.TEXT, "changes": {}, "set": []}

    def stop(chunk):
        if chunk == 4:
            raise KeyboardInterrupt

    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(session, "CHUNK_SECONDS", 0.0)
        patch.setattr(session, "CHECKPOINT_SECONDS", 0.0)
        run(cli_fixtures.tiny(), root / "finished", source=source)
        with pytest.raises((Interrupted, KeyboardInterrupt)):
            run(cli_fixtures.tiny(), root / "stopped", Calls(stop), source=source)
    return root


@pytest.fixture
def place(tmp_path, monkeypatch):
    """Where the commands run, with the experiment's file."""
    monkeypatch.chdir(tmp_path)
    monkeypatch.setattr(sys, "path", [*sys.path])
    (tmp_path / "tiny.py").write_text(cli_fixtures.TEXT)
    (tmp_path / "small.py").write_text(STUDY)
    return tmp_path


class Drawn:
    """Draws what was not drawn before: most contents look like the undamaged one."""

    def __init__(self) -> None:
        self.seen: set[str] = set()
        self.plot = plotting.plot

    def __call__(self, results, folder=None, **options):
        held = {n: p for n, p in results.description.items() if n != "source"}
        scores = results.evaluations.drop(columns="train_seconds")
        ended = results.training["diverged"].sum()
        key = json.dumps(held, sort_keys=True, default=str)
        key += f"{len(scores)} {scores.describe(include='all')} {ended}"
        if key in self.seen:
            return []
        self.seen.add(key)
        return self.plot(results, folder, **options)


@pytest.fixture
def drawn(monkeypatch):
    monkeypatch.setattr(plotting, "plot", Drawn())


def same(found, said) -> bool:
    """Whether a value of a table is what the file says, and of its type."""
    if said is None or (isinstance(said, float) and math.isnan(said)):
        return isinstance(found, float) and math.isnan(found)
    if isinstance(said, bool | str) or isinstance(found, bool | str):
        return type(found) is type(said) and found == said
    return isinstance(said, int | float) and found == said


def contradiction(found: pd.DataFrame, said: pa.Table, name: str) -> str:
    """Where a table that was read without a line is not what its file says."""
    rows = said.to_pylist()
    if len(rows) != len(found):
        return f"{len(found)} of {len(rows)} rows"
    keys = _ROW_KEYS[name]
    rows.sort(key=lambda r: [MODES.index(r[k]) if k == "mode" else r[k] for k in keys])
    for row, values in zip(rows, found.to_dict("records"), strict=True):
        for column, value in row.items():
            if not same(values[column], value):
                return (
                    f"{column} is {value!r} in the file, and read as {values[column]!r}"
                )
    return ""


def plotted(found) -> bool:
    """Whether there is something to draw: scores of one mode and their beginning."""
    return len(found.evaluations) > 0 and "greedy" in set(found.evaluations["mode"])


def by_key(table: pd.DataFrame, name: str) -> dict[tuple, dict]:
    """The rows of a table, without what differs in two equal runs."""
    rows = table.drop(columns=cli_fixtures.UNTIMED).iloc[:, 3:].to_dict("records")
    return {tuple(row[key] for key in _ROW_KEYS[name]): row for row in rows}


def alike(one: dict, other: dict) -> bool:
    """Whether two rows agree; a metric that one of them lacks is not known there."""
    return all(
        one[name] == other.get(name)
        or (one[name] != one[name] and name not in other)
        or (one[name] != one[name] and other[name] != other[name])
        for name in one
    )


def ended_otherwise(ended, finished, held) -> str:
    """Where a continued folder has neither what it held nor what is computed.

    `held`: what was read before it went on; None if that was refused.
    """
    for name in TABLES:
        there, right = (by_key(getattr(x, name), name) for x in (ended, finished))
        before = {} if held is None else by_key(getattr(held, name), name)
        if lacking := right.keys() - there.keys():
            return f"{name} lacks {len(lacking)} rows, and that is not said"
        for key, row in there.items():
            known = [side[key] for side in (right, before) if key in side]
            if not any(alike(row, one) for one in known):
                return f"{name} {key} is neither as held nor as computed"
    return ""


def tried(folder: Path, finished, check, capsys) -> tuple[bool, str]:
    """Loads, draws and continues a folder; whether it got lines, and what is wrong."""
    found, line, wrong = called(lambda: load(folder))
    if found is not None:
        wrong = check(found)
    if wrong:
        return bool(line), f"load: {wrong}"
    status, wrong = commanded(["plot", str(folder)], capsys)
    drawable = found is not None and plotted(found)
    if not wrong and (status == 2 if drawable else status == 0 and line):
        wrong = f"status {status}, and load said {line!r}"
    if wrong:
        return bool(line), f"plot: {wrong}"
    status, wrong = commanded(["run", "tiny.py", "--out", str(folder)], capsys)
    if not wrong and status == 0:
        wrong = ended_otherwise(load(folder), finished, found)
    refused = bool(line) or status == 2
    return refused, f"run: {wrong}" if wrong else ""


@pytest.mark.usefixtures("drawn")
def test_json_is_read_as_it_is_or_refused(whole, place, capsys):
    figures = Figures("contents of JSON files")
    finished = load(whole / "finished")
    for name, files in JSON_FILES.items():
        right = load(whole / name)
        for pattern in files:
            draw = random.Random(name + pattern)
            for number in range(OF_EACH):
                folder = shutil.copytree(whole / name, place / "case")
                [path] = folder.glob(pattern)
                text = path.read_text()
                if number % 2:  # as older versions wrote it
                    text = unsealed(text)
                path.write_bytes(data := contents.json_text(draw, text))

                def check(found, path=path, data=data, right=right):
                    return told_otherwise(found, right, path, data)

                refused, wrong = tried(folder, finished, check, capsys)
                figures.add(f"{name} {path.name}", f"{data[:90]}", refused, wrong)
                shutil.rmtree(folder)
    with capsys.disabled():
        figures.check(300)


def unsealed(text: str) -> str:
    """JSON without the seals that tell of every change."""
    held = json.loads(text)
    for part in held if isinstance(held, list) else [held]:
        if isinstance(part, dict):
            part.pop("checksum", None)
    return json.dumps(held, indent=2)


def told_otherwise(found, right, path: Path, data: bytes) -> str:
    """Where results that were loaded are not what their files say."""
    if path.name == "experiment.json":
        said = json.loads(data)
        said.pop("checksum", None)
        if found.description != said:
            return "another description than the file's"
    elif found.description != right.description:
        return "another description"
    if path.name == "provenance.json":
        said = json.loads(unsealed(data.decode("utf-8-sig")))
        if found.sessions != {"dqn": said}:
            return "other sessions than the file's"
    names = [variant["name"] for variant in found.description["variants"]]
    if names == ["dqn"]:
        for table in TABLES:
            held = [getattr(x, table).iloc[:, 3:] for x in (found, right)]
            if not held[0].equals(held[1]):
                return f"another table {table}"
    return ""


@pytest.mark.usefixtures("drawn")
def test_tables_are_read_as_they_are_or_refused(whole, place, capsys):
    figures = Figures("contents of tables")
    finished = load(whole / "finished")
    for name in ("finished", "stopped"):
        for table in TABLES:
            right = pq.read_table(whole / name / "dqn" / f"{table}.parquet")
            draw = random.Random(name + table)
            for _ in range(OF_EACH_TABLE):
                folder = shutil.copytree(whole / name, place / "case")
                wrong = contents.table(draw, right)
                path = folder / "dqn" / f"{table}.parquet"
                options = contents.options(draw)
                if not written(wrong, path, options):
                    shutil.rmtree(folder)
                    continue

                def check(found, path=path, table=table):
                    kept = getattr(found, table).iloc[:, 3:]
                    return contradiction(kept, pq.ParquetFile(path).read(), table)

                case = f"{wrong.schema.names} {len(wrong)} rows {options}"
                refused, fault = tried(folder, finished, check, capsys)
                figures.add(f"{name} {table}", case, refused, fault)
                shutil.rmtree(folder)
    with capsys.disabled():
        figures.check(100)


def written(table: pa.Table, path: Path, options) -> bool:
    """Whether Arrow can write the table at all."""
    try:
        pq.write_table(table, path, **options)
    except (pa.ArrowException, ValueError, OSError):
        return False
    return True


def test_findings_of_a_study_are_read_as_they_are_or_refused(place, capsys):
    figures = Figures("contents of a study's finding")
    assert commanded(["run", "small.py"], capsys) == (0, "")
    folder = place / "results" / "small" / "one"
    right = (folder / study.NUMBERS).read_text()
    draw = random.Random("study")
    for number in range(2 * OF_EACH):
        text = unsealed(right) if number % 2 else right
        data = contents.json_text(draw, text)
        (folder / study.NUMBERS).write_bytes(data)
        found, line, wrong = called(lambda: study.found(folder))
        called(lambda: study.seconds_taken(folder))
        if found is not None:
            said = json.loads(data)["numbers"]
            told = {n: None if math.isnan(x) else x for n, x in found.numbers.items()}
            if told != {
                n: float(x) if isinstance(x, str) else x for n, x in said.items()
            }:
                wrong = "other numbers than the file's"
        if not wrong:
            status, wrong = commanded(["plot", "small.py"], capsys)
            if not wrong and line and status == 0:
                wrong = "drawn, though it cannot be read"
        figures.add(study.NUMBERS, f"{data[:90]}", bool(line), wrong)
    (folder / study.NUMBERS).write_text(right)
    assert_same_finding(folder)
    with capsys.disabled():
        figures.check(100)


def assert_same_finding(folder: Path) -> None:
    found = study.found(folder)
    assert found.numbers["answer"] == -41.5
    assert found.tables["tosses"]["coin"].tolist() == ["head", "tail"]


def test_the_undamaged_folders_end_alike(whole, place, capsys):
    """What the others compare with: without damage both folders end the same."""
    for name in ("finished", "stopped"):
        folder = shutil.copytree(whole / name, place / name)
        words = ["run", "tiny.py", "--out", str(folder)]
        assert commanded(words, capsys) == (0, "")
        assert_equal(folder, whole / "finished")
