"""Ironic's API, below ``/v1``: its terms, versions and errors."""
