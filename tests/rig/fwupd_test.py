#!/usr/bin/env python3
"""The firmware that ships, on chip models, as Debian's fwupd sees it.

  tests/rig/fwupd_test.py     started by ctest, below tests/rig/with-rack
"""
import json
import os
import pathlib
import subprocess
import tempfile
import unittest

import packaged

RACK = pathlib.Path(__file__).resolve().parent / "rack"
# Far more than it takes.
SECONDS = 120


class FwupdTest(unittest.TestCase):
    def setUp(self):
        folder = tempfile.TemporaryDirectory()
        self.addCleanup(folder.cleanup)
        self.folder = pathlib.Path(folder.name)
        listed = subprocess.run([RACK, "list"], capture_output=True, text=True, check=True)
        self.boards = json.loads(listed.stdout)

    def fwupdtool(self, *arguments):
        """Without daemon, D-Bus and network, and with its cache and its history in our folder:
        fwupd knows DFU devices by their interface class, from what its plugin has built in."""
        environment = dict(os.environ, FWUPD_LOCALSTATEDIR=str(self.folder / "state"),
                           FWUPD_LOCKDIR=str(self.folder / "lock"),
                           DBUS_SYSTEM_BUS_ADDRESS=f"unix:path={self.folder}/no-bus")
        done = subprocess.run(["fwupdtool", *arguments, "--plugins", "dfu", "--json"],
                              env=environment, capture_output=True, text=True, timeout=SECONDS,
                              check=False)
        self.assertEqual(done.returncode, 0, done.stdout + done.stderr)
        return json.loads(done.stdout)

    def test_every_board_is_listed_as_a_dfuse_device(self):
        boards = {board["serial"] for board in self.boards}
        for _ in range(packaged.TRIES):
            devices = {device["Serial"]: device
                       for device in self.fwupdtool("get-devices")["Devices"]}
            # A board that answered too late is left out.
            if not set(devices) < boards:
                break
        self.assertEqual(set(devices), boards)
        for device in devices.values():
            self.assertEqual(device["Plugin"], "dfu")
            self.assertEqual(device["Protocols"], ["com.st.dfuse"])
            self.assertEqual(device["InstanceIds"], ["USB\\VID_1209&PID_0001"])
            self.assertIn("updatable", device["Flags"])


if __name__ == "__main__":
    unittest.main()
