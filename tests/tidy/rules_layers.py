"""Which folder may include, link and use which: the table is layers.toml."""
import collections
import fnmatch
import posixpath
import re

from tree import CXX, find

Layer = collections.namedtuple("Layer", "row folder")
Declared = collections.namedtuple("Declared", "name cmake line sources links")


class Layers:
    def __init__(self, table):
        self.table = table

    def of(self, path):
        """The row that fits `path` and the folder that it stands for there, or None."""
        parts = path.split("/")
        for row in self.table:
            folder = "/".join(parts[:row.count("/") + 1])
            if fnmatch.fnmatchcase(folder, row):
                return Layer(row, folder)
        return None

    def below(self, row):
        """The rows that `row` may include, directly or not."""
        return reachable(self.table, row)

    def allow(self, layer, other):
        return layer.folder == other.folder or other.row in self.below(layer.row)


def reachable(graph, start):
    found, waiting = set(), [start]
    while waiting:
        new = set(graph.get(waiting.pop(), ())) - found
        found |= new
        waiting += new
    return found


def resolve(tree, path, name):
    """What file `#include name` in the file `path` means. Generated ones need not exist."""
    if name.endswith(".pb.h"):
        return "proto/" + name.removeprefix("proto/")
    if name in tree.paths or name.startswith("target_fw/"):
        return name
    if path.startswith("daemon/"):
        return "daemon/" + name
    # The build of a firmware gives the folders of its own board and chip, so any may be meant.
    likely = [posixpath.normpath(posixpath.join(posixpath.dirname(path), name)),
              "target_fw/" + name]
    others = [file for file in tree.select("target_fw/") if file.endswith("/" + name)]
    return next((file for file in likely + others if file in tree.paths), likely[1])


def is_ours(tree, name, quoted):
    return quoted or any(top + name in tree.paths for top in ("", "daemon/", "target_fw/"))


def layers_include(tree):
    layers = Layers(tree.tables["layers"])
    strangers = set()
    for path in tree.select("daemon/", "target_fw/"):
        layer = layers.of(path)
        is_folder = path.startswith("daemon/") and path.count("/") > 1
        place = "/".join(path.split("/")[:2])
        if layer is None and (is_folder or path.endswith(CXX)) and place not in strangers:
            strangers.add(place)
            yield path, 1, f"give {place} a row in tests/tidy/layers.toml, or put it into a layer"
        if layer and path.endswith(CXX):
            yield from includes_of_file(tree, layers, layer, path)


def includes_of_file(tree, layers, layer, path):
    for line, name, quoted in tree.includes(path):
        if not is_ours(tree, name, quoted):
            for files, headers in tree.tables["system-headers"].items():
                if fnmatch.fnmatchcase(path, files) and name not in headers:
                    yield path, line, f"do without <{name}>: {files} is built where it is not"
            continue
        if name.startswith("daemon/"):
            yield path, line, f'write the path from daemon/: "{name.removeprefix("daemon/")}"'
        other = layers.of(resolve(tree, path, name))
        if other is None:
            yield path, line, f'"{name}" is in no layer; write it from daemon/, or do without it'
        elif not layers.allow(layer, other):
            yield path, line, (f"{layer.folder} may not include {other.folder} "
                               f"(tests/tidy/layers.toml); turn the dependency round")


def declared_layers(tree):
    """What the CMake files say: {name: Declared}."""
    declared = {}
    for cmake in tree.select("daemon/", suffixes="/CMakeLists.txt"):
        text = re.sub(r"#.*", "", tree.text(cmake))
        for line, match in find(r"gangd_layer\(\s*([\w-]+)([^)]*)\)", text):
            lists = {"SOURCES": [], "LINKS": []}
            current = []
            for word in match[2].split():
                current = lists.get(word, current)
                if word not in lists:
                    current.append(word)
            declared[match[1]] = Declared(match[1], cmake, line, lists["SOURCES"], lists["LINKS"])
    return declared


def layers_link(tree):
    layers = Layers(tree.tables["layers"])
    declared = declared_layers(tree)
    links = {name: [link for link in layer.links if layers.of(f"daemon/{link}")]
             for name, layer in declared.items()}
    for folder in sorted({layer.folder for path in tree.select("daemon/", suffixes=CXX)
                          if (layer := layers.of(path)) and layer.folder != path}):
        name = folder.removeprefix("daemon/")
        if name in declared and declared[name].cmake == f"{folder}/CMakeLists.txt":
            yield from links_of_layer(tree, layers, declared[name], links)
        else:
            first = tree.select(folder + "/")[0]
            yield first, 1, f"declare gangd_layer({name} ...) in {folder}/CMakeLists.txt"


def links_of_layer(tree, layers, layer, links):
    place = layer.cmake, layer.line
    folder = posixpath.dirname(layer.cmake)
    own = layers.of(folder)
    for link in links[layer.name]:
        if not layers.allow(own, layers.of(f"daemon/{link}")):
            yield *place, f"take {link} out of LINKS: {layer.name} may not depend on it"
    linked = {f"daemon/{link}" for link in reachable(links, layer.name)} | {folder}
    missing = {}
    for path in tree.select(folder + "/", suffixes=CXX):
        source = posixpath.relpath(path, folder)
        # main.cc is a program that links the layer.
        if not path.endswith(".h") and source not in [*layer.sources, "main.cc"]:
            yield *place, f"add {source} to SOURCES, or delete it"
        for _, name, quoted in tree.includes(path):
            other = layers.of(resolve(tree, path, name)) if is_ours(tree, name, quoted) else None
            if other and other.row.startswith("daemon/") and other.folder not in linked:
                missing.setdefault(other.folder.removeprefix("daemon/"), path)
    for name, path in missing.items():
        yield *place, f"add {name} to LINKS: {path} includes it"


def restricted_header(tree):
    for path in tree.select("daemon/", suffixes=CXX):
        for line, name, _ in tree.includes(path):
            for header, allowed in tree.tables["restricted-headers"].items():
                if fnmatch.fnmatchcase(name, header) and not any(
                        fnmatch.fnmatchcase(path, files) for files in allowed):
                    yield path, line, f"leave {name} to {', '.join(allowed)} and use what they give"
