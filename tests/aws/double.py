#!/usr/bin/python3
"""AWS on loopback, as far as publishing images (EBS, EC2) and fleets of them (scaling.py, formation.py) need it:
  double.py <folder>

Every request is checked against botocore's models (wire.py) and its signature against botocore's signer; what the
models do not say (states, checksums, counts) is checked here. The address is in <folder>/url once it listens. Besides:
  POST /_control  {"faults": [...], "keys": {...}, "delay": seconds}   what shall go wrong from now on (see Faults)
  GET  /_state    snapshots with the digests of their blocks, images, how often each operation came
"""
import base64
import calendar
import hashlib
import http.server
import json
import os
import random
import socket
import sys
import threading
import time
import traceback
import urllib.parse

try:
    from botocore.auth import SigV4Auth
    from botocore.awsrequest import AWSRequest
    from botocore.credentials import Credentials
except ImportError:
    print("skipped: there is no botocore (python3-botocore)")
    sys.exit(77)

sys.dont_write_bytecode = True  # the folder is the source's
from formation import CloudFormation
from scaling import AutoScaling, Fleets, LoadBalancing, Machines
from wire import Fault, Form, Query, Rest, model_of

BLOCK = 512 << 10
REGIONS = ["eu-central-1", "eu-west-1", "eu-north-1"]  # what is asked about is the first one, where nothing else is said


def now():
    return time.strftime("%Y-%m-%dT%H:%M:%S", time.gmtime()) + f".{time.time_ns() // 1000000 % 1000:03d}Z"


class Faults:
    """Each is {"operation": name or "*", "kind": one of these, "rate": 0..1 (1), "after": N (0), "count": N (no end)}:
    throttle, deny, quota, broken (500), cut (no answer, nothing done), lose (done, no answer), damage (a block arrives
    as other bytes), slow, hold (nothing done, and no answer until the faults are others), held (done, then the same)."""

    def __init__(self, wanted):
        self.list = [dict(fault, seen=0, done=0) for fault in wanted]
        self.dice = random.Random(1)

    def of(self, operation):
        for fault in self.list:
            if fault["operation"] not in ("*", operation):
                continue
            fault["seen"] += 1
            if fault["seen"] <= fault.get("after", 0) or fault["done"] >= fault.get("count", 1 << 60):
                continue
            if self.dice.random() < fault.get("rate", 1):
                fault["done"] += 1
                return fault["kind"]
        return None


class World:
    """What all regions have in common; one lock for all of it."""

    def __init__(self):
        self.lock = threading.Lock()
        self.faults = Faults([])
        self.keys = {"AKIDTEST": {"secret": "secret/of+test"}}
        self.page = 2
        self.delay = 0  # of each answer
        self.calls = {}
        self.number = 0
        self.data = {hashlib.sha256(bytes(BLOCK)).hexdigest(): bytes(BLOCK)}  # of blocks, by their digests
        self.clouds = {region: Cloud(self, region) for region in REGIONS}

    def live(self):
        """What goes on by itself, in steps."""
        while True:
            time.sleep(0.1)
            with self.lock:
                try:
                    for cloud in self.clouds.values():
                        cloud.tick()
                except Exception:  # a mistake of the double's: no test may wait for what never comes
                    traceback.print_exc()
                    os._exit(1)

    def control(self, wanted):
        with self.lock:
            if "faults" in wanted:
                self.faults = Faults(wanted["faults"])
            self.keys.update(wanted.get("keys", {}))
            self.delay = wanted.get("delay", self.delay)
            self.clouds[wanted.get("region", REGIONS[0])].control(wanted)

    def state(self):
        with self.lock:
            clouds = {region: cloud.state() for region, cloud in self.clouds.items()}
            return {**clouds[REGIONS[0]], "regions": clouds, "calls": self.calls}


class Cloud(Fleets):
    """What there is in one region."""

    def __init__(self, world, region):
        super().__init__()
        self.no_default = False
        self.world, self.region = world, region
        self.snapshots, self.images, self.templates, self.tokens = {}, {}, {}, {}
        self.default_key = None  # encryption by default

    def identifier(self, kind):
        self.world.number += 1
        return f"{kind}-{self.world.number:017x}"

    def control(self, wanted):
        self.control_fleets(wanted)
        self.no_default = wanted.get("no_default", self.no_default)
        self.templates.update(wanted.get("templates", {}))
        for key in wanted.get("templates_gone", []):
            del self.templates[key]
        for image in wanted.get("images_gone", []):
            del self.images[image]
        for snapshot in wanted.get("given_up", []):
            self.snapshots[snapshot]["state"] = "error"
        for image in wanted.get("failed", []):
            self.images[image]["state"] = "failed"
        self.default_key = wanted.get("default_key", self.default_key)

    def state(self):
        snapshots = {key: {**value, "blocks": {str(n): d for n, d in self.content(key).items()},
                           "written": sorted(value["blocks"])} for key, value in self.snapshots.items()}
        return {"snapshots": snapshots, "images": self.images, **self.state_of_fleets()}

    def content(self, key):
        """The digests of a snapshot's blocks, those of its parents among them, without those that are zeroes."""
        snapshot = self.snapshots[key]
        blocks = {**snapshot["inherited"], **snapshot["blocks"]}
        return {n: d for n, d in sorted(blocks.items()) if d != hashlib.sha256(bytes(BLOCK)).hexdigest()}


def tags(given):
    return [{"Key": tag["Key"], "Value": tag["Value"]} for tag in given]


class Ebs:
    def __init__(self, cloud, model):
        self.cloud = cloud
        self.wire = Rest(model)

    def pending(self, key):
        snapshot = self.cloud.snapshots.get(key)
        if not snapshot:
            raise Fault("ResourceNotFoundException", f"there is no snapshot '{key}'", 404, Reason="SNAPSHOT_NOT_FOUND")
        if snapshot["state"] != "pending" or snapshot["sealed"]:
            raise Fault("ValidationException", f"'{key}' is not pending", Reason="INVALID_SNAPSHOT_ID")
        return snapshot

    def StartSnapshot(self, p):
        token = p.get("ClientToken")
        if token in self.cloud.tokens:
            key, wanted = self.cloud.tokens[token]
            if wanted != p:
                raise Fault("ConflictException", "the same token, another request", 409)
            return self.answer(key)
        parent = p.get("ParentSnapshotId")
        if parent:
            if "Encrypted" in p or "KmsKeyArn" in p:
                raise Fault("ValidationException", "encryption is the parent's", Reason="INVALID_DEPENDENCY_REQUEST")
            if self.cloud.snapshots.get(parent, {}).get("state") != "completed":
                raise Fault("ResourceNotFoundException", f"there is no '{parent}'", 404, Reason="SNAPSHOT_NOT_FOUND")
            if self.cloud.snapshots[parent]["size"] > p["VolumeSize"]:
                raise Fault("ValidationException", "smaller than its parent", Reason="INVALID_VOLUME_SIZE")
        if "KmsKeyArn" in p and not p.get("Encrypted"):
            raise Fault("ValidationException", "a key, but not encrypted", Reason="INVALID_DEPENDENCY_REQUEST")
        self.check_key(self.cloud, p.get("KmsKeyArn"))
        key = self.cloud.identifier("snap")
        self.cloud.snapshots[key] = {
            "state": "pending", "sealed": False, "size": p["VolumeSize"], "parent": parent, "tags": tags(p.get("Tags", [])),
            "inherited": self.cloud.content(parent) if parent else {}, "blocks": {}, "puts": {}, "created": now(),
            "kms": p.get("KmsKeyArn") or (self.cloud.snapshots[parent]["kms"] if parent else self.cloud.default_key),
            "asked": 0, "shared": []}
        if token:
            self.cloud.tokens[token] = (key, p)
        return self.answer(key)

    @staticmethod
    def check_key(cloud, key):
        if key and f":kms:{cloud.region}:" not in key:
            raise Fault("ValidationException", f"the key '{key}' is not of {cloud.region}", Reason="INVALID_CUSTOMER_KEY")

    def answer(self, key):
        snapshot = self.cloud.snapshots[key]
        return {"SnapshotId": key, "Status": snapshot["state"], "VolumeSize": snapshot["size"], "BlockSize": BLOCK}

    def PutSnapshotBlock(self, p):
        snapshot = self.pending(p["SnapshotId"])
        index, data = p["BlockIndex"], p["BlockData"]
        digest = hashlib.sha256(data)
        if p["DataLength"] != BLOCK or len(data) != BLOCK or index >= snapshot["size"] * 2048:
            raise Fault("ValidationException", f"block {index} has {len(data)} bytes", Reason="INVALID_BLOCK")
        if base64.b64encode(digest.digest()).decode() != p["Checksum"]:
            raise Fault("ValidationException", f"block {index} has another checksum", Reason="INVALID_BLOCK")
        snapshot["blocks"][index] = digest.hexdigest()
        self.cloud.world.data[digest.hexdigest()] = data
        snapshot["puts"][index] = snapshot["puts"].get(index, 0) + 1
        return {"Checksum": p["Checksum"], "ChecksumAlgorithm": "SHA256"}

    def CompleteSnapshot(self, p):
        snapshot = self.pending(p["SnapshotId"])
        if p["ChangedBlocksCount"] != len(snapshot["blocks"]):
            raise Fault("ValidationException", f"{len(snapshot['blocks'])} blocks are there", Reason="INVALID_PARAMETER_VALUE")
        if "Checksum" in p:
            joined = b"".join(bytes.fromhex(snapshot["blocks"][n]) for n in sorted(snapshot["blocks"]))
            if base64.b64encode(hashlib.sha256(joined).digest()).decode() != p["Checksum"]:
                raise Fault("ValidationException", "another checksum", Reason="INVALID_PARAMETER_VALUE")
            if p.get("ChecksumAggregationMethod") != "LINEAR" or p.get("ChecksumAlgorithm") != "SHA256":
                raise Fault("ValidationException", "a checksum, but not how", Reason="INVALID_DEPENDENCY_REQUEST")
        snapshot["sealed"] = True
        return {"Status": "pending"}

    def completed(self, key):
        snapshot = self.cloud.snapshots.get(key)
        if not snapshot or snapshot["state"] != "completed":
            raise Fault("ResourceNotFoundException", f"there is no '{key}'", 404, Reason="SNAPSHOT_NOT_FOUND")
        return {**snapshot["inherited"], **snapshot["blocks"]}

    @staticmethod
    def token(*words):
        return base64.b64encode("/".join(map(str, words)).encode()).decode()

    def ListSnapshotBlocks(self, p):
        key = p["SnapshotId"]
        numbers = sorted(self.completed(key))
        start = int(base64.b64decode(p.get("NextToken", "MA==")))
        end = start + 10
        return {"Blocks": [{"BlockIndex": n, "BlockToken": self.token(key, n)} for n in numbers[start:end]], "BlockSize": BLOCK,
                "VolumeSize": self.cloud.snapshots[key]["size"], "ExpiryTime": time.time() + 604800,
                **({"NextToken": self.token(end)} if end < len(numbers) else {})}

    def GetSnapshotBlock(self, p):
        key, number = p["SnapshotId"], p["BlockIndex"]
        if p["BlockToken"] != self.token(key, number):
            raise Fault("ValidationException", "the token is of another block", Reason="INVALID_BLOCK_TOKEN")
        data = self.cloud.world.data[self.completed(key)[number]]
        return {"DataLength": BLOCK, "BlockData": data, "ChecksumAlgorithm": "SHA256",
                "Checksum": base64.b64encode(hashlib.sha256(data).digest()).decode()}


class Ec2(Machines):
    def __init__(self, cloud, model):
        self.cloud = cloud
        self.wire = Query(model)

    @staticmethod
    def chosen(p, key, item, known):
        """Whether all filters hold. `known`: the values of those that are not about tags."""
        for wanted in p.get("Filters", []):
            name, values = wanted["Name"], wanted["Values"]
            if name == "tag-key":
                has = {tag["Key"] for tag in item["tags"]}
            elif name.startswith("tag:"):
                has = {tag["Value"] for tag in item["tags"] if "tag:" + tag["Key"] == name}
            elif name in known:
                has = {known[name]}
            else:
                raise Fault("InvalidParameterValue", f"there is no filter '{name}'")
            if not has & set(values):
                return False
        return True

    def paged(self, p, member, items):
        start = int(p.get("NextToken", "page-0").split("-")[1])
        end = start + self.cloud.world.page
        return {member: items[start:end], **({"NextToken": f"page-{end}"} if end < len(items) else {})}

    def DescribeSnapshots(self, p):
        found = []
        for key, item in self.cloud.snapshots.items():
            if not self.chosen(p, key, item, {"snapshot-id": key, "status": item["state"]}):
                continue
            if item["sealed"] and item["state"] == "pending":  # it takes its time
                item["asked"] += 1
                if item["asked"] > 1:
                    item["state"] = "completed"
            progress = "100%" if item["state"] == "completed" else f"{min(item['asked'] * 30, 99)}%"
            found.append({"SnapshotId": key, "State": item["state"], "StartTime": item["created"], "VolumeSize": item["size"],
                          "Progress": progress, "Encrypted": bool(item["kms"]), **({"KmsKeyId": item["kms"]} if item["kms"] else {}),
                          "Tags": item["tags"]})
        return self.paged(p, "Snapshots", found)

    def DescribeImages(self, p):
        found = []
        for key, item in self.cloud.images.items():
            if not self.chosen(p, key, item, {"image-id": key, "name": item["Name"]}):
                continue
            if item["state"] == "pending":  # a copy, which takes its time
                item["asked"] += 1
                if item["asked"] > 1:
                    item["state"] = "available"
                    for mapping in item["BlockDeviceMappings"]:
                        self.cloud.snapshots[mapping["Ebs"]["SnapshotId"]]["state"] = "completed"
            found.append({"ImageId": key, "Name": item["Name"], "State": item["state"], "CreationDate": item["created"],
                          "BlockDeviceMappings": item["BlockDeviceMappings"], "Tags": item["tags"],
                          **{name: item[name] for name in ("TpmSupport", "BootMode") if name in item}})
        return self.paged(p, "Images", found)

    def RegisterImage(self, p):
        if any(item["Name"] == p["Name"] for item in self.cloud.images.values()):
            raise Fault("InvalidAMIName.Duplicate", f"the name '{p['Name']}' is in use")
        if not 3 <= len(p["Name"]) <= 128:
            raise Fault("InvalidAMIName.Malformed", p["Name"])
        if "TpmSupport" in p and p.get("BootMode") != "uefi":
            raise Fault("InvalidParameterCombination", "a TPM needs the boot mode 'uefi'")
        devices = [mapping["DeviceName"] for mapping in p["BlockDeviceMappings"]]
        if p["RootDeviceName"] not in devices:
            raise Fault("InvalidParameterValue", "the root is no device")
        for mapping in p["BlockDeviceMappings"]:
            if self.cloud.snapshots.get(mapping["Ebs"]["SnapshotId"], {}).get("state") != "completed":
                raise Fault("InvalidSnapshot.NotFound", mapping["Ebs"]["SnapshotId"])
        key = self.cloud.identifier("ami")
        given = [tag for spec in p.get("TagSpecifications", []) if spec["ResourceType"] == "image" for tag in spec["Tags"]]
        self.cloud.images[key] = {**p, "created": now(), "tags": tags(given), "state": "available", "shared": []}
        return {"ImageId": key}

    def CopyImage(self, p):
        token = p.get("ClientToken")
        if token in self.cloud.tokens:
            return {"ImageId": self.cloud.tokens[token]}
        source = self.cloud.world.clouds.get(p["SourceRegion"])
        image = source.images.get(p["SourceImageId"]) if source else None
        if not image or image["state"] != "available":
            raise Fault("InvalidAMIID.NotFound", p["SourceImageId"])
        if "KmsKeyId" in p and not p.get("Encrypted"):
            raise Fault("InvalidParameterCombination", "a key, but not encrypted")
        Ebs.check_key(self.cloud, p.get("KmsKeyId"))
        given = {spec["ResourceType"]: tags(spec["Tags"]) for spec in p.get("TagSpecifications", [])}
        mappings = []
        for mapping in image["BlockDeviceMappings"]:
            original = source.snapshots[mapping["Ebs"]["SnapshotId"]]
            key = self.cloud.identifier("snap")
            self.cloud.snapshots[key] = {
                **original, "state": "pending", "sealed": False, "parent": None, "inherited": {}, "puts": {}, "asked": 0,
                "blocks": source.content(mapping["Ebs"]["SnapshotId"]), "tags": given.get("snapshot", []), "created": now(),
                "kms": p.get("KmsKeyId") or (original["kms"] and "the default key of " + self.cloud.region)
                or self.cloud.default_key, "shared": []}
            mappings.append({**mapping, "Ebs": {**mapping["Ebs"], "SnapshotId": key}})
        copy = self.cloud.identifier("ami")
        self.cloud.images[copy] = {**image, "Name": p["Name"], "BlockDeviceMappings": mappings, "tags": given.get("image", []),
                                   "created": now(), "state": "pending", "asked": 0, "shared": []}
        self.cloud.tokens[token] = copy
        return {"ImageId": copy}

    def CreateTags(self, p):
        for key in p["Resources"]:
            item = self.cloud.images.get(key) or self.cloud.snapshots.get(key)
            if not item:
                raise Fault("InvalidID", key)
            new = {tag["Key"] for tag in p["Tags"]}
            item["tags"] = [tag for tag in item["tags"] if tag["Key"] not in new] + tags(p["Tags"])
        return {}

    def ModifyImageAttribute(self, p):
        if p["ImageId"] not in self.cloud.images:
            raise Fault("InvalidAMIID.NotFound", p["ImageId"])
        image = self.cloud.images[p["ImageId"]]
        image["shared"] = sorted({*image["shared"], *(one["UserId"] for one in p["LaunchPermission"]["Add"])})
        return {}

    def ModifySnapshotAttribute(self, p):
        if p["SnapshotId"] not in self.cloud.snapshots:
            raise Fault("InvalidSnapshot.NotFound", p["SnapshotId"])
        if p["Attribute"] != "createVolumePermission":
            raise Fault("InvalidParameterValue", p["Attribute"])
        snapshot = self.cloud.snapshots[p["SnapshotId"]]
        if snapshot["kms"] and not snapshot["kms"].startswith("arn:"):
            raise Fault("InvalidParameter", "Encrypted snapshots with EBS default key cannot be shared")
        added = [one["UserId"] for one in p["CreateVolumePermission"]["Add"]]
        snapshot["shared"] = sorted({*snapshot["shared"], *added})
        return {}

    def GetEbsEncryptionByDefault(self, p):
        return {"EbsEncryptionByDefault": bool(self.cloud.default_key)}

    def GetEbsDefaultKmsKeyId(self, p):
        return {"KmsKeyId": self.cloud.default_key or "alias/aws/ebs"}

    def DeregisterImage(self, p):
        if p["ImageId"] not in self.cloud.images:
            raise Fault("InvalidAMIID.NotFound", p["ImageId"])
        del self.cloud.images[p["ImageId"]]
        return {}

    def DeleteSnapshot(self, p):
        key = p["SnapshotId"]
        if key not in self.cloud.snapshots:
            raise Fault("InvalidSnapshot.NotFound", key)
        for image, item in self.cloud.images.items():
            if any(mapping["Ebs"]["SnapshotId"] == key for mapping in item["BlockDeviceMappings"]):
                raise Fault("InvalidSnapshot.InUse", f"'{key}' is in use by {image}")
        del self.cloud.snapshots[key]
        return {}

    def DescribeLaunchTemplates(self, p):
        return self.paged(p, "LaunchTemplates", [{"LaunchTemplateId": key, "LaunchTemplateName": "name-of-" + key}
                                                 for key in self.cloud.templates])

    def DescribeLaunchTemplateVersions(self, p):
        key = p["LaunchTemplateId"]
        found = [{"LaunchTemplateId": key, "LaunchTemplateName": "name-of-" + key, "VersionNumber": n + 1}
                 for n, image in enumerate(self.cloud.templates[key])
                 if self.chosen(p, key, {"tags": []}, {"image-id": image})]
        return self.paged(p, "LaunchTemplateVersions", found)


class Handler(http.server.BaseHTTPRequestHandler):
    protocol_version = "HTTP/1.1"
    disable_nagle_algorithm = True
    world, services = None, {}

    def log_message(self, *_):
        pass

    def handle_one_request(self):
        try:
            super().handle_one_request()
        except (ConnectionError, TimeoutError):
            self.close_connection = True

    def answer(self, status, headers, body):
        self.send_response(status)
        for name, value in headers.items():
            self.send_header(name, value)
        self.send_header("content-length", str(len(body)))
        self.end_headers()
        self.wfile.write(body)

    def cut(self):
        self.close_connection = True
        self.connection.shutdown(socket.SHUT_RDWR)

    def do_GET(self):
        self.serve()

    do_POST = do_PUT = do_DELETE = do_GET

    def serve(self):
        body = self.rfile.read(int(self.headers.get("content-length", 0)))
        if self.path == "/_control":
            self.world.control(json.loads(body))
            return self.answer(200, {}, b"{}")
        if self.path == "/_state":
            return self.answer(200, {}, json.dumps(self.world.state()).encode())
        headers = {name.lower(): value for name, value in self.headers.items()}
        region, name = self.target_of(headers)
        service = self.services.get((region, name)) or self.services.get((REGIONS[0], name))
        if not service:
            return self.answer(400, {}, b"no such service")
        try:
            self.check_signature(headers, body)
            answer, fate = self.work(service, headers, body)
        except Fault as fault:
            return self.answer(*service.wire.fault(fault))
        if fate in ("cut", "lose"):
            return self.cut()
        return self.answer(*answer)

    def work(self, service, headers, body):
        operation, parameters = service.wire.read(self.command, urllib.parse.urlsplit(self.path), headers, body)
        with self.world.lock:
            self.world.calls[operation.name] = self.world.calls.get(operation.name, 0) + 1
            fate = self.world.faults.of(operation.name)
        time.sleep(self.world.delay)
        if fate == "slow":
            time.sleep(0.2)
        if fate == "hold":
            self.hold()
        if fate in ("cut", "hold"):
            return None, "cut"
        self.refuse(fate, isinstance(service.wire, Query), isinstance(service.wire, Form))
        if fate == "damage":
            parameters["BlockData"] = bytes([parameters["BlockData"][0] ^ 1]) + parameters["BlockData"][1:]
        if not hasattr(service, operation.name):
            raise Fault("UnknownOperationException", f"the double has no {operation.name}")
        with self.world.lock:
            result = getattr(service, operation.name)(parameters)
        if fate == "held":
            self.hold()
        return service.wire.write(operation, result), "cut" if fate == "held" else fate

    def hold(self):
        faults = self.world.faults
        while self.world.faults is faults:
            time.sleep(0.02)

    @staticmethod
    def refuse(fate, query, form):
        if fate == "throttle":
            code = "Throttling" if form else "RequestLimitExceeded" if query else "RequestThrottledException"
            raise Fault(code, "too many", 503 if query and not form else 400)
        if fate == "deny":
            raise Fault("AccessDenied" if form else "UnauthorizedOperation" if query else "AccessDeniedException", "not allowed", 403)
        if fate == "quota":
            raise Fault("SnapshotLimitExceeded" if query else "ServiceQuotaExceededException", "no more", 400 if query else 402)
        if fate == "broken":
            raise Fault("InternalError" if query else "InternalServerException", "broken", 500)

    @staticmethod
    def scope_of(headers):
        """Of "AWS4-HMAC-SHA256 Credential=ID/DAY/REGION/SERVICE/aws4_request, SignedHeaders=…, Signature=…"."""
        authorization = headers.get("authorization", "")
        if not authorization.startswith("AWS4-HMAC-SHA256 Credential="):
            return None
        return authorization.split("Credential=")[1].split(",")[0].split("/")

    def target_of(self, headers):
        scope = self.scope_of(headers)
        return tuple(scope[2:4]) if scope and len(scope) == 5 else (REGIONS[0], "ec2")

    def check_signature(self, headers, body):
        scope = self.scope_of(headers)
        if not scope or scope[2] not in REGIONS:
            raise Fault("AuthFailure", f"not signed for one of {REGIONS}", 401)
        key = self.world.keys.get(scope[0])
        if not key:
            raise Fault("AuthFailure", "AWS was not able to validate the provided access credentials", 401)
        names = headers["authorization"].split("SignedHeaders=")[1].split(",")[0].split(";")
        request = AWSRequest(self.command, "http://" + headers["host"] + self.path,
                             headers={name: headers[name] for name in names if not name.startswith(("x-amz-date",
                                      "x-amz-security-token"))}, data=body)
        request.context["timestamp"] = headers["x-amz-date"]
        if abs(time.time() - calendar.timegm(time.strptime(headers["x-amz-date"], "%Y%m%dT%H%M%SZ"))) > 900:
            raise Fault("RequestExpired", "signed at another time")
        signer = SigV4Auth(Credentials(scope[0], key["secret"], key.get("token")), scope[3], scope[2])
        signer._modify_request_before_signing(request)
        text = signer.string_to_sign(request, signer.canonical_request(request))
        signer._inject_signature_to_request(request, signer.signature(text, request))
        if request.headers["Authorization"] != headers["authorization"]:
            raise Fault("SignatureDoesNotMatch", f"{request.headers['Authorization']} {headers['authorization']}", 403)
        key["used"] = key.get("used", 0) + 1
        if key["used"] > key.get("ended_after", 1 << 60):
            raise Fault("ExpiredTokenException" if scope[3] == "ebs" else "ExpiredToken", "the token has expired")


class Server(http.server.ThreadingHTTPServer):
    daemon_threads = True
    request_queue_size = 128


def main():
    Handler.world = World()
    models = {service: model_of(service) for service in ("ebs", "ec2", "cloudformation", "autoscaling", "elbv2")}
    for region, cloud in Handler.world.clouds.items():
        Handler.services[region, "ebs"] = Ebs(cloud, models["ebs"])
        Handler.services[region, "ec2"] = Ec2(cloud, models["ec2"])
        Handler.services[region, "cloudformation"] = CloudFormation(cloud, models["cloudformation"])
        Handler.services[region, "autoscaling"] = AutoScaling(cloud, models["autoscaling"])
        Handler.services[region, "elasticloadbalancing"] = LoadBalancing(cloud, models["elbv2"])
    threading.Thread(target=Handler.world.live, daemon=True).start()
    server = Server(("127.0.0.1", 0), Handler)
    name = os.path.join(sys.argv[1], "url")
    with open(name + ".new", "w", encoding="ascii") as file:
        file.write(f"http://127.0.0.1:{server.server_address[1]}")
    os.rename(name + ".new", name)
    server.serve_forever()


main()
