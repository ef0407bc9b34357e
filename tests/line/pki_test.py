#!/usr/bin/env python3
"""deploy/pki/pki, as a station's owner uses it; openssl judges what it makes."""
import datetime
import re
import stat
import subprocess
import unittest

from pki import ROLES, Pki, openssl


class PkiTest(unittest.TestCase):
    def setUp(self):
        self.pki = Pki()
        self.addCleanup(self.pki.close)

    def shown(self, name, *what):
        return openssl("x509", "-in", self.pki.path(f"{name}.pem"), "-noout", *what)

    def verifies(self, name, purpose, *words):
        done = subprocess.run(
            ["openssl", "verify", "-purpose", purpose, "-x509_strict", "-CAfile",
             self.pki.path("ca.pem"), *words, self.pki.path(f"{name}.pem")],
            stdout=subprocess.PIPE, stderr=subprocess.STDOUT, text=True, check=False)
        return done.returncode == 0, done.stdout

    def days(self, name):
        end = self.shown(name, "-enddate", "-dateopt", "iso_8601").strip()
        end = datetime.datetime.fromisoformat(end.removeprefix("notAfter=").replace("Z", "+00:00"))
        return round((end - datetime.datetime.now(datetime.timezone.utc)).total_seconds() / 86400)

    def test_each_role_has_a_certificate_for_clients_alone(self):
        for role in ROLES:
            self.pki.run("client", f"a-{role}", "--role", role)
            self.assertTrue(self.verifies(f"a-{role}", "sslclient")[0])
            self.assertFalse(self.verifies(f"a-{role}", "sslserver")[0])
            names = self.shown(f"a-{role}", "-ext", "subjectAltName").splitlines()[1].strip()
            self.assertEqual(names, f"URI:gangd:role:{role}")
        self.assertEqual(self.days("a-mes"), 90)

    def test_a_server_has_names_and_addresses_and_is_no_client(self):
        self.pki.run("server", "line-1", "line-1.example", "10.0.0.7", "::1", "--days", "30")
        self.assertTrue(self.verifies("line-1", "sslserver")[0])
        self.assertFalse(self.verifies("line-1", "sslclient")[0])
        names = self.shown("line-1", "-ext", "subjectAltName")
        for name in ("DNS:line-1,", "DNS:line-1.example", "IP Address:10.0.0.7", "0:0:0:0:0:1"):
            self.assertIn(name, names)
        self.assertEqual(self.days("line-1"), 30)

    def test_keys_are_for_their_owner_alone(self):
        self.pki.run("client", "anna", "--role", "quality")
        for path in self.pki.folder.glob("*.key"):
            self.assertEqual(stat.S_IMODE(path.stat().st_mode), 0o600, path)
        self.assertEqual(stat.S_IMODE(self.pki.folder.stat().st_mode), 0o700)

    def test_a_request_is_signed_without_its_key(self):
        key, request = self.pki.folder.parent / "far.key", self.pki.folder.parent / "far.csr"
        openssl("req", "-new", "-newkey", "rsa:2048", "-nodes", "-keyout", key, "-out", request,
                "-subj", "/CN=what-the-requester-likes",
                "-addext", "subjectAltName = URI:gangd:role:admin")
        self.pki.run("sign", request, "far", "--role", "auditor")
        self.assertFalse(self.pki.path("far.key").exists())
        text = self.shown("far", "-subject", "-ext", "subjectAltName")
        self.assertIn("CN = far", text)
        self.assertIn("URI:gangd:role:auditor", text)
        self.assertNotIn("admin", text)

    def test_renewed_is_the_same_for_longer(self):
        for make in (["client", "anna", "--role", "mes"], ["server", "line-1", "10.0.0.7"]):
            self.pki.run(*make, "--days", "3")
            name, what = make[1], ("-subject", "-ext", "subjectAltName,extendedKeyUsage", "-pubkey")
            before = self.shown(name, *what)
            self.assertIn("renew it", self.line_of(name))
            self.pki.run("renew", name, "--days", "200")
            self.assertEqual(self.shown(name, *what), before)
            self.assertEqual(self.days(name), 200)

    def test_revoked_with_all_its_terms(self):
        self.pki.run("client", "anna", "--role", "mes")
        first = self.pki.pem("anna")
        self.pki.run("renew", "anna")
        self.pki.run("client", "bert-anna", "--role", "mes")
        self.assertIn("is revoked", self.pki.run("revoke", "anna"))
        self.assertIn("revoked", self.line_of("anna"))
        self.pki.path("first.pem").write_bytes(first)
        for name in ("first", "revoked/anna", "bert-anna"):
            good, said = self.verifies(name, "sslclient", "-crl_check", "-CRLfile",
                                       self.pki.path("crl.pem"))
            self.assertEqual(good, name == "bert-anna", said)
            self.assertEqual("certificate revoked" in said, name != "bert-anna")
        # The name is free for another.
        self.pki.run("client", "anna", "--role", "mes")

    def line_of(self, name):
        return next(line for line in self.pki.run("list").splitlines()
                    if re.match(rf"{name}\s", line))

    def test_mistakes_are_named_and_change_nothing(self):
        self.pki.run("client", "anna", "--role", "mes")
        before = sorted(path.name for path in self.pki.folder.iterdir())
        for words, sentence in (
                (["client", "x", "--role", "root"], "is no role; there are: operator"),
                (["client", "x"], "is no role"),
                (["client", "anna", "--role", "mes"], "renew it"),
                (["client", "../x", "--role", "mes"], "cannot be a name"),
                (["client", "ca", "--role", "mes"], "cannot be a name"),
                (["client", "crl", "--role", "mes"], "cannot be a name"),
                (["client", "x", "--role", "mes", "--days", "0"], "whole number"),
                (["server", "a b"], "cannot be a name"),
                (["revoke", "x"], "there is no"),
                (["renew", "x"], "there is no"),
                (["ca", "line-1"], "holds a CA already"),
                (["dance"], "makes and keeps")):
            self.assertIn(sentence, self.pki.run(*words, good=False), words)
            self.assertEqual(sorted(path.name for path in self.pki.folder.iterdir()), before, words)


if __name__ == "__main__":
    unittest.main()
