"""Sockets, TLS, and the bounds of every connection to podium-api."""
