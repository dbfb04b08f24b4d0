"""Why not just backpropagate? Six claims, each settled by a measurement.

Run it with `pgvq run experiments/why_not_backprop`, or one of them with `--claim 2`.
"""

from pgvq.study import Study
from why_not_backprop.learned_model import learned_model
from why_not_backprop.left_or_right import left_or_right
from why_not_backprop.reward_and_targets import reward_and_targets
from why_not_backprop.sequence import sequence
from why_not_backprop.smooth_pong import smooth_pong
from why_not_backprop.threshold import threshold

INTRODUCTION = r"""
A network that reads digits learns by backpropagation: the loss is a differentiable
function of the weights, and the weights are moved down its gradient. Why can a network
not learn Pong that way? What is wanted is the gradient of the expected return,

$$J(\theta) = \mathbb{E}_{a \sim \pi_\theta}[R(a)], \qquad \nabla_\theta J = \;?$$

and between the weights $\theta$ and the return $R$ stands a game. The six sections
below take the reasons that are usually given one at a time, and measure each. What was
expected beforehand stands at the end of each, with whether the measurement agrees.
"""

CONCLUSION = r"""
## What to make of it

| between weights and return | what still has a gradient | who uses it |
| --- | --- | --- |
| nothing | the loss itself | backpropagation, through time too |
| a sampled, discrete action | its probability | policy gradients |
| the same | the error of a prediction of the return | Q-learning |
| a step function | the probability, or a smoothed reward | the same, smoothing |
| known, smooth dynamics | the dynamics, over short horizons | analytic gradients |
| unknown dynamics | a learned model, as far as it is right | model-based methods |

Neither family needs the game to be differentiable. Policy gradients never ask how the
reward depends on the action, only how the action's probability depends on the weights,
and pay with variance. Q-learning predicts the reward, which is regression, and pays
with targets that move as it learns.
"""

study = Study(
    name="why_not_backprop",
    title="Why not just backpropagate?",
    introduction=INTRODUCTION,
    conclusion=CONCLUSION,
    claims=[
        sequence,
        left_or_right,
        threshold,
        smooth_pong,
        learned_model,
        reward_and_targets,
    ],
)
