"""Carrying out what was asked for."""
