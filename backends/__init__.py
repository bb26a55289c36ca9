"""Targets: each turns a scheduled program into text in its own language."""
