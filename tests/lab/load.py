"""Portals that submit, a case system that takes away, and what became of everything."""
import collections
import concurrent.futures
import http.client
import json
import os
import random
import ssl
import threading
import time
import uuid

from .documents import docm, encrypted_zip, pdf
from .servers import eicar_test_file
from .town import PORTAL_PORT

# Share of the submissions that a portal sends twice at once.
IMPATIENT = 0.02
FINAL = {"relayed", "relayed_in_part", "quarantined", "rejected", "expired"}


class Portal:
    """Submits until it is answered 202, at whichever intake answers, as a portal that repeats itself must."""

    def __init__(self, town, marker):
        self.town, self.marker, self.intakes, self.machine = town, marker, town.of("intake"), town.portal
        self.tls = ssl.create_default_context(cafile=town.authorities["dmz"].file)
        self.local, self.answers = threading.local(), collections.Counter()

    def call(self, intake, method, path, body=None, headers={}):
        """One request over a kept connection; what the server says."""
        kept = self.local.__dict__.setdefault("kept", {})
        connection = kept.get(intake.name)
        if connection is None:
            connection = http.client.HTTPSConnection(intake.machine.address, PORTAL_PORT, timeout=60, context=self.tls)
        # Kept only when all has gone well.
        kept[intake.name] = None
        with self.machine.visit():
            connection.request(method, path, body, {"Authorization": f"Bearer {self.town.token}", **headers})
        response = connection.getresponse()
        answer = json.loads(response.read())
        kept[intake.name] = connection
        return response.status, answer, int(response.headers.get("Retry-After", 1))

    def submit(self, number, kind, key, begin=0):
        """The id that this submission was accepted under; the intake that is asked first is `begin` further on."""
        boundary = uuid.uuid4().hex
        form = json.dumps({"form": kind.form, "version": 1, "fields": fields(kind.form, number, self.marker)})
        body = f'--{boundary}\r\nContent-Disposition: form-data; name="submission"\r\n\r\n{form}\r\n'.encode()
        for name, content in kind.files:
            body += f'--{boundary}\r\nContent-Disposition: form-data; name="file"; filename="{name}"\r\n\r\n'.encode() + content + b"\r\n"
        body += f"--{boundary}--\r\n".encode()
        headers = {"Content-Type": f"multipart/form-data; boundary={boundary}", "Idempotency-Key": key}
        for turn in range(10_000):
            intake = self.intakes[(number + begin + turn) % len(self.intakes)]
            try:
                status, answer, pause = self.call(intake, "POST", "/v1/submissions", body, headers)
            except (OSError, http.client.HTTPException):
                self.answers["no answer"] += 1
                time.sleep(0.2)
                continue
            self.answers[f"{status} {answer.get('code', '')}".strip()] += 1
            if status == 202:
                return answer["id"]
            if status not in (409, 503, 507):
                raise RuntimeError(f"submission {number}: {status} {answer}")
            time.sleep(min(pause, 1))
        raise RuntimeError(f"submission {number} was never accepted")

    def status(self, number, submission):
        """What the portal is told at last, at whichever intake answers."""
        for turn in range(10_000):
            intake = self.intakes[(number + turn) % len(self.intakes)]
            try:
                status, answer, _ = self.call(intake, "GET", f"/v1/submissions/{submission}")
            except (OSError, http.client.HTTPException):
                time.sleep(0.2)
                continue
            if status == 200 and answer["status"] in FINAL:
                return answer["status"]
            if status not in (200, 503):
                raise RuntimeError(f"{submission}: {status} {answer}")
            time.sleep(0.5)
        return "no outcome"


def fields(form, number, marker):
    """What the citizen of this number writes into a form."""
    if form == "parking-permit":
        return {"name": marker, "address": f"Torvet {number}", "registration": "AB 12 345"}
    return {"applicant": marker, "property": f"Torvet {number}", "description": marker * 3}


class CaseSystem:
    """Takes every delivery away as soon as it appears, so that a second one would show."""

    def __init__(self, town):
        self.taken, self.archive = collections.Counter(), town.folder / "archive"
        self.archive.mkdir()
        self.places = [town.delivered / name for name in ("parking", "building-cases")]
        self.closing = threading.Event()
        self.taking = threading.Thread(target=self.run, daemon=True)
        self.taking.start()

    def run(self):
        while not self.closing.wait(0.02):
            self.take()

    def take(self):
        for place in self.places:
            for name in os.listdir(place) if place.exists() else []:
                if not name.startswith("."):
                    self.taken[name] += 1
                    os.rename(place / name, self.archive / f"{name}.{self.taken[name]}")

    def close(self):
        """Takes what came last."""
        self.closing.set()
        self.taking.join()
        self.take()


Kind = collections.namedtuple("Kind", "name share form files arrives expected poison")


def kinds(marker):
    """What citizens send: how often, which files must arrive, what must become of it, and which bytes must never arrive."""
    text = (f"{marker} " * 200).encode()
    return [
        Kind("form alone", 50, "parking-permit", [], [], "relayed", []),
        Kind("text", 12, "parking-permit", [("note.txt", text)], ["note.txt"], "relayed", []),
        Kind("PDF with JavaScript", 12, "parking-permit", [("drawing.pdf", pdf(marker))], ["drawing.pdf"], "relayed",
             [b"JavaScript", b"app.alert"]),
        Kind("Word with a macro", 12, "building-permit", [("invoice.docm", docm(marker))], ["invoice.docx"], "relayed",
             [b"vbaProject", b"AutoOpen"]),
        Kind("virus beside a text", 6, "parking-permit", [("note.txt", text), ("setup.txt", eicar_test_file())], ["note.txt"],
             "relayed_in_part", [eicar_test_file()]),
        Kind("encrypted zip", 4, "building-permit", [("secret.zip", encrypted_zip())], [], "quarantined", []),
        Kind("program", 4, "parking-permit", [("report.pdf", b"MZ" + bytes(500))], [], "relayed_in_part",
             [b"MZ" + bytes(100)]),
    ]


class Load:
    """Submissions by many clients, at a pace; a kind for each number by seed."""

    def __init__(self, town, seed, count, rate, marker):
        self.portal, self.count, self.rate = Portal(town, marker), count, rate
        self.accepted, self.two_ids, self.begun = {}, [], time.monotonic()
        known = kinds(marker)
        draw = random.Random(seed)
        self.kinds = draw.choices(known, [kind.share for kind in known], k=count)
        self.keys = [str(uuid.UUID(int=draw.getrandbits(128))) for _ in range(count)]
        self.twice = [draw.random() < IMPATIENT for _ in range(count)]

    def run(self, clients=32):
        """Submits them all; some twice at once, at different intakes, as an impatient portal does."""
        with concurrent.futures.ThreadPoolExecutor(clients) as pool, concurrent.futures.ThreadPoolExecutor(4) as second:
            list(pool.map(lambda number: self.one(number, second), range(self.count)))

    def one(self, number, second):
        wait = self.begun + number / self.rate - time.monotonic()
        if wait > 0:
            time.sleep(wait)
        kind, key = self.kinds[number], self.keys[number]
        again = second.submit(self.portal.submit, number, kind, key, 1) if self.twice[number] else None
        submission = self.portal.submit(number, kind, key)
        if again and again.result() != submission:
            self.two_ids.append(number)
        self.accepted[number] = submission
