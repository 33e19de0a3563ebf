"""Rows of hostile.py: what bytes on a connection can do."""

ROWS = []
