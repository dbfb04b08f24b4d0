"""Checks of what is learnt, read from the actions in trials with a known answer."""

import numpy as np

from pgvq.doctor import anatomy
from pgvq.doctor.lab import Lab
from pgvq.doctor.probe import ACTIONS
from pgvq.doctor.report import Verdict, failed, passed, skipped
from pgvq.doctor.school import ASKED, CLASSES, Learnt
from pgvq.doctor.trials import COIN_VALUES, TRIALS

BOOTSTRAPS = tuple(name for name in TRIALS if name.startswith("bootstrap"))
NAMES = "AB"


def modes(lab: Lab) -> Verdict:
    """Greedy play repeats itself, exploring does not, and its draws are independent."""
    actions = lab.acted.actions
    for mode, rows in actions.items():
        if rows.shape != (2, ASKED) or not np.issubdtype(rows.dtype, np.integer):
            return failed(
                f"{mode} actions for {ASKED} observations are {rows.dtype} of shape "
                f"{list(rows.shape[1:])}, not whole numbers [{ASKED}]"
            )
        if rows.min() < 0 or rows.max() >= ACTIONS:
            return failed(
                f"{mode} actions lie between {rows.min()} and {rows.max()} where there "
                f"are the actions 0 to {ACTIONS - 1}"
            )
    greedy, explore = actions["greedy"], actions["explore"]
    if not np.array_equal(greedy[0], greedy[1]):
        return failed("greedy=True gives other actions with another key")
    if np.array_equal(explore[0], explore[1]):
        return failed(
            "greedy=False gives the same actions with another key, so that it explores "
            "nothing, or draws from a key of its own"
        )
    return _independent(explore)


def _independent(explore: np.ndarray) -> Verdict:
    """Whether actions of two keys, and of neighbours, agree as often as by chance."""
    by_state = explore.reshape(2, -1) if len(explore[0]) % 6 == 0 else explore[:, :510]
    by_state = by_state.reshape(2, -1, 6)  # neighbours saw another state each
    share = by_state.mean(axis=(0, 1))  # of action 1, by state
    for what, one, other in (
        ("with two keys", by_state[0], by_state[1]),
        ("of two environments", by_state[:, :-1], by_state[:, 1:]),
    ):
        expected = np.mean(share**2 + (1 - share) ** 2)
        agree = np.mean(one == other)
        spread = np.sqrt(np.maximum(expected * (1 - expected), 1e-3) / one.size)
        if abs(agree - expected) > 6 * spread + 0.02:
            return failed(
                f"exploring actions {what} agree in {agree:.0%} of cases, where "
                f"independent draws agree in {expected:.0%}"
            )
    return passed("greedy play repeats itself, exploring draws anew for each key")


def finite(lab: Lab) -> Verdict:
    """No NaN and no infinity after training, not even where nothing was ever paid."""
    broken = []
    for name in lab.trials:
        learnt = lab.learnt(name)
        if learnt is not None and not learnt.finite.all():
            broken.append(name)
    if broken:
        return failed(
            "the state holds NaN or infinity after the trials " + ", ".join(broken)
        )
    return passed("all that is learnt is finite, also where nothing was ever paid")


def choice(lab: Lab) -> Verdict:
    """One agent step: the action has to match the state."""
    if _right(lab, "choice"):
        return passed("the action that pays 1 is preferred to the one that pays 0")
    return failed(
        "after "
        f"{lab.school.iterations * 4} iterations it prefers, in a state that is seen, "
        f"the action that pays 0 to the one that pays 1 ({_chosen(lab, 'choice')})"
    )


def truncation(lab: Lab) -> Verdict:
    """What the clock cuts is worth what would have followed."""
    if reason := _no_values(lab):
        return skipped(reason)
    if _right(lab, "truncation"):
        return passed("a step that the clock cut is worth what would have followed")
    return failed(
        "an action that pays 1 again and again, cut by the clock after every step, is "
        "taken for worth less than 2 once; with discount 0.8 it is worth 5"
    )


def termination(lab: Lab) -> Verdict:
    """What ends for good is worth what it paid."""
    if reason := _no_values(lab):
        return skipped(reason)
    if _right(lab, "termination"):
        return passed("nothing is added to what a terminating step paid")
    return failed(
        "of two actions that end the episode it prefers the one that pays 1 and ends "
        "in a state of high value to the one that pays 2 and ends in a bad one"
    )


def reset(lab: Lab) -> Verdict:
    """A cut bootstraps from where it happened, not from where the next one begins."""
    if reason := _no_values(lab):
        return skipped(reason)
    if _right(lab, "reset"):
        return passed("a cut step bootstraps from where it led, not from the reset")
    if not _right(lab, "truncation"):
        return skipped("it takes a cut for an end, so it reads no next observation")
    return failed(
        "of two actions that the clock cuts it prefers the one that pays 1 and leads "
        "to a state worth 0 to the one that leads to a state worth 4"
    )


def bootstrap(lab: Lab) -> Verdict:
    """Rewards and values belong to the step that they followed."""
    if reason := _no_values(lab):
        return skipped(reason)
    wrong = tuple(
        name
        for name in BOOTSTRAPS
        if lab.learnt(name) is not None and not _right(lab, name)
    )
    if not wrong:
        return passed("one agent step later is discounted once, also past the rollout")
    if all(_undecided(lab.longer(name), name) for name in BOOTSTRAPS[:1] + wrong[:1]):
        return skipped("it learns nothing from an episode that never ends")
    name = wrong[0]
    settings = TRIALS[name].settings
    told = ", ".join(f"{field}={value:g}" for field, value in settings.items())
    return failed(
        f"with {told}, of 4 after one step and 1 at once, it prefers the "
        f"{'1' if 'short' not in name else '4'} where the other is worth more "
        f"({_chosen(lab, name)}; the second choice falls into a rollout's last row)"
    )


def unfinished(lab: Lab) -> Verdict:
    """Without values, a return that the rollout's edge cuts is not known."""
    seen = anatomy.learns_values(lab.algorithm)
    if seen or (seen is None and _bootstraps(lab)):
        return skipped("it learns values, which stand in for what follows the rollout")
    if seen is None:
        return skipped("it does not say whether it learns values (critic = 'none')")
    if _right(lab, "unfinished"):
        return passed("episodes that the rollout's edge cuts give no short returns")
    return failed(
        "it prefers 2.4 at once to 4 two steps later, worth 3.2 with discount 0.9, as "
        "if the half of the episodes that the rollout's edge cuts were over there"
    )


def entropy(lab: Lab) -> Verdict:
    """Where no action is better a bonus on the entropy keeps the policy uniform."""
    learnt = lab.learnt("entropy")
    if learnt is None:
        return skipped("it has no float field entropy_coef that is a leaf")
    share = float(np.max(np.abs(learnt.share[:, 0] - 0.5)) + 0.5)
    if share < 0.8:
        return passed(
            f"with entropy_coef=1 and nothing to choose no action has over {share:.0%}"
        )
    return failed(
        "with entropy_coef=1 and nothing to choose one of two actions is taken in "
        f"{share:.0%} of cases"
    )


def values(lab: Lab) -> Verdict:
    """Values of states that a coin chooses between, 4 and -4, and of nothing."""
    learnt = lab.learnt("values")
    if learnt is None or learnt.values is None:
        return skipped("its values cannot be read (q_values, or network with a critic)")
    for name, wanted, margin in (
        ("values", COIN_VALUES, 1.0),
        ("nothing", {0: 0.0}, 0.15),
    ):
        if _near(lab.learnt(name), wanted, margin):
            continue
        learnt = lab.longer(name)
        if not _near(learnt, wanted, margin):
            seen = np.median(learnt.values, axis=0)
            told = [f"worth {v:g} is valued {seen[s]:.2g}" for s, v in wanted.items()]
            return failed(f"a state {', one '.join(told)}")
    return passed("states worth 4, -4 and nothing are valued so")


def _near(learnt: Learnt | None, wanted: dict[int, float], margin: float) -> bool:
    """Whether the values of most seeds are right."""
    assert learnt is not None
    seen = learnt.values[:, list(wanted)]
    far = np.abs(seen - np.array(list(wanted.values()))).max(axis=1)
    return (far < margin).sum() * 2 > CLASSES


def _right(lab: Lab, trial: str) -> bool:
    """Whether most seeds found the better actions, if need be after longer learning."""
    learnt = lab.learnt(trial)
    assert learnt is not None
    return _found(trial, learnt) or _found(trial, lab.longer(trial))


def _found(trial: str, learnt: Learnt) -> bool:
    right = TRIALS[trial].right
    found = np.all(learnt.actions[:, list(right)] == list(right.values()), axis=1)
    return found.sum() * 2 > CLASSES


def _undecided(learnt: Learnt, trial: str) -> bool:
    """Whether it still draws all actions alike, as it did before it learnt."""
    share = learnt.share[:, list(TRIALS[trial].right)]
    return bool(np.all(np.abs(share - 1 / ACTIONS) < 0.1))


def _bootstraps(lab: Lab) -> bool:
    """Whether it looks past a rollout's edge, as values do.

    So do returns that are paid in later rollouts, of a method that says it has no
    values.
    """
    names = ("bootstrap", "bootstrap, short-sighted")
    if any(lab.learnt(name) is None for name in names):
        return False
    return all(_found(name, learnt) for name in names if (learnt := lab.learnt(name)))


def _no_values(lab: Lab) -> str:
    """Why nothing about bootstrapping can be asked; empty where it can."""
    if not _right(lab, "choice"):
        return "it does not learn the simplest choice, so nothing further can be asked"
    seen = anatomy.learns_values(lab.algorithm)
    if seen or (seen is None and _bootstraps(lab)):
        return ""
    if seen is None:
        return (
            "it shows no values (q_values, or network with a critic) and acts as if it "
            "had none, so there is nothing to bootstrap from"
        )
    return "it learns no values, so there is nothing to bootstrap from"


def _chosen(lab: Lab, trial: str) -> str:
    """What most seeds chose in the states in question."""
    learnt = lab.longer(trial)
    states = list(TRIALS[trial].right)
    most = np.median(learnt.actions[:, states], axis=0).astype(int)
    right = "".join(NAMES[a] for a in TRIALS[trial].right.values())
    return f"it chose {''.join(NAMES[a] for a in most)}, right is {right}"
