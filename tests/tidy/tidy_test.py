#!/usr/bin/env python3
"""Each rule finds what breaks it, and leaves alone what does not."""
import collections
import json
import pathlib
import subprocess
import tempfile
import unittest
import unittest.mock

from rules import EXCEPTIONS, RULES, check
from tree import HERE, Tree, without_text

# A tree of `files` {path: text} and where `rule` must find something: [(path, line)], or nothing.
Case = collections.namedtuple("Case", "rule fact files found", defaults=[()])

BASE = {"daemon/base/a.h": "", "daemon/base/a.cc": '#include "base/a.h"\n',
        "daemon/base/CMakeLists.txt": "gangd_layer(base\n  SOURCES a.cc\n  LINKS fmt::fmt)\n"}
LOOP = {"daemon/loop/b.h": '#include "base/a.h"\n', "daemon/loop/b.cc": '#include "loop/b.h"\n',
        "daemon/loop/CMakeLists.txt": "gangd_layer(loop SOURCES b.cc LINKS base)\n"}
ROOT_CMAKE = {"CMakeLists.txt": "add_subdirectory(daemon/base)\nadd_subdirectory(daemon/loop)\n"}
# As clang-format leaves them, around any number of lines.
FUNCTION = "int f(int a,\n      int b) {\n%s  return a;\n}\n"
CONSTRUCTOR = "class A {\n public:\n  A() : a_(1) {\n%s  }\n};\n"

CASES = [
    Case("layers-include", "rows of the table hold, and include what lies further below",
         {**BASE, **LOOP, "daemon/usb/c.cc": '#include "base/a.h"\n#include "usb/c.h"\n',
          "daemon/wire/d.h": '#include "target_fw/xfp.h"\n#include <libusb.h>\n',
          "daemon/api/e.cc": '#include "gangd.pb.h"\n',
          "tests/sim/f.cc": '#include "station/slot.h"\n',
          "daemon/base/FORMAT.md": '#include "loop/b.h"\n'}),
    Case("layers-include", "a layer may not include one above it",
         {**LOOP, "daemon/base/a.h": '// A comment.\n#include "loop/b.h"\n'},
         [("daemon/base/a.h", 2)]),
    Case("layers-include", "nor in angle brackets",
         {**LOOP, "daemon/base/a.h": "#include <loop/b.h>\n"}, [("daemon/base/a.h", 1)]),
    Case("layers-include", "the protocol of the boards is for wire alone",
         {"daemon/usb/c.h": '#include "target_fw/xfp.h"\n', "target_fw/xfp.h": ""},
         [("daemon/usb/c.h", 1)]),
    Case("layers-include", "generated headers are for the RPC layers and gangctl",
         {"daemon/station/c.h": '#include "gangd.pb.h"\n'}, [("daemon/station/c.h", 1)]),
    Case("layers-include", "a path is written from daemon/",
         {**BASE, "daemon/base/a.cc": '#include "a.h"\n#include "daemon/base/a.h"\n'},
         [("daemon/base/a.cc", 1), ("daemon/base/a.cc", 2)]),
    Case("layers-include", "a folder or file that the table does not know",
         {"daemon/misc/CMakeLists.txt": "", "daemon/misc/a.h": "", "daemon/gang.cc": ""},
         [("daemon/gang.cc", 1), ("daemon/misc/CMakeLists.txt", 1)]),
    Case("layers-include", "the firmware's core knows the port, a board its chip",
         {"target_fw/core/dfu.c": '#include "dfu.h"\n#include "port.h"\n#include <stdint.h>\n',
          "target_fw/core/dfu.h": "", "target_fw/port.h": "", "target_fw/mcu/x1/clock.h": "",
          "target_fw/mcu/x1/clock.c": '#include "clock.h"\n#include "core/dfu.h"\n',
          "target_fw/boards/b1/board.h": '#include "mcu/x1/clock.h"\n'}),
    Case("layers-include", "the firmware's core knows no chip and no C library, a chip no other",
         {"target_fw/core/dfu.c": '#include <stdlib.h>\n#include "clock.h"\n',
          "target_fw/mcu/x1/clock.h": "", "target_fw/mcu/x2/uid.c": '#include "mcu/x1/clock.h"\n'},
         [("target_fw/core/dfu.c", 1), ("target_fw/core/dfu.c", 2), ("target_fw/mcu/x2/uid.c", 1)]),

    Case("layers-link", "links follow the includes", {**BASE, **LOOP}),
    Case("layers-link", "a link against the layers",
         {**BASE, **LOOP, "daemon/base/CMakeLists.txt":
          "# One layer.\ngangd_layer(base SOURCES a.cc LINKS loop)\n"},
         [("daemon/base/CMakeLists.txt", 2)]),
    Case("layers-link", "what is included must be linked",
         {**BASE, **LOOP, "daemon/loop/CMakeLists.txt": "gangd_layer(loop SOURCES b.cc)\n"},
         [("daemon/loop/CMakeLists.txt", 1)]),
    Case("layers-link", "every source is in SOURCES",
         {**BASE, "daemon/base/z.cc": ""}, [("daemon/base/CMakeLists.txt", 1)]),
    Case("layers-link", "but a program's main",
         {**BASE, "daemon/base/main.cc": ""}),
    Case("layers-link", "every layer is declared",
         {"daemon/base/a.cc": "", "daemon/base/CMakeLists.txt": "add_library(base a.cc)\n"},
         [("daemon/base/CMakeLists.txt", 1)]),

    Case("restricted-header", "the files of the table may",
         {"daemon/usb/libusb_bus.cc": "#include <libusb-1.0/libusb.h>\n",
          "daemon/ledger/sql.cc": "#include <sqlite3.h>\n", "tests/rig/a.cc": "#include <thread>\n",
          "daemon/base/a.cc": "// not\n// #include <sqlite3.h>\n"}),
    Case("restricted-header", "others may not",
         {"daemon/usb/usb.h": "#include <libusb-1.0/libusb.h>\n",
          "daemon/station/a.cc": "#include <vector>\n#include <grpcpp/grpcpp.h>\n"},
         [("daemon/station/a.cc", 2), ("daemon/usb/usb.h", 1)]),

    Case("precompiled", "a header is included here, or by what is included",
         {"daemon/base/a.h": "#include <vector>\nstd::vector<int> a;\n",
          "daemon/base/a.cc": '#include "base/a.h"\nstd::vector<int> b;  // std::string\n',
          "tests/unit/a_test.cc": "#include <gtest/gtest.h>\nTEST(A, B) {}\n",
          "daemon/precompiled.cmake": "set(X <vector> <fmt/format.h>) # <not_a_header>\n"}),
    Case("precompiled", "it is not, or nobody knows what is in it",
         {"daemon/base/a.h": "#include <string>\n\nstd::vector<int> a;\nstd::vector<int> b;\n",
          "daemon/base/a.cc": '#include "base/a.h"\nstd::vector<int> b;\nstd::string c;\n',
          "tests/unit/a_test.cc": '#include "b.h"\nTEST(A, B) {}\n',
          "proto/CMakeLists.txt": "gangd_headers(a\n  HEADERS <new_thing>)\n"},
         [("daemon/base/a.cc", 2), ("daemon/base/a.h", 3), ("proto/CMakeLists.txt", 2),
          ("tests/unit/a_test.cc", 2)]),

    Case("injected", "the port may, and text and names of ours only look like it",
         {"daemon/loop/epoll_port.cc": "auto t = std::chrono::steady_clock::now();\n",
          "daemon/base/a.cc": '// throw\nlog("getenv()", 10\'000, R"(rand()")");\nport.random();\n'
                              "co_await sleep_for(1ms);\nauto time = uptime(0);\n/* catch ( */\n",
          "tests/unit/a.cc": 'getenv("HOME");\n'}),
    Case("injected", "clocks, environment, dice, sleep and threads",
         {"daemon/base/a.cc": "std::chrono::system_clock::now();\ntime(nullptr);\ngetenv(x);\n"
                              "::rand();\nstd::this_thread::sleep_for(1s);\nusleep(1);\n"
                              "new std::thread(f);\nint first = 1;\n"},
         [("daemon/base/a.cc", line) for line in range(1, 8)]),
    Case("injected", "exceptions, even in the port",
         {"daemon/loop/epoll_port.cc": "try {\n  throw 1;\n} catch (int) {\n}\n"},
         [("daemon/loop/epoll_port.cc", 2), ("daemon/loop/epoll_port.cc", 3)]),

    Case("order", "pointers may be values, and tests elsewhere may hash",
         {"daemon/base/a.h": "std::map<std::pair<int, Board*>, Board*> m;\nstd::set<int> s;\n",
          "tests/unit/a.cc": "std::unordered_map<int, int> m;\n"}),
    Case("order", "no order of hashes or addresses",
         {"daemon/base/a.h": "#include <unordered_map>\nstd::map<const Board*, int> m;\n",
          "tests/sim/b.cc": "std::set<\n    Board* const> s;\nstd::set<std::unique_ptr<A>> t;\n"},
         [("daemon/base/a.h", 1), ("daemon/base/a.h", 2), ("tests/sim/b.cc", 1),
          ("tests/sim/b.cc", 3)]),

    Case("names", "nouns of the domain, and types of others",
         {"daemon/base/slot.h": "class Slot final : Data {};\nstruct addrinfo* info;\n"
                                "// class AInfo {\n",
          "tests/rig/rig_helper.cc": "struct Helper {};\n"}),
    Case("names", "words that say nothing",
         {"daemon/base/usb_utils.h": "class SlotManager final : public Slot {};\n",
          "target_fw/core/dfu.h": "enum class Mode;\nstruct [[nodiscard]] flash_info {\n};\n",
          "daemon/base/slot.cc": "class Slot::Helper {\n",
          "tests/unit/a.cpp": ""},
         [("daemon/base/slot.cc", 1), ("daemon/base/usb_utils.h", 1),
          ("daemon/base/usb_utils.h", 1), ("target_fw/core/dfu.h", 2), ("tests/unit/a.cpp", 1)]),

    Case("file-length", "70 lines in a function, 600 in a file, more in a class or a table",
         {"daemon/base/a.cc": "\n" + FUNCTION % ("  a += b;\n" * 66) + "\n" * 500,
          "daemon/base/b.h": "class A : public B<int()> {\n" + "  int a();\n" * 90 + "};\n",
          "daemon/base/c.cc": "const A kTable[] = {\n" + "    f(1),\n" * 90 + "};\n",
          "daemon/base/d.cc": "const int a = call(1, [] {\n" + "  f();\n" * 90 + "});\n",
          "tests/web/e.ts": "function f() {\n" + "  g();\n" * 90 + "}\n", "e.json": "\n" * 601}),
    Case("file-length", "more than that",
         {"daemon/base/a.cc": "\n" + FUNCTION % ("  a += b;\n" * 67), "tests/a.py": "\n" * 601,
          "daemon/base/b.h": CONSTRUCTOR % ("    f();\n" * 69)},
         [("daemon/base/a.cc", 2), ("daemon/base/b.h", 3), ("tests/a.py", 601)]),

    Case("format", "formatted",
         {".clang-format": "BasedOnStyle: Google\n", "a.cc": "int a = 1;\n"}),
    Case("format", "not formatted",
         {".clang-format": "BasedOnStyle: Google\n", "a.cc": "int a = 1;\nint  b;\nint  c;\n"},
         [("a.cc", 2)]),
    Case("format", "a .clang-format that is wrong", {".clang-format": "Tabs: 3\n", "a.cc": "\n"},
         [("a.cc", 1)]),

    Case("tests-listed", "in its own folder, above it, or in tests/run",
         {"tests/a/CMakeLists.txt": "add_executable(a a_test.cc sub/b_fuzz.cc)\n",
          "tests/a/a_test.cc": "", "tests/a/sub/b_fuzz.cc": "", "tests/a/c_test.py": "",
          "tests/run": "python3 tests/a/c_test.py\n", "tests/a/d_test.py": "",
          "tests/CMakeLists.txt": 'add_test(NAME d COMMAND "${TOP}/tests/a/d_test.py")\n'}),
    Case("tests-listed", "a test that nothing builds or runs",
         {"tests/a/CMakeLists.txt": "# a_test.cc\n", "tests/a/a_test.cc": "",
          "tests/a/c_test.py": "",
          "tests/b/b_bench.cc": "",
          "tests/c/CMakeLists.txt": "add_executable(b ../b/b_bench.cc)\n"},
         [("tests/a/a_test.cc", 1), ("tests/a/c_test.py", 1), ("tests/b/b_bench.cc", 1)]),

    Case("dead-file", "all is used",
         {**BASE, **LOOP, **ROOT_CMAKE, "README.md": "Type deploy/go.\n[1](docs/) [2](no.md)\n",
          "docs/README.md": "[x](x.md)", "docs/x.md": "",
          "deploy/go": "#!/bin/sh\npython3 a.py\n", "deploy/a.py": "import b\n",
          "deploy/b.py": ""}),
    Case("dead-file", "a source, a header, scripts, a page and a CMake file that nothing uses",
         {"daemon/base/a.cc": "", "daemon/base/a.h": '#include "base/a.h"\n',
          "a/CMakeLists.txt": "", "README.md": "Say go.", "deploy/go": "#!/bin/sh\n",
          "b.py": "", "docs/x.md": "[x](x.md)"},
         [("a/CMakeLists.txt", 1), ("b.py", 1), ("daemon/base/a.cc", 1), ("daemon/base/a.h", 1),
          ("deploy/go", 1), ("docs/x.md", 1)]),

    Case("links", "files, folders, headings, and paths of what comes later",
         {"README.md": "# A `b` c, d\n## A\n## A\n"
                       "[1](#a-b-c-d) [2](docs/x.md#x) [3](#a-1) [4](docs)\n"
                       "`docs/<name>.md` `docs/NAME_x.md` `docs/x.md:12` `docs/y.md`, later\n"
                       "[5](https://a.b/c)\n```\n[6](none.md)\n```\n`[7](none.md)`\n",
          "docs/x.md": "# X\n[1](../README.md) [2](/docs/x.md)\n[1]: x.md\n", "docs/a_x.md": ""}),
    Case("links", "a file, a heading, and paths in code that are not there",
         {"README.md": "# A\n[1](docs/none.md)\n[2](#b)\n`docs/y.md`\n\n    docs/run --now\n",
          "docs/x.md": "[1]: y.md\n`docs/y.md`\n"},
         [("README.md", 2), ("README.md", 3), ("README.md", 4), ("README.md", 6),
          ("docs/x.md", 1)]),

    Case("line-length", "100 columns, and prose",
         {"a.cc": "é" * 100 + "\n", "README.md": "x" * 200, "lock.json": "x" * 200}),
    Case("line-length", "101 columns",
         {"a.cc": "\n" + "x" * 101, "b/CMakeLists.txt": "x" * 101,
          "run": "#!/bin/sh\n" + "x" * 101},
         [("a.cc", 2), ("b/CMakeLists.txt", 1), ("run", 2)]),

    Case("unfinished", "words that hold those letters", {"deploy/a": "mktemp XXXXXX; todos\n"}),
    Case("unfinished", "promises to oneself",
         {"daemon/base/a.h": "\n// TO" "DO: more\n", "proto/a.proto": "// Not " "implemented\n"},
         [("daemon/base/a.h", 2), ("proto/a.proto", 1)]),

    Case("private", "paths of the system and of the project",
         {"deploy/a": "/var/lib/gangd /etc/home/ ${x}/root/ rootfs/root/ www.debian.org\n"}),
    Case("private", "a developer's machine",
         {"README.md": "cd /ho" "me/me/gangd\n", "a.toml": "\nx = '/wo" "rk/x'\n",
          "lock.json": "https:/" "/registry.npm" "js.org/x\n"},
         [("README.md", 1), ("a.toml", 2), ("lock.json", 1)]),
]


def untested(rules, cases):
    """The rules that lack a case that they find, or one that they leave alone."""
    shown = {(case.rule, bool(case.found)) for case in cases}
    return [rule for rule in rules if not {(rule, True), (rule, False)} <= shown]


class TreeTest(unittest.TestCase):
    def tree(self, files, exceptions=()):
        folder = tempfile.TemporaryDirectory()
        self.addCleanup(folder.cleanup)
        for name, text in files.items():
            path = pathlib.Path(folder.name, name)
            path.parent.mkdir(parents=True, exist_ok=True)
            path.write_text(text)
        return Tree(folder.name, list(exceptions))


class RulesTest(TreeTest):
    def test_each_rule_finds_what_breaks_it_and_nothing_else(self):
        for case in CASES:
            with self.subTest(rule=case.rule, fact=case.fact):
                found = check(self.tree(case.files), {case.rule: RULES[case.rule]})
                expected = [(path, line, case.rule) for path, line in case.found]
                self.assertEqual([finding[:3] for finding in found], expected, found)

    def test_each_rule_has_both_kinds_of_case(self):
        self.assertEqual(untested(RULES, CASES), [])
        self.assertEqual(untested({"new": None, **RULES}, CASES), ["new"])

    def test_format_needs_its_program(self):
        with unittest.mock.patch("subprocess.run", side_effect=FileNotFoundError):
            found = check(self.tree({"a.cc": ""}), {"format": RULES["format"]})
        self.assertIn("deploy/install-deps", found[0].message)

    def test_text_is_no_code(self):
        self.assertEqual(without_text("a = 1'000; // b\n/* c\n */ f('\"', \"d\\\"\") 2'0"),
                         "a = 1'000;     \n    \n    f(   ,      ) 2'0")

    def test_the_table_of_layers_knows_all_that_it_names_and_has_no_circle(self):
        table = Tree().tables["layers"]
        below = {row for rows in table.values() for row in rows}
        self.assertLessEqual(below, table.keys())
        while table:  # take away those that include nothing which is left
            lowest = {row for row, rows in table.items() if not table.keys() & set(rows)}
            self.assertTrue(lowest, f"a circle in {sorted(table)}")
            table = {row: rows for row, rows in table.items() if row not in lowest}


class ExceptionsTest(TreeTest):
    FILES = {"daemon/base/a.cc": "try {\n} catch (...) {\n}\nthrow 1;\n"}
    EXCEPTION = {"rule": "injected", "path": "daemon/base/*", "line": 7, "reason": "a test"}

    def findings(self, **changes):
        tree = self.tree(self.FILES, [{**self.EXCEPTION, **changes}])
        return [finding[:3] for finding in check(tree, {"injected": RULES["injected"]})]

    def test_excuse_what_they_name(self):
        self.assertEqual(self.findings(), [])
        self.assertEqual(self.findings(text="catch ("), [("daemon/base/a.cc", 4, "injected")])

    def test_that_excuse_nothing_or_give_no_reason_are_findings(self):
        kept = [("daemon/base/a.cc", 2, "injected"), ("daemon/base/a.cc", 4, "injected")]
        for changes in ({"path": "daemon/loop/*"}, {"text": "catch me"}, {"reason": ""},
                        {"rule": "injecktd"}):
            with self.subTest(changes):
                self.assertEqual(self.findings(**changes), [*kept, (EXCEPTIONS, 7, "exceptions")])

    def test_of_rules_that_are_not_run_are_left_alone(self):
        self.assertEqual(len(self.findings(rule="order")), 2)


class RunTest(TreeTest):
    def run_tidy(self, tree, *options):
        return subprocess.run([HERE / "run", tree.root, "--rule", "line-length", *options],
                              capture_output=True, text=True, check=False)

    def test_fails_and_says_where(self):
        run = self.run_tidy(self.tree({"a.cc": "x" * 101}))
        self.assertEqual(run.stdout, "a.cc:1: line-length: 101 columns: break it before 101\n"
                                     "tidy: 1 rules, 1 files, 1 findings\n")
        self.assertEqual(run.returncode, 1)

    def test_writes_objects(self):
        run = self.run_tidy(self.tree({"a.cc": "x" * 101}), "--json")
        finding, counts = map(json.loads, run.stdout.splitlines())
        self.assertEqual(finding["path"], "a.cc")
        self.assertEqual(counts, {"rules": 1, "files": 1, "findings": 1,
                                  "by_rule": {"line-length": 1}})

    def test_looks_at_what_git_does_not_ignore(self):
        tree = self.tree({"a.cc": "", ".gitignore": "/b.cc\n", "b.cc": "x" * 101})
        subprocess.run(["git", "init", "--quiet"], cwd=tree.root, check=True)
        run = self.run_tidy(tree)
        self.assertEqual(run.stdout, "tidy: 1 rules, 2 files, 0 findings\n")
        self.assertEqual(run.returncode, 0)


if __name__ == "__main__":
    unittest.main()
