"""Podium: a conductor for fleets of machines."""
