"""Sockets, TLS, and the limits of every connection to podium-api."""
