#!/usr/bin/python3
"""The disk of a snapshot, as botocore reads it: moto-read.py <url> <snapshot> <file>"""
import os
import sys

import botocore.session

url, snapshot, file = sys.argv[1:]
ebs = botocore.session.get_session().create_client("ebs", region_name=os.environ["AWS_REGION"], endpoint_url=url)
listed = ebs.list_snapshot_blocks(SnapshotId=snapshot)
with open(file, "wb") as disk:
    for block in listed["Blocks"]:
        answer = ebs.get_snapshot_block(SnapshotId=snapshot, BlockIndex=block["BlockIndex"], BlockToken=block["BlockToken"])
        disk.seek(block["BlockIndex"] * listed["BlockSize"])
        disk.write(answer["BlockData"].read())
    disk.truncate(listed["VolumeSize"] << 30)
