"""Readers and writers of every file format, and the one place that opens files."""
