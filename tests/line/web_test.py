#!/usr/bin/env python3
"""gangd's web port, as bad programs meet it: tests/web has the people.

What could break: bytes that crash it or make it hang, a client that keeps it from ending, a second
gangd that takes half of the calls.
"""
import http.client
import json
import os
import random
import socket
import subprocess
import unittest

from line import PATIENCE, TOP, LineTest, free_port, until

HOST = b"Host: localhost\r\n"
ORDER = HOST + b"Content-Type: application/json\r\n"
REQUESTS = (
    b"GET /api/station HTTP/1.1\r\n" + HOST + b"\r\n",
    b"GET /api/units?q=%00%ff%zz&q=1 HTTP/1.1\r\n" + HOST + b"\r\n",
    b"GET /api/stream?after=9-9 HTTP/1.1\r\n" + HOST + b"\r\n",
    b"POST /api/acknowledge HTTP/1.1\r\n" + ORDER
    + b'Content-Length: 29\r\n\r\n{"request_id":"a","slot":"1"}',
)
EXTREME = (
    b"GET / HTTP/1.1\r\n" + HOST + b"Range: bytes=" + b"1-2," * 1900 + b"1-2\r\n\r\n",
    b"GET /" + b"a" * 8000 + b" HTTP/1.1\r\n" + HOST + b"\r\n",
    b"GET /" + b"a" * 80000 + b" HTTP/1.1\r\n" + HOST + b"\r\n",
    b"GET / HTTP/1.1\r\n" + HOST + b"X: y\r\n" * 20000 + b"\r\n",
    b"POST /api/acknowledge HTTP/1.1\r\n" + ORDER + b"Content-Length: 999999999999\r\n\r\n{",
    b"POST /api/acknowledge HTTP/1.1\r\n" + ORDER + b"Content-Length: -5\r\n\r\n{",
    b"POST /api/acknowledge HTTP/1.1\r\n" + ORDER
    + b"Transfer-Encoding: chunked\r\n\r\nffffffffffffffff\r\nx",
    b"POST /api/acknowledge HTTP/1.1\r\n" + ORDER + b"Content-Length: 20000\r\n\r\n" + b"[" * 20000,
)
MUTANTS = 200


class WebTest(LineTest):
    def setUp(self):
        super().setUp()
        self.port = free_port()
        self.line.write_config(tables=f"[web]\nport = {self.port}\n")

    def connect(self):
        connection = socket.create_connection(("127.0.0.1", self.port), timeout=PATIENCE)
        self.addCleanup(connection.close)
        return connection

    def ask(self, path):
        connection = http.client.HTTPConnection("127.0.0.1", self.port, timeout=PATIENCE)
        self.addCleanup(connection.close)
        connection.request("GET", path)
        answer = connection.getresponse()
        return answer.status, answer.read().decode()

    def send(self, request, *, waits):
        connection = self.connect()
        try:
            connection.sendall(request)
            if waits:
                connection.shutdown(socket.SHUT_WR)
                connection.recv(65536)
        except ConnectionError:
            pass  # it is free to hang up
        connection.close()

    def test_evidence_of_a_unit_holds_without_gangd(self):
        self.line.start()
        self.assertEqual(self.line.run_job()[0], 0)
        uid = self.line.slots()[0]["uid"]
        status, evidence = self.ask(f"/api/evidence?uid={uid}")
        self.assertEqual(status, 200, evidence)
        file = self.line.folder / "evidence.json"
        for text, verdict in ((evidence, 0), (evidence.replace("PASS", "FAIL"), 1)):
            file.write_text(text)
            done = subprocess.run([TOP / "deploy/audit/verify.py", file], capture_output=True,
                                  check=False)
            self.assertEqual(done.returncode, verdict, done.stdout)
        self.assertEqual(self.ask("/api/evidence")[0], 400)
        self.assertEqual(self.ask("/api/evidence?uid=nobody")[0], 404)

    def test_no_bytes_crash_it(self):
        self.line.start()
        for request in EXTREME:
            self.send(request, waits=True)
        dice = random.Random(7)
        for _ in range(MUTANTS):
            request = bytearray(dice.choice(REQUESTS))
            for _ in range(dice.randrange(1, 6)):
                place = dice.randrange(len(request))
                wide = dice.randrange(1, 9)
                request[place:place + dice.choice((0, wide))] = os.urandom(dice.choice((0, wide)))
            self.send(bytes(request), waits=b"stream" not in request and dice.random() < 0.8)
        status, body = self.ask("/api/station")
        self.assertEqual(status, 200)
        self.assertEqual(len(json.loads(body)["slots"]), len(self.line.paths))

    def test_clients_that_stay_do_not_keep_it_from_ending(self):
        self.line.start()
        half = self.connect()
        half.sendall(b"GET / HT")
        for _ in range(3):
            self.connect().sendall(b"GET /api/stream HTTP/1.1\r\n" + HOST + b"\r\n")
        idle = self.connect()
        idle.sendall(REQUESTS[0])
        self.assertTrue(idle.recv(100).startswith(b"HTTP/1.1 200"))
        self.assertEqual(self.line.stop(), 0)

    def test_too_many_streams_are_refused_and_the_rest_is_answered(self):
        self.line.start()
        streams = []
        for _ in range(16):
            stream = self.connect()  # who says nothing for long is cut off
            streams.append(stream)
            stream.sendall(b"GET /api/stream HTTP/1.1\r\n" + HOST + b"\r\n")
            self.assertEqual(stream.recv(100)[:12], b"HTTP/1.1 200")
        self.assertEqual(self.ask("/api/stream")[0], 503)
        self.assertEqual(self.ask("/api/station")[0], 200)
        for stream in streams:
            stream.close()
        until(lambda: self.ask("/api/units?q=x")[0] == 200, "it answers")

    def test_a_second_gangd_does_not_share_the_port(self):
        self.line.start()
        first, self.line.gangd = self.line.gangd, None
        self.line.write_config(ledger="other.db", sockets="others",
                               tables=f"[web]\nport = {self.port}\n")
        status, said = self.line.run_to_its_end()
        self.line.gangd = first
        self.assertEqual(status, 1)
        self.assertRegex(said, rf"web 127\.0\.0\.1:{self.port}: cannot listen there")

    def test_without_pages_it_says_how_to_build_them(self):
        self.line.write_config(tables=f'[web]\nport = {self.port}\npages = "nowhere"\n')
        self.line.start()
        self.assertIn("dashboards/floor/build", self.line.log_text())
        status, said = self.ask("/")
        self.assertEqual(status, 404)
        self.assertIn("dashboards/floor/build", said)


if __name__ == "__main__":
    unittest.main()
