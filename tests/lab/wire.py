"""Listens to every wire of the switch for a text that must not be there."""
import base64
import collections
import socket
import struct
import threading
import time

ALL_PROTOCOLS, IPV4, PACKET_OUTGOING = 3, 0x0800, 4
SOL_PACKET, PACKET_STATISTICS, SO_RCVBUFFORCE = 263, 6, 33
DISCARD = 9
# Goes with the marker where it is shown on purpose, to learn whether it is heard.
SHOUT = b"shouted to be heard"


class Watcher:
    """Counts the bytes from each machine to each other one, and those frames in which the marker shows, plain or thinly disguised.
    A frame is looked at where it enters the switch: all do, as the switch itself has no address to speak from."""

    def __init__(self, marker):
        self.marker, self.patterns = marker.encode(), disguises(marker)
        self.bytes, self.seen, self.heard, self.dropped = collections.Counter(), collections.Counter(), set(), 0
        self.socket = socket.socket(socket.AF_PACKET, socket.SOCK_RAW, socket.htons(ALL_PROTOCOLS))
        self.socket.setsockopt(socket.SOL_SOCKET, SO_RCVBUFFORCE, 256 << 20)
        threading.Thread(target=self.listen, daemon=True).start()

    def listen(self):
        while True:
            frame, (_, protocol, kind, _, _) = self.socket.recvfrom(1 << 17)
            if kind == PACKET_OUTGOING or protocol != IPV4 or len(frame) < 34:
                continue
            way = socket.inet_ntoa(frame[26:30]), socket.inet_ntoa(frame[30:34])
            shows = any(pattern in frame for pattern in self.patterns)
            if SHOUT in frame:
                if shows:
                    self.heard.add(way)
                continue
            self.bytes[way] += len(frame)
            if shows:
                self.seen[way] += 1

    def deaf(self, machines, seconds=20):
        """Has each machine shout the marker to each other one; gives the ways on which that was not heard."""
        self.heard.clear()
        ways = {(a.address, b.address) for a in machines for b in machines if a is not b}
        end = time.monotonic() + seconds
        while (unheard := ways - self.heard) and time.monotonic() < end:
            for machine in machines:
                with machine.visit(), socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as speaker:
                    for source, destination in unheard:
                        if source == machine.address:
                            speaker.sendto(self.marker + SHOUT, (destination, DISCARD))
            time.sleep(0.05)
        return unheard

    def lost(self):
        """Frames that came too fast to be looked at."""
        _, dropped = struct.unpack("II", self.socket.getsockopt(SOL_PACKET, PACKET_STATISTICS, 8))
        self.dropped += dropped
        return self.dropped


def disguises(marker):
    """The marker as it is, in UTF-16, in hexadecimal and in each of the three alignments of Base64."""
    plain = marker.encode()
    found = [plain, marker.encode("utf-16-le"), plain.hex().encode(), plain.hex().upper().encode()]
    for shift in range(3):
        # What is beside it changes the first and the last digits: they are left out.
        found.append(base64.b64encode(b"\0" * shift + plain)[(4 if shift else 0):-4])
    return found
