"""Google Tink as the other side of blob streams.

Reads {"open": [{key, associated_data, ciphertext}], "make": [{key, associated_data, plaintext}]} from standard input and
writes {"opened": [plaintext or null when refused], "made": [ciphertext]}. Byte strings are base64url without padding.
"""

import base64
import io
import json
import sys

import tink
from tink import proto_keyset_format, secret_key_access, streaming_aead
from tink.proto import aes_gcm_hkdf_streaming_pb2, tink_pb2


def decode(text):
    return base64.urlsafe_b64decode(text + "==")


def encode(data):
    return base64.urlsafe_b64encode(data).rstrip(b"=").decode()


def primitive(key):
    """Tink's streaming encryption with this key and the parameters of its own template."""
    template = streaming_aead.streaming_aead_key_templates.AES256_GCM_HKDF_1MB
    key_format = aes_gcm_hkdf_streaming_pb2.AesGcmHkdfStreamingKeyFormat.FromString(template.value)
    streaming_key = aes_gcm_hkdf_streaming_pb2.AesGcmHkdfStreamingKey(
        version=0, params=key_format.params, key_value=key
    )
    keyset = tink_pb2.Keyset(primary_key_id=1)
    entry = keyset.key.add()
    entry.key_data.type_url = template.type_url
    entry.key_data.value = streaming_key.SerializeToString()
    entry.key_data.key_material_type = tink_pb2.KeyData.SYMMETRIC
    entry.status = tink_pb2.ENABLED
    entry.key_id = 1
    entry.output_prefix_type = tink_pb2.RAW
    handle = proto_keyset_format.parse(keyset.SerializeToString(), secret_key_access.TOKEN)
    return handle.primitive(streaming_aead.StreamingAead)


class Kept(io.BytesIO):
    """Bytes that outlive the close by Tink's stream."""

    def close(self):
        self.kept = self.getvalue()
        super().close()


def open_stream(case):
    source = io.BytesIO(decode(case["ciphertext"]))
    try:
        aead = primitive(decode(case["key"]))
        with aead.new_decrypting_stream(source, decode(case["associated_data"])) as stream:
            return encode(stream.read())
    except tink.TinkError:
        return None


def make_stream(case):
    sink = Kept()
    aead = primitive(decode(case["key"]))
    with aead.new_encrypting_stream(sink, decode(case["associated_data"])) as stream:
        stream.write(decode(case["plaintext"]))
    return encode(sink.kept)


def main():
    streaming_aead.register()
    request = json.load(sys.stdin)
    json.dump(
        {"opened": [open_stream(c) for c in request["open"]], "made": [make_stream(c) for c in request["make"]]},
        sys.stdout,
    )


main()
