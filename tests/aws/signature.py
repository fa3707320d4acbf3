#!/usr/bin/python3
"""Our signatures are those of botocore's signer, for requests of every kind: signature.py <program that signs>"""
import json
import random
import subprocess
import sys
import time
import urllib.parse

try:
    from botocore.auth import SigV4Auth
    from botocore.awsrequest import AWSRequest
    from botocore.credentials import Credentials
except ImportError:
    print("skipped: there is no botocore (python3-botocore)")
    sys.exit(77)

REQUESTS = 3000
LETTERS = "abcXYZ019-._~ +/%=&?;:@!$'()*,[]ü€"
dice = random.Random(20)


def word(letters=LETTERS, most=12):
    return "".join(dice.choice(letters) for _ in range(dice.randrange(most)))


def path():
    segments = [dice.choice([urllib.parse.quote(word(), safe=""), "snapshots", "blocks", "..", ".", ""])
                for _ in range(dice.randrange(6))]
    return "/" + "/".join(segments)


def headers():
    chosen = {"host": dice.choice(["ebs.us-east-1.amazonaws.com", "127.0.0.1:8080"])}
    for name in ("x-amz-checksum", "x-amz-checksum-algorithm", "x-amz-data-length", "x-amz-progress", "content-type",
                 "x-amz-a", "x-amz-a-b", "x-amz-a1"):
        if dice.random() < 0.5:
            chosen[name] = dice.choice(["SHA256", " two  words ", "a\tb", "524288", ""]) + word("abc =+/,", 20)
    return chosen


def request():
    return {
        "method": dice.choice(["GET", "POST", "PUT", "DELETE"]),
        "path": path(),
        "query": [[word(), word()] for _ in range(dice.randrange(5))],
        "headers": headers(),
        "body": dice.choice(["", word(most=200), "x" * dice.randrange(100000)]),
        "id": "AKID" + word("ABC123"),
        "secret": "s" + word("abc/+123", 40),
        "token": dice.choice(["", "t" + word("abc/+=123", 400)]),
        "service": dice.choice(["ebs", "ec2", "autoscaling", "elasticloadbalancing"]),
        "region": dice.choice(["us-east-1", "eu-central-1", "cn-north-1"]),
        "time": dice.randrange(1, 4000000000),
    }


def botocore_signs(wanted):
    query = "&".join(f"{urllib.parse.quote(k, safe='-_.~')}={urllib.parse.quote(v, safe='-_.~')}"
                     for k, v in wanted["query"])
    url = f"https://{wanted['headers']['host']}{wanted['path']}" + (f"?{query}" if query else "")
    signed = AWSRequest(wanted["method"], url, headers=dict(wanted["headers"]), data=wanted["body"].encode())
    signed.context["timestamp"] = time.strftime("%Y%m%dT%H%M%SZ", time.gmtime(wanted["time"]))
    signer = SigV4Auth(Credentials(wanted["id"], wanted["secret"], wanted["token"] or None), wanted["service"],
                       wanted["region"])
    signer._modify_request_before_signing(signed)
    text = signer.string_to_sign(signed, signer.canonical_request(signed))
    signer._inject_signature_to_request(signed, signer.signature(text, signed))
    return signed.headers["Authorization"]


requests = [request() for _ in range(REQUESTS)]
lines = "".join(json.dumps(one) + "\n" for one in requests)
ours = subprocess.run([sys.argv[1]], input=lines, stdout=subprocess.PIPE, text=True, check=True).stdout.splitlines()
if len(ours) != REQUESTS:
    sys.exit(f"FAILED: {len(ours)} signatures for {REQUESTS} requests")
for one, signature in zip(requests, ours):
    expected = botocore_signs(one)
    if signature != expected:
        sys.exit(f"FAILED: {json.dumps(one)}\n is signed {signature}\n  instead of {expected}")
print(f"{REQUESTS} requests are signed as botocore signs them")
