"""Where numbers come from: versions, machine, flags and commit of a session."""

import importlib.metadata
import os
import platform
import subprocess
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import jax

_PACKAGES = (
    "pgvq",
    "jax",
    "jaxlib",
    "flax",
    "optax",
    "gymnax",
    "chex",
    "orbax-checkpoint",
    "numpy",
    "scipy",
    "pandas",
    "pyarrow",
)
_JAX_FLAGS = (
    "jax_enable_x64",
    "jax_default_matmul_precision",
    "jax_default_prng_impl",
    "jax_threefry_partitionable",
    "jax_debug_nans",
    "jax_disable_jit",
)


def provenance() -> dict[str, Any]:
    """Describe this process: what a session's record starts from.

    Asks JAX for its devices and so starts its backend: for training processes only.
    The writer adds `seeds`, `lanes`, `agent_steps` and the timings in seconds.
    """
    devices = jax.devices()
    return {
        "started": datetime.now(UTC).isoformat(timespec="microseconds"),
        "packages": {name: version(name) for name in _PACKAGES},
        "python": platform.python_version(),
        "platform": platform.platform(),
        "processor": _processor(),
        "cores": os.cpu_count(),
        "backend": devices[0].platform,
        "device_kind": devices[0].device_kind,
        "devices": len(devices),
        "xla_flags": os.environ.get("XLA_FLAGS", ""),
        "jax_flags": {name: getattr(jax.config, name) for name in _JAX_FLAGS},
        "git": _git(),
    }


def version(package: str) -> str | None:
    """The installed version of a package; None where it is not installed."""
    try:
        return importlib.metadata.version(package)
    except importlib.metadata.PackageNotFoundError:
        return None


def _processor() -> str:
    """The processor's model; JAX calls every CPU "cpu", which dates no wall-clock."""
    try:
        lines = Path("/proc/cpuinfo").read_text().splitlines()
    except OSError:
        return platform.processor()
    models = (x.partition(":")[2].strip() for x in lines if x.startswith("model name"))
    return next(models, platform.processor())


def _git(source: Path = Path(__file__)) -> dict[str, Any] | None:
    """Commit of the checkout that `source` belongs to, and whether it was changed.

    None outside a checkout, and also where `source` merely lies inside somebody else's
    (an installed package in a virtual environment): that commit would explain nothing.
    """

    def git(*arguments: str) -> str:
        return subprocess.run(
            ["git", "--no-optional-locks", "-C", str(source.parent), *arguments],
            check=True,
            capture_output=True,
            text=True,
            timeout=10,
        ).stdout.strip()

    try:
        git("ls-files", "--error-unmatch", source.name)
        changed = git("status", "--porcelain", "--untracked-files=no")
        return {"commit": git("rev-parse", "HEAD"), "dirty": bool(changed)}
    except (OSError, subprocess.SubprocessError):
        return None
