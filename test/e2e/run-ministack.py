"""Runs MiniStack as EventBridge Scheduler would have it, until its standard input ends.

MiniStack fires schedules but leaves the context attributes in their input unfilled, and delivers each run once. Here they
are filled in, and each run is delivered twice: the real scheduler promises at least one delivery, not at most one.
"""

import os
import signal
import sys
import threading
from datetime import datetime, timezone

from ministack.app import main
from ministack.services import eventbridge

invoke_target = eventbridge._invoke_target


def deliver(target, event, rule, view=None):
    if event.get("Source") != "aws.scheduler":
        return invoke_target(target, event, rule, view)
    time = datetime.fromtimestamp(event["Time"], tz=timezone.utc).strftime("%Y-%m-%dT%H:%M:%SZ")
    filled = (
        target.get("Input", "")
        .replace("<aws.scheduler.schedule-arn>", rule["Arn"])
        .replace("<aws.scheduler.scheduled-time>", time)
    )
    for _ in range(2):
        invoke_target({**target, "Input": filled}, event, rule, view)


def stop_with_parent():
    # The pipe closes however the parent ends, so nothing is left running even when it is killed.
    sys.stdin.buffer.read()
    os.kill(os.getpid(), signal.SIGTERM)


eventbridge._invoke_target = deliver
threading.Thread(target=stop_with_parent, daemon=True).start()
sys.argv = ["ministack"]
main()
