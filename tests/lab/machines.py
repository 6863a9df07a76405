"""Machines as network namespaces on one switch, and what can go wrong between and in them.

Everything lives in namespaces of the lab (network, mounts, processes): when the lab ends, however it ends, nothing of it is left.
"""
import contextlib
import ctypes
import os
import signal
import subprocess
import sys
import time

# Needed by unshare(1) to tell the inner start from the outer one.
INSIDE = "SLUSE_LAB"
# setns(2): the calling thread's network alone.
CLONE_NEWNET = 0x40000000
LIBC = ctypes.CDLL(None, use_errno=True)


def enter():
    """Starts this script again as the first process of namespaces of its own, as root there."""
    if os.environ.get(INSIDE):
        return
    unshare = ["unshare", "--mount", "--net", "--pid", "--fork", "--mount-proc", "--kill-child"]
    if os.geteuid() != 0:
        sys.exit("a lab needs root, for its namespaces and for the accounts of RabbitMQ and PostgreSQL: run it with sudo")
    os.environ[INSIDE] = "1"
    os.execvp(unshare[0], [*unshare, sys.executable, *sys.argv])


def run(*words, **options):
    """Runs a command to its end; gives what it prints."""
    done = subprocess.run([str(w) for w in words], capture_output=True, text=True, **options)
    if done.returncode:
        raise RuntimeError(f"{' '.join(map(str, words))}: {done.stdout}{done.stderr}")
    return done.stdout


def wait_for(what, look, seconds=180):
    """Waits until `look` gives something."""
    end = time.monotonic() + seconds
    while time.monotonic() < end:
        if found := look():
            return found
        time.sleep(0.05)
    raise RuntimeError(f"waited in vain until {what}")


def remove(folder):
    """Removes a lab's folder, and what is mounted in it."""
    with open("/proc/self/mounts") as mounts:
        places = [line.split()[1] for line in mounts]
    for place in places:
        if place.startswith(f"{folder}/"):
            run("umount", "--lazy", place)
    run("rm", "-rf", folder)


class Network:
    """The switch. It has no address: whoever speaks over it does so from a machine, and is heard."""

    def __init__(self):
        os.makedirs("/run/netns", exist_ok=True)
        run("mount", "-t", "tmpfs", "tmpfs", "/run/netns")
        run("ip", "link", "set", "lo", "up")
        run("ip", "link", "add", "lab", "type", "bridge")
        run("ip", "link", "set", "lab", "up")
        self.machines = {}

    def machine(self, name):
        """A new machine, or the one of that name."""
        if name not in self.machines:
            self.machines[name] = Machine(name, len(self.machines) + 10)
        return self.machines[name]

    def names(self):
        """Name of each address."""
        return {m.address: name for name, m in self.machines.items()}


class Machine:
    """One machine: an address, its processes, and faults of its network."""

    def __init__(self, name, number):
        self.name, self.address = name, f"10.77.0.{number}"
        self.wire = wire = f"m{number}"
        run("ip", "netns", "add", name)
        run("ip", "link", "add", wire, "type", "veth", "peer", "name", "eth0", "netns", name)
        run("ip", "link", "set", wire, "master", "lab", "up")
        self.inside("ip", "link", "set", "lo", "up")
        self.inside("ip", "link", "set", "eth0", "up")
        self.inside("ip", "address", "add", f"{self.address}/24", "dev", "eth0")

    def inside(self, *words, **options):
        """Runs a command on this machine to its end."""
        return run("nsenter", f"--net=/run/netns/{self.name}", *words, **options)

    @contextlib.contextmanager
    def visit(self):
        """Has the calling thread use this machine's network; sockets made meanwhile remain there."""
        with open("/proc/thread-self/ns/net") as home, open(f"/run/netns/{self.name}") as here:
            set_network(here)
            try:
                yield
            finally:
                set_network(home)

    def start(self, *words, log, user=None, **options):
        """Starts a process on this machine, in a session of its own."""
        who = ["setpriv", "--reuid", user, "--regid", user, "--clear-groups", "--"] if user else []
        command = ["nsenter", f"--net=/run/netns/{self.name}", *who, *map(str, words)]
        with open(log, "a") as out:
            return subprocess.Popen(
                command, stdin=subprocess.DEVNULL, stdout=out, stderr=out, start_new_session=True, **options)

    def part(self, other):
        """From now on nothing passes between this machine and the other one; nobody is told."""
        self.inside("nft", "-f", "-", input=f"""
            table inet part_{other.name.replace("-", "_")} {{
                chain out {{ type filter hook output priority 0; ip daddr {other.address} drop; }}
                chain in {{ type filter hook input priority 0; ip saddr {other.address} drop; }}
            }}""")

    def heal(self, other):
        """The network is whole again."""
        self.inside("nft", "delete", "table", "inet", f"part_{other.name.replace('-', '_')}")

    def plug(self, state):
        """Pulls the cable ("down"), or puts it back ("up")."""
        run("ip", "link", "set", self.wire, state)

    def cut(self, other, port):
        """Resets every connection from here to a port there."""
        self.inside("nft", "-f", "-", input=f"""
            table inet cut {{
                chain out {{
                    type filter hook output priority 0;
                    ip daddr {other.address} tcp dport {port} reject with tcp reset
                }}
            }}""")
        time.sleep(1)
        self.inside("nft", "delete", "table", "inet", "cut")


def set_network(namespace):
    if LIBC.setns(namespace.fileno(), CLONE_NEWNET):
        raise OSError(ctypes.get_errno(), "setns")


def kill(process):
    """Ends a process and all of its session at once, as a power cut would."""
    try:
        os.killpg(process.pid, signal.SIGKILL)
    except ProcessLookupError:
        pass
    process.wait()


def cpu_seconds(pid):
    """CPU time of a process and of its children that have ended, in seconds."""
    with open(f"/proc/{pid}/stat") as stat:
        fields = stat.read().rsplit(")", 1)[1].split()
    return sum(map(int, fields[11:15])) / os.sysconf("SC_CLK_TCK")


def family(pid):
    """A process and all that descend from it."""
    children = {}
    for name in filter(str.isdigit, os.listdir("/proc")):
        try:
            with open(f"/proc/{name}/stat") as stat:
                children.setdefault(int(stat.read().rsplit(")", 1)[1].split()[1]), []).append(int(name))
        except (FileNotFoundError, ProcessLookupError):
            pass
    found = [pid]
    for member in found:
        found += children.get(member, [])
    return found


def family_cpu_seconds(pid):
    """CPU time of a process and of all that descend from it, living or ended."""
    total = 0
    for member in family(pid):
        try:
            total += cpu_seconds(member)
        except (FileNotFoundError, ProcessLookupError):
            pass
    return total
