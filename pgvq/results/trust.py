"""Which results folders were made by this user, on this machine.

A results folder keeps the text of its experiment, and `pgvq watch` executes it. So a
new folder's text is signed with a secret that lies outside of it, among the user's own
files: the signature holds where the folder is moved, and whoever does not know the
secret cannot make one. Without a home directory there is no secret, and no folder is
known.
"""

import contextlib
import hashlib
import hmac
import json
import os
import secrets
import uuid
from collections.abc import Mapping
from pathlib import Path
from typing import Any

from pgvq.storage.files import read_bytes
from pgvq.storage.places import user_folder

ORIGIN = "origin"  # under this name a source holds its signature
_BYTES = 32


def signed(source: Mapping[str, Any]) -> dict[str, Any]:
    """A source with this user's signature, or without one where there is no secret."""
    bare = {name: part for name, part in source.items() if name != ORIGIN}
    secret = _secret(make=True)
    return bare if secret is None else bare | {ORIGIN: _signature(bare, secret)}


def is_ours(source: Mapping[str, Any]) -> bool:
    """Whether `signed` of this user made this source, and nobody changed it since."""
    secret, signature = _secret(make=False), source.get(ORIGIN)
    if secret is None or not isinstance(signature, str) or not signature.isascii():
        return False
    bare = {name: part for name, part in source.items() if name != ORIGIN}
    return hmac.compare_digest(signature, _signature(bare, secret))


def _signature(source: Mapping[str, Any], secret: bytes) -> str:
    text = json.dumps(source, sort_keys=True, ensure_ascii=True)
    return hmac.new(secret, text.encode(), hashlib.sha256).hexdigest()


def _secret(make: bool) -> bytes | None:
    """The user's secret, made if it is not there; None if that cannot be."""
    folder = user_folder("state")
    if folder is None:
        return None
    path = folder / "secret"
    with contextlib.suppress(OSError, ValueError):
        if make and not path.exists():
            _make(path)
        found = read_bytes(path, _BYTES)
        if len(found) == _BYTES and _is_private(path):
            return found
    return None


def _make(path: Path) -> None:
    """Write a new secret, whole or not at all, unless another process is faster."""
    path.parent.mkdir(parents=True, exist_ok=True)
    temporary = path.with_name(f".secret.{uuid.uuid4().hex[:8]}.tmp")
    try:
        handle = os.open(temporary, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o600)
        with open(handle, "wb") as file:
            file.write(secrets.token_bytes(_BYTES))
        os.link(temporary, path)
    finally:
        temporary.unlink(missing_ok=True)


def _is_private(path: Path) -> bool:
    """Whether nobody else can have read or written it, as far as the system says."""
    if not hasattr(os, "geteuid"):
        return True
    status = path.stat()
    return status.st_uid == os.geteuid() and not status.st_mode & 0o077
