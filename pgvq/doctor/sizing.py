"""An algorithm at the size of an examination: seconds instead of minutes."""

from collections.abc import Mapping
from typing import Any, NamedTuple

from pgvq.algorithms.contract import Continuous
from pgvq.doctor.anatomy import field_names, replaced
from pgvq.doctor.probe import Probe, Tables
from pgvq.networks.torsos import MLP
from pgvq.types import InputError


class Size(NamedTuple):
    """How much is lived and learnt in an iteration, where fields allow it."""

    num_envs: int  # N
    rollout_length: int  # T
    updates: int  # per iteration, of methods with a `replay_ratio`
    minibatches: int  # per pass, of methods with passes
    capacity: int  # transitions
    target_period: int  # updates

    @property
    def steps(self) -> int:
        """Agent steps per iteration."""
        return self.num_envs * self.rollout_length


# Numbers that divide each other as little as possible; a second choice for those that
# refuse the first.
AWKWARD = (Size(7, 3, 4, 7, 53, 6), Size(4, 6, 4, 4, 53, 6))
# The trial of bootstrapping wants rollouts of four agent steps.
LEARNING = (Size(8, 4, 2, 4, 512, 10), Size(8, 8, 4, 4, 512, 10))
ITERATIONS = 400  # of learning; fewer where an iteration takes many updates


def sized(
    algorithm: Any, sizes: tuple[Size, ...], tables: Tables, **changes: Any
) -> tuple[Any, Size]:
    """The algorithm on a probe in the first of the sizes that it takes, and that size.

    Fields it does not have are left out; so is, one at a time, what it refuses.

    Raises:
        InputError: it takes none of them, or its actions are continuous.
    """
    lacking = [n for n in ("env", "env_params") if n not in field_names(algorithm)]
    if lacking:
        raise InputError(
            f"{type(algorithm).__name__} has no field {lacking[0]!r}, so it cannot be "
            f"put on a probe; add {lacking[0]} to its fields, as RolloutAlgorithm does"
        )
    if isinstance(algorithm, Continuous):
        raise InputError(
            f"{type(algorithm).__name__} moves in continuous actions, and the doctor "
            "examines on small decision processes with discrete actions; train it in "
            "an environment of its own instead, as `pgvq run` does"
        )
    refused = None
    for size in sizes:
        wanted = {**settings(algorithm, size), "env_params": tables, **changes}
        for left_out in (None, *OPTIONAL):
            kept = {name: value for name, value in wanted.items() if name != left_out}
            try:
                return replaced(algorithm, **kept), size
            except Exception as error:  # its own checks may raise what they like
                refused = refused or error
    raise InputError(
        f"{type(algorithm).__name__} takes none of the sizes of the examination "
        f"({refused}); let it take num_envs={sizes[0].num_envs} and "
        f"rollout_length={sizes[0].rollout_length}"
    )


OPTIONAL = ("num_minibatches", "capacity", "batch_size", "target_period", "torso")


def settings(algorithm: Any, size: Size) -> Mapping[str, Any]:
    """Values for the fields that algorithms usually have."""
    names = field_names(algorithm)
    return {
        "env": Probe(),
        "num_envs": size.num_envs,
        "rollout_length": size.rollout_length,
        "torso": MLP((16,)),
        "replay_ratio": size.updates / size.steps,
        "batch_size": 32,
        "capacity": size.capacity,
        # A whole number of rollouts per environment.
        "warmup_steps": size.steps * (2 if size.rollout_length > 3 else 1),
        "num_epochs": 2,
        "num_minibatches": size.minibatches,
        "target_period": size.target_period,
        "target_rate": 1.0 if "target_period" in names else 0.1,
    }


def schooling(algorithm: Any, iterations: int, size: Size) -> dict[str, float]:
    """Values of float fields with which the trials are learnt in seconds."""
    network = "torso" in field_names(algorithm)
    return {
        "budget": float(max(1, iterations * size.steps)),
        "learning_rate": 1e-2 if network else 0.2,
        "discount": 0.8,
        "entropy_coef": 0.0,
        "value_coef": 1.0,
        "max_grad_norm": 10.0,
        "epsilon_end": 0.2,
        "epsilon": 0.3,
    }


def learning_iterations(algorithm: Any) -> int:
    """Iterations after which the trials are learnt."""
    return max(150, min(ITERATIONS, 1600 // max(1, algorithm.updates_per_iteration)))
