"""One process at a time in a folder, with and without locks of the system's own."""

import errno
import os
import subprocess
import sys

import pytest

from pgvq.storage.locking import LOCK, locked
from pgvq.types import InputError
from tests.helpers.cli_fixtures import environment

HOLDER = """
import sys, time
from pathlib import Path
number = int(sys.argv[2])
if number:
    import fcntl
    def no_locks(*_):
        raise OSError(number, "no locks here")
    fcntl.flock = no_locks
from pgvq.storage.locking import locked
from pgvq.types import InputError
try:
    with locked(Path(sys.argv[1])):
        print("held", flush=True)
        sys.stdin.read()
except InputError as error:
    print(error, flush=True)
"""


def holder(folder, number=0):
    return subprocess.Popen(
        [sys.executable, "-W", "error", "-c", HOLDER, folder, str(number)],
        env=environment(),
        stdin=subprocess.PIPE,
        stdout=subprocess.PIPE,
        text=True,
    )


def line(process):
    assert process.stdout is not None
    return process.stdout.readline().strip()


@pytest.mark.parametrize("number", [0, errno.ENOSYS, errno.ENOLCK, errno.ENOTSUP])
def test_a_second_process_is_refused_until_the_first_ends_or_dies(tmp_path, number):
    """Network folders without locks too: there the file itself is the lock."""
    folder = tmp_path / "out"
    with holder(folder, number) as first:
        assert line(first) == "held"
        with holder(folder, number) as second:
            assert "another process is training in" in line(second)
        first.kill()
    assert (folder / LOCK).exists()  # of a dead process, and so free
    with holder(folder, number) as third:
        assert line(third) == "held"
        third.communicate("")
    assert not (folder / LOCK).exists()


def test_a_folder_that_was_made_for_nothing_goes(tmp_path):
    with locked(tmp_path / "a"):
        assert os.listdir(tmp_path / "a") == [LOCK]
    assert os.listdir(tmp_path) == []
    (tmp_path / "b").mkdir()
    with locked(tmp_path / "b"):
        pass
    assert os.listdir(tmp_path) == ["b"]


def test_a_lock_that_leads_elsewhere_is_not_followed(tmp_path):
    (tmp_path / "precious").write_text("kept")
    (tmp_path / "out").mkdir()
    (tmp_path / "out" / LOCK).symlink_to(tmp_path / "precious")
    with pytest.raises(InputError, match="cannot write"), locked(tmp_path / "out"):
        pass
    assert (tmp_path / "precious").read_text() == "kept"
