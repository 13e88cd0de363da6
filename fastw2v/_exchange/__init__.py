"""Weights in the layouts of other libraries, and the summary of a model; see keras and torch."""
