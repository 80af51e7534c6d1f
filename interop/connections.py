"""Opens connections that say nothing, from one address of this machine, and holds them until its input ends.

    connections.py PORT COUNT ADDRESS

Prints one line of JSON when all are open, or when a minute has passed: how many were opened, and how long it took.
A process may open so many files, and an address has some 28,000 ports for one destination: for more there are several of this."""

import errno
import json
import resource
import select
import socket
import sys
import time

port, count, source = int(sys.argv[1]), int(sys.argv[2]), sys.argv[3]
hard = resource.getrlimit(resource.RLIMIT_NOFILE)[1]
resource.setrlimit(resource.RLIMIT_NOFILE, (hard, hard))

begun = time.monotonic()
poll = select.epoll()
held, failed = {}, {}
opened = 0


def look(timeout):
    global opened
    for number, _ in poll.poll(timeout, 4_096):
        poll.unregister(number)
        error = held[number].getsockopt(socket.SOL_SOCKET, socket.SO_ERROR)
        if error:
            name = errno.errorcode.get(error, str(error))
            failed[name] = failed.get(name, 0) + 1
            held.pop(number).close()
        else:
            opened += 1


for number in range(count):
    connection = socket.socket()
    connection.setblocking(False)
    # The port is chosen when it connects, so that one port serves every destination.
    connection.setsockopt(socket.SOL_IP, 24, 1)
    connection.bind((source, 0))
    connection.connect_ex(("127.0.0.1", port))
    held[connection.fileno()] = connection
    poll.register(connection.fileno(), select.EPOLLOUT)
    if number % 256 == 255:
        look(0)

while opened + sum(failed.values()) < count and time.monotonic() - begun < 60:
    look(0.1)

print(json.dumps({"opened": opened, "failed": failed, "seconds": round(time.monotonic() - begun, 1)}), flush=True)
sys.stdin.read()
