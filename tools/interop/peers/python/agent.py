"""The reference agent on grpcio: prints "listening grpc://HOST:PORT" when it accepts connections."""

import argparse
import queue
import threading
import time
from concurrent.futures import ThreadPoolExecutor
from urllib.parse import parse_qs, urlsplit

import decisions
from wire import OPTIONS, SERVICE, grpc, pb


class Request:
    """What the agent remembers of one request on one connection."""

    def __init__(self, path=""):
        self.path = path
        self.body = b""
        self.cancelled = threading.Event()


class Connection:
    """Answers the events of one stream."""

    def __init__(self):
        self.requests = {}
        self.outgoing = queue.SimpleQueue()

    def read(self, messages):
        try:
            for message in messages:
                getattr(self, "on_" + (message.WhichOneof("message") or "nothing"), self.on_nothing)(message)
        except grpc.RpcError:
            pass  # the proxy went away
        self.outgoing.put(None)

    def of(self, correlation_id):
        return self.requests.setdefault(correlation_id, Request())

    def answer(self, correlation_id, response):
        response.correlation_id = correlation_id
        self.outgoing.put(pb.AgentToProxy(response=response))

    def on_nothing(self, message):
        pass

    def on_handshake(self, message):
        self.outgoing.put(pb.AgentToProxy(handshake=decisions.handshake()))

    def on_request_headers(self, message):
        event = message.request_headers
        correlation_id = event.metadata.correlation_id
        target = urlsplit(event.uri)
        request = self.requests[correlation_id] = Request(target.path)
        if target.path == "/slow":
            seconds = int(parse_qs(target.query).get("ms", ["0"])[0]) / 1000
            threading.Thread(target=self.wait, args=(correlation_id, request, seconds), daemon=True).start()
            return
        try:
            response = decisions.request_headers(target.path)
        except Exception:  # a handler that fails is a block, and never takes the connection with it
            response = decisions.block(500)
        self.answer(correlation_id, response)

    def wait(self, correlation_id, request, seconds):
        if not request.cancelled.wait(seconds):
            self.answer(correlation_id, decisions.seen())

    def on_request_body_chunk(self, message):
        chunk = message.request_body_chunk
        self.answer(chunk.correlation_id, decisions.request_body(self.of(chunk.correlation_id), chunk))

    def on_response_headers(self, message):
        event = message.response_headers
        path = self.of(event.correlation_id).path
        self.answer(event.correlation_id, decisions.response_headers(path, event.status_code))

    def on_response_body_chunk(self, message):
        chunk = message.response_body_chunk
        transforms = self.of(chunk.correlation_id).path == "/transform"
        answer = decisions.transform(chunk, "response_body_mutation") if transforms else decisions.allow()
        self.answer(chunk.correlation_id, answer)

    def on_request_complete(self, message):
        self.requests.pop(message.request_complete.correlation_id, None)

    def on_websocket_frame(self, message):
        self.answer(message.websocket_frame.correlation_id, decisions.websocket(message.websocket_frame))

    def on_guardrail(self, message):
        self.answer(message.guardrail.correlation_id, decisions.guardrail(message.guardrail.content))

    def on_configure(self, message):
        if message.configure.HasField("correlation_id"):
            self.answer(message.configure.correlation_id, decisions.configure(message.configure.config_json))

    def on_cancel(self, message):
        self.of(message.cancel.correlation_id).cancelled.set()

    def on_cancel_all(self, message):
        for request in self.requests.values():
            request.cancelled.set()

    def on_ping(self, message):
        ping, now = message.ping, time.time_ns() // 1_000_000
        pong = pb.Pong(sequence=ping.sequence, ping_timestamp_ms=ping.timestamp_ms, timestamp_ms=now)
        self.outgoing.put(pb.AgentToProxy(pong=pong))


def process_stream(messages, context):
    # a proxy may wait for response headers before it says anything
    context.send_initial_metadata(())
    connection = Connection()
    threading.Thread(target=connection.read, args=(messages,), daemon=True).start()
    yield from iter(connection.outgoing.get, None)


def main():
    parser = argparse.ArgumentParser()
    parser.add_argument("--grpc", default="127.0.0.1:0", help="HOST:PORT to listen on; port 0 takes a free one")
    address = parser.parse_args().grpc
    server = grpc.server(ThreadPoolExecutor(max_workers=64), options=OPTIONS)
    method = grpc.stream_stream_rpc_method_handler(
        process_stream,
        request_deserializer=pb.ProxyToAgent.FromString,
        response_serializer=pb.AgentToProxy.SerializeToString,
    )
    server.add_generic_rpc_handlers((grpc.method_handlers_generic_handler(SERVICE, {"ProcessStream": method}),))
    port = server.add_insecure_port(address)
    server.start()
    print(f"listening grpc://{address.rsplit(':', 1)[0]}:{port}", flush=True)
    server.wait_for_termination()


if __name__ == "__main__":
    main()
