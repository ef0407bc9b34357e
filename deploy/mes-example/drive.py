#!/usr/bin/python3
"""Drives a station as a MES does, and knows nothing of it but where it is: gangd's server
reflection says what can be asked.

    drive.py ADDRESS slots
    drive.py ADDRESS order WORK-ORDER PRODUCT QUANTITY     starts it, prints verdicts to its end
    drive.py ADDRESS stop JOB

ADDRESS is unix:PATH of a socket, or HOST:PORT with --ca, --cert and --key. Prints one JSON object
for each answer. `order` may be given again after any failure, with the --after that it printed
last: the same work order is the same job, and no verdict is missed or told twice.
"""
import argparse
import json
import pathlib
import sys
import time

import grpc
from google.protobuf import descriptor_pb2, descriptor_pool, json_format, message_factory

REFLECTION = "grpc.reflection.v1alpha"
PATIENCE = 60  # seconds that gangd may be away
PAUSE = 1


def reflection_file():
    """The part of gRPC's reflection.proto that is needed here."""
    file = descriptor_pb2.FileDescriptorProto(name="reflection.proto", package=REFLECTION,
                                              syntax="proto3")
    kinds = descriptor_pb2.FieldDescriptorProto

    def message(name, *fields):
        added = file.message_type.add(name=name)
        for field, number, kind, label in fields:
            new = added.field.add(name=field, number=number, label=label)
            if isinstance(kind, str):
                new.type, new.type_name = kinds.TYPE_MESSAGE, f".{REFLECTION}.{kind}"
            else:
                new.type = kind
    one, many = kinds.LABEL_OPTIONAL, kinds.LABEL_REPEATED
    message("Request", ("file_containing_symbol", 4, kinds.TYPE_STRING, one))
    message("Files", ("file_descriptor_proto", 1, kinds.TYPE_BYTES, many))
    message("Response", ("file_descriptor_response", 4, "Files", one))
    return file


class Station:
    """Calls by their names, of services that are found when they are asked for."""

    def __init__(self, channel):
        self.channel = channel
        self.pool = descriptor_pool.DescriptorPool()
        self.pool.Add(reflection_file())
        self.factory = message_factory.MessageFactory(self.pool)

    def kind(self, name):
        return self.factory.GetPrototype(self.pool.FindMessageTypeByName(name))

    def learn(self, symbol):
        ask = self.channel.stream_stream(
            f"/{REFLECTION}.ServerReflection/ServerReflectionInfo",
            request_serializer=lambda message: message.SerializeToString(),
            response_deserializer=self.kind(f"{REFLECTION}.Response").FromString)
        request = self.kind(f"{REFLECTION}.Request")(file_containing_symbol=symbol)
        answer = next(ask(iter([request]), timeout=PATIENCE))
        for file in answer.file_descriptor_response.file_descriptor_proto:
            self.pool.AddSerializedFile(file)

    def method(self, service, name):
        try:
            found = self.pool.FindServiceByName(service)
        except KeyError:
            self.learn(service)
            found = self.pool.FindServiceByName(service)
        return found.FindMethodByName(name)

    def call(self, service, name, streams=False, **fields):
        method = self.method(service, name)
        request = self.factory.GetPrototype(method.input_type)(**fields)
        connect = self.channel.unary_stream if streams else self.channel.unary_unary
        return connect(f"/{service}/{name}",
                       request_serializer=lambda message: message.SerializeToString(),
                       response_deserializer=self.factory.GetPrototype(
                           method.output_type).FromString)(request, wait_for_ready=True,
                                                           timeout=None if streams else PATIENCE)


def say(message):
    print(json.dumps(json_format.MessageToDict(message, preserving_proto_field_name=True)),
          flush=True)


def run_order(station, options):
    """Starts the work order, or finds it going on, and follows it to its end."""
    started = station.call("gang.v1.Jobs", "StartJob", request_id=f"order-{options.work_order}",
                           product=options.product, work_order=options.work_order,
                           quantity=options.quantity)
    say(started)
    after, lost_since = options.after, None
    while True:
        try:
            for update in station.call("gang.v1.Jobs", "WatchJob", streams=True, job=started.job,
                                       after=after):
                lost_since = None
                after = update.token or after
                if update.WhichOneof("update") != "slot":
                    say(update)
            return
        except grpc.RpcError as error:
            # gangd ends its streams when it stops, and goes on where it was when it is back.
            lost_since = lost_since or time.monotonic()
            is_away = error.code() == grpc.StatusCode.UNAVAILABLE
            if not is_away or time.monotonic() - lost_since > PATIENCE:
                raise
            time.sleep(PAUSE)


def arguments():
    parser = argparse.ArgumentParser(description=__doc__,
                                     formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("address")
    for name in ("ca", "cert", "key"):
        parser.add_argument(f"--{name}")
    parser.add_argument("--after", default="", help="the last token that was printed")
    verbs = parser.add_subparsers(dest="verb", required=True)
    verbs.add_parser("slots")
    order = verbs.add_parser("order")
    order.add_argument("work_order")
    order.add_argument("product")
    order.add_argument("quantity", type=int)
    verbs.add_parser("stop").add_argument("job")
    return parser.parse_args()


def main():
    options = arguments()
    if options.ca:
        ca, key, cert = (pathlib.Path(each).read_bytes()
                         for each in (options.ca, options.key, options.cert))
        channel = grpc.secure_channel(options.address, grpc.ssl_channel_credentials(ca, key, cert))
    else:
        channel = grpc.insecure_channel(options.address)
    station = Station(channel)
    try:
        if options.verb == "slots":
            say(station.call("gang.v1.Station", "ListSlots"))
        elif options.verb == "stop":
            say(station.call("gang.v1.Jobs", "StopJob", request_id=f"stop-{options.job}",
                             job=options.job))
        else:
            run_order(station, options)
    except grpc.RpcError as error:
        sys.exit(f"drive.py: {error.details()}")


if __name__ == "__main__":
    main()
