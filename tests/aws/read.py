#!/usr/bin/python3
"""What AWS's own client reads of a fleet: read.py <url> <fleet>. One line of JSON."""
import json
import os
import sys

import botocore.session

url, fleet = sys.argv[1:]
session = botocore.session.get_session()


def client(service):
    return session.create_client(service, region_name=os.environ["AWS_REGION"], endpoint_url=url)


formation, scaling = client("cloudformation"), client("autoscaling")
stack = formation.describe_stacks(StackName=f"vmfleet-{fleet}")["Stacks"][0]
names = {one["LogicalResourceId"]: one["PhysicalResourceId"]
         for one in formation.describe_stack_resources(StackName=f"vmfleet-{fleet}")["StackResources"]}
template = formation.get_template(StackName=f"vmfleet-{fleet}")["TemplateBody"]
if isinstance(template, str):
    template = json.loads(template)
filters = [{"Name": "tag:vmfleet", "Values": [fleet]}]
groups = scaling.describe_auto_scaling_groups(Filters=filters)["AutoScalingGroups"]
health = client("elbv2").describe_target_health(TargetGroupArn=names["Targets8080"])["TargetHealthDescriptions"]
machines = [one for page in client("ec2").get_paginator("describe_instances").paginate(Filters=filters)
            for reservation in page["Reservations"] for one in reservation["Instances"] if one["State"]["Name"] == "running"]
print(json.dumps({
    "status": stack["StackStatus"], "tags": {tag["Key"]: tag["Value"] for tag in stack["Tags"]}, "outputs": len(stack["Outputs"]),
    "group": [one["AutoScalingGroupName"] for one in groups] == [names["Group"]], "desired": groups[0]["DesiredCapacity"],
    "members": sorted(one["InstanceId"] for one in groups[0]["Instances"]) == sorted(one["InstanceId"] for one in machines),
    "healthy": sum(one["TargetHealth"]["State"] == "healthy" for one in health),
    "image": {one["ImageId"] for one in machines} == {template["Resources"]["Template"]["Properties"]["LaunchTemplateData"]["ImageId"]},
    "activities": len(scaling.describe_scaling_activities(AutoScalingGroupName=names["Group"])["Activities"]) > 0,
    "events": formation.get_paginator("describe_stack_events").paginate(StackName=f"vmfleet-{fleet}").build_full_result()
    ["StackEvents"][-1]["ResourceStatus"]}))
