"""Links of Markdown pages, and the paths that they tell readers to look at."""
import fnmatch
import posixpath
import re
import urllib.parse

from tree import blanked, find

FENCE = re.compile(r"(?ms)^ *(```+|~~~+)[^\n]*\n.*?^ *\1 *$")
CODE = re.compile(r"(`+)(?!`)([^\n]+?)(?<!`)\1(?!`)")
LINK = re.compile(r"(?m)\]\(\s*<?([^)\s>]+)[^)]*\)|^ *\[[^\]]+\]:\s*(\S+)")
INDENTED = re.compile(r"(?m)^ {4}.*$")
# <verb>, {h,cc} and NAME_ in a path stand for something.
PLACEHOLDER = re.compile(r"<[^>]*>|\{[^}]*\}|\b[A-Z]+(?=[/_])")
HEADING = re.compile(r"(?m)^#{1,6}[ \t]+(.*?)[ \t]*#*$")


def page_links(text):
    """(line, target) of every link that stays in the project."""
    prose = CODE.sub(blanked, FENCE.sub(blanked, text))
    for line, match in find(LINK, prose):
        target = match[1] or match[2]
        if not re.match(r"[a-z][a-z0-9+.-]*:|//", target, re.IGNORECASE):
            yield line, urllib.parse.unquote(target)


def follow(page, target):
    """(path, anchor) that a link on `page` leads to."""
    path, _, anchor = target.partition("#")
    if not path:
        return page, anchor
    start = "" if path.startswith("/") else posixpath.dirname(page)
    return posixpath.normpath(posixpath.join(start, path.lstrip("/"))), anchor


def anchors(text):
    """What GitHub makes of the headings of a page."""
    found = set(re.findall(r'<a (?:id|name)="([^"]+)"', text))
    counts = {}
    for heading in HEADING.findall(FENCE.sub(blanked, text)):
        words = re.sub(r"!?\[([^\]]*)\]\([^)]*\)", r"\1", heading).lower()
        slug = re.sub(r"[^\w\- ]", "", words).replace(" ", "-")
        count = counts[slug] = counts.get(slug, -1) + 1
        found.add(f"{slug}-{count}" if count else slug)
    return found


def pages_linked_from(tree, roots):
    """A link to a folder shows its README.md."""
    reached, waiting = set(), [root for root in roots if root in tree.paths]
    while waiting:
        page = waiting.pop()
        if page in reached:
            continue
        reached.add(page)
        for _, target in page_links(tree.text(page)):
            path, _ = follow(page, target)
            path = posixpath.join(path, "README.md") if path in tree.folders else path
            if path.endswith(".md") and path in tree.paths:
                waiting.append(path)
    return reached


def links(tree):
    for page in tree.select(suffixes=".md"):
        for line, target in page_links(tree.text(page)):
            path, anchor = follow(page, target)
            if path not in tree.paths:
                yield page, line, f"there is no {path}; mend the link"
            elif anchor and path.endswith(".md") and anchor not in anchors(tree.text(path)):
                yield page, line, f"{path} has no heading #{anchor}; mend the link"
    for page in {"README.md", "ARCHITECTURE.md"} & tree.paths:
        yield from missing_paths(tree, page)


def missing_paths(tree, page):
    """Paths in code that do not exist, unless their line says that they come later."""
    text = tree.text(page)
    tops = {folder for folder in tree.folders if "/" not in folder}
    unfenced = FENCE.sub(blanked, text)
    for first, match in [*find(FENCE, text), *find(INDENTED, unfenced), *find(CODE, unfenced)]:
        for number, piece in enumerate(match[0].split("\n"), first):
            if re.search(r"\blater\b", text.split("\n")[number - 1], re.IGNORECASE):
                continue
            for word in re.split(r"[\s`()\"']+", piece):
                word = re.sub(r"(:\d+)?[.,:;]*$", "", word.removeprefix("./")).rstrip("/")
                pattern = PLACEHOLDER.sub("*", word)
                if (word.partition("/")[0] in tops and re.fullmatch(r"[\w./*-]+", pattern)
                        and "/" in word and not fnmatch.filter(tree.paths, pattern)):
                    yield page, number, f"there is no {word}; mend the path, or say `later`"
