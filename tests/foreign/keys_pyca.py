"""PyCA cryptography as the other side of key texts: key ids, and private keys under a passphrase.

Reads {"open": [{protected, passphrase, public}], "make": [{algorithm, private_key, passphrase}]} from standard input and
writes {"opened": [{private_key, id} or null when refused], "made": [protected line]}. Keys by themselves are base64url without
padding.
"""

import base64
import hashlib
import json
import os
import re
import struct
import sys

from cryptography.exceptions import InvalidTag
from cryptography.hazmat.primitives.ciphers.aead import AESGCM
from cryptography.hazmat.primitives.kdf.argon2 import Argon2id

NUMBERS = {"xwing": 0x647A, "x25519": 0x0020, "ed25519": 0x0807}
PROTECTED = re.compile(
    r"(sluse-private-(\w+)-v1\+argon2id:m=(\d+),t=(\d+),p=(\d+):([\w-]{43}):)([\w-]{64})", re.ASCII
)
PUBLIC = re.compile(r"sluse-public-(\w+)-v1:([\w-]+)", re.ASCII)


def decode(text):
    return base64.urlsafe_b64decode(text + "==")


def encode(data):
    return base64.urlsafe_b64encode(data).rstrip(b"=").decode()


def cipher(passphrase, salt, memory, passes, lanes):
    argon2 = Argon2id(salt=salt, length=32, iterations=passes, lanes=lanes, memory_cost=memory)
    return AESGCM(argon2.derive(passphrase.encode()))


def open_key(case):
    aad, algorithm, memory, passes, lanes, salt, sealed = PROTECTED.fullmatch(case["protected"]).groups()
    aes = cipher(case["passphrase"], decode(salt), int(memory), int(passes), int(lanes))
    try:
        private_key = aes.decrypt(bytes(12), decode(sealed), aad.encode())
    except InvalidTag:
        return None
    public_algorithm, public_key = PUBLIC.fullmatch(case["public"]).groups()
    assert public_algorithm == algorithm
    hashed = b"sluse-envelope/1 key id" + struct.pack(">H", NUMBERS[algorithm]) + decode(public_key)
    return {"private_key": encode(private_key), "id": hashlib.sha256(hashed).hexdigest()[:32]}


def make_key(case):
    salt = os.urandom(32)
    aad = f"sluse-private-{case['algorithm']}-v1+argon2id:m=256,t=2,p=2:{encode(salt)}:"
    aes = cipher(case["passphrase"], salt, 256, 2, 2)
    return aad + encode(aes.encrypt(bytes(12), decode(case["private_key"]), aad.encode()))


def main():
    request = json.load(sys.stdin)
    json.dump(
        {"opened": [open_key(c) for c in request["open"]], "made": [make_key(c) for c in request["make"]]},
        sys.stdout,
    )


main()
