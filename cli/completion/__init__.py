"""Shell completion for ``podium``: argcomplete parses the line, and this package supplies the values.

The shells run ``podium`` itself, with ``_ARGCOMPLETE`` in the environment. Somebody is waiting for the
answer, so only the command on the line is imported, and Podium is asked only for what cannot be known
otherwise. Nothing but the answer is written, whatever goes wrong.
"""
