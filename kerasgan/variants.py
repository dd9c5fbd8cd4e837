"""What there is to know of a variant before it is built: what its class says.

The zoo's own are read from their source, so that help, lists and mistakes are answered without TensorFlow. One of a
user's, in a file or in an installed package that offers it (entry points of the group `kerasgan.models`), is imported.
"""

from __future__ import annotations

import ast
import dataclasses
import functools
import importlib.util
import inspect
import re
import sys
import traceback
from collections.abc import Iterable
from importlib.metadata import entry_points
from pathlib import Path
from types import ModuleType
from typing import TYPE_CHECKING, Any

from kerasgan.errors import UserError, nearest
from kerasgan.models import CLASSES
from kerasgan.paths import expanded

if TYPE_CHECKING:
    from kerasgan.model import GenerativeModel

PACKAGE = Path(__file__).parent
BASE = "GenerativeModel"
GROUP = "kerasgan.models"  # of entry points
_SAID = (  # by attributes of the class
    "paper",
    "takes",
    "task",
    "starts_from",
    "verbs",
    "batch_size",
    "batches_per_step",
    "default_steps",
)
_EXTRAS = ("judges_images", "own_average")  # likewise, and what they are for


@dataclasses.dataclass(frozen=True)
class Variant:
    """What its class says of a variant, and its constructor's arguments."""

    key: str  # what the command line calls it
    name: str  # its class
    summary: str
    paper: str
    takes: str
    task: str  # the natural one
    starts_from: str
    verbs: tuple[str, ...]
    batch_size: int
    batches_per_step: int  # unless an argument says how many
    default_steps: int
    arguments: dict[str, Any]  # name: default
    help: dict[str, str]

    @property
    def short(self) -> str:
        """The key, or of a file its name alone: what runs are named after."""
        return Path(self.key).name.partition(".py")[0] if is_file(self.key) else self.key


def variant(key: str) -> Variant:
    """Return what the class of a variant says: one of the zoo, of an installed package, or in a file of the user's.

    Raises UserError for one that there is not, or whose constructor cannot be called from a command line.
    """
    return _read(key) if key in CLASSES else _inspected(key, class_of(key))


def class_of(key: str) -> type[GenerativeModel]:
    """Return the class of a variant. Raises UserError if there is none, or if it cannot be imported."""
    if key in CLASSES:
        from kerasgan.models import MODELS

        return MODELS[key]
    if is_file(key):
        return _in_file(key)
    if key in (offered := _offered()):
        try:
            return offered[key].load()
        except Exception as error:
            raise UserError(f"{key} of {offered[key].value} cannot be imported: {_said(error)}.") from None
    known = [*CLASSES, *offered]
    raise UserError(f"There is no variant {key}{nearest(key, known)}: choose from {', '.join(known)}.")


def others() -> list[str]:
    """Return the names of the variants that installed packages offer beside the zoo's."""
    return [name for name in _offered() if name not in CLASSES]


def is_file(key: str) -> bool:
    """Return whether a variant is named by the file that it is in: my_gan.py, or my_gan.py:Mine for one of several."""
    return re.fullmatch(r".*\.py(:\w+)?", key, re.DOTALL) is not None


def variants_with(verb: str) -> list[str]:
    """Return the variants of the zoo whose SavedModels have a verb."""
    return [key for key in CLASSES if verb in variant(key).verbs]


def citation(key: str) -> str:
    """Return the first author and the year of the paper of one of the zoo's, which the first line of its file has."""
    first_line = (ast.get_docstring(_tree(f"kerasgan.models.{key}")) or "").partition("\n")[0]
    cited = re.match(r".*?\. ([^\W\d]+).*?(\d{4})", first_line)
    return " ".join(cited.groups()) if cited else first_line


# ---- the zoo's own, from their source -------------------------------------------------------------------------------


@functools.cache
def _read(key):
    lineage = _lineage("kerasgan.models." + key, CLASSES[key])
    said = {}
    for cls in reversed(lineage):
        said |= _constants(cls)
    init = next(f for cls in lineage for f in cls.body if isinstance(f, ast.FunctionDef) and f.name == "__init__")
    names = [a.arg for a in init.args.args if a.arg != "self"]
    arguments = dict(zip(names, map(ast.literal_eval, init.args.defaults), strict=True))
    arguments |= _of_all(said, arguments)
    return _variant(key, CLASSES[key], said, arguments, [ast.get_docstring(cls) for cls in lineage])


def _lineage(module, name):
    """Return the class statements of a class and of what it derives from, up to the base class of all."""
    if module == "kerasgan.models":
        module = f"{module}.{next(key for key, cls in CLASSES.items() if cls == name)}"
    tree = _tree(module)
    cls = next((c for c in tree.body if isinstance(c, ast.ClassDef) and c.name == name), None)
    if cls is None:
        imports = [i for i in tree.body if isinstance(i, ast.ImportFrom) and name in [a.name for a in i.names]]
        return _lineage(imports[0].module, name)
    return [cls] if name == BASE else [cls, *_lineage(module, cls.bases[0].id)]


@functools.cache
def _tree(module):
    file = PACKAGE.joinpath(*module.split(".")[1:]).with_suffix(".py")
    return ast.parse(file.read_text(encoding="utf-8"))


def _constants(cls):
    found = {}
    for statement in cls.body:
        if isinstance(statement, ast.Assign | ast.AnnAssign) and isinstance(statement.value, ast.Constant | ast.Tuple):
            target = statement.target if isinstance(statement, ast.AnnAssign) else statement.targets[0]
            found[target.id] = ast.literal_eval(statement.value)
    return found


# ---- a user's own, by import ----------------------------------------------------------------------------------------


def _offered():
    return {point.name: point for point in entry_points(group=GROUP)}


def _in_file(key):
    from kerasgan.model import GenerativeModel

    path, _, wanted = key.partition(":") if re.search(r"\.py:\w+$", key) else (key, "", "")
    module = _imported(expanded(path))
    found = {
        name: cls
        for name, cls in vars(module).items()
        if isinstance(cls, type) and issubclass(cls, GenerativeModel) and cls.__module__ == module.__name__
    }
    if wanted and wanted in found:
        return found[wanted]
    if len(found) == 1 and not wanted:
        return next(iter(found.values()))
    if not found:
        raise UserError(f"{path} defines no variant: it needs a class that derives from kerasgan.GenerativeModel.")
    which = f"has no class {wanted}{nearest(wanted, found)}" if wanted else "defines several variants"
    raise UserError(
        f"{path} {which}: name one of them, as in {path}:{next(iter(found))}; there are {', '.join(found)}."
    )


@functools.cache
def _imported(path: Path) -> ModuleType:
    if not path.is_file():
        raise UserError(f"There is no file {path}: give the file of a variant, or the name of one of the zoo's.")
    name = path.stem
    if not name.isidentifier() or name in CLASSES or name in sys.modules:
        taken = "is the name of another module" if name.isidentifier() else "is no name that Python can import"
        raise UserError(f"{path.name}: {name} {taken}: choose another name for the file.")
    spec = importlib.util.spec_from_file_location(name, path.resolve())
    assert spec is not None  # as of any name that ends in .py
    assert spec.loader is not None
    module = importlib.util.module_from_spec(spec)
    sys.modules[name] = module
    try:
        spec.loader.exec_module(module)
    except BaseException as error:
        del sys.modules[name]
        if isinstance(error, Exception):
            raise UserError(f"{path} cannot be imported: {_said(error, path)}.") from error
        raise
    return module


def _said(error: Exception, path: Path | None = None) -> str:
    """Return what an exception says in one line, with the line of the user's file that it comes from."""
    frames = [f for f in traceback.extract_tb(error.__traceback__) if path and Path(f.filename) == path.resolve()]
    line = error.lineno if isinstance(error, SyntaxError) else frames[-1].lineno if frames else None
    said = (str(error).splitlines() or [""])[0].rstrip(".")
    return f"{f'line {line}, ' if line else ''}{type(error).__name__}{f': {said}' if said else ''}"


def _inspected(key, cls):
    lineage = [c for c in cls.__mro__ if c.__module__.partition(".")[0] != "keras" and c is not object]
    arguments = {}
    for name, parameter in inspect.signature(cls.__init__).parameters.items():
        if name == "self" or parameter.kind is parameter.VAR_KEYWORD:
            continue
        default = parameter.default
        if name != "image_shape" and (default is parameter.empty or not isinstance(default, bool | int | float | str)):
            found = "none" if default is parameter.empty else repr(default)
            raise UserError(
                f"{cls.__name__}'s argument {name} needs a default that is a number, a text, True or False, for the "
                f"command line to offer it; it has {found}."
            )
        arguments[name] = default
    said = {name: getattr(cls, name) for name in (*_SAID, *_EXTRAS)}
    if any(p.kind is p.VAR_KEYWORD for p in inspect.signature(cls.__init__).parameters.values()):
        arguments |= _of_all(said, arguments)
    return _variant(key, cls.__name__, said, arguments, [vars(c).get("__doc__") for c in lineage])


# ---- what both have -------------------------------------------------------------------------------------------------


def _of_all(said, arguments):
    """Return the arguments that a constructor hands on, of those that GenerativeModel's takes for all variants."""
    augment = {"augment": ""} if said["judges_images"] else {}
    average = {} if said["own_average"] else {"half_life": 0}
    return {name: default for name, default in {**augment, **average}.items() if name not in arguments}


def _variant(key, name, said, arguments, docstrings):
    docstrings = [inspect.cleandoc(text) for text in docstrings if text]
    return Variant(
        key=key,
        name=name,
        summary=docstrings[0].splitlines()[0],
        arguments=arguments,
        help={**{name: name for name in arguments}, **meanings(docstrings, arguments)},
        **{**{part: said[part] for part in _SAID}, "task": said["task"] or said["takes"]},
    )


def meanings(docstrings: list[str], arguments: Iterable[str]) -> dict[str, str]:
    """Return what docstrings say of arguments: paragraphs of `name: ...`, which begin with one of them.

    docstrings: the class's own first, and then those of what it derives from, which hold where it says nothing
    """
    found: dict[str, str] = {}
    for text in docstrings:
        for paragraph in re.split(r"\n\s*\n", text):
            if paragraph.partition(": ")[0] not in arguments:
                continue
            for entry in re.split(
                r"\n(?=\w+: )", paragraph
            ):  # what follows in further lines is indented, or a sentence
                name, _, meaning = entry.partition(": ")
                if name in arguments:
                    found.setdefault(name, " ".join(meaning.split()))
    return found
