"""What C and C++ may say and how it looks. Comments and literals are not code."""
import fnmatch
import posixpath
import re
import subprocess

from tree import CXX, find

# Only the real port and main may: the rest gets it from the loop, where a simulation decides it.
OUTSIDE = (
    (r"\b(steady|system|high_resolution|utc|file)_clock::now\b|\b(clock_gettime|gettimeofday)\s*\("
     r"|\bstd::time\s*\(|(?<![\w.>])time\s*\(\s*(nullptr|NULL|0\b|&)",
     "ask Loop::now() or the port for the time"),
    (r"\b(secure_)?getenv\s*\(", "take it as a parameter; main.cc reads the environment"),
    (r"\brandom_device\b|(?<![\w.>])s?rand\s*\(|\bget(random|entropy)\s*\(",
     "ask the port for random numbers"),
    (r"\bthis_thread::sleep|(?<![\w.>])(u|nano)?sleep\s*\(", "use co_await sleep_for()"),
    (r"\bstd::j?thread\b|\bpthread_create\s*\(|\bstd::async\s*\(",
     "use offload(): threads come from Port::start_workers()"),
)
# Nobody may.
THROWING = (
    (r"\bthrow\b", "return a Result: our code throws nothing"),
    (r"\bcatch\s*\(", "return a Result; the one file that wraps a library which throws is listed "
                      "in tests/tidy/exceptions.toml"),
)


def injected(tree):
    for path in tree.select("daemon/", suffixes=CXX):
        is_source = any(fnmatch.fnmatchcase(path, files)
                        for files in tree.tables["injected"]["sources"])
        for pattern, advice in THROWING if is_source else OUTSIDE + THROWING:
            for line, _ in find(pattern, tree.code(path)):
                yield path, line, advice


def first_argument(code, start):
    """The first template argument, from behind its <."""
    depth = 0
    for end in range(start, len(code)):
        if depth == 0 and code[end] in ",>":
            return code[start:end].strip()
        depth += {"<": 1, "(": 1, ">": -1, ")": -1}.get(code[end], 0)
    return ""


def order(tree):
    for path in tree.select("daemon/", "tests/sim/", suffixes=CXX):
        code = tree.code(path)
        for line, match in find(r"\bunordered_(multi)?(map|set)\b", code):
            yield path, line, (f"use an ordered container in place of {match[0]}: nothing may "
                               f"depend on the order of hashes")
        for line, match in find(r"\bstd::(multi)?(map|set)\s*<", code):
            key = first_argument(code, match.end())
            if re.search(r"\*(\s*const)?$|^std::(unique|shared)_ptr\b", key):
                yield path, line, (f"key it by a number or a name, not by {key}: addresses differ "
                                   f"from run to run")


VAGUE = ("Manager", "Helper", "Helpers", "Util", "Utils", "Handler", "Data", "Info", "Base")
VAGUE_WORD = re.compile("(?:{}|(?:^|_)(?:{}))$".format(
    "|".join(VAGUE), "|".join(VAGUE).lower()))
DEFINITION = (r"\b(?:class|struct|union|enum(?:\s+(?:class|struct))?)\s+(?:\[\[[^\]]*\]\]\s*)?"
              r"((?:\w+::)*\w+)(?:\s+final)?\s*[:{]")


def names(tree):
    for path in tree.select(suffixes=(".cpp", ".hpp", ".cxx", ".hxx", ".hh")):
        yield path, 1, "end its name in .cc or .h, as the others do"
    for path in tree.select("daemon/", "target_fw/", suffixes=CXX):
        if VAGUE_WORD.search(posixpath.basename(path).partition(".")[0]):
            yield path, 1, "name it after what is in it: this says nothing"
        for line, match in find(DEFINITION, tree.code(path)):
            if VAGUE_WORD.search(match[1]):
                yield path, line, f"name {match[1]} after the thing of the domain that it is"


FILE_LINES_MAX = 600
FUNCTION_LINES_MAX = 70
PROGRAM = CXX + (".S", ".py", ".sh", ".ts", ".js", ".mjs")
NO_FUNCTION = re.compile(
    r"\}|(template\s*<[^{]*>\s*)?(class|struct|union|enum|namespace|extern|if|for|while|switch|do"
    r"|else|return|case|try|catch)\b|.*(=|\(|,|return)\s*{$")


def functions(code):
    """(first, last) line of each function, found by the indentation that clang-format gives."""
    lines = code.split("\n")
    start = number = 0
    while number < len(lines):
        line = lines[number].rstrip()
        head = " ".join(lines[start:number + 1]).strip()
        if line.endswith("{") and "(" in head and not NO_FUNCTION.match(head):
            indent = re.match(" *", lines[start])[0]
            end = next((i for i in range(number + 1, len(lines))
                        if lines[i].startswith(indent + "}")), number)
            if lines[end].rstrip() == indent + "}":
                yield start + 1, end + 1
                number = end
        number += 1
        if not line or line.startswith("#") or line[-1] in ";{}:":
            start = number


def file_length(tree):
    for path in tree.files:
        if path.endswith(PROGRAM) or tree.is_script(path):
            count = tree.text(path).count("\n")
            if count > FILE_LINES_MAX:
                yield path, FILE_LINES_MAX + 1, f"{count} lines: find its two subjects and split it"
        if path.endswith(CXX):
            for first, last in functions(tree.code(path)):
                if last - first >= FUNCTION_LINES_MAX:
                    yield path, first, (f"{last - first + 1} lines in one function: give a part of "
                                        f"it a name of its own")


def formatted(tree):
    files = tree.select(suffixes=CXX)
    if not files:
        return
    try:
        run = subprocess.run(["clang-format-19", "--dry-run", "-Werror", "--", *files],
                             cwd=tree.root, capture_output=True, text=True, check=False)
    except FileNotFoundError:
        yield files[0], 1, "clang-format-19 is not installed. Type: deploy/install-deps"
        return
    first_lines = {}
    for match in re.finditer(r"(?m)^(.+?):(\d+):\d+: error: code should be", run.stderr):
        first_lines.setdefault(match[1], int(match[2]))
    for path, line in first_lines.items():
        yield path, line, f"type: clang-format-19 -i {path}"
    if run.returncode != 0 and not first_lines:
        yield files[0], 1, f"clang-format-19 failed: {run.stderr.strip()}"
