"""PyHPKE and PyCA cryptography as the other side of sealed messages (X25519 only; PyHPKE has no X-Wing).

Written from the format in the crate's documentation, on its own. Reads
{"open": [{message, private_key, sealer}], "make": [{recipient, signing_seed, direction, submission, created, content}]}
from standard input and writes {"opened": [{direction, submission, created, recipient, sealer, content} or null when
refused], "made": [message]}. Byte strings are base64url without padding; direction is a number.
"""

import base64
import hashlib
import json
import struct
import sys

from cryptography.exceptions import InvalidSignature
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey, Ed25519PublicKey
from cryptography.hazmat.primitives.serialization import Encoding, PublicFormat
from pyhpke import AEADId, CipherSuite, KDFId, KEMId, PyHPKEError

HEADER = struct.Struct(">4sBBHHH16s16s16sQI")
INFO = b"sluse-envelope/1 message"
DOMAIN = b"sluse-envelope/1 message signature\0"
SUITE = CipherSuite.new(KEMId.DHKEM_X25519_HKDF_SHA256, KDFId.HKDF_SHA256, AEADId.AES256_GCM)
ENC, TAG, SIGNATURE = 32, 16, 64


def decode(text):
    return base64.urlsafe_b64decode(text + "==")


def encode(data):
    return base64.urlsafe_b64encode(data).rstrip(b"=").decode()


def key_id(algorithm, public_key):
    label = b"sluse-envelope/1 key id"
    return hashlib.sha256(label + struct.pack(">H", algorithm) + public_key).digest()[:16]


def padded(length):
    if length <= 4096:
        return 4096
    exponent = length.bit_length() - 1
    step = 1 << (exponent - exponent.bit_length())
    return -(-length // step) * step


class Refused(Exception):
    pass


def require(condition):
    if not condition:
        raise Refused


def open_message(case):
    message = decode(case["message"])
    header, rest = message[: HEADER.size], message[HEADER.size :]
    magic, version, direction, kem, kdf, aead, submission, recipient, sealer, created, length = HEADER.unpack(header)
    require((magic, version, kem, kdf, aead) == (b"SLSE", 1, 0x0020, 1, 2))
    require(len(rest) == ENC + length + TAG + SIGNATURE)
    sealer_key = decode(case["sealer"])
    require(sealer == key_id(0x0807, sealer_key))
    try:
        Ed25519PublicKey.from_public_bytes(sealer_key).verify(message[-SIGNATURE:], DOMAIN + message[:-SIGNATURE])
    except InvalidSignature as error:
        raise Refused from error
    private_key = SUITE.kem.deserialize_private_key(decode(case["private_key"]))
    context = SUITE.create_recipient_context(rest[:ENC], private_key, INFO)
    plaintext = context.open(rest[ENC:-SIGNATURE], header)
    (content_length,) = struct.unpack(">I", plaintext[:4])
    require(len(plaintext) == length == padded(4 + content_length))
    content, zeros = plaintext[4 : 4 + content_length], plaintext[4 + content_length :]
    require(not any(zeros))
    return {
        "direction": direction,
        "submission": encode(submission),
        "created": created,
        "recipient": encode(recipient),
        "sealer": encode(sealer),
        "content": encode(content),
    }


def try_open(case):
    try:
        return open_message(case)
    except (Refused, PyHPKEError, struct.error):
        return None


def make_message(case):
    recipient, content = decode(case["recipient"]), decode(case["content"])
    signing_key = Ed25519PrivateKey.from_private_bytes(decode(case["signing_seed"]))
    sealer = signing_key.public_key().public_bytes(Encoding.Raw, PublicFormat.Raw)
    length = padded(4 + len(content))
    header = HEADER.pack(
        b"SLSE", 1, case["direction"], 0x0020, 1, 2, decode(case["submission"]),
        key_id(0x0020, recipient), key_id(0x0807, sealer), case["created"], length,
    )
    enc, context = SUITE.create_sender_context(SUITE.kem.deserialize_public_key(recipient), INFO)
    plaintext = (struct.pack(">I", len(content)) + content).ljust(length, b"\0")
    message = header + enc + context.seal(plaintext, header)
    return encode(message + signing_key.sign(DOMAIN + message))


def main():
    request = json.load(sys.stdin)
    json.dump(
        {"opened": [try_open(c) for c in request["open"]], "made": [make_message(c) for c in request["make"]]},
        sys.stdout,
    )


main()
