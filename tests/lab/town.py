"""A town over two brokers and two databases: instances of every role, each on a machine of its own."""
import json
import re
import shutil
import signal
import subprocess
import threading

from .machines import Network, kill, run, wait_for
from .servers import PASSWORD, Authority, Broker, Clamd, ObjectStore, Postgres

ZONE_OF = {"intake": "dmz", "bridge": "bridge", "outlet": "secure", "console": "secure"}
PORTAL_PORT = 8443


class Instance:
    """One instance of a role. It is started again when it ends by itself, as systemd does."""

    def __init__(self, town, role, number):
        self.town, self.role, self.name = town, role, f"{role}-{number}"
        self.machine = town.network.machine(self.name)
        self.folder = town.folder / self.name
        shutil.copytree(town.folder / ZONE_OF[role], self.folder)
        self.config, self.log = self.folder / f"{role}.toml", town.folder / f"{self.name}.log"
        self.process, self.killed, self.ready, self.lock = None, None, None, threading.Lock()
        # Exit codes, each time that it ended though nobody had ended it.
        self.ended_alone = []

    def set(self, **keys):
        """Sets top-level keys of the configuration; what is no text is written as a table of its own line."""
        text = self.config.read_text()
        for key, value in keys.items():
            written = value if value.startswith("{") else json.dumps(value)
            text, found = re.subn(rf"(?m)^#?{key} = .*$", lambda _: f"{key} = {written}", text, count=1)
            assert found, f"{self.config} has no key {key}"
        self.config.write_text(text)

    def start(self):
        before = self.log.read_text().count(" is ready") if self.log.exists() else 0
        words = [self.town.sluse, "run", self.role, "--config", self.config]
        self.process = self.machine.start(*words, log=self.log)
        self.ready = lambda: self.log.read_text().count(" is ready") > before
        return self.ready

    def kill(self):
        with self.lock:
            kill(self.process)
            if self.process.returncode != -signal.SIGKILL:
                self.ended_alone.append(self.process.returncode)
            self.killed = self.process

    def revive(self):
        """Starts it again when it has ended."""
        with self.lock:
            if self.process.poll() is None:
                return
            if self.process is not self.killed:
                self.ended_alone.append(self.process.returncode)
            self.start()

    def check(self):
        """What `sluse check` says of it from its machine."""
        return self.machine.inside(self.town.sluse, "check", "--config", self.config)


class Town:
    """Zones, servers and instances in a folder. `counts` says how many instances of each role there are; `plugins` are the
    brokers'; blobs are kept on small disks that all machines share, or on S3 servers."""

    def __init__(self, folder, sluse, counts, plugins=(), on_s3=False):
        self.folder, self.sluse, self.network = folder, sluse, Network()
        self.closing, self.supervising = threading.Event(), None
        self.portal = self.network.machine("portal")
        for zone, imports in [("dmz", []), ("secure", []), ("bridge", ["dmz", "secure"]), ("dmz", ["bridge"]), ("secure", ["bridge"])]:
            extra = [word for name in imports for word in ("--import", folder / name / "public")]
            run(sluse, "init", zone, "--dir", folder / zone, *extra)
        self.token = (folder / "dmz/portal.token").read_text().strip()
        self.authorities = {zone: Authority(folder / f"{zone}-authority") for zone in ("dmz", "secure")}
        self.brokers, self.databases = {}, {}
        for zone, extra in [("dmz", []), ("secure", ["--destination", "parking", "--destination", "building-cases"])]:
            definitions = run(sluse, "queue", "definitions", zone, *extra)
            machine = self.network.machine(f"{zone}-broker")
            self.brokers[zone] = Broker(machine, folder / f"{zone}-broker", self.authorities[zone], definitions, plugins)
            self.brokers[zone].start()
            machine = self.network.machine(f"{zone}-db")
            self.databases[zone] = Postgres(machine, folder / f"{zone}-db", self.authorities[zone], f"{zone}.sql")
        self.stores, self.object_stores = {}, {}
        if on_s3:
            for zone, buckets, users in [("dmz", ["dmz"], ["intake", "bridge"]), ("secure", ["secure", "quarantine"], ["bridge", "outlet"])]:
                machine, buckets = self.network.machine(f"{zone}-s3"), [f"sluse-{name}" for name in buckets]
                self.object_stores[zone] = ObjectStore(machine, self.authorities[zone], buckets, users)
        else:
            self.stores = {name: self.disk(name) for name in ("dmz", "secure", "quarantine")}
        self.delivered = folder / "delivered"
        self.clamd = Clamd(folder / "clamd")
        self.clamd.start()
        self.tables = {zone: self.logins(zone) for zone in ("dmz", "secure")}
        self.instances = {}
        for role, count in counts.items():
            for number in range(1, count + 1):
                instance = Instance(self, role, number)
                self.instances[instance.name] = instance
                getattr(self, f"set_{role}")(instance)
        self.migrate()
        for broker in self.brokers.values():
            broker.wait()
        wait_for("clamd listens", self.clamd.socket.exists)

    def disk(self, name):
        """A small disk for a blob store, so that it can be filled."""
        folder = self.folder / f"{name}-blobs"
        folder.mkdir()
        run("mount", "-t", "tmpfs", "-o", "size=512m", "tmpfs", folder)
        return folder

    def logins(self, zone):
        """Certificate and key of each broker user of a zone."""
        roles = ["intake", "bridge"] if zone == "dmz" else ["bridge", "outlet", "console"]
        return {role: self.authorities[zone].issue(f"sluse-{role}") for role in roles}

    def queue(self, zone, role):
        pem, key = self.tables[zone][role]
        return (f'{{ url = "amqps://{self.brokers[zone].machine.address}/sluse", ca_file = "{self.authorities[zone].file}", '
                f'certificate_file = "{pem}", key_file = "{key}" }}')

    def blobs(self, name, role):
        """Where a role finds a store."""
        if self.stores:
            return f"dir:{self.stores[name]}"
        zone = "dmz" if name == "dmz" else "secure"
        store = self.object_stores[zone]
        files = [self.secret(f"s3-{zone}-{role}-{n}", text) for n, text in enumerate(store.keys[role])]
        return (f'{{ url = "s3://sluse-{name}/blobs", endpoint = "{store.endpoint}", access_key_file = "{files[0]}", '
                f'secret_key_file = "{files[1]}", ca_file = "{self.authorities[zone].file}" }}')

    def secret(self, name, text):
        """A file that nobody else can read."""
        path = self.folder / f"{name}.secret"
        path.write_text(text)
        path.chmod(0o600)
        return path

    def ledger(self, zone, user):
        password = self.secret("ledger", PASSWORD)
        return (f'{{ url = "postgres://sluse_{user}@{self.databases[zone].machine.address}:{Postgres.PORT}/sluse", '
                f'password_file = "{password}", ca_file = "{self.authorities[zone].file}" }}')

    def set_intake(self, instance):
        pem, key = self.authorities["dmz"].issue(instance.name, instance.machine.address)
        instance.set(listen=f"{instance.machine.address}:{PORTAL_PORT}", tls_certificate_file=str(pem), tls_key_file=str(key),
                     queue=self.queue("dmz", "intake"), blobs=self.blobs("dmz", "intake"), ledger=self.ledger("dmz", "intake"))
        instance.config.write_text(instance.config.read_text().replace("#min_free_bytes = 1073741824", "min_free_bytes = 8388608"))

    def set_bridge(self, instance):
        instance.set(dmz_queue=self.queue("dmz", "bridge"), secure_queue=self.queue("secure", "bridge"),
                     dmz_blobs=self.blobs("dmz", "bridge"), secure_blobs=self.blobs("secure", "bridge"),
                     quarantine_blobs=self.blobs("quarantine", "bridge"), clamd=f"unix:{self.clamd.socket}")

    def set_outlet(self, instance):
        instance.set(queue=self.queue("secure", "outlet"), blobs=self.blobs("secure", "outlet"),
                     ledger=self.ledger("secure", "outlet"))
        text = instance.config.read_text().replace('folder = "delivered/', f'folder = "{self.delivered}/')
        instance.config.write_text(text)

    def set_console(self, instance):
        instance.set(queue=self.queue("secure", "console"), ledger=self.ledger("secure", "console"))

    def migrate(self):
        for zone, role in [("dmz", "intake"), ("secure", "outlet"), ("secure", "console")]:
            owner = self.folder / f"owner-{role}.toml"
            owner.write_text(f'role = "{role}"\ngrant_to = "sluse_{role}"\nledger = {self.ledger(zone, "owner")}\n')
            self.databases[zone].machine.inside(self.sluse, "ledger", "migrate", "--config", owner)

    def start(self):
        """Starts every instance and waits until all are ready."""
        waits = [(name, instance.start()) for name, instance in self.instances.items()]
        for name, ready in waits:
            wait_for(f"{name} is ready", ready)
        self.supervising = threading.Thread(target=self.supervise, daemon=True)
        self.supervising.start()

    def supervise(self):
        """Starts again what has ended, a second later."""
        while not self.closing.wait(1):
            for instance in self.instances.values():
                instance.revive()

    def of(self, role):
        return [instance for instance in self.instances.values() if instance.role == role]

    def quarantined(self):
        """Ids of the reports that security staff see."""
        console = self.of("console")[0]
        listed = console.machine.inside(self.sluse, "quarantine", "ls", "--json", "--config", console.config)
        return [json.loads(line)["id"] for line in listed.splitlines()]

    def decisions(self):
        """What bridges have on record: the submission and what was decided, by the entry's hash. Every log must be whole."""
        decided = {}
        for bridge in self.of("bridge"):
            run(self.sluse, "audit", "verify", bridge.folder / "audit", "--key", bridge.folder / "public/bridge-sign.pub")
            for part in (bridge.folder / "audit").glob("*.jsonl"):
                for entry in map(json.loads, part.read_text().splitlines()):
                    decided[entry["hash"]] = (entry.get("id"), entry["event"])
        return decided

    def waiting(self):
        """What lies in any queue of either broker."""
        return self.brokers["dmz"].waiting() | self.brokers["secure"].waiting()

    def wires(self):
        """From which machine to which one something must have gone, by address; on no other way may anything go."""
        speaks = {
            "intake": ["portal", "dmz-broker", "dmz-db", "dmz-s3"],
            "bridge": ["dmz-broker", "dmz-s3", "secure-broker", "secure-s3"],
            "outlet": ["secure-broker", "secure-db", "secure-s3"],
            "console": ["secure-broker", "secure-db"]}
        machines = self.network.machines
        pairs = [(instance.machine.address, machines[other].address) for instance in self.instances.values()
                 for other in speaks[instance.role] if other in machines]
        return {*pairs, *(pair[::-1] for pair in pairs)}

    def stop(self):
        """Asks all roles to end; gives those that did not end well, and how."""
        self.closing.set()
        self.supervising.join()
        for instance in self.instances.values():
            instance.process.terminate()
        badly = []
        for name, instance in self.instances.items():
            try:
                if code := instance.process.wait(60):
                    badly.append(f"{name}: exit code {code}")
            except subprocess.TimeoutExpired:
                kill(instance.process)
                badly.append(f"{name}: killed after 60 s")
        return badly
