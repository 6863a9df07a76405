"""The real servers of a lab: RabbitMQ, PostgreSQL and S3 from the files of deploy/, and clamd."""
import json
import os
import pathlib
import re
import shutil
import socket
import subprocess
import sys

from .machines import kill, run, wait_for

ROOT = pathlib.Path(__file__).resolve().parents[2]
DEPLOY = ROOT / "deploy"
PASSWORD = "correct horse"


class Authority:
    """Certificates of one zone."""

    def __init__(self, folder):
        self.folder = folder
        folder.mkdir(parents=True)
        self.openssl("req -x509 %s -keyout ca.key -out ca.pem -days 2 -subj /CN=authority -addext keyUsage=critical,keyCertSign")
        self.file = folder / "ca.pem"

    def openssl(self, words):
        words = words.replace("%s", "-newkey ec -pkeyopt ec_paramgen_curve:prime256v1 -noenc")
        run("openssl", *words.split(), cwd=self.folder)

    def issue(self, name, address="127.0.0.1"):
        """Certificate and key of a server at an address, or of a user."""
        self.openssl(f"req -new %s -keyout {name}.key -out {name}.csr -subj /CN={name}")
        (self.folder / "ext").write_text(f"subjectAltName=IP:{address}\nextendedKeyUsage=serverAuth,clientAuth\n")
        self.openssl(f"x509 -req -in {name}.csr -CA ca.pem -CAkey ca.key -CAcreateserial -days 2 -out {name}.pem -extfile ext")
        return self.folder / f"{name}.pem", self.folder / f"{name}.key"


def give(folder, user):
    run("chown", "-R", f"{user}:", folder)


class Broker:
    """RabbitMQ as deploy/rabbitmq/rabbitmq.conf has it, with what `sluse queue definitions` prints."""

    PORT = 5671

    def __init__(self, machine, folder, authority, definitions, plugins=()):
        self.machine, self.folder, self.process = machine, folder, None
        tls = folder / "tls"
        tls.mkdir(parents=True)
        pem, key = authority.issue(machine.name, machine.address)
        for file, name in [(authority.file, "ca.pem"), (pem, "broker.pem"), (key, "broker.key")]:
            shutil.copy(file, tls / name)
        (folder / "sluse.json").write_text(definitions)
        conf = (DEPLOY / "rabbitmq/rabbitmq.conf").read_text()
        conf = conf.replace("/etc/rabbitmq/tls/", f"{tls}/").replace("/etc/rabbitmq/sluse.json", str(folder / "sluse.json"))
        conf = re.sub("disk_free_limit.absolute.*", "disk_free_limit.absolute = 100MB", conf)
        (folder / "rabbitmq.conf").write_text(conf)
        (folder / "enabled_plugins").write_text(f"[{','.join(['rabbitmq_auth_mechanism_ssl', *plugins])}].\n")
        for name in ["mnesia", "log", "home", "schema"]:
            (folder / name).mkdir()
        self.environment = {
            "PATH": "/usr/sbin:/usr/bin:/sbin:/bin", "HOME": folder / "home", "RABBITMQ_NODENAME": f"{machine.name}@localhost",
            "RABBITMQ_CONFIG_FILE": folder / "rabbitmq", "RABBITMQ_CONF_ENV_FILE": folder / "none",
            "RABBITMQ_ENABLED_PLUGINS_FILE": folder / "enabled_plugins", "RABBITMQ_MNESIA_BASE": folder / "mnesia",
            "RABBITMQ_LOG_BASE": folder / "log", "RABBITMQ_SCHEMA_DIR": folder / "schema",
            "RABBITMQ_GENERATED_CONFIG_DIR": folder / "schema", "RABBITMQ_PID_FILE": folder / "pid",
            "RABBITMQ_SERVER_ADDITIONAL_ERL_ARGS": "+sbwt none +sbwtdcpu none +sbwtdio none"}
        self.environment = {name: str(value) for name, value in self.environment.items()}
        give(folder, "rabbitmq")

    def start(self):
        """Starts it with what it had, and returns before it answers."""
        self.process = self.machine.start(
            "/usr/lib/rabbitmq/bin/rabbitmq-server", log=self.folder / "log/out", user="rabbitmq", env=self.environment)

    def wait(self):
        """Waits until it takes connections."""
        with self.machine.visit():
            wait_for(f"{self.machine.name} answers", lambda: answers(self.machine.address, self.PORT))
        return self

    def kill(self):
        kill(self.process)

    def control(self, *words):
        """Runs rabbitmqctl."""
        return self.machine.inside(
            "setpriv", "--reuid", "rabbitmq", "--regid", "rabbitmq", "--clear-groups", "--", "/usr/lib/rabbitmq/bin/rabbitmqctl",
            "--quiet", *words, env=self.environment)

    def waiting(self):
        """Messages of each queue that is not empty."""
        listed = self.control("list_queues", "-p", "sluse", "name", "messages", "--no-table-headers")
        counts = (line.split() for line in listed.splitlines())
        return {f"{self.machine.name}: {name}": int(count) for name, count in counts if count != "0"}

    def pid(self):
        """The Erlang machine's process id."""
        return int((self.folder / "pid").read_text())


class Postgres:
    """PostgreSQL with TLS alone, and the users and the database of deploy/postgresql."""

    PORT = 5432

    def __init__(self, machine, folder, authority, statements):
        self.machine, self.folder, self.process = machine, folder, None
        folder.mkdir(parents=True)
        pem, key = authority.issue(machine.name, machine.address)
        shutil.copy(pem, folder / "server.pem")
        shutil.copy(key, folder / "server.key")
        give(folder, "postgres")
        (folder / "server.key").chmod(0o600)
        self.programs = max(pathlib.Path("/usr/lib/postgresql").iterdir(), key=lambda p: int(p.name)) / "bin"
        run("setpriv", "--reuid", "postgres", "--regid", "postgres", "--clear-groups", "--", self.programs / "initdb", "-A", "trust",
            "-U", "postgres", "-E", "UTF8", "--locale=C", "--no-sync", "-D", folder / "data", cwd="/")
        (folder / "data/pg_hba.conf").write_text("local all postgres trust\nhostssl sluse all 10.77.0.0/24 scram-sha-256\n")
        self.start()
        is_ready = [self.programs / "pg_isready", "-q", "-h", folder]
        wait_for(f"{machine.name} answers", lambda: subprocess.call(is_ready) == 0)
        self.sql("-f", DEPLOY / "postgresql" / statements)
        users = self.sql("-Atc", "SELECT rolname FROM pg_roles WHERE rolname LIKE 'sluse%'").split()
        for user in users:
            self.sql("-c", f"ALTER ROLE {user} PASSWORD '{PASSWORD}'")

    def sql(self, *words):
        """Runs psql as the administrator, at the socket."""
        return run(self.programs / "psql", "-qX", "-v", "ON_ERROR_STOP=1", "-U", "postgres", "-h", self.folder, "-d", "postgres", *words)

    def start(self):
        self.process = self.machine.start(
            self.programs / "postgres", "-D", self.folder / "data", "-k", self.folder, "-c", "listen_addresses=*", "-c", "ssl=on",
            "-c", f"ssl_cert_file={self.folder}/server.pem", "-c", f"ssl_key_file={self.folder}/server.key",
            log=self.folder / "log", user="postgres", cwd="/")

    def kill(self):
        """Its first process alone: the others notice, as after a crash."""
        self.process.kill()
        self.process.wait()


class ObjectStore:
    """An S3 server (moto) over TLS that enforces the policies of deploy/s3; all of it in memory."""

    def __init__(self, machine, authority, buckets, users):
        self.machine = machine
        python = os.environ.get("SLUSE_TEST_PYTHON", sys.executable)
        words = [python, ROOT / "tests/foreign/s3_moto.py", *buckets, "--listen", machine.address, "--tls",
                 *authority.issue(machine.name, machine.address), *[f"--user={user}={DEPLOY}/s3/{user}.json" for user in users]]
        self.process = subprocess.Popen(["nsenter", f"--net=/run/netns/{machine.name}", *map(str, words)], stdin=subprocess.PIPE,
                                        stdout=subprocess.PIPE, text=True, start_new_session=True)
        said = json.loads(self.process.stdout.readline() or "{}")
        if not said:
            raise RuntimeError("the S3 server did not start: run this by tests/run, or set SLUSE_TEST_PYTHON to a Python with moto")
        self.endpoint, self.keys = f"https://{machine.address}:{said['port']}", said["keys"]


class Clamd:
    """clamd with one signature, EICAR's."""

    def __init__(self, folder):
        self.folder, self.process = folder, None
        (folder / "db").mkdir(parents=True)
        eicar = eicar_test_file()
        (folder / "db/local.ndb").write_text(f"Eicar-Test:0:*:{eicar.hex()}\n")
        # What it scans lies in memory, as deploy/clamd.md asks for.
        (folder / "tmp").mkdir()
        run("mount", "-t", "tmpfs", "tmpfs", folder / "tmp")
        self.socket = folder / "clamd.sock"
        (folder / "clamd.conf").write_text(
            f"DatabaseDirectory {folder}/db\nTemporaryDirectory {folder}/tmp\nLocalSocket {self.socket}\nUser root\nForeground yes\n"
            "MaxThreads 4\nStreamMaxLength 100M\nMaxFileSize 100M\nMaxScanSize 100M\nAlertExceedsMax yes\nAlertEncrypted yes\nSelfCheck 0\n")

    def start(self):
        program = shutil.which("clamd") or "/usr/sbin/clamd"
        with open(self.folder / "log", "a") as log:
            self.process = subprocess.Popen([program, "-c", self.folder / "clamd.conf"], stdout=log, stderr=log, start_new_session=True)

    def kill(self):
        kill(self.process)
        self.socket.unlink(missing_ok=True)


def eicar_test_file():
    """Made of parts, so that no scanner finds it here."""
    return (r"X5O!P%@AP[4\PZX54(P^)7CC)7}$EICAR" + "-STANDARD-ANTIVIRUS-TEST-FILE!" + "$H+H*").encode()


def answers(address, port):
    try:
        socket.create_connection((address, port), 1).close()
        return True
    except OSError:
        return False
