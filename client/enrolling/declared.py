"""What all installed drivers declare. They are imported only on request: most commands never need them."""


def secret_names() -> frozenset[str]:
    """Return the names that any installed driver declares as secret."""
    from podium.drivers import registry

    return registry.secret_names()
