"""Claim: where the dynamics are known and smooth, backpropagation itself plays Pong."""

from pgvq.claims.model_smooth_figures import draw
from pgvq.claims.model_smooth_numbers import finding
from pgvq.claims.model_smooth_runs import Sizes, measure_runs, refusals
from pgvq.study.definition import Claim, Finding, Say


def measure(say: Say, *, sizes: Sizes | None = None) -> Finding:
    """Curves of three algorithms, gradients over horizons, and complete exact games."""
    sizes = sizes or Sizes()
    return finding(measure_runs(say, sizes), refusals(), sizes)


TEXT = r"""
**Question.** If the game itself could be differentiated, and we knew its rules,
would backpropagation be enough?

The exact Pong leaves nothing to differentiate: actions are whole numbers, and who
wins a point is decided by comparing whole numbers. This is the answer when the
derivative of the reward is asked for:

<<table:refusals>>

Would the same rules in floats help? With hard contacts the ball is returned or it
is not, and of the derivatives of a point's return with respect to the paddle's
speeds <<hard_zero:.1%>> were exactly zero. So `SmoothPong` makes the contacts soft
(and the stops between which the paddle moves): a ball that arrives $d$ pixels off
the middle of a paddle of half height $h$ is returned *to the degree*

$$p = \sigma\left(\frac{h - |d|}{\tau}\right), \qquad \tau = 2 \text{ pixels},$$

the rally goes on with weight $p$, and $1-p$ of it is paid as a lost point. The
return of a point is then the probability of winning it less that of losing it, a
differentiable function of every speed the paddle had.

**The mathematics.** With noise $\varepsilon_t$ on the policy's speeds, $a_t =
\mu_\theta(s_t) + \varepsilon_t$, one and the same gradient can be had in two ways:

$$\nabla_\theta\, \mathbb{E} \sum_{k<H} \gamma^k r_k
  = \mathbb{E} \sum_{t<H} c_t \,\frac{\partial \mu_\theta(s_t)}{\partial \theta},
  \qquad
  c_t = \frac{d}{da_t} \sum_{k \ge t} \gamma^k r_k
  \quad\text{or}\quad
  c_t = \frac{\varepsilon_t}{\sigma^2} \Big(\sum_{k \ge t} \gamma^k r_k - b_t\Big).$$

The first credit is backpropagation through the game: it asks what a little more
speed *would have* changed. The second is the score function (REINFORCE): it asks
whether the speed that *was* tried turned out well, and never looks into the game.
They differ in nothing else.

<<figure:learning|Learning curves in the smooth game, and scores in the exact one>>

<<table:speed>>

Agent steps to a mean return of −0.5 and of 0 while learning, medians over
<<seeds:d>> seeds (in brackets: how many got there within <<steps:,d>>). All have
the settings they come with, but for backpropagation's network, which is smaller
(two layers of 32 units instead of 64) so that many of its gradients can be taken
below. The two policy gradients choose among three buttons (stay, up, down);
backpropagation sets a speed, because it needs an action that can be varied a
little.

The policy learnt in the smooth game sees the same 13 numbers as in the exact Pong,
so it can play there, its speeds rounded to buttons. It scored <<exact:+.1f>> (95 %
interval <<exact_low:+.1f>> to <<exact_high:+.1f>>, <<seeds:d>> seeds) in complete
games; random play scores <<random_play:+.1f>>.

**How far ahead?** A derivative through $H$ agent steps is a product of $H$
Jacobians. Every contact turns pixels of offset into vertical speed, and the flight
after it turns that into more pixels, so that the product can grow with every hit.

<<figure:horizons|Noise, bias and direction of both gradients against the horizon>>

<<table:variances>>

From <<short:d>> to <<longest:d>> agent steps the variance of one game's gradient
changed by a factor of <<growth:,.0f>> for backpropagation and of
<<score_growth:,.1f>> for the score function. A short horizon does not see the
points that are decided later; that is its bias. What matters for learning is both
together: how well an estimate from <<games:d>> games points along the long-horizon
gradient. Backpropagation was best at a horizon of <<best:d>> agent steps (cosine
<<cosine_best:.2f>>; at <<longest:d>> agent steps <<cosine_long:.2f>>, where the
score function has <<cosine_score:.2f>>).

<<expectations>>

Where to read on: Freeman et al. (2021, Brax) train through a simulator; Xu et al.
(2022, SHAC) cut the horizon and let a critic stand for the rest; Metz et al. (2021)
and Suh et al. (2022) examine the noise of long products; Parmas et al. (2018) mix
the two estimators.
"""

smooth_pong = Claim(
    name="smooth_pong",
    title="Known, smooth dynamics: backpropagation through the game",
    measure=measure,
    draw=draw,
    text=TEXT,
)
