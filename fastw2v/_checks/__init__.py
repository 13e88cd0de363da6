"""Checks and conversions of arguments, each with the message it raises."""
