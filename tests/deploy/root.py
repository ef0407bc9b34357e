"""A minimal Debian of its own to install packages into: made once by debootstrap, then copied.

Mounts of it are in this process's own mount namespace and go with it; begin with enter().
"""
import os
import pathlib
import shutil
import subprocess
import sys
import tempfile

TOP = pathlib.Path(__file__).resolve().parents[2]
CACHE = TOP / "build" / "deploy-root"


class NoRoot(Exception):
    """This machine cannot make such a root; says why and what to do."""


def has_entered():
    return "DEPLOY_TEST_ENTERED" in os.environ


def check_machine():
    """NoRoot if this machine or this user cannot do it, before anything has been built."""
    if os.geteuid() != 0 and shutil.which("sudo") is None:
        raise NoRoot("needs root, to make a Debian root and install into it: run it as root, or "
                     "install sudo")
    may_mount = ["unshare", "--mount", "--net", "true"]
    if subprocess.run([*as_root(), *may_mount], check=False).returncode != 0:
        raise NoRoot("root may mount nothing here: run it in a container with CAP_SYS_ADMIN, or on "
                     "the machine itself")
    if shutil.which("debootstrap") is None:
        raise NoRoot("debootstrap is not installed: deploy/install-deps")
    debian_sources()


def as_root():
    if os.geteuid() == 0:
        return []
    return ["sudo", "--preserve-env=http_proxy,https_proxy,no_proxy"]


def enter():
    """Runs this program again as root, with mounts of its own."""
    if has_entered():
        return
    command = [*as_root(), "env", "DEPLOY_TEST_ENTERED=1", "unshare", "--mount", "--propagation",
               "private", sys.executable, *sys.argv]
    os.execvp(command[0], command)


def quiet(*command, **options):
    """Runs it; what it said is shown only if it failed."""
    done = subprocess.run(command, stdout=subprocess.PIPE, stderr=subprocess.STDOUT, text=True,
                          check=False, **options)
    if done.returncode != 0:
        words = " ".join(str(word) for word in command)
        raise AssertionError(f"{words}: status {done.returncode}\n{done.stdout[-3000:]}")
    return done.stdout


def debian_sources():
    """(site, release, components) as apt is configured on this machine, the main release first."""
    listed = quiet("apt-get", "indextargets", "--format",
                   "$(ORIGIN)|$(SITE)|$(RELEASE)|$(COMPONENT)", "Created-By: Packages")
    found = {}
    for line in listed.splitlines():
        origin, site, release, component = line.split("|")
        if origin == "Debian":
            found.setdefault((site, release), []).append(component)
    sources = [(site, release, components) for (site, release), components in found.items()]
    sources.sort(key=lambda source: len(source[1]))
    if not sources:
        raise NoRoot("apt knows no Debian mirror here: configure one and run apt-get update")
    return sources


def make_base():
    """The root that all others are copied from."""
    sources = debian_sources()
    site, release, components = sources[0]
    base = CACHE / release
    if (base / ".complete").exists():
        return base
    shutil.rmtree(base, ignore_errors=True)
    base.mkdir(parents=True)
    print(f"making a root of {release} (once, some minutes)", flush=True)
    try:
        trust = ["--include=ca-certificates"] if site.startswith("https:") else []
        quiet("debootstrap", "--variant=minbase", *trust, release, base, site)
    except AssertionError as error:
        raise NoRoot(f"debootstrap cannot make a root here: {error}") from error
    configure(base, sources)
    (base / ".complete").touch()
    return base


def configure(base, sources):
    """apt as it is on this machine; nothing that is installed starts anything."""
    (base / "etc/apt/sources.list").write_text("".join(
        f"deb {site} {release} {' '.join(components)}\n"
        for site, release, components in sources))
    # A mirror behind a proxy, or one that a company's own certificate signs.
    for rule in pathlib.Path("/etc/apt/apt.conf.d").glob("*proxy*"):
        shutil.copy(rule, base / "etc/apt/apt.conf.d")
    if (base / "etc/ssl/certs").exists():
        quiet("cp", "--archive", "/etc/ssl/certs/.", base / "etc/ssl/certs")
    # Packages stay for the next run, and nothing is synced to a disk.
    (base / "etc/apt/apt.conf.d/99deploy-test").write_text(
        'Binary::apt-get::APT::Keep-Downloaded-Packages "true";\n'
        'APT::Keep-Downloaded-Packages "true";\nAPT::Install-Recommends "false";\n')
    (base / "etc/apt/apt.conf.d/docker-clean").unlink(missing_ok=True)
    (base / "etc/dpkg/dpkg.cfg.d/99deploy-test").write_text("force-unsafe-io\n")
    policy = base / "usr/sbin/policy-rc.d"
    policy.write_text("#!/bin/sh\nexit 101\n")
    policy.chmod(0o755)


class Root:
    """A copy of the base, removed in the end."""

    def __init__(self):
        base = make_base()
        self.path = pathlib.Path(tempfile.mkdtemp(prefix="try.", dir=CACHE))
        quiet("cp", "--archive", "--reflink=auto", f"{base}/.", self.path)
        self.path.chmod(0o755)
        archives = CACHE / "archives"
        (archives / "partial").mkdir(parents=True, exist_ok=True)
        quiet("mount", "--bind", archives, self / "var/cache/apt/archives")
        quiet("mount", "-t", "proc", "proc", self / "proc")
        quiet("mount", "--rbind", "/sys", self / "sys")
        for node in ("null", "zero", "full", "random", "urandom", "tty"):
            (self / "dev" / node).touch()
            quiet("mount", "--bind", f"/dev/{node}", self / "dev" / node)
        (self / "dev/pts").mkdir(exist_ok=True)
        quiet("mount", "-t", "devpts", "-o", "newinstance,ptmxmode=0666", "devpts",
              self / "dev/pts")
        if not (self / "dev/ptmx").exists():
            (self / "dev/ptmx").symlink_to("pts/ptmx")
        for file in ("resolv.conf", "hosts"):
            if os.path.exists(f"/etc/{file}"):
                shutil.copy(f"/etc/{file}", self / "etc" / file)

    def __truediv__(self, path):
        return self.path / path

    def close(self):
        # Without --recursive, a mount that stayed would be emptied.
        for line in reversed(open("/proc/self/mounts", encoding="utf-8").read().splitlines()):
            mounted = line.split()[1]
            if mounted.startswith(f"{self.path}/"):
                quiet("umount", "--lazy", mounted)
        quiet("rm", "--recursive", "--force", "--one-file-system", self.path)

    # --- in it

    def command(self, *words, user=None):
        chroot = ["chroot", *([f"--userspec={user}:{user}"] if user else []), str(self.path)]
        return [*chroot, *(str(word) for word in words)]

    def environment(self, **more):
        kept = {name: value for name, value in os.environ.items() if name.endswith("_proxy")}
        return kept | {"PATH": "/usr/sbin:/usr/bin:/sbin:/bin", "LANG": "C.UTF-8", "TERM": "dumb",
                       "DEBIAN_FRONTEND": "noninteractive"} | more

    def run(self, *words, user=None, **more):
        return quiet(*self.command(*words, user=user), env=self.environment(**more))

    def apt(self, *words, **more):
        return self.run("apt-get", "--quiet=2", "--yes", *words, **more)

    def install(self, deb):
        shutil.copy(deb, self / "tmp")
        return self.apt("install", f"/tmp/{deb.name}")
