"""Programs of other people, as they are packaged, on a machine that may stand still for seconds:
the limits that they have built in may then end what they ask a board first of all, its strings."""
import pathlib
import subprocess

TRIES = 10
# libusb's limit for a string is one second; dfu-util then goes on without it. And of programs that
# start on the rig in the same instant, one was seen to fail in libusb's start, before it had seen a
# board: why is not known; umockdev's sockets for uevents are suspected.
TOO_LATE = ("Failed to retrieve", "unable to initialize libusb")


def came_too_late(complaints):
    return any(words in complaints for words in TOO_LATE)


def dfu_util(*arguments, seconds):
    """One that has failed because it has not seen a board as it is starts again: without a layout
    it has sent or read no data, but may have made the file of an upload, which it then refuses."""
    words = ["dfu-util", *map(str, arguments)]
    for _ in range(TRIES):
        done = subprocess.run(words, capture_output=True, text=True, timeout=seconds, check=False)
        is_done = done.returncode == 0 and "--list" not in words
        if is_done or not came_too_late(done.stderr):
            break
        for option in {"-U", "--upload"}.intersection(words):
            pathlib.Path(words[words.index(option) + 1]).unlink(missing_ok=True)
    return done


def lsusb(*arguments, until, seconds):
    """What `lsusb -v` prints, if need be again, `until` that holds what it should."""
    for _ in range(TRIES):
        done = subprocess.run(["lsusb", "-v", *arguments], capture_output=True, text=True,
                              timeout=seconds, check=True)
        if until(done.stdout):
            break
    return done.stdout
