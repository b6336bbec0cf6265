"""Sphinx's configuration for the pages of this folder: `make docs`.

The pages are Markdown that can be read without Sphinx. The pages in reference/ are generated from the code,
and so are the manual pages in man/, which are no part of the site: `make man`.
"""

import re
import sys
from pathlib import Path
from typing import Any

from cliff import sphinxext
from cliff.command import Command
from docutils import nodes
from docutils.parsers.rst import Directive
from sphinx.application import Sphinx

from podium import __version__
from podium.cli.app import COMMANDS, App

sys.path.insert(0, str(Path(__file__).parent))
import helps
import pictures

project = "Podium"
author = "the Podium authors"
copyright = author
version = __version__
exclude_patterns = ["man"]
html_title = project
html_theme = "furo"
html_static_path = ["_static"]
html_css_files = ["podium.css"]
html_show_sourcelink = False
man_pages = [
    ("podium", "podium", "operate fleets of machines", "", 1),
    ("podium-sim", "podium-sim", "simulate BMCs", "", 1),
    ("podium.conf", "podium.conf", "options of Podium", "", 5),
    ("podium-api", "podium-api", "serve Podium over HTTP", "", 8),
    ("podium-conductor", "podium-conductor", "keep the power state of machines", "", 8),
]
smartquotes = False  # they would turn the -- before an option into a dash

extensions = [
    "cliff.sphinxext",
    "myst_parser",
    "oslo_config.sphinxext",
    "sphinx.ext.autodoc",
    "stevedore.sphinxext",
]
myst_heading_anchors = 3
myst_fence_as_directive = ["mermaid"]
autodoc_member_order = "bysource"

autoprogram_cliff_application = App.NAME
# Arguments of every command, every list and every show; the page lists them once, above the commands.
autoprogram_cliff_ignored = [
    "--help",
    "--config-file",
    "--url",
    "--credentials-file",
    "--cafile",
    "--debug",
    "--format",
    "--column",
    "--quote",
    "--noindent",
    "--max-width",
    "--fit-width",
    "--print-empty",
    "--prefix",
    "--sort-column",
    "--sort-ascending",
    "--sort-descending",
]


class PodiumCommands(sphinxext.AutoprogramCliffDirective):
    """autoprogram-cliff for commands in a table; cliff expects entry points."""

    def _load_commands(self) -> dict[str, type[Command]]:
        manager = App().command_manager
        return {name: self._load_command(manager, name) for name, _, _ in COMMANDS}


class Picture(Directive):
    """A Mermaid block, drawn as SVG."""

    has_content = True

    def run(self) -> list[nodes.Node]:
        text = "\n".join(self.content)
        return [nodes.raw("", pictures.draw(text), format="html")]


def draw_tree(app: Sphinx, what: str, name: str, obj: object, options: Any, lines: list[str]) -> None:
    """Keep the line breaks of the tree in the docstring of podium.errors."""
    if name == "podium.errors":
        lines[1:1] = ["", "::"]


def drop_tables(app: Sphinx, page: nodes.document, name: str) -> None:
    """Leave the older names of options out of manual pages, which cannot have tables inside of lists."""
    if app.builder.name == "man":
        for table in list(page.findall(nodes.table)):
            table.parent.remove(table)


def shorten_defaults(
    app: Sphinx, what: str, name: str, obj: object, options: Any, signature: str | None, returns: str | None
) -> tuple[str, str | None] | None:
    """Write defaults without a Python literal in a readable form."""
    if signature is None:
        return None
    return re.sub(r"<(?:class '(\w+)'|factory)>", lambda found: found[1] or "...", signature), returns


def setup(app: Sphinx) -> None:
    app.add_directive("mermaid", Picture)
    app.add_directive("autoprogram-cliff", PodiumCommands, override=True)
    app.add_directive("help", helps.Help)
    app.connect("doctree-resolved", drop_tables)
    app.connect("autodoc-process-docstring", draw_tree)
    app.connect("autodoc-process-signature", shorten_defaults)
