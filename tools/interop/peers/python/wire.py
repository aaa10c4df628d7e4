"""Finds the installed packages and the generated messages, and names the service's method."""

import sys
from pathlib import Path

HERE = Path(__file__).parent
sys.path[:0] = [str(HERE / ".packages"), str(HERE / "gen")]

import grpc  # noqa: E402
from google.protobuf import json_format  # noqa: E402
from zentinel.agent.v2 import agent_pb2 as pb  # noqa: E402

SERVICE = "zentinel.agent.v2.AgentServiceV2"
OPTIONS = [("grpc.max_receive_message_length", 10 << 20), ("grpc.max_send_message_length", 10 << 20)]

__all__ = ["OPTIONS", "SERVICE", "grpc", "json_format", "pb"]
