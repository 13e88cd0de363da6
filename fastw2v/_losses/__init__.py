"""Losses over time, and the output layer in one pass with its loss."""
