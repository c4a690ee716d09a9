"""Machines must run where there is no Django: in a simulator, on a real reader."""

import subprocess
import sys
from pathlib import Path

ROOT = Path(__file__).parents[2]
IMPORT_ALL = """
import sys
import merchants.devices.portal, merchants.devices.tap, wallets.devices.portal, wallets.devices.tap
import merchants.devices.till, merchants.devices.relay_process, wallets.devices.purchases
import merchants.devices.cash_point, wallets.devices.preapprovals
import config.wire.durable
sys.exit(any(name.split(".")[0] == "django" for name in sys.modules))
"""


def test_no_machine_imports_django():
    assert subprocess.run([sys.executable, "-c", IMPORT_ALL], cwd=ROOT, check=False).returncode == 0
