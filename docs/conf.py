"""Sphinx configuration: MyST pages in four kinds, and the reference from docstrings."""

import janusgrid

project = "JanusGrid"
author = "The JanusGrid developers"
copyright = "2026, the JanusGrid developers"
release = janusgrid.__version__

extensions = ["myst_parser", "sphinx.ext.autodoc", "sphinx.ext.napoleon", "sphinx.ext.viewcode"]
myst_enable_extensions = ["colon_fence", "deflist", "fieldlist"]
myst_heading_anchors = 3
exclude_patterns = ["_build"]
html_theme = "furo"
html_title = "JanusGrid"
autodoc_member_order = "bysource"
autodoc_typehints = "description"
autodoc_default_options = {"members": True, "show-inheritance": True}
napoleon_google_docstring = True
suppress_warnings = ["autodoc.import_cycle"]
