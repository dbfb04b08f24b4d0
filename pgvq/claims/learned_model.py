"""Claim: where the dynamics are unknown, one can backpropagate through a model."""

from pgvq.claims.model_learned_figures import draw
from pgvq.claims.model_learned_numbers import finding
from pgvq.claims.model_learned_runs import Sizes, measure_runs
from pgvq.study.definition import Claim, Finding, Say


def measure(say: Say, *, sizes: Sizes | None = None) -> Finding:
    """Errors of learned models, gradients through them, policies trained in them."""
    sizes = sizes or Sizes()
    return finding(measure_runs(say, sizes), sizes)


TEXT = r"""
**Question.** Usually the rules are not known, and what is not known cannot be
differentiated. Can one learn the rules first, by regression, and backpropagate
through what was learnt?

**The mathematics.** Watch random play and fit a network $\hat f$ (three layers of
96 units) to transitions: from what is seen and done, $(s_t, a_t)$, to how $s$
changes, what is paid and whether the point is over. That is ordinary
backpropagation with a differentiable loss,

$$\min_{\hat f} \sum_t \big\| \hat f(s_t, a_t) - (s_{t+1} - s_t,\; r_t) \big\|^2 .$$

Then put $\hat f$ where the game was, and take the same gradient as before:

$$c_t = \frac{d}{da_t} \sum_{k \ge t} \gamma^k\, \hat r_k, \qquad
  \hat s_{k+1} = \hat s_k + \hat f(\hat s_k, a_k).$$

Two things can go wrong. The derivative of a good fit need not be a good derivative;
and from the second step on the model continues from its own guesses, so that its
errors add up.

<<table:errors>>

Share of the squared change of the observation that is left unexplained after one
agent step, in games that were not used for fitting: over all steps, in contacts of
the ball with a paddle (where something is paid), and elsewhere; and the share of
the payment's variance. One model was fitted to each amount, with <<updates:,d>>
updates, so that differences between amounts are differences between single fits as
well. Its network and learning rate were chosen after smaller networks had done worse
with the most data: the model gets a fair chance here, not an average one. In random
play only <<contacts:.1%>> of the transitions are contacts, so that even
<<most:,d>> transitions show few of those that matter: the best model left
<<in_contacts:.0%>> of the change unexplained in contacts and <<elsewhere:.0%>>
elsewhere.

<<figure:models|Errors, gradients and policies of three models>>

Rolled out for <<unrolled:d>> agent steps the best model was off by
<<last_error:.2f>>, after one step by <<first_error:.2f>>; to guess that nothing
changes is off by <<last_still:.2f>>. The gradient through it had a cosine of
<<cosine_first:.2f>> to the game's own at a horizon of <<shortest:d>> agent steps
and of <<cosine_last:.2f>> at <<longest:d>>; with <<least:,d>> transitions it was
<<least_last:.2f>> there. These gradients are of a policy about half of the way from
random play to level, which random play has prepared the model for only in part.

Last, policies trained for <<policy_updates:,d>> updates through each model, in
episodes of at most <<episode:d>> agent steps that start from situations met in
random play, and then played in the game:

<<table:played>>

Random play has <<random:+.2f>>. A direction that is nearly right need not lead to a
policy that plays well: training goes where the model promises most, and nobody has
checked the model there. What helps is known: data from the policy's own play,
fitted again and again, and short episodes (Janner et al. 2019), or to let the model
only predict values and policies (Schrittwieser et al. 2020). Policy gradients and
Q-learning avoid the question: they ask the game itself.

<<expectations>>
"""

learned_model = Claim(
    name="learned_model",
    title="Unknown dynamics: backpropagation through a learned model",
    measure=measure,
    draw=draw,
    text=TEXT,
)
