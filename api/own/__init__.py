"""Podium's own API, ``/podium/v1``: every call of podium.client over HTTP."""
