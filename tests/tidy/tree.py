"""The files that tidy looks at, and the tables that it judges them by."""
import functools
import os
import pathlib
import re
import subprocess
import tomllib

HERE = pathlib.Path(__file__).resolve().parent
TOP = HERE.parents[1]
CXX = (".h", ".cc", ".c")

# What is text and not code. Numbers come first, for the apostrophes in 10'000'000.
NUMBER_OR_TEXT = re.compile(r"""
    (?P<number> \b\d(?:'?[\w.])* )
  | //[^\n]*
  | /\*.*?\*/
  | R"(?P<mark>[^(\s]*)\(.*?\)(?P=mark)"
  | "(?:\\.|[^"\\\n])*"
  | '(?:\\.|[^'\\\n])*'
""", re.DOTALL | re.VERBOSE)
INCLUDE = re.compile(r'^[ \t]*#[ \t]*include[ \t]*([<"])([^>"\n]+)[>"]', re.MULTILINE)


def blanked(match):
    """Spaces in place of what matched, so that lines and columns stay where they are."""
    return re.sub(r"[^\n]", " ", match.group())


def without_text(source):
    """C or C++ without its comments and literals."""
    return NUMBER_OR_TEXT.sub(lambda m: m.group() if m["number"] else blanked(m), source)


def find(pattern, text):
    """(line, match) for each place where `pattern` matches."""
    for match in re.finditer(pattern, text):
        yield text.count("\n", 0, match.start()) + 1, match


def list_files(root):
    if (root / ".git").exists():
        command = ["git", "ls-files", "-z", "--cached", "--others", "--exclude-standard"]
        output = subprocess.run(command, cwd=root, check=True, stdout=subprocess.PIPE, text=True)
        names = output.stdout.split("\0")
    else:  # an unpacked archive
        names = [os.path.relpath(os.path.join(folder, name), root)
                 for folder, _, files in os.walk(root) for name in files]
        names = [name for name in names if not re.search(r"(^|/)(build|__pycache__)/", name)]
    return sorted({name for name in names if (root / name).is_file()})


def load_exceptions(path):
    text = path.read_text()
    lines = [line for line, _ in find(r"(?m)^\[\[exception\]\]", text)]
    entries = tomllib.loads(text).get("exception", [])
    return [{**entry, "line": line} for entry, line in zip(entries, lines, strict=True)]


class Tree:
    """All paths are strings relative to the top, with slashes."""

    def __init__(self, root=TOP, exceptions=None):
        self.root = pathlib.Path(root)
        self.tables = tomllib.loads((HERE / "layers.toml").read_text())
        self.exceptions = (load_exceptions(HERE / "exceptions.toml") if exceptions is None
                           else exceptions)
        self.files = list_files(self.root)
        self.folders = {str(folder) for file in self.files
                        for folder in pathlib.PurePosixPath(file).parents}
        self.paths = {*self.files, *self.folders}
        # Read once, and used by many rules.
        self.text = functools.cache(self._text)
        self.code = functools.cache(lambda path: without_text(self.text(path)))
        self.words = functools.cache(self._words)
        self.includes = functools.cache(self._includes)

    def select(self, *folders, suffixes=""):
        return [file for file in self.files
                if file.startswith(folders or "") and file.endswith(suffixes)]

    def cmake_files(self):
        return self.select(suffixes=("CMakeLists.txt", ".cmake"))

    def is_script(self, path):
        return self.text(path).startswith("#!")

    def _text(self, path):
        """What is in the file; nothing if it is not text."""
        content = (self.root / path).read_bytes()
        return "" if b"\0" in content else content.decode(errors="replace")

    def _words(self, path):
        """The words of a CMake file, without its comments, its quotes and a leading ${...}/."""
        words = re.split(r'[\s()";]+', re.sub(r"#.*", "", self.text(path)))
        return [re.sub(r"^\$\{\w+\}/", "", word) for word in words if word]

    def _includes(self, path):
        """(line, name, whether in quotes) of each #include."""
        return [(line, match[2], match[1] == '"')
                for line, match in find(INCLUDE, self.text(path))]
