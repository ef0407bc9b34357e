"""What no file may hold, whatever it is written in. The patterns do not match themselves."""
import re

from rules_code import PROGRAM
from tree import find

COLUMNS_MAX = 100
WIDTH_MATTERS = PROGRAM + ("CMakeLists.txt", ".cmake", ".toml", ".proto", ".ld", ".css")
UNFINISHED = r"\b(TO[D]O|FIX[M]E|X[X]X)\b|(?i:\bnot[ ]implemented\b)"
PRIVATE = (
    (r"(?<![\w.})*-])/(home/[\w.-]+|root|work)/", "say it without a path of one machine"),
    (r"/tmp/\w*jobs\b", "say it without a path of one machine"),
    (r"(?i)\b(deb|security|snapshot)\.debian[.]org\b|\bregistry\.(npmjs|yarnpkg)[.](org|com)\b",
     "leave out where packages come from: that is a setting of the machine"),
)


def line_length(tree):
    for path in tree.files:
        if path.endswith(WIDTH_MATTERS) or tree.is_script(path):
            for number, line in enumerate(tree.text(path).split("\n"), 1):
                if len(line) > COLUMNS_MAX:
                    yield path, number, f"{len(line)} columns: break it before {COLUMNS_MAX + 1}"


def unfinished(tree):
    for path in tree.select("daemon/", "target_fw/", "proto/", "deploy/", "tests/"):
        for line, match in find(UNFINISHED, tree.text(path)):
            yield path, line, f"finish what {match[0]} stands for, or say what is and what is not"


def private(tree):
    for path in tree.files:
        for pattern, advice in PRIVATE:
            for line, match in find(re.compile(pattern), tree.text(path)):
                yield path, line, f"{match[0]}: {advice}"
