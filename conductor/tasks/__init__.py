"""Periodic tasks: jobs, runs for each node, commands to them, and what they may ask of the conductor."""
