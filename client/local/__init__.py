"""Answers calls on the database."""
