"""An S3 server (moto) for the tests: a port of its own, everything in memory, gone when its standard input is closed.

    s3_moto.py BUCKET… [--user NAME=POLICY.json]… [--tls CERTIFICATE KEY] [--listen ADDRESS] [--port PORT]

Prints one line of JSON when it serves: {"port": …, "keys": {NAME: [access key, secret key], …}}. With users, every request
must be signed, and the users' policies are enforced; without, any key may do anything.

What the protocol cannot do, for tests to look and to meddle:
    GET  /_uploads/BUCKET          number of unfinished multipart uploads
    GET  /_objects/BUCKET          number of objects
    POST /_age/BUCKET/SECONDS/KEY  makes an object older; without KEY, all of them
"""

import argparse
import datetime
import json
import logging
import os
import sys
import threading

from moto import settings
from moto.core import DEFAULT_ACCOUNT_ID
from moto.iam.models import iam_backends
from moto.s3.models import s3_backends
from moto.server import DomainDispatcherApplication, create_backend_app
from werkzeug.serving import WSGIRequestHandler, make_server


class Handler(WSGIRequestHandler):
    protocol_version = "HTTP/1.1"


class Application:
    def __init__(self):
        self.moto = DomainDispatcherApplication(create_backend_app)
        self.s3 = s3_backends[DEFAULT_ACCOUNT_ID]["aws"]

    def __call__(self, environ, start_response):
        path = environ["PATH_INFO"].split("/", 4)
        if path[1] == "_uploads":
            answer = str(len(self.s3.buckets[path[2]].multiparts))
        elif path[1] == "_objects":
            answer = str(len(list(self.s3.buckets[path[2]].keys)))
        elif path[1] == "_age":
            keys = self.s3.buckets[path[2]].keys
            for key in [keys[path[4]]] if path[4] else keys.values():
                key.last_modified -= datetime.timedelta(seconds=int(path[3]))
            answer = "ok"
        else:
            return self.moto(environ, start_response)
        start_response("200 OK", [("Content-Length", str(len(answer)))])
        return [answer.encode()]


def end_with_standard_input():
    sys.stdin.read()
    os._exit(0)


arguments = argparse.ArgumentParser()
arguments.add_argument("buckets", nargs="+")
arguments.add_argument("--user", action="append", default=[])
arguments.add_argument("--tls", nargs=2)
arguments.add_argument("--listen", default="127.0.0.1")
arguments.add_argument("--port", type=int, default=0)
options = arguments.parse_args()

logging.getLogger("werkzeug").setLevel(logging.ERROR)
application = Application()
for bucket in options.buckets:
    application.s3.create_bucket(bucket, "us-east-1")

keys = {}
iam = iam_backends[DEFAULT_ACCOUNT_ID]["aws"]
for user in options.user:
    name, policy = user.split("=", 1)
    iam.create_user("us-east-1", name)
    with open(policy) as file:
        iam.put_user_policy(name, "policy", file.read())
    key = iam.create_access_key(name)
    keys[name] = [key.access_key_id, key.secret_access_key]
if keys:
    settings.INITIAL_NO_AUTH_ACTION_COUNT = 0

tls = tuple(options.tls) if options.tls else None
server = make_server(options.listen, options.port, application, threaded=True, request_handler=Handler, ssl_context=tls)
threading.Thread(target=end_with_standard_input, daemon=True).start()
print(json.dumps({"port": server.server_port, "keys": keys}), flush=True)
server.serve_forever()
