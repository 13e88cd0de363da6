"""Writes the stubs of the modules that users import: python tools/stubs.py [--list]

The modules keep their signatures bare; types are told here, by the name of an argument, which
means the same everywhere. `mypy --strict` of a user then knows every call, and stubtest (stage
`stubs` of .ci/run) holds names, arguments and defaults against the modules.
"""

import ast
import sys
from pathlib import Path

ROOT = Path(__file__).resolve().parents[1]
PACKAGE = ROOT / "fastw2v"
MODULES = (
    *(
        "attention_layer",
        "base_model",
        "candidate_sampling",
        "functions",
        "init",
        "keras",
        "layers",
    ),
    *("negative_sampling_layer", "optimizer", "time_layers", "trainer", "util", "_threads"),
    *(
        "_build_info",
        "_row_grad",
        "_recurrent",
        "_pickle",
        "_summary",
        "_cells",
        "models/_language_model",
    ),
)
ARRAYS = """
    W W1 W2 b Wx Wh Wx1 Wh1 b1 Wx2 Wh2 b2 x x0 xs t ts dout dc da dh dhs dh_next dc_next dscore h
    h_prev c c_prev hs hs_enc hs_dec enc_hs a idx ids contexts target targets labels centres
    y C logits dW dxs questions sources embed_W row kernel word_matrix matrix queries lengths
    question correct score scores mask start p
""".split()
TYPES = dict.fromkeys(ARRAYS, "ArrayLike") | {
    **dict.fromkeys("W b Wx Wh Wx1 Wh1 b1 Wx2 Wh2 b2 dW embed_W".split(), "NDArray[Any]"),
    "corpus": "Any",
    "rng": "np.random.Generator | None",
    "dtype": "DTypeLike",
    "word_to_id": "Mapping[str, int]",
    "id_to_word": "Mapping[int, str]",
    "params": "list[NDArray[Any]]",
    "grads": "list[NDArray[Any]]",
    "file_name": "str | os.PathLike[str]",
    "path": "str | os.PathLike[str]",
    **dict.fromkeys(("vocab_size", "hidden_size", "wordvec_size", "window_size", "n"), "int"),
    **dict.fromkeys(("sample_size", "num_sampled", "input_size", "output_size", "top", "k"), "int"),
    **dict.fromkeys(("max_epoch", "batch_size", "time_size", "range_max", "max_length"), "int"),
    **dict.fromkeys(("stateful", "train_flg", "train", "verbose", "replace", "unique"), "bool"),
    **dict.fromkeys(("lr", "momentum", "power", "beta1", "beta2", "max_norm", "ratio"), "float"),
}
# What is returned, where the answer is not whatever numpy makes of the arguments.
RETURNS = {
    "__init__": "None",
    "__repr__": "str",
    "__len__": "int",
    "fit": "None",
    "update": "None",
    "plot": "Any",
    "save": "None",
    "save_params": "None",
    "load_params": "None",
    "reset_state": "None",
    "set_state": "None",
    "set_num_threads": "None",
    "get_num_threads": "int",
    "build_info": "dict[str, Any]",
    "preprocess": "tuple[NDArray[Any], dict[str, int], dict[int, str]]",
    "create_contexts_target": "tuple[NDArray[Any], NDArray[Any]]",
    "most_similar": "Any",
    "params": "list[NDArray[Any]]",
    "grads": "list[NDArray[Any]]",
    "word_vecs": "NDArray[Any]",
    "get_negative_sample": "NDArray[Any]",
}
ATTRIBUTES = {"params": "list[NDArray[Any]]", "grads": "list[NDArray[Any]]"}
HEAD = '''"""Types of `fastw2v.{name}`, written by tools/stubs.py."""

import os as os
import pickle as pickle
from collections.abc import Mapping as Mapping
from typing import Any, NamedTuple as NamedTuple

import numpy as np
from numpy.typing import ArrayLike as ArrayLike, DTypeLike as DTypeLike, NDArray as NDArray
'''


def constant(node):
    return isinstance(node, ast.Constant)


def type_of(argument, default):
    if argument.annotation is not None:
        return ast.unparse(argument.annotation)
    known = TYPES.get(argument.arg)
    if default is None:
        return known or "Any"
    if known and not constant(default):
        return known
    if constant(default) and default.value is None:
        return f"{known} | None" if known and "None" not in known else known or "Any"
    if constant(default) and type(default.value) in (bool, int, float, str):
        kind = type(default.value).__name__
        return known if known not in (None, "int", "bool") else kind
    return known or "Any"


def signature(function, own=True):
    """Arguments with types, defaults as they are written."""
    a = function.args
    plain = a.posonlyargs + a.args
    defaults = [None] * (len(plain) - len(a.defaults)) + a.defaults
    parts = []
    for k, (argument, default) in enumerate(zip(plain, defaults, strict=True)):
        if k == 0 and own and argument.arg in ("self", "cls"):
            parts.append(argument.arg)
        else:
            parts.append(one(argument, default))
        if a.posonlyargs and k == len(a.posonlyargs) - 1:
            parts.append("/")
    if a.vararg:
        parts.append(f"*{a.vararg.arg}: Any")
    elif a.kwonlyargs:
        parts.append("*")
    parts += [one(x, d) for x, d in zip(a.kwonlyargs, a.kw_defaults, strict=True)]
    if a.kwarg:
        parts.append(f"**{a.kwarg.arg}: Any")
    return ", ".join(parts)


def one(argument, default):
    text = f"{argument.arg}: {type_of(argument, default)}"
    if default is None:
        return text
    simple = constant(default) or isinstance(default, ast.UnaryOp)
    return f"{text} = {ast.unparse(default) if simple else '...'}"


def returned(function):
    if function.returns is not None:
        return ast.unparse(function.returns)
    return RETURNS.get(function.name, "Any")


def stub_function(function, indent="", own=False):
    names = {ast.unparse(d) for d in function.decorator_list}
    kept = [d for d in function.decorator_list if ast.unparse(d) in KEPT_DECORATORS
            or ast.unparse(d).endswith(".setter")]  # fmt: skip
    lines = [f"{indent}@{ast.unparse(d)}" for d in kept]
    if any(name.endswith(".setter") for name in names):
        value = function.args.args[1].arg
        return [*lines, f"{indent}def {function.name}(self, {value}: Any) -> None: ..."]
    arguments = signature(function, own and "staticmethod" not in names)
    return [*lines, f"{indent}def {function.name}({arguments}) -> {returned(function)}: ..."]


KEPT_DECORATORS = ("property", "classmethod", "staticmethod")


def attributes(node, taken):
    """Public names that __init__ gives to self."""
    found = {}
    for function in node.body:
        if isinstance(function, ast.FunctionDef) and function.name == "__init__":
            for inner in ast.walk(function):
                for target in getattr(inner, "targets", []):
                    for name in target.elts if isinstance(target, ast.Tuple) else [target]:
                        if isinstance(name, ast.Attribute) and ast.unparse(name.value) == "self":
                            found[name.attr] = ATTRIBUTES.get(name.attr, "Any")
    return {k: v for k, v in found.items() if not k.startswith("_") and k not in taken}


def stub_class(node):
    bases = [ast.unparse(base).replace("np.ndarray", "np.ndarray[Any, Any]") for base in node.bases]
    lines = [f"class {node.name}({', '.join(bases)}):" if bases else f"class {node.name}:"]
    body = []
    methods = [f for f in node.body if isinstance(f, ast.FunctionDef)]
    taken = {f.name for f in methods} | {
        ast.unparse(target)
        for statement in node.body
        for target in getattr(statement, "targets", [getattr(statement, "target", node)])
        if isinstance(target, ast.Name)
    }
    for name, kind in attributes(node, taken).items():
        body.append(f"    {name}: {kind}")
    for statement in node.body:
        if isinstance(statement, ast.AnnAssign):
            text = f"    {ast.unparse(statement.target)}: {ast.unparse(statement.annotation)}"
            body.append(text + (" = ..." if statement.value is not None else ""))
        elif isinstance(statement, ast.Assign) and isinstance(statement.targets[0], ast.Name):
            name = statement.targets[0].id
            if not name.startswith("_"):
                body.append(f"    {name}: Any")
    for function in methods:
        if not function.name.startswith("_") or function.name in ("__init__", "__len__", "__repr__",
                "__getitem__",
                "__new__",
                "__copy__",
                "__array_ufunc__", "__iter__", "__contains__"):  # fmt: skip
            if node.name == "BaseModel" and function.name in ("forward", "backward"):
                body.append(
                    f"    {function.name}: Any"
                )  # a model's own have what arguments it wants
                continue
            body += stub_function(function, "    ", own=True)
    return [*lines, *(body or ["    ..."])]


def module_stub(name):
    tree = ast.parse((PACKAGE / f"{name}.py").read_text(encoding="utf-8"))
    defined = {n.name for n in tree.body if isinstance(n, (ast.ClassDef, ast.FunctionDef))}
    listed = next((ast.literal_eval(n.value) for n in tree.body if isinstance(n, ast.Assign)
                   and ast.unparse(n.targets[0]) == "__all__"), None)  # fmt: skip
    lines = [HEAD.format(name=name.replace("/", "."))]
    for node in tree.body:
        if isinstance(node, ast.ImportFrom) and (node.module or "").startswith("fastw2v"):
            for alias in node.names:
                public = alias.asname or alias.name
                used = public in bases_of(tree) or (listed and public in listed)
                if used:
                    lines.append(f"from {node.module} import {alias.name} as {public}")
    if listed is not None:
        lines.append(f"__all__ = {sorted(listed)!r}")
    for node in tree.body:
        if isinstance(node, ast.ClassDef):
            if not node.name.startswith("_") or node.name in bases_of(tree):
                lines += ["", *stub_class(node)]
        elif isinstance(node, ast.FunctionDef):
            if not node.name.startswith("_"):
                lines += ["", *stub_function(node)]
        elif isinstance(node, ast.Assign) and isinstance(node.targets[0], ast.Name):
            target = node.targets[0].id
            if not target.startswith("_") and target not in defined:
                kind = "Any"
                if constant(node.value) and type(node.value.value) in (bool, int, float, str):
                    kind = type(node.value.value).__name__
                lines.append(f"{target}: {kind}")
        elif isinstance(node, ast.AnnAssign) and not ast.unparse(node.target).startswith("_"):
            lines.append(f"{ast.unparse(node.target)}: {ast.unparse(node.annotation)}")
    return "\n".join(lines) + "\n"


def bases_of(tree):
    return {ast.unparse(base) for n in ast.walk(tree) if isinstance(n, ast.ClassDef)
            for base in n.bases}  # fmt: skip


def package_stub():
    """fastw2v itself, whose modules are imported when they are asked for."""
    public = sorted(p.stem for p in PACKAGE.glob("*.py") if not p.stem.startswith("_"))
    public += sorted(
        p.parent.name for p in PACKAGE.glob("*/__init__.py") if p.parent.name[0] != "_"
    )
    lines = [
        '"""Types of `fastw2v`, written by tools/stubs.py."""',
        "",
        "from typing import Any",
        "",
    ]
    lines += [f"from fastw2v import {name} as {name}" for name in sorted(public)]
    lines += [
        "from fastw2v._build_info import build_info as build_info",
        "from fastw2v._row_grad import RowGrad as RowGrad",
        "from fastw2v._threads import get_num_threads as get_num_threads",
        "from fastw2v._threads import set_num_threads as set_num_threads",
        "from fastw2v._version import __version__ as __version__",
        "from fastw2v.dropin import install as install, uninstall as uninstall",
        "from fastw2v.dropin import load_ipython_extension as load_ipython_extension",
        "from fastw2v.dropin import unload_ipython_extension as unload_ipython_extension",
        "",
        "def __getattr__(name: str) -> Any: ...",
    ]
    return "\n".join(lines) + "\n"


def stubs():
    """{path: text} of all of them."""
    models = [f"models/{p.stem}" for p in sorted(PACKAGE.glob("models/*.py")) if p.stem[0] != "_"]
    made = {PACKAGE / f"{name}.pyi": module_stub(name) for name in [*MODULES, *models]}
    return made | {PACKAGE / "__init__.pyi": package_stub()}


def main():
    if sys.argv[1:] == ["--list"]:  # of the modules, for stubtest
        names = (p.relative_to(ROOT).with_suffix("") for p in stubs() if p.stem != "__init__")
        print(*(".".join(name.parts) for name in names))
        return
    for path, text in stubs().items():
        path.write_text(text, encoding="utf-8")
        print(path.relative_to(ROOT))


if __name__ == "__main__":
    main()
