"""Claim: delayed and sparse reward, and how to start and update a Q-network."""

from typing import Any

import jax

from pgvq.claims import reward_numbers
from pgvq.claims.reward_environment import PaidPong, paid_by, paid_share
from pgvq.claims.reward_figures import draw
from pgvq.claims.reward_runs import REWARDS, Sizes, actor_critics, dqns, train
from pgvq.experiments.definition import Experiment
from pgvq.study.definition import Claim, Finding, Say

# Without FIRE it is learnt in a tenth of the time, and that is what a minute has.
ENV = PaidPong(num_actions=3)
PLAYED = (64, 4_000)  # games side by side and agent steps of each, of random play


def measure(
    say: Say,
    *,
    env: PaidPong = ENV,
    sizes: Sizes = Sizes(),  # noqa: B008
    settings: dict[str, Any] | None = None,
    played: tuple[int, int] = PLAYED,
) -> Finding:
    """Trains both methods, the policy gradient by 3 rewards, DQN in 7 ways.

    Args:
        say: is told what is going on.
        env: Pong.
        sizes: of the measurement.
        settings: fields of DQN that are to differ from the claim's.
        played: games and agent steps of the random play that rewards are counted in.
    """
    shared: dict[str, Any] = {
        "seeds": sizes.seeds,
        "evaluations": sizes.evaluations,
        "games": sizes.games,
        "max_game_steps": sizes.max_game_steps,
    }
    experiments = {
        "actor-critic": Experiment(
            name="actor-critic",
            algorithms=actor_critics(env),
            steps=sizes.actor_critic_steps,
            **shared,
        ),
        "DQN": Experiment(
            name="DQN",
            algorithms=dqns(env, **(settings or {})),
            steps=sizes.dqn_steps,
            **shared,
        ),
    }
    runs = train(experiments, sizes.chunks, say)
    say("how often each reward is paid in random play")
    key = jax.random.key(0)
    shares = {
        name: float(paid_share(env, paid_by(pays), key, *played))
        for name, pays in REWARDS.items()
    }
    found = reward_numbers.numbers(runs, shares) | {
        "seeds": sizes.seeds,
        "games": sizes.games,
        "actor_critic_steps": sizes.actor_critic_steps,
        "dqn_steps": sizes.dqn_steps,
        "max_game_steps": sizes.max_game_steps,
    }
    return Finding(
        numbers=found,
        tables=reward_numbers.tables(runs, shares),
        expectations=reward_numbers.expectations(runs, found),
    )


TEXT = r"""
A point in Pong is decided many agent steps before it is scored. Which reward can an
agent learn from, where should the values of a Q-network start, and what should they be
regressed on? All runs are on the exact Pong with three actions (nothing, up, down) and
are scored alike: greedy play in games to 21 against the console, points won minus
points lost. Before learning that is <<before:+.1f>>.

### What is paid for

Both families maximise the expected discounted return

$$G_t = r_t + \gamma\, r_{t+1} + \gamma^2 r_{t+2} + \dots$$

and three ways to pay differ in where $r$ is not zero:

- **hits**: +1 for each return of the ball by the agent's paddle, nothing for points;
- **points**: +1 for a point won, -1 for one lost;
- **the game's end**: the final score divided by 21, once, and nothing before.

The last is the sum of the points, divided by 21 and paid late: what differs is the
delay. In 1000 agent steps of random play there are <<per_thousand_hit:.1f>> hits,
<<per_thousand_score:.1f>> points and <<per_thousand_game:.1f>> ends of games. A return
of the ball is rare at first, and the better the agent plays the more there are. For
the game's end we raised $\gamma$ to 0.999: a game lasts some 800 agent steps at first,
and DQN's usual 0.995 would leave its first action $0.995^{800} \approx 2\,\%$ of what
is paid.

<<figure:rewards|Scores of actor-critic and DQN by what they are paid for>>

<<table:rewards>>

Paid at the game's end instead of for points, the score at the end differs by
<<critic_end_gap_middle:+.1f>> points for actor-critic (95 % interval
<<critic_end_gap_low:+.1f>> to <<critic_end_gap_high:+.1f>>) and by
<<dqn_end_gap_middle:+.1f>> for DQN (<<dqn_end_gap_low:+.1f>> to
<<dqn_end_gap_high:+.1f>>); paid for hits instead of points, by
<<critic_hits_gap_middle:+.1f>> (<<critic_hits_gap_low:+.1f>> to
<<critic_hits_gap_high:+.1f>>) and by <<dqn_hits_gap_middle:+.1f>>
(<<dqn_hits_gap_low:+.1f>> to <<dqn_hits_gap_high:+.1f>>).

A reward for hits is of our making. It helps as far as returning the ball is what wins
the game, and an agent paid for hits has no reason to end a rally. The two methods are
not to be compared with each other here: actor-critic had
<<actor_critic_steps:,.0f>> agent steps a run and DQN <<dqn_steps:,.0f>>.

### Where the values start

DQN regresses $Q(s, a)$ on $r + \gamma \max_{a'} Q(s', a')$. On the right stands a value
of the network's own, so what it says before it knows anything is learnt from. Its last
layer can start **at zero** (weights a hundredth of the usual size), **as usual**
($1 / \sqrt{n}$ for $n$ inputs), or **optimistic** (at zero, plus 1 for every action: a
point won for certain). In a table, optimism makes an agent try what it has not tried
yet (Sutton & Barto 2018, section 2.6); but a network generalises, and what it learns of
one state changes the values of all.

<<figure:starts|Scores and predicted values of DQN by where its values start>>

<<table:starts>>

Against the start at zero, the score at the end differs by <<usual_gap_middle:+.1f>>
points for the usual one (<<usual_gap_low:+.1f>> to <<usual_gap_high:+.1f>>) and by
<<optimistic_gap_middle:+.1f>> for the optimistic one (<<optimistic_gap_low:+.1f>> to
<<optimistic_gap_high:+.1f>>). Where an interval holds 0, these runs do not tell the two
apart.

### What the values are regressed on

The value on the right can come from an older copy $\theta^-$ of the weights $\theta$,
so that the goal holds still while it is approached:

- **copied**: $\theta^- \leftarrow \theta$ every 250 updates (Mnih et al. 2015);
- **averaged** (Polyak): $\theta^- \leftarrow \theta^- + 0.005\,(\theta - \theta^-)$ at
  every update;
- **none**: $\theta^- = \theta$ always.

<<figure:targets|Scores and predicted values of DQN by its target network>>

<<table:targets>>

Against copying, the score at the end differs by <<averaged_gap_middle:+.1f>> points for
averaging (<<averaged_gap_low:+.1f>> to <<averaged_gap_high:+.1f>>) and by
<<none_gap_middle:+.1f>> for no target network (<<none_gap_low:+.1f>> to
<<none_gap_high:+.1f>>). On the way, at the evaluations between the first and the last,
no target network differs by <<slower_gap_middle:+.1f>> (<<slower_gap_low:+.1f>> to
<<slower_gap_high:+.1f>>).

### What was expected, and what was measured

<<expectations>>

These are short runs of <<seeds:d>> seeds: intervals from so few are somewhat too
narrow, and all of them hold for this budget only. Games were cut at
<<max_game_steps:,.0f>> agent steps and counted as they stood then: of the last ones
<<cut_percent:.0f>> %.
"""

reward_and_targets = Claim(
    name="reward_and_targets",
    title="Delayed and sparse reward; how to start and update a Q-network",
    measure=measure,
    draw=draw,
    text=TEXT,
)
