"""CloudFormation as far as fleets need it: templates checked against the published types of resources
(resource_types.json, of the npm package @aws-cdk/aws-service-spec), changes step by step, what fails taken back."""
import json
import os
import time

from scaling import Failed, Worker
from wire import Fault, Form

with open(os.path.join(os.path.dirname(__file__), "resource_types.json"), encoding="ascii") as published:
    TYPES = json.load(published)
SECTIONS = {"AWSTemplateFormatVersion", "Description", "Metadata", "Parameters", "Conditions", "Resources", "Outputs"}
KEYS = {"Type", "Properties", "DependsOn", "Metadata", "CreationPolicy", "UpdatePolicy", "DeletionPolicy", "UpdateReplacePolicy"}
KINDS = {"string": (str, int, float, bool), "integer": int, "number": (int, float), "boolean": bool, "json": (dict, list, str)}
# What cannot change in place, as the documentation of each says ("Update requires: Replacement").
REPLACED = {"AWS::EC2::SecurityGroup": {"GroupDescription", "VpcId"},
            "AWS::ElasticLoadBalancingV2::LoadBalancer": {"Name", "Scheme", "Type"},
            "AWS::ElasticLoadBalancingV2::TargetGroup": {"Name", "Port", "Protocol", "TargetType", "VpcId"},
            "AWS::ElasticLoadBalancingV2::Listener": {"LoadBalancerArn"}}


def invalid(text):
    return Fault("ValidationError", text)


def check_value(value, kind, where):
    if isinstance(value, dict) and len(value) == 1 and next(iter(value)) in ("Ref", "Fn::GetAtt", "Fn::Join", "Fn::Base64"):
        return
    if isinstance(kind, list):
        if not isinstance(value, list):
            raise invalid(f"Template format error: {where} has to be a list")
        for item in value:
            check_value(item, kind[0], where + "[]")
    elif kind == "tag":
        check_properties(value, {"Key": {"type": "string", "required": True}, "Value": {"type": "string", "required": True}}, where)
    elif kind in TYPES["types"]:
        check_properties(value, TYPES["types"][kind], where)
    else:
        wanted = tuple(one for name in kind.split("|") for one in
                       (KINDS[name] if isinstance(KINDS.get(name, object), tuple) else (KINDS.get(name, object),)))
        if not isinstance(value, wanted) or (kind in ("integer", "number") and isinstance(value, bool)):
            raise invalid(f"Template error: {where}: {value!r} is no {kind}")


def check_properties(values, known, where):
    if not isinstance(values, dict):
        raise invalid(f"Template error: {where} has to be an object")
    for name, value in values.items():
        if name not in known:
            raise invalid(f"Encountered unsupported property {name} in {where}")
        check_value(value, known[name]["type"], f"{where}.{name}")
    for name, about in known.items():
        if about.get("required") and name not in values:
            raise invalid(f"Property {name} cannot be empty in {where}")


def references(value):
    if isinstance(value, dict):
        if "Ref" in value and len(value) == 1:
            return {value["Ref"]}
        if "Fn::GetAtt" in value and len(value) == 1:
            return {value["Fn::GetAtt"][0]}
        return set().union(*map(references, value.values()))
    return set().union(*map(references, value)) if isinstance(value, list) else set()


def check_policies(name, resource):
    rolling = resource.get("UpdatePolicy", {}).get("AutoScalingRollingUpdate")
    if set(resource.get("UpdatePolicy", {})) - {"AutoScalingRollingUpdate", "AutoScalingReplacingUpdate", "AutoScalingScheduledAction"}:
        raise invalid(f"{name}: unknown update policy")
    if rolling is not None:
        if set(rolling) - {"MinInstancesInService", "MaxBatchSize", "PauseTime", "WaitOnResourceSignals", "SuspendProcesses",
                           "MinSuccessfulInstancesPercent", "MinActiveInstancesPercent"}:
            raise invalid(f"{name}: unknown key of a rolling update")
        if rolling["MinInstancesInService"] >= int(resource["Properties"]["MaxSize"]):
            raise invalid("MinInstancesInService must be less than the autoscaling group's MaxSize")
        if not 1 <= rolling["MaxBatchSize"] <= 100:
            raise invalid("MaxBatchSize must be 1 to 100")
        seconds(rolling["PauseTime"], 3600)
    if "CreationPolicy" in resource:
        seconds(resource["CreationPolicy"]["ResourceSignal"]["Timeout"], 43200)


def seconds(text, most):
    value = int(text[2:-1]) if text.startswith("PT") and text.endswith("S") else 0
    if not 0 < value <= most:
        raise invalid(f"'{text}' is no duration of up to {most} s")
    return value


def parse_template(text):
    if len(text.encode()) > 51200:
        raise invalid("1 validation error detected: templateBody is longer than 51200")
    try:
        template = json.loads(text)
    except ValueError as error:
        raise invalid(f"Template format error: {error}") from None
    if set(template) - SECTIONS:
        raise invalid(f"Invalid template property or properties {sorted(set(template) - SECTIONS)}")
    resources = template["Resources"]
    for name, resource in resources.items():
        if not name.isalnum():
            raise invalid(f"Resource name {name} is non alphanumeric.")
        if set(resource) - KEYS:
            raise invalid(f"Invalid template resource property {sorted(set(resource) - KEYS)}")
        if resource["Type"] not in TYPES["resources"]:
            raise invalid(f"Unrecognized resource types: [{resource['Type']}]")
        check_properties(resource["Properties"], TYPES["resources"][resource["Type"]]["properties"], name)
        check_policies(name, resource)
        missing = (references(resource["Properties"]) | set(resource.get("DependsOn", []))) - set(resources)
        if missing:
            raise invalid(f"Unresolved resource dependencies {sorted(missing)} in the Resources block of the template")
    return template


def in_order(resources):
    """Each after those that it needs."""
    done = []

    def visit(name):
        if name in done:
            return
        needs = references(resources[name]["Properties"]) | set(resources[name].get("DependsOn", []))
        for other in sorted(needs):
            visit(other)
        done.append(name)
    for name in resources:
        visit(name)
    return done


class Stack(Worker):
    def __init__(self, cloud, name, text, tags):
        self.cloud, self.name, self.text, self.tags = cloud, name, text, tags
        cloud.world.number += 1
        self.id = f"arn:aws:cloudformation:{cloud.region}:123456789012:stack/{name}/{cloud.world.number:08x}"
        self.created, self.updated, self.status, self.reason = time.time(), None, "", ""
        self.parts, self.events, self.signals, self.cancelled, self.outputs = {}, [], {}, False, {}
        self.begin("CREATE_IN_PROGRESS", self.create(parse_template(text)))

    def begin(self, status, work):
        self.signals, self.cancelled = {}, False
        self.enter(status, "User Initiated")
        self.work = work

    def enter(self, status, reason=""):
        self.status, self.reason = status, reason
        self.note(self.name, status, reason)

    def note(self, logical, status, reason=""):
        self.cloud.world.number += 1
        self.events.insert(0, {"EventId": f"e-{self.cloud.world.number}", "StackId": self.id, "StackName": self.name,
                               "LogicalResourceId": logical, "ResourceStatus": status, "Timestamp": time.time(),
                               **({"ResourceStatusReason": reason} if reason else {})})
        if logical in self.parts:
            self.parts[logical]["status"] = status

    # Values with references to what there is.
    def resolve(self, value):
        if isinstance(value, list):
            return [self.resolve(item) for item in value]
        if not isinstance(value, dict):
            return value
        if len(value) == 1:
            (key, inner), = value.items()
            if key == "Ref":
                return self.parts[inner]["physical"]
            if key == "Fn::GetAtt":
                return self.attribute(*inner)
            if key == "Fn::Join":
                return inner[0].join(str(self.resolve(item)) for item in inner[1])
            if key == "Fn::Base64":
                return inner
        return {key: self.resolve(inner) for key, inner in value.items()}

    def attribute(self, logical, name):
        part = self.parts[logical]
        if name not in TYPES["resources"][part["type"]]["attributes"]:
            raise Failed(f"{part['type']} has no attribute {name}")
        return part["thing"].attributes[name]

    def create(self, template):
        try:
            yield from self.make_all(template)
        except Failed as failed:
            self.enter("ROLLBACK_IN_PROGRESS", f"The following resource(s) failed to create: {failed}")
            yield from self.remove(list(self.parts))
            self.enter("ROLLBACK_COMPLETE")
            return
        self.enter("CREATE_COMPLETE")

    def make_all(self, template):
        for name in in_order(template["Resources"]):
            yield from self.make(name, template["Resources"][name])
        self.outputs = {name: self.resolve(one["Value"]) for name, one in template.get("Outputs", {}).items()}

    def make(self, name, resource):
        self.note(name, "CREATE_IN_PROGRESS")
        yield
        properties = self.resolve(resource["Properties"])
        try:
            thing = self.cloud.make(resource["Type"], properties)
        except Failed as failed:
            self.note(name, "CREATE_FAILED", str(failed))
            raise Failed(f"[{name}]") from None
        self.parts[name] = {"type": resource["Type"], "physical": thing.physical, "thing": thing, "properties": properties,
                            "metadata": resource.get("Metadata"), "status": "CREATE_IN_PROGRESS"}
        wanted = resource.get("CreationPolicy", {}).get("ResourceSignal")
        try:
            if wanted:
                yield from self.wait(name, wanted["Count"], seconds(wanted["Timeout"], 43200))
        except Failed as failed:
            self.note(name, "CREATE_FAILED", str(failed))
            raise Failed(f"[{name}]") from None
        self.note(name, "CREATE_COMPLETE")

    def wait(self, name, count, limit):
        """Until so many signals have come since the change began, each of another instance."""
        until, before = time.time() + limit, set(self.signals.get(name + "/used", set()))
        while len(self.signals.get(name, set()) - before) < count:
            if self.cancelled:
                raise Failed("Resource update cancelled")
            if self.signals.get(name + "/failed"):
                raise Failed("Received 1 FAILURE signal(s)")
            if time.time() > until:
                came = len(self.signals.get(name, set()) - before)
                raise Failed(f"Received {came} SUCCESS signal(s) out of {count}. Unable to satisfy 100% MinSuccessfulInstancesPercent requirement")
            yield
        self.signals[name + "/used"] = set(self.signals.get(name, set()))

    def update(self, was, template):
        """Takes everything back when one part fails."""
        old, left = parse_template(was), []
        try:
            yield from self.change_all(old, template, left)
        except Failed as failed:
            self.enter("UPDATE_ROLLBACK_IN_PROGRESS", f"The following resource(s) failed to update: {failed}")
            self.text, self.cancelled = was, False
            if self.cloud.rollback_fails:
                self.enter("UPDATE_ROLLBACK_FAILED", "The following resource(s) failed to update: [Group].")
                return
            try:
                yield from self.take_back(old, left)
                self.enter("UPDATE_ROLLBACK_COMPLETE")
            except Failed as again:
                self.enter("UPDATE_ROLLBACK_FAILED", f"The following resource(s) failed to update: {again}")
            return
        gone = [name for name in self.parts if name not in template["Resources"]]
        if left or gone:
            self.enter("UPDATE_COMPLETE_CLEANUP_IN_PROGRESS")
            for _, part in left:
                yield from part["thing"].remove()
            yield from self.remove(gone)
        self.enter("UPDATE_COMPLETE")

    def change_all(self, old, template, left):
        for name in in_order(template["Resources"]):
            resource = template["Resources"][name]
            if self.cancelled:
                raise Failed("Resource update cancelled")
            if name not in old["Resources"]:
                yield from self.make(name, resource)
            elif self.resolve(resource["Properties"]) != self.parts[name]["properties"] or \
                    resource.get("Metadata") != old["Resources"][name].get("Metadata"):
                yield from self.change(name, resource, left)
        self.outputs = {name: self.resolve(one["Value"]) for name, one in template.get("Outputs", {}).items()}

    def change(self, name, resource, left):
        self.note(name, "UPDATE_IN_PROGRESS")
        yield
        part = self.parts[name]
        properties = self.resolve(resource["Properties"])
        changed = {key for key in {**properties, **part["properties"]} if properties.get(key) != part["properties"].get(key)}
        launches = "LaunchTemplate" in changed
        policy = resource.get("UpdatePolicy", {})
        try:
            if changed & REPLACED.get(part["type"], set()) or (launches and "AutoScalingReplacingUpdate" in policy):
                self.note(name, "UPDATE_IN_PROGRESS", "Requested update requires the creation of a new physical resource; hence creating one.")
                left.append((name, dict(part)))
                yield from self.make(name, resource)
            elif part["type"] == "AWS::AutoScaling::AutoScalingGroup":
                part["thing"].change(properties, changed)
                part["properties"] = properties
                if launches and "AutoScalingRollingUpdate" in policy:
                    yield from self.roll(name, part["thing"], policy["AutoScalingRollingUpdate"])
            else:
                part["thing"].change(properties, changed)
                part["properties"] = properties
        except Failed as failed:
            self.note(name, "UPDATE_FAILED", str(failed))
            raise Failed(f"[{name}]") from None
        self.note(name, "UPDATE_COMPLETE")

    def roll(self, name, group, policy):
        """In batches: more instances than usual for a while where the size allows that, each awaited."""
        group.suspended = set(policy["SuspendProcesses"])
        count = group.desired
        try:
            while outdated := [one for one in group.alive() if one["version"] != group.version]:
                batch = min(len(outdated), policy["MaxBatchSize"])
                least, there = policy["MinInstancesInService"], len(group.alive())
                beside = max(0, min(batch, group.most - there, least + batch - count))
                away = min(batch, max(beside, there - least))
                for one in outdated[:away - beside]:
                    group.end(one, "a rolling update")
                group.held = count + beside
                yield from self.wait(name, group.held - (there - (away - beside)), seconds(policy["PauseTime"], 3600))
                for one in outdated[away - beside:away]:
                    group.end(one, "a rolling update")
                group.held = count
                while any(one["state"].startswith("Terminating") for one in group.members):
                    yield
        except Failed:
            group.suspended = set()
            raise  # its size stays until it is taken back
        group.suspended, group.held = set(), None

    def take_back(self, old, left):
        self.signals = {}
        for name, part in left:
            if self.parts[name]["thing"] is not part["thing"]:
                yield from self.parts[name]["thing"].remove()
                self.parts[name] = part
        yield from self.remove([name for name in self.parts if name not in old["Resources"]])
        for name in in_order(old["Resources"]):
            part, resource = self.parts[name], old["Resources"][name]
            if self.resolve(resource["Properties"]) == part["properties"]:
                continue
            if part["type"] == "AWS::EC2::LaunchTemplate":
                part["thing"].forget_last()
                part["properties"] = self.resolve(resource["Properties"])
                self.note(name, "UPDATE_COMPLETE")
            else:
                yield from self.change(name, resource, [])
        self.outputs = {name: self.resolve(one["Value"]) for name, one in old.get("Outputs", {}).items()}

    def remove(self, names):
        order = [name for name in in_order_of(self.parts, names)]
        for name in order:
            self.note(name, "DELETE_IN_PROGRESS")
            yield from self.parts[name]["thing"].remove()
            self.note(name, "DELETE_COMPLETE")
            del self.parts[name]

    def delete(self):
        yield from self.remove(list(self.parts))
        self.enter("DELETE_COMPLETE")


def in_order_of(parts, names):
    """What was made last goes first."""
    return [name for name in reversed(list(parts)) if name in names]


class CloudFormation:
    def __init__(self, cloud, model):
        self.cloud = cloud
        self.wire = Form(model)
        self.sets = {}

    def stack(self, name):
        found = self.cloud.stacks.get(name)
        if not found or found.status == "DELETE_COMPLETE":
            raise invalid(f"Stack with id {name} does not exist")
        return found

    def DescribeStacks(self, p):
        chosen = [self.stack(p["StackName"])] if "StackName" in p else \
            [one for one in self.cloud.stacks.values() if one.status != "DELETE_COMPLETE"]
        return {"Stacks": [self.described(one) for one in chosen]}

    @staticmethod
    def described(one):
        outputs = [{"OutputKey": key, "OutputValue": value} for key, value in one.outputs.items()]
        return {"StackId": one.id, "StackName": one.name, "CreationTime": stamp(one.created), "StackStatus": one.status,
                "Outputs": outputs, "Tags": one.tags, **({"StackStatusReason": one.reason} if one.reason else {}),
                **({"LastUpdatedTime": stamp(one.updated)} if one.updated else {})}

    def GetTemplate(self, p):
        return {"TemplateBody": self.stack(p["StackName"]).text}

    def DescribeStackResources(self, p):
        one = self.stack(p["StackName"])
        return {"StackResources": [{"LogicalResourceId": name, "PhysicalResourceId": part["physical"], "ResourceType": part["type"],
                                    "ResourceStatus": part["status"], "Timestamp": stamp(time.time())} for name, part in one.parts.items()]}

    def DescribeStackEvents(self, p):
        events = [{**event, "Timestamp": stamp(event["Timestamp"])} for event in self.stack(p["StackName"]).events]
        start = int(p.get("NextToken", 0))
        return {"StackEvents": events[start:start + 20], **({"NextToken": str(start + 20)} if start + 20 < len(events) else {})}

    @staticmethod
    def check_rights(p, template):
        types = {one["Type"] for one in template["Resources"].values()}
        if any(name.startswith("AWS::IAM::") for name in types) and "CAPABILITY_IAM" not in p.get("Capabilities", []):
            raise Fault("InsufficientCapabilitiesException", "Requires capabilities : [CAPABILITY_IAM]")

    def CreateStack(self, p):
        name = p["StackName"]
        if name in self.cloud.stacks and self.cloud.stacks[name].status != "DELETE_COMPLETE":
            raise Fault("AlreadyExistsException", f"Stack [{name}] already exists")
        self.check_rights(p, parse_template(p["TemplateBody"]))
        self.cloud.stacks[name] = Stack(self.cloud, name, p["TemplateBody"], p.get("Tags", []))
        return {"StackId": self.cloud.stacks[name].id}

    def differs(self, one, text):
        """Outputs and descriptions alone are no change to CloudFormation."""
        old, new = parse_template(one.text), parse_template(text)
        keys = ("Properties", "Metadata", "Type")
        return {name for name in {**old["Resources"], **new["Resources"]}
                if any(old["Resources"].get(name, {}).get(key) != new["Resources"].get(name, {}).get(key) for key in keys)}

    def UpdateStack(self, p):
        one = self.stack(p["StackName"])
        if one.status not in ("CREATE_COMPLETE", "UPDATE_COMPLETE", "UPDATE_ROLLBACK_COMPLETE"):
            raise invalid(f"Stack:{one.id} is in {one.status} state and can not be updated.")
        template = parse_template(p["TemplateBody"])
        self.check_rights(p, template)
        if not self.differs(one, p["TemplateBody"]):
            raise invalid("No updates are to be performed.")
        one.updated = time.time()
        was, one.text = one.text, p["TemplateBody"]
        one.begin("UPDATE_IN_PROGRESS", one.update(was, template))
        return {"StackId": one.id}

    def CancelUpdateStack(self, p):
        one = self.stack(p["StackName"])
        if one.status != "UPDATE_IN_PROGRESS":
            raise invalid(f"CancelUpdateStack cannot be called from current stack status {one.status}")
        one.cancelled = True
        return {}

    def DeleteStack(self, p):
        one = self.cloud.stacks.get(p["StackName"])
        if one and one.status != "DELETE_COMPLETE":
            if one.status in ("UPDATE_IN_PROGRESS", "UPDATE_ROLLBACK_IN_PROGRESS"):
                raise invalid(f"Stack [{one.name}] cannot be deleted while in status {one.status}")
            if not one.status.startswith("DELETE"):
                one.begin("DELETE_IN_PROGRESS", one.delete())
        return {}

    def SignalResource(self, p):
        one = self.stack(p["StackName"])
        if not one.status.endswith("_IN_PROGRESS"):
            raise invalid(f"Stack {one.name} is in {one.status} state and can not be signaled")
        which = p["LogicalResourceId"] + ("" if p["Status"] == "SUCCESS" else "/failed")
        one.signals.setdefault(which, set()).add(p["UniqueId"])
        return {}

    def CreateChangeSet(self, p):
        one = self.stack(p["StackName"])
        self.check_rights(p, parse_template(p["TemplateBody"]))
        self.sets[p["ChangeSetName"]] = {"names": self.differs(one, p["TemplateBody"]), "asked": 0,
                                         "old": parse_template(one.text), "new": parse_template(p["TemplateBody"])}
        return {"Id": f"arn:aws:cloudformation:{self.cloud.region}:123456789012:changeSet/{p['ChangeSetName']}/1", "StackId": one.id}

    def DescribeChangeSet(self, p):
        one = self.sets.get(p["ChangeSetName"])
        if not one:
            raise Fault("ChangeSetNotFound", f"ChangeSet [{p['ChangeSetName']}] does not exist", 404)
        one["asked"] += 1
        if one["asked"] < 2:
            return {"ChangeSetName": p["ChangeSetName"], "Status": "CREATE_IN_PROGRESS"}
        if not one["names"]:
            return {"ChangeSetName": p["ChangeSetName"], "Status": "FAILED",
                    "StatusReason": "The submitted information didn't contain changes. Submit different information to create a change set."}
        old, new = one["old"]["Resources"], one["new"]["Resources"]
        changes = []
        for name in sorted(one["names"]):
            action = "Add" if name not in old else "Remove" if name not in new else "Modify"
            change = {"Action": action, "LogicalResourceId": name, "ResourceType": (new.get(name) or old[name])["Type"]}
            if action == "Modify":
                before, after = old[name]["Properties"], new[name]["Properties"]
                changed = {key for key in {**before, **after} if before.get(key) != after.get(key)}
                change["Replacement"] = "True" if changed & REPLACED.get(new[name]["Type"], set()) else "False"
            changes.append({"Type": "Resource", "ResourceChange": change})
        return {"ChangeSetName": p["ChangeSetName"], "Status": "CREATE_COMPLETE", "Changes": changes}

    def DeleteChangeSet(self, p):
        self.sets.pop(p["ChangeSetName"], None)
        return {}


def stamp(when):
    return time.strftime("%Y-%m-%dT%H:%M:%S", time.gmtime(when)) + f".{int(when * 1000) % 1000:03d}Z"
