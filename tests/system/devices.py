"""Block devices whose content is a file's, and file systems on them."""

import subprocess
import tempfile


def run(*command):
    return subprocess.run(
        list(map(str, command)), check=True, capture_output=True, text=True
    ).stdout.strip()


def small_file_system(test, directory):
    """The directory, made if need be, as a file system with room for 8 MiB."""
    directory.mkdir(exist_ok=True)
    run("mount", "-t", "tmpfs", "-o", "size=8m", "tmpfs", directory)
    test.addCleanup(run, "umount", "--lazy", directory)
    return directory


def loop_device(test, file):
    try:
        device = run("losetup", "--find", "--show", file)
    except subprocess.CalledProcessError as error:
        # A container may have none.
        test.skipTest(f"no loop device can be had: {error.stderr.strip()}")
    test.addCleanup(run, "losetup", "--detach", device)
    return device


def mount_device(test, device, home):
    """A new file system on the device, in a new directory below `home`."""
    run("mkfs.ext4", "-q", device)
    mount = tempfile.mkdtemp(dir=home)
    run("mount", device, mount)
    test.addCleanup(run, "umount", mount)
    return mount
