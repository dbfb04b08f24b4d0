"""The study "why not just backpropagate?": a file for each claim."""
