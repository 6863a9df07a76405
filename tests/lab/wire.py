"""Listens to every wire of the switch for a text that must not be there."""
import base64
import collections
import socket
import struct
import threading

ALL_PROTOCOLS, PACKET_OUTGOING = 3, 4
SOL_PACKET, PACKET_STATISTICS, SO_RCVBUFFORCE = 263, 6, 33


class Watcher:
    """Counts the bytes between each two machines, and those frames in which the marker shows, plain or thinly disguised."""

    def __init__(self, marker):
        self.patterns = disguises(marker)
        self.bytes, self.seen, self.dropped = collections.Counter(), collections.Counter(), 0
        self.socket = socket.socket(socket.AF_PACKET, socket.SOCK_RAW, socket.htons(ALL_PROTOCOLS))
        self.socket.setsockopt(socket.SOL_SOCKET, SO_RCVBUFFORCE, 256 << 20)
        threading.Thread(target=self.listen, daemon=True).start()

    def listen(self):
        while True:
            frame, (_, protocol, kind, _, _) = self.socket.recvfrom(1 << 17)
            if kind == PACKET_OUTGOING or protocol != 0x0800 or len(frame) < 34:
                continue
            ends = frozenset({socket.inet_ntoa(frame[26:30]), socket.inet_ntoa(frame[30:34])})
            self.bytes[ends] += len(frame)
            if any(pattern in frame for pattern in self.patterns):
                self.seen[ends] += 1

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
