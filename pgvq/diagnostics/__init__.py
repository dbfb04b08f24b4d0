"""Instruments: what a method's gradients, values and credit are really worth.

`gradients` measures the bias and the variance of policy-gradient estimates, `q_values`
how far action values are from what is obtained, `credit` which actions get the blame.
"""
