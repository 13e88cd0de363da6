"""Gradients that know their touched rows, and row updates deferred until a row is read."""
