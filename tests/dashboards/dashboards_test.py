#!/usr/bin/python3
"""Alarms and boards against the metrics that gangd has, as tests/unit/web/metrics.txt keeps them.

A name that is misspelt there is no error anywhere: the board stays empty, the alarm silent.
"""
import json
import pathlib
import re
import subprocess
import tempfile
import unittest

import yaml

TOP = pathlib.Path(__file__).resolve().parents[2]
PAGE = TOP / "tests/unit/web/metrics.txt"
PROMETHEUS = TOP / "dashboards/prometheus"
RULES = PROMETHEUS / "gangd.rules.yml"
CASES = PROMETHEUS / "gangd.test.yml"
BOARDS = sorted((TOP / "dashboards/grafana").glob("*.json"))
OPERATIONS = TOP / "deploy/OPERATIONS.md"
# What Prometheus adds to every sample, and makes itself.
ADDED_LABELS = {"instance", "job"}
OWN_METRICS = {"up": {}}
# Labels with the same few values on every station; those of others are the station's own.
CLOSED_LABELS = {"state", "verdict", "code"}
WORDS = {"by", "without", "on", "ignoring", "group_left", "group_right", "and", "or", "unless",
         "bool", "offset"}


def metrics():
    """{name: {label: values}} of every sample on the page."""
    found = {}
    for line in PAGE.read_text().splitlines():
        if line.startswith("#"):
            continue
        name, labels = re.match(r"(\w+)(?:\{(.*)\})? ", line).groups()
        known = found.setdefault(name, {})
        for label, value in re.findall(r'(\w+)="([^"]*)"', labels or ""):
            known.setdefault(label, set()).add(value)
    return found


def families():
    return set(re.findall(r"(?m)^# TYPE (\w+) ", PAGE.read_text()))


def rules():
    return [rule for group in yaml.safe_load(RULES.read_text())["groups"]
            for rule in group["rules"]]


def panels(board):
    return [panel for panel in board["panels"] if panel["type"] != "row"]


def expressions():
    """(where, expression) of everything that asks Prometheus."""
    for rule in rules():
        yield rule.get("alert") or rule["record"], rule["expr"]
    for file in BOARDS:
        board = json.loads(file.read_text())
        for panel in panels(board):
            for target in panel["targets"]:
                yield f"{file.name}: {panel['title']}", target["expr"]
        for variable in board["templating"]["list"]:
            query = variable["query"]
            if isinstance(query, dict):
                metric = re.fullmatch(r"label_values\((.*), \w+\)", query["query"])
                yield f"{file.name}: ${variable['name']}", metric[1]


def recorded():
    """What the rules record, with the labels that they leave."""
    return {rule["record"]: {label: set() for label in
                             re.findall(r"\w+", re.search(r"by \((.*?)\)", rule["expr"])[1])}
            for rule in rules() if "record" in rule}


def selectors(expression):
    """(metric, [(label, operator, value)]) of each that the expression names."""
    bare = re.sub(r"\b(by|without|on|ignoring|group_left|group_right)\s*\([^)]*\)", "", expression)
    bare = re.sub(r"\[[^\]]*\]", "", bare)  # `[1h]`
    for match in re.finditer(r"\b([a-zA-Z_:][\w:]*)\b(?!\s*\()(?:\{([^}]*)\})?", bare):
        name, labels = match.groups()
        if name in WORDS:
            continue
        yield name, re.findall(r'(\w+) *(=~|!~|!=|=) *"([^"]*)"', labels or "")


def runnable(expression):
    return expression.replace("$__rate_interval", "5m").replace("$station", ".*")


def promtool(*words, text=None):
    done = subprocess.run(["promtool", *map(str, words)], input=text, stdout=subprocess.PIPE,
                          stderr=subprocess.STDOUT, text=True, check=False)
    assert done.returncode == 0, done.stdout
    return done.stdout


class MetricsTest(unittest.TestCase):
    def test_prometheus_finds_nothing_to_say_about_the_page(self):
        self.assertEqual(promtool("check", "metrics", text=PAGE.read_text()), "")

    def test_every_family_is_looked_at(self):
        named = {name for _, expression in expressions() for name, _ in selectors(expression)}
        named |= {re.sub(r"_(bucket|sum|count)$", "", name) for name in named}
        self.assertEqual(families() - named, set())


class ExpressionsTest(unittest.TestCase):
    def test_name_what_there_is(self):
        known = metrics() | recorded() | OWN_METRICS
        for where, expression in expressions():
            found = list(selectors(expression))
            self.assertTrue(found, where)
            for name, matchers in found:
                self.assertIn(name, known, where)
                for label, operator, value in matchers:
                    if label in ADDED_LABELS:
                        continue
                    self.assertIn(label, known[name], f"{where}: {name}")
                    if label in CLOSED_LABELS:
                        values = [value] if operator in ("=", "!=") else value.split("|")
                        self.assertLessEqual(set(values), known[name][label], f"{where}: {name}")

    def test_group_by_what_the_metrics_have(self):
        known = metrics() | recorded() | OWN_METRICS
        for where, expression in expressions():
            labels = set(ADDED_LABELS)
            for name, _ in selectors(expression):
                labels |= set(known[name])
            for clause in re.findall(r"\b(?:by|on|group_left)\s*\(([^)]*)\)", expression):
                self.assertLessEqual(set(re.findall(r"\w+", clause)), labels, where)

    def test_are_promql(self):
        with tempfile.TemporaryDirectory() as folder:
            file = pathlib.Path(folder) / "all.json"  # YAML holds JSON
            file.write_text(json.dumps({"groups": [{"name": "all", "rules": [
                {"record": f"expression_{n}", "expr": runnable(expression)}
                for n, (_, expression) in enumerate(expressions())]}]}))
            promtool("check", "rules", file)


class AlarmsTest(unittest.TestCase):
    def setUp(self):
        self.alarms = {rule["alert"]: rule for rule in rules() if "alert" in rule}

    def test_come_and_stay_away_in_the_cases(self):
        promtool("test", "rules", CASES)

    def test_each_is_in_a_case_that_fires_and_in_one_that_does_not(self):
        fires, silent = set(), set()
        for case in yaml.safe_load(CASES.read_text())["tests"]:
            for check in case["alert_rule_test"]:
                (fires if check["exp_alerts"] else silent).add(check["alertname"])
        self.assertEqual(fires, set(self.alarms))
        self.assertEqual(silent, set(self.alarms))

    def test_each_says_what_to_do(self):
        headings = re.findall(r"(?m)^### (Gangd\w+)$", OPERATIONS.read_text())
        self.assertEqual(sorted(headings), sorted(self.alarms))
        for name, rule in self.alarms.items():
            self.assertIn(rule["labels"]["severity"], ("critical", "warning"), name)
            self.assertTrue(rule["annotations"]["summary"], name)
            self.assertEqual(rule["annotations"]["runbook"], f"OPERATIONS.md#{name.lower()}")

    def test_each_class_of_failure_is_explained(self):
        explained = set(re.findall(r"`([a-z-]+)`", "\n".join(
            line.split("|")[1] for line in OPERATIONS.read_text().splitlines()
            if line.startswith("| `"))))
        # `closed` and `not-found` end no attempt.
        codes = metrics()["gangd_attempt_errors_total"]["code"] - {"closed", "not-found"}
        self.assertLessEqual(codes, explained)


class BoardsTest(unittest.TestCase):
    def test_show_what_a_line_is_asked_about(self):
        titles = {panel["title"] for file in BOARDS
                  for panel in json.loads(file.read_text())["panels"] if panel["type"] == "row"}
        self.assertLessEqual({"Yield", "Cycle time", "Failures by class", "Slots"}, titles)

    def test_work_in_any_grafana(self):
        for file in BOARDS:
            board = json.loads(file.read_text())
            self.assertNotIn("id", board)  # the database's, not the board's
            self.assertTrue(board["uid"] and board["title"])
            variables = {variable["name"]: variable for variable in board["templating"]["list"]}
            self.assertEqual(variables["datasource"]["type"], "datasource")
            for panel in panels(board):
                for part in (panel, *panel["targets"]):
                    self.assertEqual(part["datasource"]["uid"], "${datasource}", panel["title"])

    def test_every_panel_says_what_it_shows_in_which_unit(self):
        for file in BOARDS:
            for panel in panels(json.loads(file.read_text())):
                self.assertTrue(panel["title"] and panel["description"], panel["title"])
                self.assertTrue(panel["fieldConfig"]["defaults"]["unit"], panel["title"])
                references = [target["refId"] for target in panel["targets"]]
                self.assertEqual(len(references), len(set(references)), panel["title"])

    def test_no_panel_hides_another(self):
        for file in BOARDS:
            board = json.loads(file.read_text())
            identities = [panel["id"] for panel in board["panels"]]
            self.assertEqual(len(identities), len(set(identities)))
            taken = set()
            for panel in board["panels"]:
                place = panel["gridPos"]
                self.assertLessEqual(place["x"] + place["w"], 24, panel["title"])
                cells = {(x, y) for x in range(place["x"], place["x"] + place["w"])
                         for y in range(place["y"], place["y"] + place["h"])}
                self.assertFalse(cells & taken, panel["title"])
                taken |= cells


if __name__ == "__main__":
    unittest.main()
