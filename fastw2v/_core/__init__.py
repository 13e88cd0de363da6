"""Threads, random keys, products, scratch memory: services that know no layer, file or text."""
