"""Where this process's own control groups are, as the kernel tells it."""

from __future__ import annotations

from pathlib import Path

from lambda_sandbox.edge import cgroup_places
from lambda_sandbox.edge.cgroup_places import Places, places, read

DISK = "27 1 254:0 / / rw,relatime shared:1 - ext4 /dev/vda rw,discard\n"
UNIFIED = "31 23 0:26 / /sys/fs/cgroup rw,nosuid shared:4 - cgroup2 cgroup2 rw,nsdelegate\n"
MEMORY = "35 31 0:32 / /sys/fs/cgroup/memory rw,relatime - cgroup cgroup rw,memory\n"
CPU = "32 31 0:29 / /sys/fs/cgroup/cpu,cpuacct rw - cgroup cgroup rw,cpu,cpuacct\n"


class TestVersion1:
    """Has hierarchies of its own for controllers."""

    def test_each_controllers_group_is_in_its_hierarchy(self):
        found = read("5:memory:/jobs/7\n2:cpu,cpuacct:/\n", DISK + MEMORY + CPU)

        cpu = Path("/sys/fs/cgroup/cpu,cpuacct")
        memory = Path("/sys/fs/cgroup/memory/jobs/7")
        assert found == Places({"memory": memory, "cpu": cpu, "cpuacct": cpu}, None)

    def test_a_group_with_a_colon_in_its_name_is_one(self):
        found = read("5:memory:/a:b\n", MEMORY)

        assert found == Places({"memory": Path("/sys/fs/cgroup/memory/a:b")}, None)

    def test_a_controller_that_is_not_mounted_has_none(self):
        assert read("5:memory:/\n2:cpu,cpuacct:/\n", DISK) == Places({}, None)


class TestVersion2:
    """Has one hierarchy for all controllers."""

    def test_the_group_is_in_it(self):
        found = read("0::/user.slice/a.scope\n", DISK + UNIFIED)

        assert found == Places({}, Path("/sys/fs/cgroup/user.slice/a.scope"))

    def test_may_be_there_beside_version_1(self):
        found = read("5:memory:/\n0::/\n", UNIFIED + MEMORY)

        both = Places({"memory": Path("/sys/fs/cgroup/memory")}, Path("/sys/fs/cgroup"))
        assert found == both


class TestAContainer:
    """Sees part of a hierarchy."""

    def test_finds_its_group_where_the_mount_begins(self):
        mounted = MEMORY.replace(" / /sys", " /docker/1 /sys")

        found = read("5:memory:/docker/1/below\n", mounted)

        assert found == Places({"memory": Path("/sys/fs/cgroup/memory/below")}, None)

    def test_finds_no_group_that_is_outside_of_the_mount(self):
        mounted = MEMORY.replace(" / /sys", " /docker/1 /sys")

        assert read("5:memory:/docker/2\n", mounted) == Places({}, None)

    def test_finds_no_group_that_is_outside_of_its_namespace(self):
        assert read("0::/../other\n", UNIFIED) == Places({}, None)


class TestAMachineThatTellsNothing:
    """Has no groups."""

    def test_finds_none(self, monkeypatch):
        monkeypatch.setattr(cgroup_places, "OWN", Path("/nowhere"))

        assert places() == Places({}, None)
