"""``podium`` completes what is typed at a shell: argcomplete looks at the line, and this says what there is.

The shells run ``podium`` itself for that, with ``_ARGCOMPLETE`` in the environment. It has to answer while
somebody waits for it: of the commands only the one on the line is imported, and Podium is asked for what
cannot be known otherwise. Nothing is written but the answer, whatever is wrong.
"""
