#!/usr/bin/env python3
"""Each sentence with which a model of a chip ends a run is broken by a program of tests/emu/strict.

  tests/emu/strict_rules_test.py

A rule that no program breaks is a rule of which nobody knows whether it is enforced. The sentences
are all texts of more than one word in the models' sources; what stays without a program is below,
with the reason. That each program ends with its sentence, tests/unit/emu/strict_test.cc shows.
"""
import pathlib
import re
import unittest

TOP = pathlib.Path(__file__).resolve().parents[2]
TEXTS = re.compile(r'(?:"(?:[^"\\]|\\.)*"\s*)+')
TEXT = re.compile(r'"((?:[^"\\]|\\.)*)"')
RULE = re.compile(r'^RULE\((\w+),\s*((?:"(?:[^"\\]|\\.)*"\s*)+)\)', re.MULTILINE)
MODELS = [*sorted((TOP / "tests/emu/parts").glob("*.cc")),
          *(TOP / "tests/emu" / name for name in ("machine.cc", "machine_access.cc",
                                                  "machine_exceptions.cc", "memory.cc", "mpu.cc",
                                                  "system_block.cc")),
          *(TOP / "tests/model" / name for name in ("internal_flash.cc", "nor_commands.cc",
                                                    "nor_operations.cc", "nor_silicon.cc"))]
# With which words such a sentence begins, where one that is like it is said of another part.
OF_PART = {"hash_unit.cc": "HASH", "xspi.cc": "XSPI", "xspi_bus.cc": "XSPI", "psram.cc": "XSPI",
           "dwc2.cc": "OTG", "dwc2_bus.cc": "OTG", "flash.cc": "FLASH", "nor_silicon.cc": "XSPI",
           "nor_commands.cc": "XSPI", "nor_operations.cc": "XSPI"}
EXCEPTIONS = {
    # Told before a program begins; command_test.py and machine_test.cc have them.
    "machine.cc": ["nothing to start: there is no memory at {:#010x}",
                   "nothing to start: the vectors at {:#010x} are blank",
                   "the program at {:#010x} begins at {:#010x}: bit 0 is not set",
                   "{} has no memory that could hold {} bytes at {:#010x}",
                   # A bug of ours.
                   "{} overlaps", "an abort without a reason", "no line {}",
                   "a CPU without a clock",
                   # No peripheral that is modelled is a bus master.
                   "a bus master reads {} bytes at {:#010x}: no memory is there",
                   "a bus master writes {} bytes at {:#010x}: no memory is there",
                   # In a trace.
                   "reset: {}"],
    "machine_access.cc": [
        # The window itself has told why.
        ": the window gave nothing",
        # The library splits it, so that each piece is aligned.
        "{} of {} bytes at {:#010x}: registers must be aligned",
        # In a trace.
        " ({} bytes)", "at {}, {:.6f} ms, {} instructions\\n", "last instructions:\\n",
        "  {} .. {:#010x}\\n", "last accesses to registers:\\n", " ({} times)"],
    "memory.cc": ["RAM of whole pages", "a window of whole pages"],  # bugs of ours
    "watchdog.cc": ["the watchdog was not reloaded"],  # a reset, and no violation
    # Its controller lets none of these through; the virtual boards do.
    "internal_flash.cc": ["{} while another operation runs", "{} of what is no unit of the flash",
                          "read while an operation runs", "whole words only"],
}


def texts(source):
    """All that is more than a word, with the line in which it begins."""
    source = re.sub(r"^\s*#include.*|//.*", "", source, flags=re.MULTILINE)
    for match in TEXTS.finditer(source):
        text = "".join(TEXT.findall(match[0]))
        if " " in text.strip():
            yield source[:match.start()].count("\n") + 1, text


def says(text, sentence):
    pattern = ".*".join(re.escape(piece) for piece in re.split(r"\{[^}]*\}", text))
    return re.search(pattern, sentence) is not None


class StrictRulesTest(unittest.TestCase):
    def setUp(self):
        self.sentences = [
            "".join(TEXT.findall(words))
            for source in sorted((TOP / "tests/emu/strict").glob("*.c"))
            for _, words in RULE.findall(source.read_text())]

    def without_a_program(self, name, source):
        part = OF_PART.get(name, "")
        return [(line, text) for line, text in texts(source)
                if not any(sentence.startswith(part) and says(text, sentence)
                           for sentence in self.sentences)]

    def test_each_sentence_has_a_program_that_ends_with_it(self):
        for model in MODELS:
            known = EXCEPTIONS.get(model.name, [])
            found = self.without_a_program(model.name, model.read_text())
            missing = [f"{model.name}:{line}: {text}" for line, text in found if text not in known]
            self.assertEqual(missing, [], "no RULE in tests/emu/strict ends with it")
            needless = [text for text in known if text not in [text for _, text in found]]
            self.assertEqual(needless, [], f"an exception that {model.name} does not need")

    def test_a_new_sentence_is_found(self):
        source = 'registers_.violate("a thing that nobody "\n    "does");'
        self.assertEqual(self.without_a_program("dwc2.cc", source),
                         [(1, "a thing that nobody does")])
        source = 'registers_.violate(fmt::format("CR2 at {:08X}h written", 1));'
        self.assertEqual(self.without_a_program("nor_silicon.cc", source), [])
        self.assertEqual(len(self.without_a_program("dwc2.cc", source)), 1)


if __name__ == "__main__":
    unittest.main()
