"""Encrypts secrets anew that are in the database: with another key, or for the first time."""
