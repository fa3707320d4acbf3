#!/usr/bin/python3
"""moto's server, and of what it leaves out the two things without which nothing could be tried on it."""
from moto.autoscaling.responses import AutoScalingResponse
from moto.ebs.models import EBSSnapshot
from moto.server import main

begin = EBSSnapshot.__init__


def begin_with_blocks_of_ebs(self, *arguments, **named):
    begin(self, *arguments, **named)
    self.block_size = 524288  # bytes, as EBS has them; moto says 512 and takes blocks of any size


def no_refreshes(_):
    namespace = "http://autoscaling.amazonaws.com/doc/2011-01-01/"
    return (f'<DescribeInstanceRefreshesResponse xmlns="{namespace}"><DescribeInstanceRefreshesResult><InstanceRefreshes/>'
            "</DescribeInstanceRefreshesResult></DescribeInstanceRefreshesResponse>")


EBSSnapshot.__init__ = begin_with_blocks_of_ebs
AutoScalingResponse.describe_instance_refreshes = no_refreshes
main()
