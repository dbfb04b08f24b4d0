"""Commands in this process: what they print, and how they are refused."""

from pgvq.cli import main


def said(capsys, *arguments):
    """Exit status, stdout and stderr of a command in this process."""
    capsys.readouterr()
    try:
        status = main(arguments)
    except SystemExit as stop:  # how the parser of options ends
        status = stop.code
    out, err = capsys.readouterr()
    return status, out, err


def refused(capsys, *arguments):
    """The one line that an error gets, on stderr and with exit status 2."""
    status, _, err = said(capsys, *arguments)
    assert status == 2
    assert err.startswith("pgvq: error: ")
    assert err.count("\n") == 1
    assert "Traceback" not in err
    return err
