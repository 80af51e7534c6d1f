"""A door's peripheral on a pseudo terminal, by libosdp (PyPI `libosdp`), which nobody here wrote.

Commands come in on standard input, one a line; what the controller ordered goes out on standard output as JSON lines.
`OSDP_KEY` is the peripheral's key in hexadecimal digits; without it the peripheral waits to be installed (default key).
"""

import json
import os
import pty
import queue
import sys
import threading
import time
import tty

from osdp import Capability, Channel, Command, Event, LibFlag, LogLevel, PDCapabilities, PDInfo, PeripheralDevice, StatusReportType

said = threading.Lock()


def say(**what):
    with said:
        print(json.dumps(what), flush=True)


class Line(Channel):
    """The peripheral's end of the pseudo terminal; unplugged, it neither hears nor speaks."""

    def __init__(self):
        super().__init__()
        self.ours, theirs = pty.openpty()
        tty.setraw(self.ours)
        tty.setraw(theirs)
        self.device = os.ttyname(theirs)
        self.theirs = theirs
        os.set_blocking(self.ours, False)
        self.plugged = True
        self.spoken = bytearray()

    def read(self, max_bytes):
        try:
            data = os.read(self.ours, max_bytes)
        except BlockingIOError:
            return b""
        if not self.plugged:
            return b""
        self.spoken += data
        return data

    def write(self, data):
        if not self.plugged:
            return len(data)
        return os.write(self.ours, data)

    def flush(self):
        pass


inputs = [0, 0, 0]


def ordered(command):
    kind = command["command"]
    if kind == Command.Output:
        say(output=command["output_no"], code=command["control_code"], timer=command["timer_count"])
    elif kind == Command.LED:
        if command["temporary"]:
            say(lamp=command["on_color"])
    elif kind == Command.Buzzer:
        say(sound=command["rep_count"])
    elif kind == Command.Text:
        say(text=command["data"])
    elif kind == Command.Keyset:
        say(keyset=bytes(command["data"]).hex())
    elif kind == Command.Status:
        if command["type"] == StatusReportType.Input:
            return 0, {"command": Command.Status, "type": StatusReportType.Input, "report": bytes(inputs)}
        if command["type"] == StatusReportType.Local:
            return 0, {"command": Command.Status, "type": StatusReportType.Local, "report": bytes(2)}
    return 0, None


def main():
    line = Line()
    key = os.environ.get("OSDP_KEY")
    flags = [LibFlag.EnforceSecure] if key else [LibFlag.InstallMode]
    info = PDInfo(0, line, scbk=bytes.fromhex(key) if key else None, flags=flags)
    capabilities = PDCapabilities(
        [
            (Capability.ContactStatusMonitoring, 1, 3),
            (Capability.OutputControl, 4, 1),
            (Capability.LEDControl, 1, 1),
            (Capability.AudibleControl, 1, 1),
            (Capability.TextOutput, 1, 1),
            (Capability.CommunicationSecurity, 1, 1),
        ]
    )
    peripheral = PeripheralDevice(info, capabilities, log_level=LogLevel.Critical, command_handler=ordered)
    peripheral.start()
    say(device=line.device)

    was = [False]

    def watch():
        while True:
            active = peripheral.is_sc_active()
            if active != was[0]:
                was[0] = active
                say(secure=active)
            time.sleep(0.02)

    threading.Thread(target=watch, daemon=True).start()
    for order in sys.stdin:
        word, _, rest = order.strip().partition(" ")
        if word == "input":
            number, value = map(int, rest.split())
            inputs[number] = value
            peripheral.submit_event(
                {"event": Event.Status, "type": StatusReportType.Input, "report": bytes(inputs)}
            )
        elif word == "card":
            peripheral.submit_event(
                {
                    "event": Event.CardRead,
                    "reader_no": 0,
                    "direction": 0,
                    "format": 0,
                    "length": 4 * len(rest),
                    "data": bytes.fromhex(rest),
                }
            )
        elif word == "unplug":
            line.plugged = False
        elif word == "plug":
            line.plugged = True
        elif word == "heard":
            # What went over the line, so that a judge can look for what must not be there.
            say(heard=line.spoken.hex())
    peripheral.stop()


main()
