#!/usr/bin/env bash
# A service in Python: examples/python, with a requirement that is a wheel in a folder, as there may be no index here.
. "$(dirname "$0")/common.sh"
needs curl jq
/usr/bin/python3 -m pip --version >"$work/pip.log" 2>&1 || skip 'there is no pip'

use_project examples/python
mkdir "$project/wheels" "$work/wheel" "$work/wheel/counting-1.0.dist-info"
(
  cd "$work/wheel"
  echo 'ORDERS = 3' >counting.py
  printf 'Metadata-Version: 2.1\nName: counting\nVersion: 1.0\n' >counting-1.0.dist-info/METADATA
  printf 'Wheel-Version: 1.0\nRoot-Is-Purelib: true\nTag: py3-none-any\n' >counting-1.0.dist-info/WHEEL
  printf 'counting.py,,\ncounting-1.0.dist-info/METADATA,,\ncounting-1.0.dist-info/WHEEL,,\ncounting-1.0.dist-info/RECORD,,\n' \
    >counting-1.0.dist-info/RECORD
  cmake -E tar cf "$project/wheels/counting-1.0-py3-none-any.whl" --format=zip counting.py counting-1.0.dist-info
)
printf -- '--no-index\n--find-links ../wheels\ncounting==1.0\n' >"$project/reports/requirements.txt"
sed -i 's/^import sys/import sys\n\nfrom counting import ORDERS/; s/"orders": 3/"orders": ORDERS/' "$project/reports/report.py"
configure
rebuild
jq -e '.files | map(.path) | contains(["/usr/share/reports-vm/app/__main__.py",
  "/usr/share/reports-vm/venv/lib/python3.11/site-packages/counting.py"])' "$build/reports-vm.json" >"$work/jq.log"
boots

# What is not there is named.
echo 'no-such-package==1.0' >>"$project/reports/requirements.txt"
refused 'No matching distribution found for no-such-package==1.0'
