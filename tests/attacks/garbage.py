"""Send datagrams that nobody asked for: ``python -m tests.attacks.garbage HOST PORT RATE SECONDS``.

A process of its own, as whoever floods a server is one.
"""

import os
import socket
import sys
import time

BURST_S = 0.01


def flood(address, *, rate, seconds):
    """Send ``rate`` datagrams a second for ``seconds``, all of the right length and form."""
    line = socket.socket(socket.AF_INET, socket.SOCK_DGRAM)
    start, sent = time.monotonic(), 0
    while (gone := time.monotonic() - start) < seconds:
        while sent < gone * rate:
            line.sendto(b"PD\x01\x05" + os.urandom(124), address)
            sent += 1
        time.sleep(BURST_S)
    return sent


if __name__ == "__main__":
    host, port, rate, seconds = sys.argv[1:]
    print(flood((host, int(port)), rate=int(rate), seconds=float(seconds)))
