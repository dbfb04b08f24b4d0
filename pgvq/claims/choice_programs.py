"""How the programs of these claims are compiled: they run for a second or less."""

from functools import partial

import jax

# At XLA's usual level, 3, some of these take four times as long to compile and run no
# faster: 17.7 s against 4.2 s of one core for the recurrent network's.
_OPTIONS = {"xla_backend_optimization_level": 1}

quick_jit = partial(jax.jit, compiler_options=_OPTIONS)
