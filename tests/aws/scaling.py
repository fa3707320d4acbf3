"""What a fleet's stack is made of: launch templates, Auto Scaling groups and their instances, load balancers. Instances
take some ticks to be there, and some more to be healthy; those of an image that is called broken never are."""
import base64
import re
import time

from wire import Fault, Form

TYPES = {"t3.nano": (2, 512), "t3.micro": (2, 1024), "t3.small": (2, 2048), "m6i.large": (2, 8192), "t4g.micro": (2, 1024),
         "t2.micro": (1, 1024)}
ZONES = {"subnet-0000000000000000a": "a", "subnet-0000000000000000b": "b", "subnet-0000000000000000c": "b"}
VPC = "vpc-00000000000000001"
PENDING, CHECKED, DRAINED = 3, 3, 3  # ticks


def stamp(when):
    return time.strftime("%Y-%m-%dT%H:%M:%SZ", time.gmtime(when))


class Failed(Exception):
    """A resource cannot be made or changed, for this reason."""


class Worker:
    """What it is told, it does in steps: work is a generator, of which each tick does one."""
    work = None

    def tick(self):
        if self.work:
            try:
                next(self.work)
            except StopIteration:
                self.work = None


class Thing:
    """A resource that is there at once, and does nothing by itself."""
    prefix = "thing"

    def __init__(self, cloud, properties):
        self.cloud, self.properties = cloud, properties
        cloud.world.number += 1
        self.number = f"{cloud.world.number:017x}"
        self.physical = f"{self.prefix}-{self.number}"
        self.attributes = {}
        self.check()

    def check(self):
        pass

    def change(self, properties, _):
        self.properties = properties
        self.check()

    def remove(self):
        yield


class SecurityGroup(Thing):
    prefix = "sg"

    def check(self):
        self.attributes = {"GroupId": self.physical}
        if not re.fullmatch(r"[a-zA-Z0-9. _\-:/()#,@\[\]+=&;{}!$*]{1,255}", self.properties["GroupDescription"]):
            raise Failed("Character sets beyond ASCII's letters, digits and some signs are not supported in a description")
        if self.properties["VpcId"] != VPC:
            raise Failed(f"The vpc ID '{self.properties['VpcId']}' does not exist")


class Arn(Thing):
    kind = "thing"

    def __init__(self, cloud, properties):
        super().__init__(cloud, properties)
        self.physical = f"arn:aws:elasticloadbalancing:{cloud.region}:123456789012:{self.kind}/x/{self.number[-16:]}"
        self.attributes = {name: value for name, value in self.known().items()}

    def known(self):
        return {}


class Balancer(Arn):
    kind = "loadbalancer"

    def known(self):
        return {"DNSName": f"vmfleet-{self.number[-8:]}.elb.{self.cloud.region}.amazonaws.com",
                "LoadBalancerFullName": f"app/x/{self.number[-16:]}"}

    def check(self):
        zones = {ZONES.get(subnet) for subnet in self.properties["Subnets"]}
        if None in zones or len(zones) < len(self.properties["Subnets"]):
            raise Failed("A load balancer cannot be attached to multiple subnets in the same Availability Zone")
        if self.properties["Type"] == "application" and len(zones) < 2:
            raise Failed("At least two subnets in two different Availability Zones must be specified")


class TargetGroup(Arn):
    kind = "targetgroup"

    def __init__(self, cloud, properties):
        super().__init__(cloud, properties)
        self.targets = {}  # instance → {"state", "ticks"}
        cloud.target_groups[self.physical] = self

    def known(self):
        return {"TargetGroupFullName": f"targetgroup/x/{self.number[-16:]}"}

    def check(self):
        p = self.properties
        if not 5 <= p["HealthCheckIntervalSeconds"] <= 300 or not 2 <= p["HealthCheckTimeoutSeconds"] < p["HealthCheckIntervalSeconds"]:
            raise Failed("Health check timeout must be smaller than the interval")
        if ("HealthCheckPath" in p) != (p["HealthCheckProtocol"] == "HTTP"):
            raise Failed("Health check path is for HTTP")

    def remove(self):
        yield
        del self.cloud.target_groups[self.physical]


class Listener(Arn):
    kind = "listener"

    def check(self):
        group = self.cloud.target_groups[self.properties["DefaultActions"][0]["TargetGroupArn"]]
        if group.properties["Protocol"] != self.properties["Protocol"]:
            raise Failed("The listener and its target group have different protocols")


class LaunchTemplate(Thing):
    prefix = "lt"

    def __init__(self, cloud, properties):
        self.versions, self.latest, self.before = [], 0, 0
        super().__init__(cloud, properties)

    def check(self):
        data = self.properties["LaunchTemplateData"]
        if len(data["UserData"]) > 16384:
            raise Failed("User data is limited to 16384 bytes")
        if data["InstanceType"] not in TYPES:
            raise Failed(f"Invalid instance type {data['InstanceType']}")
        self.versions.append(data)
        self.before, self.latest = self.latest, len(self.versions)
        self.told()

    def told(self):
        self.attributes = {"LatestVersionNumber": str(self.latest), "LaunchTemplateId": self.physical}
        self.cloud.templates[self.physical] = [data["ImageId"] for data in self.versions]
        self.cloud.launch_templates[self.physical] = self

    def forget_last(self):
        self.latest = self.before  # instances of the other one may still be on their way
        self.told()

    def remove(self):
        yield
        del self.cloud.templates[self.physical]
        del self.cloud.launch_templates[self.physical]


class Group(Thing, Worker):
    prefix = "group"

    def __init__(self, cloud, properties):
        self.members, self.activities, self.suspended, self.held, self.refreshes = [], [], set(), None, []
        super().__init__(cloud, properties)
        self.least, self.most = int(properties["MinSize"]), int(properties["MaxSize"])
        self.desired = int(properties.get("DesiredCapacity", self.least))
        self.take_template()
        if self.data()["ImageId"] not in cloud.images:
            raise Failed(f"You must use a valid fully-formed launch template. The image id '[{self.data()['ImageId']}]' does not exist")
        cloud.groups[self.physical] = self

    def check(self):
        for arn in self.properties["TargetGroupARNs"]:
            if arn not in self.cloud.target_groups:
                raise Failed(f"no target group {arn}")

    def take_template(self):
        self.template = self.properties["LaunchTemplate"]["LaunchTemplateId"]
        self.version = self.properties["LaunchTemplate"]["Version"]

    def data(self, version=None):
        return self.cloud.launch_templates[self.template].versions[int(version or self.version) - 1]

    def change(self, properties, changed):
        self.properties = properties
        self.check()
        self.take_template()
        # Sizes that the template leaves as they were, are left to whoever has set them.
        if "MinSize" in changed:
            self.least = int(properties["MinSize"])
        if "MaxSize" in changed:
            self.most = int(properties["MaxSize"])
        if "DesiredCapacity" in changed and "DesiredCapacity" in properties:
            self.desired = int(properties["DesiredCapacity"])
        self.desired = min(max(self.desired, self.least), self.most)

    def alive(self):
        return [one for one in self.members if not one["state"].startswith("Terminating")]

    def note(self, description, status="Successful", message=""):
        self.cloud.world.number += 1
        self.activities.insert(0, {"ActivityId": f"activity-{self.cloud.world.number}", "AutoScalingGroupName": self.physical,
                                   "Description": description, "Cause": "the double", "StartTime": stamp(time.time()),
                                   "StatusCode": status, **({"StatusMessage": message} if message else {})})

    def launch(self):
        data = self.data()
        if data["ImageId"] not in self.cloud.images:
            if not self.activities or self.activities[0]["StatusCode"] != "Failed":
                self.note("Launching a new EC2 instance.  Status Reason: the image does not exist", "Failed",
                          f"The image id '[{data['ImageId']}]' does not exist. Launching EC2 instance failed.")
            return
        key = self.cloud.identifier("i")
        tags = [tag for spec in data["TagSpecifications"] if spec["ResourceType"] == "instance" for tag in spec["Tags"]]
        self.cloud.instances[key] = {"state": "pending", "ami": data["ImageId"], "started": time.time(), "tags": tags,
                                     "user_data": data["UserData"], "type": data["InstanceType"],
                                     "address": f"172.31.0.{len(self.cloud.instances) % 250 + 4}"}
        self.members.append({"id": key, "state": "Pending", "version": self.version, "ticks": 0})
        self.note(f"Launching a new EC2 instance: {key}")

    def end(self, member, why):
        member.update(state="Terminating", ticks=0)
        for arn in self.properties["TargetGroupARNs"]:
            if member["id"] in self.cloud.target_groups[arn].targets:
                self.cloud.target_groups[arn].targets[member["id"]] = {"state": "draining", "ticks": 0}
        self.note(f"Terminating EC2 instance: {member['id']}  ({why})")

    def tick(self):
        super().tick()
        for member in list(self.members):
            self.step(member)
        wanted = self.desired if self.held is None else self.held
        for _ in range(wanted - len(self.alive())):
            self.launch()
        surplus = sorted(self.alive(), key=lambda one: (int(one["version"]), -int(one["id"][2:], 16)))
        for member in surplus[:max(0, len(self.alive()) - wanted)]:
            self.end(member, "there are more than shall be")

    def step(self, member):
        key, instance = member["id"], self.cloud.instances[member["id"]]
        member["ticks"] += 1
        targets = [self.cloud.target_groups[arn].targets for arn in self.properties["TargetGroupARNs"]]
        if member["state"] == "Terminating":
            if member["ticks"] >= DRAINED:
                instance["state"] = "terminated"
                self.members.remove(member)
                for one in targets:
                    one.pop(key, None)
        elif instance["state"] == "terminated" and "ReplaceUnhealthy" not in self.suspended:
            self.end(member, "it was taken out of service in response to an EC2 health check")
        elif member["state"] == "Pending" and member["ticks"] >= PENDING:
            member.update(state="InService", ticks=0)
            instance["state"] = "running"
            for one in targets:
                one[key] = {"state": "initial", "ticks": 0}
        elif member["state"] == "InService" and instance["state"] == "running":
            digest = next((tag["Value"] for tag in self.cloud.images.get(instance["ami"], {"tags": []})["tags"]
                           if tag["Key"] == "vmimage:digest"), "")
            for one in targets:
                if key in one and member["ticks"] >= CHECKED:
                    one[key]["state"] = "unhealthy" if digest in self.cloud.broken else "healthy"

    def healthy(self, member):
        return all(self.cloud.target_groups[arn].targets.get(member["id"], {}).get("state") == "healthy"
                   for arn in self.properties["TargetGroupARNs"])

    def refresh(self, one):
        """One after the other, beside the old ones where it may be more than shall be."""
        preferences = one["preferences"]
        for member in list(self.alive()):
            beside = preferences.get("MaxHealthyPercentage", 100) > 100
            if beside:
                self.held = self.desired + 1
            elif preferences.get("MinHealthyPercentage", 90) == 100 and self.desired == 1:
                pass
            if not beside:
                self.end(member, "an instance refresh")
            one["state"] = "InProgress"
            yield
            yield
            while any(not self.healthy(other) for other in self.alive()):
                yield
            if beside:
                self.end(member, "an instance refresh")
                self.held = None
            yield
        one["state"] = "Successful"

    def remove(self):
        self.least = self.desired = 0
        self.held, self.work, self.suspended = None, None, set()
        while self.members:
            yield
        del self.cloud.groups[self.physical]


class Plain(Thing):
    """What has nothing to do here."""
    prefix = "policy"


class Profile(Thing):
    prefix = "profile"

    def check(self):
        self.attributes = {"Arn": f"arn:aws:iam::123456789012:instance-profile/{self.physical}"}


KINDS = {"AWS::EC2::SecurityGroup": SecurityGroup, "AWS::EC2::LaunchTemplate": LaunchTemplate,
         "AWS::AutoScaling::AutoScalingGroup": Group, "AWS::AutoScaling::ScalingPolicy": Plain,
         "AWS::AutoScaling::ScheduledAction": Plain, "AWS::ElasticLoadBalancingV2::LoadBalancer": Balancer,
         "AWS::ElasticLoadBalancingV2::TargetGroup": TargetGroup, "AWS::ElasticLoadBalancingV2::Listener": Listener,
         "AWS::IAM::Role": Plain, "AWS::IAM::InstanceProfile": Profile}


class Fleets:
    """What a region has besides images: a base of the double's Cloud."""

    def __init__(self):
        self.stacks, self.groups, self.target_groups, self.launch_templates, self.instances = {}, {}, {}, {}, {}
        self.broken, self.rollback_fails = set(), False

    def make(self, kind, properties):
        return KINDS[kind](self, properties)

    def tick(self):
        for one in [*self.stacks.values(), *self.groups.values()]:
            one.tick()

    def control_fleets(self, wanted):
        """Behind everybody's back."""
        self.broken |= set(wanted.get("broken", []))
        self.rollback_fails = wanted.get("rollback_fails", self.rollback_fails)
        for key in wanted.get("terminate", []):
            self.instances[key]["state"] = "terminated"
            for group in self.target_groups.values():
                group.targets.pop(key, None)
        for key, size in wanted.get("desired", {}).items():
            self.groups[key].desired = size
            self.groups[key].most = max(self.groups[key].most, size)

    def state_of_fleets(self):
        return {"stacks": {key: {"status": one.status, "template": one.text, "resources": {
                    name: part["physical"] for name, part in one.parts.items()}} for key, one in self.stacks.items()
                    if one.status != "DELETE_COMPLETE"},
                "groups": {key: {"desired": one.desired, "least": one.least, "most": one.most, "members": one.members}
                           for key, one in self.groups.items()},
                "healthy": {key: sorted(name for name, target in one.targets.items() if target["state"] == "healthy")
                            for key, one in self.target_groups.items()},
                "launch_templates": {key: one.versions for key, one in self.launch_templates.items()},
                "instances": self.instances}


class AutoScaling:
    def __init__(self, cloud, model):
        self.cloud = cloud
        self.wire = Form(model)

    def group(self, name):
        if name not in self.cloud.groups:
            raise Fault("ValidationError", f"AutoScalingGroup name not found - no such group: {name}")
        return self.cloud.groups[name]

    def DescribeAutoScalingGroups(self, p):
        found = []
        for key, one in self.cloud.groups.items():
            tags = {tag["Key"]: tag["Value"] for tag in one.properties["Tags"]}
            if any(tags.get(wanted["Name"].removeprefix("tag:")) not in wanted["Values"] for wanted in p.get("Filters", [])):
                continue
            members = [{"InstanceId": member["id"], "AvailabilityZone": self.cloud.region + "a", "LifecycleState": member["state"],
                        "HealthStatus": "Healthy", "ProtectedFromScaleIn": False,
                        "LaunchTemplate": {"LaunchTemplateId": one.template, "Version": member["version"]}} for member in one.members]
            found.append({"AutoScalingGroupName": key, "MinSize": one.least, "MaxSize": one.most, "Instances": members,
                          "DesiredCapacity": one.desired if one.held is None else one.held, "DefaultCooldown": 300,
                          "AvailabilityZones": [self.cloud.region + "a"], "HealthCheckType": "ELB", "CreatedTime": stamp(0),
                          "LaunchTemplate": {"LaunchTemplateId": one.template, "Version": one.version}})
        return {"AutoScalingGroups": found}

    def DescribeScalingActivities(self, p):
        activities = self.group(p["AutoScalingGroupName"]).activities
        start = int(p.get("NextToken", 0))
        return {"Activities": activities[start:start + 20], **({"NextToken": str(start + 20)} if start + 20 < len(activities) else {})}

    def UpdateAutoScalingGroup(self, p):
        group = self.group(p["AutoScalingGroupName"])
        least, most = p.get("MinSize", group.least), p.get("MaxSize", group.most)
        desired = p.get("DesiredCapacity", min(max(group.desired, least), most))
        if not least <= desired <= most:
            raise Fault("ValidationError", "Desired capacity is not between the sizes")
        group.least, group.most, group.desired = least, most, desired
        return {}

    def StartInstanceRefresh(self, p):
        group = self.group(p["AutoScalingGroupName"])
        preferences = p.get("Preferences", {})
        most, least = preferences.get("MaxHealthyPercentage"), preferences.get("MinHealthyPercentage", 90)
        if most is not None and not (100 <= most <= 200 and most - least <= 100):
            raise Fault("ValidationError", "the percentages are too far from each other")
        if group.work:
            raise Fault("InstanceRefreshInProgress", "An Instance Refresh is already in progress")
        self.cloud.world.number += 1
        one = {"id": f"refresh-{self.cloud.world.number}", "state": "Pending", "preferences": preferences}
        group.refreshes.insert(0, one)
        group.work = group.refresh(one)
        return {"InstanceRefreshId": one["id"]}

    def DescribeInstanceRefreshes(self, p):
        return {"InstanceRefreshes": [{"InstanceRefreshId": one["id"], "AutoScalingGroupName": p["AutoScalingGroupName"], "Status": one["state"]}
                                      for one in self.group(p["AutoScalingGroupName"]).refreshes]}


class LoadBalancing:
    def __init__(self, cloud, model):
        self.cloud = cloud
        self.wire = Form(model)

    def DescribeTargetHealth(self, p):
        group = self.cloud.target_groups.get(p["TargetGroupArn"])
        if not group:
            raise Fault("TargetGroupNotFound", "One or more target groups not found")
        reasons = {"unhealthy": ("Target.Timeout", "Request timed out"), "initial": ("Elb.InitialHealthChecking", "Initial health checks in progress"),
                   "draining": ("Target.DeregistrationInProgress", "Target deregistration is in progress")}
        return {"TargetHealthDescriptions": [
            {"Target": {"Id": key, "Port": group.properties["Port"]},
             "TargetHealth": {"State": one["state"], **({"Reason": reasons[one["state"]][0], "Description": reasons[one["state"]][1]}
                                                        if one["state"] in reasons else {})}} for key, one in group.targets.items()]}


class Machines:
    """EC2's part of it: a base of the double's Ec2."""

    def DescribeInstances(self, p):
        found = []
        for key, one in self.cloud.instances.items():
            if not self.chosen(p, key, one, {"instance-id": key}):
                continue
            found.append({"ReservationId": "r-" + key[2:], "Instances": [
                {"InstanceId": key, "ImageId": one["ami"], "State": {"Code": 16, "Name": one["state"]}, "InstanceType": one["type"],
                 "LaunchTime": stamp(one["started"]), "PrivateIpAddress": one["address"], "Tags": one["tags"]}]})
        return self.paged(p, "Reservations", found)

    def GetConsoleOutput(self, p):
        if p["InstanceId"] not in self.cloud.instances:
            raise Fault("InvalidInstanceID.NotFound", f"The instance ID '{p['InstanceId']}' does not exist")
        if p.get("Latest") and self.cloud.instances[p["InstanceId"]]["state"] != "running":
            raise Fault("UnsupportedOperation", "This instance type does not support retrieving the latest console logs.")
        text = f"[    0.000000] Linux of {self.cloud.instances[p['InstanceId']]['ami']}\nservice: listening\n"
        return {"InstanceId": p["InstanceId"], "Output": base64.b64encode(text.encode()).decode(), "Timestamp": stamp(time.time())}

    def DescribeInstanceTypes(self, p):
        found = []
        for name in p["InstanceTypes"]:
            if name not in TYPES:
                raise Fault("InvalidInstanceType", f"The following supplied instance types do not exist: [{name}]")
            cpus, memory = TYPES[name]
            found.append({"InstanceType": name, "VCpuInfo": {"DefaultVCpus": cpus}, "MemoryInfo": {"SizeInMiB": memory},
                          "ProcessorInfo": {"SupportedArchitectures": ["arm64" if name.startswith("t4g") else "x86_64"]},
                          "Hypervisor": "xen" if name.startswith("t2") else "nitro", "SupportedBootModes": ["legacy-bios", "uefi"]})
        return {"InstanceTypes": found}

    def DescribeVpcs(self, p):
        return {"Vpcs": [] if self.cloud.no_default else [{"VpcId": VPC, "IsDefault": True, "CidrBlock": "172.31.0.0/16"}]}

    def DescribeSubnets(self, p):
        found = []
        for key, zone in ZONES.items():
            known = {"subnet-id": key, "vpc-id": VPC, "default-for-az": "false" if key.endswith("c") else "true"}
            if self.chosen(p, key, {"tags": []}, known):
                found.append({"SubnetId": key, "VpcId": VPC, "AvailabilityZone": self.cloud.region + zone, "CidrBlock": "172.31.0.0/20"})
        return self.paged(p, "Subnets", found)
