import sys
from pathlib import Path

import lutra

HERE = Path(__file__).parent
sys.path.insert(0, str(HERE))


def setup(_app: object) -> None:
    """Write the page that is made from the accuracy rows."""
    from accuracy_table import page

    (HERE / "accuracy.md").write_text("\n".join(page()) + "\n")


project = "Lutra"
author = "The Lutra authors"
copyright = "The Lutra authors"
version = release = lutra.__version__

extensions = [
    "myst_parser",
    "sphinx.ext.autodoc",
    "sphinx.ext.napoleon",
    "sphinx.ext.viewcode",
]
myst_enable_extensions = ["colon_fence", "deflist"]
myst_heading_anchors = 3
exclude_patterns = ["_build"]

default_role = "py:obj"
autodoc_default_options = {"members": True, "imported-members": True}
autodoc_member_order = "groupwise"
autodoc_typehints = "description"
autodoc_typehints_description_target = "documented"
napoleon_google_docstring = False
napoleon_use_rtype = False

html_theme = "furo"
html_title = "Lutra"
