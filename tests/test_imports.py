"""Imports point one way: no module needs, at once or later, one that needs it."""

import ast
from graphlib import CycleError, TopologicalSorter
from pathlib import Path

import pytest

PACKAGE = Path(__file__).parents[1] / "kerasgan"


def name_of(file):
    parts = ["kerasgan", *file.relative_to(PACKAGE).with_suffix("").parts]
    return ".".join(parts[:-1] if parts[-1] == "__init__" else parts)


MODULES = {name_of(file): ast.parse(file.read_text(encoding="utf-8")) for file in PACKAGE.rglob("*.py")}


def is_for_types(node):
    return isinstance(node, ast.If) and ast.unparse(node.test) == "TYPE_CHECKING"


def imports(tree, known):
    """Return the modules that a module imports, at its top or in its functions: not those for type hints alone.

    A package that offers names by a __getattr__ names for type hints what it imports later.
    """
    offers = any(isinstance(node, ast.FunctionDef) and node.name == "__getattr__" for node in tree.body)
    found, left = set(), [tree]
    while left:
        node = left.pop()
        children = node.orelse if is_for_types(node) and not offers else list(ast.iter_child_nodes(node))
        left += children
        if isinstance(node, ast.Import):
            found |= {alias.name for alias in node.names} & known
        elif isinstance(node, ast.ImportFrom):
            names = {alias.name: f"{node.module}.{alias.name}" for alias in node.names}
            found |= {name if name in known else node.module for name in names.values()} & known
        elif isinstance(node, ast.Call) and ast.unparse(node.func).endswith("import_module"):
            found |= {ast.unparse(argument).strip("'") for argument in node.args} & known
    return found


def circle(graph):
    try:
        TopologicalSorter(graph).prepare()
    except CycleError as error:
        return " -> ".join(reversed(error.args[1]))  # it names what is imported first
    return None


def test_no_module_imports_at_once_or_later_what_imports_it():
    assert circle({name: imports(tree, set(MODULES)) - {name} for name, tree in MODULES.items()}) is None


def test_no_folder_imports_what_imports_it():
    def room(name):
        return ".".join(name.split(".")[:2])

    graph = {room(name): set() for name in MODULES}
    for name, tree in MODULES.items():
        graph[room(name)] |= {room(other) for other in imports(tree, set(MODULES))} - {room(name)}
    assert circle(graph) is None


@pytest.mark.parametrize(
    ("a", "b", "circular"),
    [
        ("import b", "from a import x", True),
        ("def f():\n    from b import x", "if True:\n    import a", True),
        ("if TYPE_CHECKING:\n    import b", "import a", False),
        ("if TYPE_CHECKING:\n    import b\ndef __getattr__(name): pass", "import a", True),
        ("importlib.import_module('b')", "import a", True),
        ("import b", "import c", False),
    ],
)
def test_a_circle_is_found(a, b, circular):
    graph = {name: imports(ast.parse(source), {"a", "b"}) for name, source in (("a", a), ("b", b))}
    assert (circle(graph) is not None) == circular
