"""What all installed drivers declare. They are imported when somebody asks: most commands never do."""


def secret_names() -> frozenset[str]:
    """Return the names that any installed driver declares as secret."""
    from podium.drivers import registry

    return registry.secret_names()
