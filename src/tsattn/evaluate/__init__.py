"""Measurements: what a video shows of its plan, and tables of it."""
