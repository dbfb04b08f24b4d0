"""One turn of a benchmark that measures several programs one after the other."""

import time
from collections.abc import Callable
from typing import TypedDict


class Speed(TypedDict):
    """What one turn measured, in agent steps of all seeds together."""

    per_second: float
    per_cpu_second: float  # by the seconds of CPU that all threads of the process got


def take_turn(train: Callable[[], int], seconds: float) -> Speed:
    """Calls `train`, which says how many agent steps it took, for about so long."""
    steps = 0
    cpu, began = time.process_time(), time.perf_counter()
    while not steps or time.perf_counter() - began < seconds:
        steps += train()
    elapsed, used = time.perf_counter() - began, time.process_time() - cpu
    return Speed(per_second=steps / elapsed, per_cpu_second=steps / used)
