"""Holds what was delivered against what was sent: docs/case-systems.md, done by someone who knows what citizens sent."""
import base64
import hashlib
import json

from .load import fields
from .machines import run

# Header of an Ed25519 public key in DER (RFC 8410, section 10.1), for OpenSSL.
ED25519 = bytes.fromhex("302a300506032b6570032100")


class Inspector:
    """Knows the bridges' audit logs, and their key as the secure zone trusts it."""

    def __init__(self, town, marker):
        self.marker, self.decided, self.folder = marker, town.decisions(), town.folder / "inspector"
        self.folder.mkdir()
        trusted = (town.folder / "secure/trust/bridge-sign.pub").read_text().strip()
        (self.folder / "key").write_bytes(ED25519 + unbase64(trusted.split(":")[1]))

    def problem(self, place, submission, number, kind):
        """What is wrong with a delivery, in words; nothing when it is what the citizen sent, examined."""
        content = {path.name: path.read_bytes() for path in place.iterdir()}
        try:
            signed, signature = content.pop("manifest.json"), content.pop("manifest.sig")
        except KeyError as missing:
            return f"it has no {missing}"
        if not self.is_signed(signed, signature.decode()):
            return "its manifest is not what the bridge signed"
        manifest = json.loads(signed)
        if self.decided.get(manifest["audit"]["hash"]) != (manifest["id"], kind.expected):
            return "no bridge has it on record as examined"
        if (manifest["id"], manifest["form"], manifest["fields"]) != (submission, kind.form, fields(kind.form, number, self.marker)):
            return "its form is not the one that was sent"
        if [a["original_sha256"] for a in manifest["attachments"]] != [hashlib.sha256(sent).hexdigest() for _, sent in kind.files]:
            return "its manifest lists other attachments than were sent"
        if {a["file"]["name"]: a["file"]["sha256"] for a in manifest["attachments"] if "file" in a} != {
                name: hashlib.sha256(found).hexdigest() for name, found in content.items()}:
            return "its files are not the manifest's"
        if sorted(content) != kind.arrives:
            return f"it has the files {sorted(content)}"
        for name, found in content.items():
            if any(poison in found for poison in kind.poison):
                return f"{name} is as it was sent"
            # A text has nothing that could be removed.
            if name.endswith(".txt") and found != dict(kind.files)[name]:
                return f"{name} has another text"
        return None

    def is_signed(self, payload, jws):
        """Whether the bridge signed this as a manifest: a detached JWS (RFC 7515, appendix F)."""
        header, nothing, signature = jws.strip().split(".")
        head = json.loads(unbase64(header))
        if nothing or (head["alg"], head["typ"]) != ("EdDSA", "sluse-manifest+jws"):
            return False
        body = base64.urlsafe_b64encode(payload).decode().rstrip("=")
        (self.folder / "signed").write_text(f"{header}.{body}")
        (self.folder / "signature").write_bytes(unbase64(signature))
        try:
            run("openssl", "pkeyutl", "-verify", "-rawin", "-pubin", "-keyform", "DER", "-inkey", "key", "-in", "signed",
                "-sigfile", "signature", cwd=self.folder)
            return True
        except RuntimeError:
            return False


def unbase64(text):
    return base64.urlsafe_b64decode(text + "=" * (-len(text) % 4))
