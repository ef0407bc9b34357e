"""Every rule there is, and how the exceptions to them are applied."""
import collections
import fnmatch

import rules_code
import rules_docs
import rules_files
import rules_headers
import rules_layers
import rules_text

# A rule takes a Tree and yields (path, line, what to do about it).
RULES = {
    "layers-include": rules_layers.layers_include,
    "layers-link": rules_layers.layers_link,
    "restricted-header": rules_layers.restricted_header,
    "precompiled": rules_headers.precompiled,
    "injected": rules_code.injected,
    "order": rules_code.order,
    "names": rules_code.names,
    "file-length": rules_code.file_length,
    "format": rules_code.formatted,
    "tests-listed": rules_files.tests_listed,
    "dead-file": rules_files.dead_file,
    "links": rules_docs.links,
    "line-length": rules_text.line_length,
    "unfinished": rules_text.unfinished,
    "private": rules_text.private,
}
EXCEPTIONS = "tests/tidy/exceptions.toml"

Finding = collections.namedtuple("Finding", "path line rule message")


def excuses(exception, finding, tree):
    line = tree.text(finding.path).split("\n")[finding.line - 1]
    return (exception["rule"] == finding.rule
            and fnmatch.fnmatchcase(finding.path, exception["path"])
            and exception.get("text", "") in line)


def complaint_about(exception, covered, rules):
    if exception["rule"] not in RULES:
        return f"there is no rule {exception['rule']}; mend the name or remove the entry"
    if not exception.get("reason"):
        return "give the reason of this exception"
    if exception["rule"] in rules and not covered:
        return f"{exception['path']} does not break {exception['rule']} any more; remove the entry"
    return None


def check(tree, rules):
    """The findings of `rules`, in order of path and line."""
    findings = {Finding(path, line, name, message)
                for name, rule in rules.items() for path, line, message in rule(tree)}
    excused, complaints = set(), set()
    for exception in tree.exceptions:
        covered = {finding for finding in findings if excuses(exception, finding, tree)}
        complaint = complaint_about(exception, covered, rules)
        if complaint:
            complaints.add(Finding(EXCEPTIONS, exception["line"], "exceptions", complaint))
        else:
            excused |= covered
    return sorted(findings - excused | complaints)
