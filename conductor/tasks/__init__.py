"""Periodic tasks: their kinds, schedules and commands, and the services that drivers may use."""
