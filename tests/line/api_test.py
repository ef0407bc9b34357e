#!/usr/bin/python3
"""Another people's client, gRPC from Python, against gangd. The interpreter is the system's, for
which Debian has gRPC."""
import array
import fcntl
import hashlib
import importlib
import json
import os
import shutil
import signal
import subprocess
import sys
import tempfile
import termios
import threading
import unittest

import grpc

from line import BIN, TOP, LineTest, check_record, rack, rack_ports, until

# What protoc makes of gang.proto for Python, as an integrator would.
GENERATED = tempfile.TemporaryDirectory()
subprocess.run(["protoc", f"--proto_path={TOP / 'proto'}", f"--python_out={GENERATED.name}",
                f"--grpc_python_out={GENERATED.name}",
                f"--plugin=protoc-gen-grpc_python={shutil.which('grpc_python_plugin')}",
                "gang/v1/gang.proto"], check=True)
sys.path.insert(0, GENERATED.name)
pb = importlib.import_module("gang.v1.gang_pb2")
rpc = importlib.import_module("gang.v1.gang_pb2_grpc")

PATIENCE = 120
CALLS_MAX = 500  # kOpenMax of daemon/api/calls.cc


def bytes_in(pipe):
    count = array.array("i", [0])
    fcntl.ioctl(pipe, termios.FIONREAD, count)
    return count[0]


def collect(stream, into):
    try:
        into.extend(stream)
    except grpc.RpcError:
        pass  # cancelled


class ApiTest(LineTest):
    def setUp(self):
        super().setUp()
        self.line.start()
        self.connect()

    def connect(self, socket=None):
        # Python's channels share connections, also one to a gangd that has ended, which a client
        # that makes no call does not notice.
        channel = grpc.insecure_channel(f"unix:{socket or self.line.socket}",
                                        options=[("grpc.use_local_subchannel_pool", 1)])
        self.addCleanup(channel.close)
        self.channel = channel
        self.station = rpc.StationStub(channel)
        self.jobs = rpc.JobsStub(channel)
        self.units = rpc.UnitsStub(channel)
        self.stream = rpc.EventsStub(channel)

    def refused(self, code, call, request):
        with self.assertRaises(grpc.RpcError) as caught:
            answer = call(request, timeout=PATIENCE)
            list(answer) if hasattr(answer, "__iter__") else None
        self.assertEqual(caught.exception.code(), code, caught.exception.details())
        return caught.exception.details()

    def start(self, request_id, **order):
        request = pb.StartJobRequest(request_id=request_id, product="tone", **order)
        return self.jobs.StartJob(request, timeout=PATIENCE).job

    def run_job(self, request_id):
        job = self.start(request_id, once=True)
        return list(self.jobs.WatchJob(pb.WatchJobRequest(job=job), timeout=PATIENCE))

    def slow_boards(self):
        """So that a job is still going on when it is asked about."""
        for port in rack_ports():
            rack("slow", port, "on")
            self.addCleanup(rack, "slow", port, "off")
        self.line.add_long_image(256 * 1024)

    def test_a_watch_has_every_verdict_and_ends_with_the_job(self):
        self.slow_boards()
        updates = self.run_job("r-1")
        verdicts = [u.verdict for u in updates if u.HasField("verdict")]
        self.assertEqual(sorted(v.slot for v in verdicts), ["1", "2"])
        self.assertTrue(all(v.verdict == pb.VERDICT_PASS for v in verdicts))
        self.assertEqual(verdicts[0].expected[0].sha256, self.line.image_sha256)
        self.assertEqual(list(verdicts[0].expected), list(verdicts[0].measured))
        last = updates[-1].job
        self.assertEqual((last.running, last.passed, last.reason), (False, 2, "finished"))
        self.assertTrue(any(u.slot.state == pb.SLOT_STATE_RUNNING for u in updates))
        # Of a job of the past, by whoever comes late.
        again = list(self.jobs.WatchJob(pb.WatchJobRequest(job=last.id), timeout=PATIENCE))
        self.assertEqual([u.verdict for u in again if u.HasField("verdict")], verdicts)

    def test_the_same_request_leads_to_the_same_job_in_every_life(self):
        job = self.start("r-1", once=True)
        self.assertEqual(self.start("r-1", once=True), job)
        self.refused(grpc.StatusCode.INVALID_ARGUMENT, self.jobs.StartJob,
                     pb.StartJobRequest(request_id="r-1", product="tone"))
        self.line.stop()
        self.line.start()
        self.connect()
        self.assertEqual(self.start("r-1", once=True), job)

    def test_orders_that_are_wrong(self):
        invalid, missing = grpc.StatusCode.INVALID_ARGUMENT, grpc.StatusCode.NOT_FOUND
        order = pb.StartJobRequest
        self.refused(invalid, self.jobs.StartJob, order(product="tone"))
        self.refused(invalid, self.jobs.StartJob, order(request_id="r" * 129, product="tone"))
        self.refused(invalid, self.jobs.StartJob,
                     order(request_id="r", product="tone", slots=["1", "1"]))
        self.refused(missing, self.jobs.StartJob, order(request_id="r", product="../tone"))
        self.refused(missing, self.jobs.StartJob, order(request_id="r", product="x", slots=["1"]))
        self.refused(missing, self.jobs.StopJob, pb.StopJobRequest(request_id="s", job="1-77"))
        self.refused(invalid, self.jobs.StopJob, pb.StopJobRequest(request_id="s", job="77"))
        self.refused(missing, self.jobs.WatchJob, pb.WatchJobRequest(job="1-1"))
        self.refused(invalid, self.jobs.WatchJob, pb.WatchJobRequest(job="x"))
        self.refused(invalid, self.units.GetUnit, pb.GetUnitRequest())
        self.refused(missing, self.units.GetUnit, pb.GetUnitRequest(uid="x"))
        self.refused(missing, self.units.GetUnit, pb.GetUnitRequest(serial="x"))
        self.refused(invalid, self.units.ListUnits, pb.ListUnitsRequest(image_sha256="12"))
        self.refused(invalid, self.units.ListUnits, pb.ListUnitsRequest(verdict=9))
        self.refused(missing, self.stream.StreamEvents, pb.StreamEventsRequest(after="1-9999"))
        self.refused(invalid, self.stream.StreamEvents, pb.StreamEventsRequest(after="end"))

    def test_an_auditor_reads_and_does_not_order(self):
        self.run_job("r-1")
        self.connect(self.line.auditor_socket)
        self.refused(grpc.StatusCode.PERMISSION_DENIED, self.jobs.StartJob,
                     pb.StartJobRequest(request_id="r-2", product="tone"))
        self.refused(grpc.StatusCode.PERMISSION_DENIED, self.jobs.StopJob,
                     pb.StopJobRequest(request_id="r-2", job="1-3"))
        listed = self.units.ListUnits(pb.ListUnitsRequest(image_sha256=self.line.image_sha256))
        uids = [unit.uid for unit in listed]
        self.assertEqual(len(uids), 2)
        unit = self.units.GetUnit(pb.GetUnitRequest(uid=uids[0]))
        self.assertEqual(unit.history[0].product, "tone")
        by_serial = self.units.GetUnit(pb.GetUnitRequest(serial=unit.numbers[0].value))
        self.assertEqual(by_serial, unit)
        for other in (pb.ListUnitsRequest(verdict=pb.VERDICT_FAIL),
                      pb.ListUnitsRequest(image_sha256="0" * 64)):
            self.assertEqual(list(self.units.ListUnits(other)), [])

    def test_events_resume_where_they_were(self):
        self.run_job("r-1")
        everything = list(self.stream.StreamEvents(pb.StreamEventsRequest()))
        check_record([json.loads(event.record) for event in everything])
        head = bytes(32)
        for event in everything:
            head = hashlib.sha256(head + hashlib.sha256(event.record).digest()).digest()
            self.assertEqual(event.sha256, head)
        for n, event in enumerate(everything):
            rest = list(self.stream.StreamEvents(pb.StreamEventsRequest(after=event.token)))
            self.assertEqual(rest, everything[n + 1:])
        follow = self.stream.StreamEvents(
            pb.StreamEventsRequest(after=everything[-1].token, follow=True))
        self.start("r-2", once=True)
        self.assertEqual(json.loads(next(follow).record)["event"]["request"], "r-2")
        follow.cancel()

    def test_clients_that_vanish_leave_nothing_behind(self):
        job = self.start("r-1")
        for _ in range(30):
            watch = self.jobs.WatchJob(pb.WatchJobRequest(job=job))
            next(watch)
            follow = self.stream.StreamEvents(pb.StreamEventsRequest(follow=True))
            next(follow)
            watch.cancel()
            follow.cancel()
        until(lambda: self.line.jobs()[-1]["passed"] == "2", "both pass")
        # With one that does not read, and one that stays, gangd still ends.
        self.jobs.WatchJob(pb.WatchJobRequest(job=job))
        self.stream.StreamEvents(pb.StreamEventsRequest(follow=True))
        self.assertEqual(self.line.stop(), 0)

    def test_who_reads_is_told_that_gangd_stops(self):
        job = self.start("r-1")
        streams = [self.stream.StreamEvents(pb.StreamEventsRequest(follow=True)),
                   self.jobs.WatchJob(pb.WatchJobRequest(job=job))]
        for stream in streams:  # and then there is a message on its way
            next(stream)
        self.line.gangd.terminate()
        for stream in streams:
            with self.assertRaises(grpc.RpcError) as caught:
                list(stream)
            self.assertEqual(caught.exception.code(), grpc.StatusCode.UNAVAILABLE)
            self.assertIn("gangd is stopping", caught.exception.details())
        self.assertEqual(self.line.gangd.wait(PATIENCE), 0)
        self.line.gangd = None

    def test_who_stands_still_with_all_buffers_full_does_not_keep_gangd(self):
        for n in range(250):
            job = self.start(f"{n:0128}", slots=["1"])
            self.jobs.StopJob(pb.StopJobRequest(request_id=f"s{n:0127}", job=job))
        follower = subprocess.Popen([BIN / "gangctl", "--socket", self.line.socket, "events",
                                     "--follow"], stdout=subprocess.PIPE)
        self.addCleanup(follower.wait)
        self.addCleanup(follower.stdout.close)
        self.addCleanup(follower.kill)
        until(lambda: bytes_in(follower.stdout) > 60000, "the pipe is full")
        follower.send_signal(signal.SIGSTOP)
        self.assertEqual(self.line.stop(), 0)

    def test_the_job_comes_first_and_last(self):
        self.slow_boards()
        updates = self.run_job("r-1")
        self.assertTrue(updates[0].job.running)
        for _ in range(2):  # then as a job of the past
            self.assertFalse(updates[-1].job.running)
            self.assertEqual(sum(update.HasField("verdict") for update in updates), 2)
            updates = list(self.jobs.WatchJob(pb.WatchJobRequest(job=updates[-1].job.id)))
            self.assertTrue(updates[0].HasField("job"))

    def test_a_client_that_leaks_calls_is_refused_and_the_others_are_not_lost(self):
        leaked = [self.stream.StreamEvents(pb.StreamEventsRequest(follow=True))
                  for _ in range(CALLS_MAX + 10)]
        until(lambda: any(call.done() for call in leaked), "some are refused")
        refused = [call for call in leaked if call.done()]
        self.assertEqual({call.code() for call in refused}, {grpc.StatusCode.RESOURCE_EXHAUSTED})
        for call in leaked:
            call.cancel()
        until(lambda: self.line.ctl("slots").returncode == 0, "calls are taken again")

    def test_a_name_that_is_no_utf8_spoils_no_answer(self):
        (self.line.folder / "products" / os.fsdecode(b"Ger\xe4t.toml")).write_text("")
        self.line.stop()
        self.line.start()
        self.connect()
        until(lambda: "Ger\ufffdt" in self.station.GetStation(pb.GetStationRequest()).products,
              "the file is listed")

    def test_health_is_told_once(self):
        def plain(bytes_):
            return bytes_
        watch = self.channel.unary_stream("/grpc.health.v1.Health/Watch", request_serializer=plain,
                                          response_deserializer=plain)(b"")
        told = []
        listener = threading.Thread(target=lambda: collect(watch, told))
        listener.start()
        self.run_job("r-1")
        watch.cancel()
        listener.join(PATIENCE)
        self.assertEqual(told, [b"\x08\x01"])

    def test_health_and_reflection_are_the_standard_ones(self):
        def plain(bytes_):
            return bytes_
        check = self.channel.unary_unary("/grpc.health.v1.Health/Check", request_serializer=plain,
                                         response_deserializer=plain)
        self.assertEqual(check(b""), b"\x08\x01")  # status: SERVING
        ask = self.channel.stream_stream(
            "/grpc.reflection.v1alpha.ServerReflection/ServerReflectionInfo",
            request_serializer=plain, response_deserializer=plain)
        answer = next(ask(iter([b"\x3a\x01*"])))  # list_services
        for service in ("Station", "Jobs", "Units", "Events"):
            self.assertIn(f"gang.v1.{service}".encode(), answer)


if __name__ == "__main__":
    unittest.main()
