#!/usr/bin/python3
"""Who may what: every method in every role, by socket and over TLS, and those who get in nowhere.
The interpreter is the system's, for which Debian has gRPC."""
import grp
import importlib
import os
import pathlib
import re
import socket
import stat
import subprocess
import sys
import tempfile
import unittest

import grpc

from line import BIN, TOP, LineTest, free_port, until
from pki import ROLES, Pki

PATIENCE = 120
FLOOD = 300
CALLS_MAX = 500  # kOpenMax of daemon/api/calls.cc

GENERATED = tempfile.TemporaryDirectory()
PROTOS = sorted(str(path.relative_to(TOP / "proto"))
                for path in (TOP / "proto/gang/v1").glob("*.proto"))
subprocess.run(["protoc", f"--proto_path={TOP / 'proto'}", f"--python_out={GENERATED.name}",
                *PROTOS], check=True)
sys.path.insert(0, GENERATED.name)
MODULES = [importlib.import_module(path.replace("/", ".").removesuffix(".proto") + "_pb2")
           for path in PROTOS]
pb = importlib.import_module("gang.v1.gang_pb2")

# gRPC's own services; everything else is in our proto.
REFLECTION = "grpc.reflection.v1alpha.ServerReflection"
GRPC_METHODS = {"grpc.health.v1.Health": ["Check", "Watch"], REFLECTION: ["ServerReflectionInfo"]}
REFUSED = (grpc.StatusCode.PERMISSION_DENIED, grpc.StatusCode.UNAUTHENTICATED)


def documented():
    """proto/README.md's table: the roles that may, by method."""
    table = {}
    for line in (TOP / "proto/README.md").read_text().splitlines():
        row = re.fullmatch(r"\| `([\w.]+/\w+)` \|(.*)\|", line)
        if row:
            cells = [cell.strip() for cell in row.group(2).split("|")]
            assert len(cells) == len(ROLES) and set(cells) <= {"yes", "no"}, line
            table[row.group(1)] = {role for role, cell in zip(ROLES, cells) if cell == "yes"}
    return table


def plain(bytes_):
    return bytes_


def fields(message, number):
    """The values of a field of lengths, in a message of such fields only."""
    found, at = [], 0
    while at < len(message):
        tag, at = message[at] >> 3, at + 1
        size, shift = 0, 0
        while True:
            byte, at = message[at], at + 1
            size |= (byte & 0x7f) << shift
            shift += 7
            if byte < 0x80:
                break
        if tag == number:
            found.append(message[at:at + size])
        at += size
    return found


def services_of(channel):
    """What gangd says that it offers."""
    ask = channel.stream_stream(f"/{REFLECTION}/ServerReflectionInfo", plain, plain)
    answer = next(ask(iter([b"\x3a\x01*"]), timeout=PATIENCE))
    return [fields(service, 1)[0].decode() for service in fields(fields(answer, 6)[0], 1)]


def methods_of(service):
    """Each method, and whether it answers with a stream."""
    if service in GRPC_METHODS:
        return [(f"{service}/{name}", name != "Check") for name in GRPC_METHODS[service]]
    for module in MODULES:
        for found in module.DESCRIPTOR.services_by_name.values():
            if found.full_name == service:
                methods = pb_methods(module, found)
                return [(f"{service}/{name}", streams) for name, streams in methods]
    raise AssertionError(f"no proto has {service}")


def pb_methods(module, service):
    file = importlib.import_module("google.protobuf.descriptor_pb2").FileDescriptorProto()
    module.DESCRIPTOR.CopyToProto(file)
    proto = next(each for each in file.service if each.name == service.name)
    return [(method.name, method.server_streaming) for method in proto.method]


def call(channel, method, streams):
    """How an empty request ends: the status and its sentence. A stream counts as taken when it
    says something."""
    try:
        if method.startswith(REFLECTION):
            answers = channel.stream_stream(f"/{method}", plain, plain)(
                iter([b"\x3a\x01*"]), timeout=PATIENCE)
            next(answers)
            answers.cancel()
        elif streams:
            answers = channel.unary_stream(f"/{method}", plain, plain)(b"", timeout=PATIENCE)
            for _ in answers:
                answers.cancel()
                break
        else:
            channel.unary_unary(f"/{method}", plain, plain)(b"", timeout=PATIENCE)
    except grpc.RpcError as error:
        return error.code(), error.details()
    return grpc.StatusCode.OK, ""


class SecurityTest(LineTest):
    @classmethod
    def setUpClass(cls):
        cls.pki = Pki()
        cls.addClassCleanup(cls.pki.close)
        cls.pki.run("server", "localhost", "127.0.0.1")
        for role in ROLES:
            cls.pki.run("client", role, "--role", role)

    def setUp(self):
        super().setUp()
        self.port = free_port()
        self.address = f"localhost:{self.port}"

    # --- gangd with a [tcp]

    def configure(self, **changes):
        tcp = {"listen": f"127.0.0.1:{self.port}", "name": "localhost",
               "ca": self.pki.path("ca.pem"), "cert": self.pki.path("localhost.pem"),
               "key": self.pki.path("localhost.key"), "crl": self.pki.path("crl.pem")}
        tcp.update(changes)
        lines = [f'{key} = "{value}"\n' for key, value in tcp.items() if value is not None]
        self.line.write_config(tables="[tcp]\n" + "".join(lines))

    def start(self, **changes):
        self.configure(**changes)
        self.line.start()

    def channel(self, name="operator", *, pki=None, ca=None):
        """Over TLS, with the certificate of this name; none for none."""
        pki = pki or self.pki
        files = (pki.key(name), pki.pem(name)) if name else (None, None)
        channel = grpc.secure_channel(
            self.address, grpc.ssl_channel_credentials(ca or self.pki.pem("ca"), *files),
            options=[("grpc.use_local_subchannel_pool", 1)])
        self.addCleanup(channel.close)
        return channel

    def socket_channel(self, role):
        path = self.line.socket.parent / f"{role}.sock"
        channel = grpc.insecure_channel(f"unix:{path}",
                                        options=[("grpc.use_local_subchannel_pool", 1)])
        self.addCleanup(channel.close)
        return channel

    def ctl(self, name, *words, pki=None, ca=None, address=None):
        pki = pki or self.pki
        return subprocess.run(
            [BIN / "gangctl", "--address", address or self.address,
             "--ca", ca or self.pki.path("ca.pem"), "--cert", pki.path(f"{name}.pem"),
             "--key", pki.path(f"{name}.key"), *words],
            stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True, timeout=PATIENCE,
            check=False)

    def ctl_says(self, *sentence, **how):
        """gangctl is refused, in one line that has all of `sentence`."""
        name = how.pop("name", "operator")
        done = self.ctl(name, "slots", **how)
        self.assertEqual(done.returncode, 3, done.stdout)
        self.assertEqual(len(done.stderr.splitlines()), 1, done.stderr)
        for words in sentence:
            self.assertIn(words, done.stderr)

    def s_client(self, *words):
        """What openssl says of the line, once the other side has had its say."""
        done = subprocess.run(
            ["openssl", "s_client", "-connect", self.address, "-alpn", "h2", "-ign_eof",
             "-CAfile", self.pki.path("ca.pem"), *words],
            stdin=subprocess.DEVNULL, stdout=subprocess.PIPE, stderr=subprocess.STDOUT,
            timeout=PATIENCE, check=False)
        return done.stdout.decode(errors="replace")

    def denials(self):
        return [event["event"] for event in self.line.events()
                if event["type"] == "access_denied"]

    def are_on_record(self, *reasons):
        """Handshakes are refused before they are recorded."""
        for words in reasons:
            until(lambda words=words: any(words in denial["reason"] for denial in self.denials()),
                  f"a handshake is on record: {words}")

    def gets_nowhere(self, name, *, pki=None):
        """gRPC has no line, and openssl gets not one byte of HTTP/2."""
        code, _ = call(self.channel(name, pki=pki), "gang.v1.Station/GetStation", False)
        self.assertEqual(code, grpc.StatusCode.UNAVAILABLE)
        pki = pki or self.pki
        own = ["-cert", pki.path(f"{name}.pem"), "-key", pki.path(f"{name}.key")] if name else []
        for version in ("-tls1_2", "-tls1_3"):
            self.assertIn("unexpected eof", self.s_client(*own, version))

    # --- the table

    def test_every_method_in_every_role_is_as_documented(self):
        self.start()
        table = documented()
        methods = [method for service in services_of(self.socket_channel("auditor"))
                   for method in methods_of(service)]
        self.assertEqual({method for method, _ in methods}, set(table))
        for role in ROLES:
            for way, channel in (("socket", self.socket_channel(role)),
                                 ("TLS", self.channel(role))):
                for method, streams in methods:
                    with self.subTest(method=method, role=role, way=way):
                        code, sentence = call(channel, method, streams)
                        if role in table[method]:
                            self.assertNotIn(code, REFUSED, sentence)
                        else:
                            self.assertEqual(code, grpc.StatusCode.PERMISSION_DENIED)
                            self.assertIn(f"not for {role}", sentence)

    def test_a_method_that_there_is_not_is_denied_to_all(self):
        self.start()
        for role in ROLES:
            for channel in (self.socket_channel(role), self.channel(role)):
                for method in ("gang.v1.Jobs/DropAll", "x.Y/Z", "gang.v1.Jobs", ""):
                    code, sentence = call(channel, method, False)
                    self.assertEqual(code, grpc.StatusCode.PERMISSION_DENIED, sentence)

    # --- who does not get in

    def test_who_has_no_certificate_that_counts_gets_nowhere(self):
        self.start()
        other = Pki("other")
        self.addCleanup(other.close)
        other.run("client", "operator", "--role", "operator")
        self.pki.odd("expired", end="20210101000000Z")
        self.pki.odd("future", begin="20480101000000Z")
        self.gets_nowhere(None)
        self.gets_nowhere("operator", pki=other)
        self.gets_nowhere("expired")
        self.gets_nowhere("future")
        self.gets_nowhere("localhost")
        # gangd does not suffer by any of it, and has it on record.
        self.assertEqual(self.ctl("operator", "slots").returncode, 0)
        self.are_on_record("has shown no certificate",
                           "not of the CA, has expired, or is not for a client")

    def test_plain_text_and_old_tls_get_nowhere(self):
        self.start()
        channel = grpc.insecure_channel(self.address,
                                        options=[("grpc.use_local_subchannel_pool", 1)])
        self.addCleanup(channel.close)
        code, _ = call(channel, "gang.v1.Station/GetStation", False)
        self.assertEqual(code, grpc.StatusCode.UNAVAILABLE)
        with socket.create_connection(("127.0.0.1", self.port)) as web:
            web.settimeout(PATIENCE)
            web.sendall(b"GET / HTTP/1.0\r\n\r\n")
            answer = b""
            try:
                while data := web.recv(4096):
                    answer += data
            except ConnectionResetError:
                pass
            self.assertNotIn(b"HTTP", answer)
        own = ("-cert", self.pki.path("operator.pem"), "-key", self.pki.path("operator.key"))
        # Debian's openssl refuses old versions by itself; at level 0 it tries them.
        for version in ("-tls1", "-tls1_1"):
            said = self.s_client(*own, version, "-cipher", "ALL:@SECLEVEL=0")
            self.assertIn("no peer certificate available", said)
        for version in ("-tls1_2", "-tls1_3"):
            channel_is_up = self.s_client(*own, version, "-no_ign_eof")
            self.assertIn("Server public key", channel_is_up)
        self.are_on_record("older than 1.2", "no TLS (wrong version number)",
                           "no TLS (http request)")

    def test_a_certificate_without_one_role_may_nothing(self):
        self.start()
        for names, words in (("DNS:pc-7", "names no role"),
                             ("URI:gangd:role:operator, URI:gangd:role:admin", "more than one"),
                             ("URI:gangd:role:root", '"root", which does not exist'),
                             ("URI:gangd:role:", '"", which does not exist'),
                             ("URI:urn:gangd:role:admin", "names no role")):
            name = self.pki.odd("strange", names=names)
            code, sentence = call(self.channel(name), "gang.v1.Station/GetStation", False)
            self.assertEqual(code, grpc.StatusCode.UNAUTHENTICATED, names)
            self.assertIn(words, sentence)

    def test_gangctl_says_why(self):
        self.start(listen=f"0.0.0.0:{self.port}")
        other = Pki("other")
        self.addCleanup(other.close)
        other.run("client", "operator", "--role", "operator")
        self.pki.odd("expired", end="20210101000000Z")
        self.ctl_says("expired on 2021-01-01", "renewed", name="expired")
        self.ctl_says("does not know the CA", pki=other)
        self.ctl_says("has no certificate of the CA", ca=other.path("ca.pem"))
        self.ctl_says("not for 127.0.0.2", address=f"127.0.0.2:{self.port}")
        self.ctl_says("not one for a TLS client", name="localhost")
        self.ctl_says("nobody answers", address=f"localhost:{free_port()}")
        self.ctl_says("no address", address="no-such-host.invalid:7443")
        self.ctl_says("No such file", name="nobody")
        self.pki.path("operator.key").chmod(0o644)
        self.ctl_says("others may read", "chmod 600")
        self.pki.path("operator.key").chmod(0o600)
        usage = subprocess.run([BIN / "gangctl", "--address", self.address, "slots"],
                               stderr=subprocess.PIPE, text=True, check=False)
        self.assertEqual(usage.returncode, 2)
        self.assertRegex(usage.stderr, "--address requires --(ca|cert|key)")

    def test_gangctl_is_told_what_is_not_for_its_role(self):
        self.start()
        done = self.ctl("auditor", "job", "start", "tone")
        self.assertEqual(done.returncode, 3)
        self.assertIn("is for operator, engineer, mes, admin, and not for auditor", done.stderr)

    def test_who_leaks_calls_over_the_network_is_not_in_the_way_of_the_station(self):
        self.start()
        leaked = []
        for _ in range(CALLS_MAX // 100 + 1):  # kStreamsMax of door.cc: what more it has waits
            follow = self.channel("auditor").unary_stream("/gang.v1.Events/StreamEvents", plain,
                                                          plain)
            leaked += [follow(b"\x10\x01") for _ in range(100)]  # follow: true
        until(lambda: any(call.done() for call in leaked), "some are refused")
        self.assertEqual({call.code() for call in leaked if call.done()},
                         {grpc.StatusCode.RESOURCE_EXHAUSTED})
        self.assertEqual(self.line.ctl("slots").returncode, 0)
        for call_ in leaked:
            call_.cancel()
        until(lambda: self.ctl("operator", "slots").returncode == 0, "calls are taken again")

    # --- the record

    def test_who_gave_an_order_is_on_record(self):
        self.start()
        done = self.ctl("mes", "job", "start", "tone", "--request", "m-1")
        self.assertEqual(done.returncode, 0, done.stderr)
        job = self.line.jobs()[0]["id"]
        self.assertEqual(self.ctl("quality", "job", "stop", job).returncode, 0)
        events = {event["type"]: event["event"] for event in self.line.events()}
        self.assertEqual((events["job_started"]["role"], events["job_started"]["subject"]),
                         ("mes", "CN=mes,O=line-1"))
        self.assertEqual((events["job_ended"]["role"], events["job_ended"]["subject"]),
                         ("quality", "CN=quality,O=line-1"))
        self.line.verify()

    def test_a_flood_of_denials_is_few_records_and_counted(self):
        self.start()
        for channel in (self.socket_channel("auditor"), self.channel("auditor")):
            for n in range(FLOOD):
                call(channel, f"x.Y/Z{n}" if n % 2 else "gang.v1.Jobs/StartJob", False)
        until(lambda: len(self.denials()) == 4, "each kind is on record")
        self.assertEqual({(d["role"], d["subject"], d["method"], d["count"])
                          for d in self.denials()},
                         {("auditor", subject, method, 1)
                          for subject in ("", "CN=auditor,O=line-1")
                          for method in ("", "gang.v1.Jobs/StartJob")})
        self.assertEqual(self.line.stop(), 0)
        self.line.start()
        denials = self.denials()
        self.assertEqual(sum(d["count"] for d in denials), 2 * FLOOD)
        # Each kind has its first and the count of the others. What came faster than gangd could
        # take it, on a machine that was held up, is one more count.
        kinds = [d for d in denials if not d["reason"].startswith("more refusals than")]
        self.assertEqual(len(kinds), 8)
        self.assertLessEqual(len(denials) - len(kinds), 1)
        self.line.verify()
        # Of what gangd says: that the machine was slow, it says in lines of their own.
        said = [line for line in self.line.log_text().splitlines()
                if not re.search(r" kept the loop for | took \d+ ms|^  ", line)]
        self.assertLess(len(said), 50)

    # --- renewed and revoked

    def test_what_is_renewed_or_revoked_counts_without_a_restart(self):
        self.pki.run("client", "leaver", "--role", "operator")
        self.start()
        channel = self.channel("leaver")
        self.assertEqual(call(channel, "gang.v1.Station/ListSlots", False)[0], grpc.StatusCode.OK)

        def end():
            text = self.s_client("-no_ign_eof", "-cert", self.pki.path("operator.pem"), "-key",
                                 self.pki.path("operator.key"))
            return re.search(r"v:NotBefore.*NotAfter: (.*)", text).group(1)

        before = end()
        self.pki.run("renew", "localhost", "--days", "30")
        self.pki.run("revoke", "leaver")
        until(lambda: call(channel, "gang.v1.Station/ListSlots", False)[0]
              == grpc.StatusCode.UNAUTHENTICATED, "who has left is refused on an open line")
        self.assertIn("was revoked", call(channel, "gang.v1.Station/ListSlots", False)[1])
        until(lambda: end() != before, "the renewed certificate is shown")

    # --- what [tcp] and [socket_groups] say

    def gangd_refuses(self, *words, **changes):
        self.configure(**changes)
        status, said = self.line.run_to_its_end()
        self.assertEqual(status, 1, said)
        complaint = [line for line in said.splitlines() if line.startswith("gangd: ")]
        self.assertEqual(len(complaint), 1, said)
        for word in words:
            self.assertIn(word, complaint[0])

    def test_mistakes_in_tcp_are_named(self):
        pki = self.pki
        pki.odd("old-server", names="DNS:localhost", usage="serverAuth", end="20210101000000Z")
        pki.odd("new-server", names="DNS:localhost", usage="serverAuth", begin="20480101000000Z")
        pki.odd("nameless", names="", usage="serverAuth")
        other = Pki("other")
        self.addCleanup(other.close)
        rubbish = pathlib.Path(self.line.folder / "rubbish.pem")
        rubbish.write_bytes(b"-----BEGIN CERTIFICATE-----\nAAAA\n-----END CERTIFICATE-----\n")
        open_key = pathlib.Path(self.line.folder / "open.key")
        open_key.write_bytes(pki.key("localhost"))
        open_key.chmod(0o644)
        self.gangd_refuses("[tcp] ca", "nowhere.pem", "No such file", ca="nowhere.pem")
        self.gangd_refuses("[tcp] cert", "No such file", cert="nowhere.pem")
        self.gangd_refuses("[tcp] cert", "no certificate", cert=rubbish)
        self.gangd_refuses("[tcp] key", "others may read", "chmod 600", key=open_key)
        self.gangd_refuses("[tcp] key", "another certificate", key=pki.path("mes.key"))
        self.gangd_refuses("expired on 2021-01-01", "renew it", cert=pki.path("old-server.pem"),
                           key=pki.path("old-server.key"))
        self.gangd_refuses("not valid before 2048-01-01", cert=pki.path("new-server.pem"),
                           key=pki.path("new-server.key"))
        self.gangd_refuses("not for line-9", "localhost, 127.0.0.1", name="line-9")
        self.gangd_refuses("for no host", name=None, listen=f"0.0.0.0:{self.port}",
                           cert=pki.path("nameless.pem"), key=pki.path("nameless.key"))
        self.gangd_refuses("not one for a TLS server", cert=pki.path("mes.pem"),
                           key=pki.path("mes.key"))
        self.gangd_refuses("[tcp] crl", "not signed by the CA", crl=other.path("crl.pem"))
        self.gangd_refuses("station.toml:", "HOST:PORT", listen="7443")
        self.gangd_refuses("no-such-host.invalid", "address of this machine",
                           listen=f"no-such-host.invalid:{self.port}")
        self.gangd_refuses("give an address of this machine", listen=f"192.0.2.7:{self.port}")
        with socket.socket() as taken:
            taken.bind(("127.0.0.1", self.port))
            taken.listen()
            self.gangd_refuses("another program listens there")

    def test_a_socket_is_for_its_user_and_the_group_that_is_named(self):
        group = grp.getgrgid(os.getgid() or grp.getgrnam("daemon").gr_gid)
        self.line.write_config(tables=f'[socket_groups]\noperator = "{group.gr_name}"\n')
        self.line.start()
        for role in ROLES:
            found = (self.line.socket.parent / f"{role}.sock").stat()
            mode = stat.S_IMODE(found.st_mode)
            if role == "operator":
                self.assertEqual((mode, found.st_gid), (0o660, group.gr_gid))
            else:
                self.assertEqual(mode, 0o600)
        self.line.stop()
        self.line.write_config()
        self.line.start()
        found = self.line.socket.stat()
        self.assertEqual((stat.S_IMODE(found.st_mode), found.st_gid), (0o660, os.getgid()))
        self.line.stop()
        self.line.write_config(tables='[socket_groups]\nmes = "no-such-group"\n')
        status, said = self.line.run_to_its_end()
        self.assertEqual(status, 1)
        self.assertIn("no group no-such-group", said)


if __name__ == "__main__":
    unittest.main()
