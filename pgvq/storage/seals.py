"""Seals: a digest within a JSON object of all else that it says, to notice damage.

A seal is no secret: whoever changes a file on purpose can take it out, and a file
without one is read as it is, because older versions wrote none.
"""

from collections.abc import Collection, Mapping
from typing import Any

from pgvq.storage.digests import json_digest
from pgvq.types import InputError

SEAL = "checksum"  # the name that it has in an object


def sealed(said: Mapping[str, Any], besides: Collection[str] = ()) -> dict[str, Any]:
    """What an object says, as JSON gives it back, with a seal.

    `besides`: names that may change without it.
    """
    bare = {name: part for name, part in said.items() if name != SEAL}
    return bare | {SEAL: _of(bare, besides)}


def opened(
    held: Mapping[str, Any], where: str, remedy: str, besides: Collection[str] = ()
) -> dict[str, Any]:
    """What a sealed object says, without its seal.

    Raises:
        InputError: it says something else than when it was sealed.
    """
    bare = {name: part for name, part in held.items() if name != SEAL}
    if SEAL in held and held[SEAL] != _of(bare, besides):
        raise InputError(
            f"{where} was changed since it was written, by its {SEAL!r}; {remedy}"
        )
    return bare


def _of(bare: Mapping[str, Any], besides: Collection[str]) -> str:
    return json_digest({n: part for n, part in bare.items() if n not in besides})
