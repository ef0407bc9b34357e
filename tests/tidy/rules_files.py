"""Files that nothing uses, and tests that nothing runs."""
import posixpath
import re

from rules_docs import pages_linked_from
from tree import CXX, find


def named_by(tree, cmake):
    """The paths that a CMake file names, relative to itself or to the top."""
    folder = posixpath.dirname(cmake)
    return {posixpath.normpath(posixpath.join(start, word))
            for word in tree.words(cmake) for start in ("", folder)}


def mentions(tree, path, where):
    """Whether the text of `where` names `path` with at least the folder that it is in."""
    name = re.escape("/".join(path.split("/")[-2:]))
    return re.search(rf"(?<![\w-]){name}(?![\w-]|\.\w)", tree.text(where))


def tests_listed(tree):
    named = {posixpath.dirname(cmake): named_by(tree, cmake)
             for cmake in tree.select("tests/", suffixes="/CMakeLists.txt")}
    for path in tree.select("tests/", suffixes=("_test.cc", "_bench.cc", "_fuzz.cc")):
        if not any(path.startswith(folder + "/") and path in names
                   for folder, names in named.items()):
            yield path, 1, "name it in the CMakeLists.txt of its folder or of one above it"
    for path in tree.select("tests/", suffixes="_test.py"):
        in_run = "tests/run" in tree.paths and mentions(tree, path, "tests/run")
        if not in_run and path not in set().union(*named.values()):
            yield path, 1, "run it: name it in a CMakeLists.txt or in tests/run"


def dead_file(tree):
    named = {name for cmake in tree.cmake_files() for name in named_by(tree, cmake)}
    for path in tree.select("daemon/", "target_fw/", "tests/", suffixes=(".cc", ".c", ".cpp")):
        if path not in named:
            yield path, 1, "name it in a CMake file, or delete it: it is never compiled"
    yield from dead_headers(tree)
    yield from dead_scripts(tree, named)
    yield from dead_cmake_files(tree)
    reached = pages_linked_from(tree, ("README.md", "ARCHITECTURE.md"))
    for path in tree.select(suffixes=".md"):
        if path not in reached:
            yield path, 1, "link it from README.md, ARCHITECTURE.md or a page that they lead to"


def dead_headers(tree):
    includers = {}
    for path in tree.select(suffixes=(*CXX, ".cpp", ".S")):
        for _, name, _ in tree.includes(path):
            name = re.sub(r"^(\.\.?/)+", "", name)
            includers.setdefault(posixpath.basename(name), []).append((path, "/" + name))
    for header in tree.select(suffixes=".h"):
        if not any(path != header and ("/" + header).endswith(name)
                   for path, name in includers.get(posixpath.basename(header), ())):
            yield header, 1, "nothing includes it; delete it"


def dead_scripts(tree, named):
    for path in tree.files:
        is_python = path.endswith(".py")
        if path in named or not (is_python or tree.is_script(path)):
            continue
        module = re.escape(posixpath.basename(path).removesuffix(".py"))
        imported = re.compile(rf"(?m)^\s*(from|import)\s+{module}\b|\b{module}\.py\b")
        if not any(mentions(tree, path, other) or
                   is_python and imported.search(tree.text(other))
                   for other in tree.files if other != path):
            yield path, 1, "no other file names this script: say who runs it and when, or delete it"


def dead_cmake_files(tree):
    reached = set()
    for cmake in tree.cmake_files():
        for _, match in find(r"add_subdirectory\(\s*([^\s)]+)", tree.text(cmake)):
            reached.add(posixpath.normpath(posixpath.join(posixpath.dirname(cmake), match[1])))
    for cmake in tree.select(suffixes="/CMakeLists.txt"):
        folder = posixpath.dirname(cmake)
        if folder not in reached and not re.search(r"(?m)^project\(", tree.text(cmake)):
            yield cmake, 1, f"no add_subdirectory() leads here; add it above {folder}"
