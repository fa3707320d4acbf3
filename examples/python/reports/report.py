import sys


def reports():
    return {"orders": 3, "isolated": sys.prefix != sys.base_prefix}
