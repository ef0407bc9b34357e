"""Whether files include what they use, where precompiled headers would hide that they do not."""
import fnmatch
import posixpath
import re

from tree import find

BUILD = "daemon/precompiled.cmake"


def reached(tree, path):
    """The headers of others that `path` includes itself or through ours."""
    found, seen, waiting = set(), set(), [path]
    while waiting:
        file = waiting.pop()
        if file in seen or file not in tree.paths:
            continue
        seen.add(file)
        here = posixpath.dirname(file)
        for _, name, quoted in tree.includes(file):
            if quoted:
                waiting += [name, "daemon/" + name, posixpath.normpath(posixpath.join(here, name))]
            else:
                found.add(name)
    return found


def precompiled(tree):
    table = tree.tables["precompiled"]
    for path in tree.cmake_files():
        if "gangd_headers" in tree.text(path) or path == BUILD:
            for line, match in find(r"<([\w./]+)>", re.sub("#.*", "", tree.text(path))):
                if not any(fnmatch.fnmatchcase(match[1], header) for header in table):
                    yield path, line, (f"tell in tests/tidy/layers.toml, [precompiled], by what a "
                                       f"file is known that uses {match[0]}")
    for path in tree.select("daemon/", "tests/", suffixes=(".h", ".cc")):
        headers = reached(tree, path)
        for header, pattern in table.items():
            if fnmatch.filter(headers, header):
                continue
            for line, match in list(find(pattern, tree.code(path)))[:1]:
                yield path, line, f"include <{header}>, which has {match[0].strip('(<')}"
