"""``podium-api``: Podium over HTTP, with the API of Ironic so that Ironic's clients work unchanged."""
