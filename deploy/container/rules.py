"""What compose.yaml promises: who is on which network, and what every container gave up."""
import json, pathlib, re, sys

try:
    from ruamel.yaml import YAML

    load = YAML(typ="safe").load
except ImportError:
    from yaml import safe_load as load

HERE = pathlib.Path(__file__).parent
faults = []


def want(true, what):
    if not true:
        faults.append(what)


compose = load((HERE / "compose.yaml").read_text())
ROLES = {"intake": ["portals", "dmz"], "bridge": ["dmz", "secure"], "outlet": ["secure"], "console": ["secure"]}
for name, service in compose["services"].items():
    networks = service.get("networks", [])
    want(networks or service.get("network_mode") == "none", f"{name} is on the default network")
    want(not {"dmz", "secure"} <= set(networks) or name == "bridge", f"{name} is in both zones")
    want(networks == ROLES.get(name, networks), f"{name} is on {networks}")
    want(service.get("cap_drop") == ["ALL"] and "cap_add" not in service, f"{name} keeps capabilities")
    want("no-new-privileges:true" in service.get("security_opt", []), f"{name} may gain privileges")
    want(service.get("read_only") is True, f"{name} may write to its image")
    want(re.fullmatch(r"[1-9]\d*:[1-9]\d*", str(service.get("user"))), f"{name} runs as root")
    want(not service.get("privileged") and "pid" not in service and "devices" not in service, f"{name} has the host's means")
    want("ports" not in service or name == "intake" and service["ports"] == ["127.0.0.1:8443:8443"], f"{name} publishes ports")
    want(not any("docker.sock" in str(volume) for volume in service.get("volumes", [])), f"{name} has the engine's socket")
    want(":" in service["image"] or service["image"] == "sluse", f"{name}'s image has no tag")
for zone in ("dmz", "secure"):
    want(compose["networks"][zone].get("internal") is True, f"{zone} leads outside")

# The profile of the bridge: Docker's for containers without capabilities, and unshare with five flags.
profile = json.loads((HERE / "seccomp-bridge.json").read_text())
CLONE = {"user": 0x10000000, "net": 0x40000000, "ipc": 0x08000000, "uts": 0x04000000, "mnt": 0x00020000}
want(profile["defaultAction"] == "SCMP_ACT_ERRNO", "the profile allows what it does not name")
free = {name for rule in profile["syscalls"] if rule["action"] == "SCMP_ACT_ALLOW" and not rule.get("args") for name in rule["names"]}
want(not free & {"unshare", "clone", "clone3", "setns", "mount", "pivot_root", "bpf", "init_module", "open_by_handle_at", "keyctl"}, "the profile allows too much")
want(free >= {"landlock_create_ruleset", "landlock_restrict_self", "seccomp", "memfd_create", "capset", "prctl", "execve"}, "the profile stops a worker's confinement")
unshare = [rule for rule in profile["syscalls"] if "unshare" in rule["names"]]
mask = 0xFFFFFFFF & ~sum(CLONE.values())
want(len(unshare) == 1 and unshare[0]["args"] == [{"index": 0, "value": mask, "valueTwo": 0, "op": "SCMP_CMP_MASKED_EQ"}], "unshare takes other flags")

print(*faults or ["compose.yaml, seccomp-bridge.json: ok"], sep="\n")
sys.exit(bool(faults))
