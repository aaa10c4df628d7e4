"""A gRPC client on grpcio that is told what to say.

Each line of stdin is a ProxyToAgent in protobuf's JSON, an empty line ends the stream and opens the next. Prints each
AgentToProxy as a line, and {"closed": "why"} when the agent ends a stream.
"""

import argparse
import json
import queue
import sys
import threading

from wire import OPTIONS, SERVICE, grpc, json_format, pb


class Stream:
    def __init__(self, channel):
        self.outgoing = queue.SimpleQueue()
        call = channel.stream_stream(
            f"/{SERVICE}/ProcessStream",
            request_serializer=pb.ProxyToAgent.SerializeToString,
            response_deserializer=pb.AgentToProxy.FromString,
        )
        self.call = call(iter(self.outgoing.get, None))
        self.ended = False
        threading.Thread(target=self.read, daemon=True).start()

    def read(self):
        why = "the agent ended the stream"
        try:
            for message in self.call:
                say(json_format.MessageToDict(message))
        except grpc.RpcError as error:
            why = f"{error.code().name}: {error.details()}"
        if not self.ended:
            say({"closed": why})

    def end(self):
        self.ended = True
        self.outgoing.put(None)
        self.call.cancel()


def say(line):
    sys.stdout.write(json.dumps(line) + "\n")
    sys.stdout.flush()


def main():
    parser = argparse.ArgumentParser()
    parser.add_argument("--grpc", required=True, help="HOST:PORT of the agent")
    channel = grpc.insecure_channel(parser.parse_args().grpc, OPTIONS)
    stream = Stream(channel)
    for line in sys.stdin:
        if line.strip() == "":
            stream.end()
            stream = Stream(channel)
        else:
            stream.outgoing.put(json_format.Parse(line, pb.ProxyToAgent()))
    stream.end()


if __name__ == "__main__":
    main()
