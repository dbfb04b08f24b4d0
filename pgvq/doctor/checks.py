"""The checks in the order in which they are made."""

from pgvq.doctor import behaviour_checks as behaviour
from pgvq.doctor import counting_checks as counting
from pgvq.doctor import state_checks as state
from pgvq.doctor.report import Check
from pgvq.doctor.trials import TRIALS

# What tells whether an algorithm bootstraps at all.
VALUES = ("choice", "bootstrap", "bootstrap, short-sighted")

CHECKS: dict[str, Check] = {
    "stable state": Check(
        "iterate returns a state of the same shapes, dtypes and weak types",
        "training is one compiled loop, which takes no state that changes its type",
        "make the leaf in `init` with its dtype, as in jnp.int32(0), and keep it",
        state.stable,
    ),
    "float fields": Check(
        "float fields are sweepable",
        "values of a leaf are lanes of one program, those of a static field are not",
        "declare it with leaf(...), and decide with jnp.where instead of `if`",
        state.fields,
    ),
    "keys": Check(
        "no random key is used twice",
        "numbers drawn twice from a key are the same numbers: the coin that decides to "
        "explore also decides the action, evaluation sees what training saw",
        "split keys once, at the top of a function, into one for each purpose, and "
        "return a new one in the state",
        state.keys,
    ),
    "seeds": Check(
        "seeds are independent",
        "an interval over seeds that share networks or worlds is far too narrow",
        "draw everything from the key that `init` gets; no jax.random.key(0) inside",
        state.seeds,
    ),
    "seed alone": Check(
        "a seed is the same run alone and beside others",
        "otherwise adding seeds changes those that are there",
        "leave out what mixes lanes or runs in Python (numpy.random, global variables, "
        "names of batch axes); if it is clean of that, compare jax.vmap(f)(x)[1] with "
        "f(x[1]) for its parts: iterative solvers such as jax.scipy.sparse.linalg.cg "
        "need damping and a small maxiter, or a direct solve",
        state.alone,
    ),
    "resume": Check(
        "a resumed run equals one that never stopped",
        "what lives outside the state is lost when a run is stopped",
        "keep everything that changes in the state: schedules, optimiser, replay, keys",
        state.resume,
    ),
    "evaluation": Check(
        "evaluation leaves training as it is",
        "otherwise how often one looks decides what is learnt",
        "let `act` change nothing but what it returns, and draw from its key alone",
        state.evaluation,
    ),
    "modes": Check(
        "it acts greedily and with exploration",
        "families are compared fairly only if both are played in both ways",
        "greedy=True: the best known action, no randomness; greedy=False: draw from "
        "the policy with the given key, independently for each environment",
        behaviour.modes,
    ),
    "agent steps": Check(
        "agent steps are counted exactly",
        "curves are drawn against agent steps, the warm-up among them",
        "let initial_steps and steps_per_iteration say what `init` and `iterate` take",
        counting.steps,
    ),
    "counters": Check(
        "counters are whole numbers of 32 bits",
        "float32 stops counting at 2^24 = 16.8M steps, and schedules stop with it",
        "count in jnp.int32 and turn into a float only what is computed from it",
        counting.counters,
    ),
    "updates": Check(
        "gradient steps are as many as declared, for awkward num_envs",
        "a replay ratio that falls with 1 / num_envs, or updates at `steps % k == 0`, "
        "makes more environments learn less without a word",
        "take a fixed number of updates per iteration, replay_ratio * num_envs * "
        "rollout_length, and declare it as updates_per_iteration",
        counting.updates,
    ),
    "target network": Check(
        "the target network moves as often as its period says",
        "`steps % period == 0` with many environments is true only at common multiples "
        "of the period and the steps of an iteration",
        "count updates one by one and compare in each of them",
        counting.target_network,
    ),
    "memory": Check(
        "memory per lane",
        "every seed and every swept value has a state of its own",
        "lower capacity or num_envs, or keep observations in a smaller dtype",
        state.memory,
    ),
    "metrics": Check(
        "metrics are scalars, and NaN where nothing is known",
        "zeros before the first episode's end, and repeated old episodes, look like "
        "scores on a curve",
        "return NaN from an iteration in which no episode ended",
        counting.metrics,
    ),
    "clipping": Check(
        "gradients are clipped by their global norm",
        "a bound on each element lets the norm grow with the network and turns the "
        "gradient's direction",
        "scale the whole gradient, as optax.clip_by_global_norm does; optax.clip "
        "bounds elements",
        counting.clipping,
    ),
    "learning": Check(
        "it learns the simplest choice",
        "a sign, a target or an action in the wrong row shows here first",
        "look for a loss with the wrong sign, actions or rewards of another step, or "
        "steps too small: learning_rate is a field here by that name",
        behaviour.choice,
        ("choice",),
    ),
    "truncation": Check(
        "what the clock cuts is bootstrapped",
        "a cut taken for an end teaches that going on is worthless",
        "bootstrap from next_obs unless `terminated`; `truncated` only cuts the trace",
        behaviour.truncation,
        (*VALUES, "truncation"),
    ),
    "termination": Check(
        "what terminates is not bootstrapped",
        "after the end nothing is paid, whatever the network says of the last state",
        "multiply the next value by 1 - terminated",
        behaviour.termination,
        (*VALUES, "termination"),
    ),
    "next observation": Check(
        "a cut bootstraps from where it happened",
        "after an automatic reset the current observation is another episode's first",
        "use the rollout's next_obs, not the following row's obs",
        behaviour.reset,
        (*VALUES, "truncation", "reset"),
    ),
    "bootstrap": Check(
        "targets bootstrap from the state that followed",
        "an index off by one in a recursion of returns reads another state's value",
        "compare with pgvq.ops.returns.lambda_returns; behind the last row stands the "
        "value of its next_obs",
        behaviour.bootstrap,
        ("choice", *(name for name in TRIALS if name.startswith("bootstrap"))),
    ),
    "unfinished episodes": Check(
        "without values, only complete returns are learnt from",
        "a return that is cut at the rollout's edge, or bootstrapped there from "
        "nothing, undervalues what pays late",
        "leave out steps whose episode is still running at the edge "
        "(pgvq.ops.returns.has_ended), or learn values to bootstrap from",
        behaviour.unfinished,
        (*VALUES, "unfinished"),
    ),
    "entropy": Check(
        "the entropy bonus keeps a policy uniform",
        "with the wrong sign it makes the policy greedy before anything is known",
        "subtract entropy_coef * entropy from a loss that is descended",
        behaviour.entropy,
        ("entropy",),
    ),
    "values": Check(
        "values are the expected returns",
        "a gradient through the target, or the advantage, moves the values away",
        "jax.lax.stop_gradient around the target and around the advantage",
        behaviour.values,
        ("nothing", "values"),
    ),
    "finite": Check(
        "what is learnt stays finite",
        "one NaN in the parameters ends a run; a deviation of zero makes one",
        "divide by what cannot be zero: jnp.std(x) + 1e-8",
        behaviour.finite,
        ("choice", "nothing", "entropy", "values"),
    ),
}
