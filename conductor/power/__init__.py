"""Carrying out requested operations."""
