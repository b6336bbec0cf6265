"""Periodic tasks: their kinds, when they run, commands to them, and what they may ask of the conductor."""
