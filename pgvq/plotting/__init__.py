"""Figures of results: `plot` draws all of them, and each has a function of its own.

The functions `draw_...` take axes of the caller's and return them.
"""

from pgvq.plotting.budgets import budget_curve, draw_budgets
from pgvq.plotting.curves import (
    draw_learning_curves,
    draw_metric,
    learning_curves,
    metric_figures,
)
from pgvq.plotting.figures import FIGURES, plot, plot_series
from pgvq.plotting.ladder import ladder_figures, ladders_figure
from pgvq.plotting.options import Options
from pgvq.plotting.reached import draw_reached, reached
from pgvq.plotting.scores import draw_final_scores, final_scores
from pgvq.plotting.sweep import draw_heat_map, draw_marginal, sweep_figures

__all__ = [
    "FIGURES",
    "Options",
    "budget_curve",
    "draw_budgets",
    "draw_final_scores",
    "draw_heat_map",
    "draw_learning_curves",
    "draw_marginal",
    "draw_metric",
    "draw_reached",
    "final_scores",
    "ladder_figures",
    "ladders_figure",
    "learning_curves",
    "metric_figures",
    "plot",
    "plot_series",
    "reached",
    "sweep_figures",
]
