"""Certificates for tests, made by deploy/pki/pki as a station's owner would; and those that it does
not make: of other times, other roles and other CAs."""
import pathlib
import subprocess
import tempfile

from line import TOP

ROLES = ("operator", "engineer", "quality", "mes", "auditor", "admin")


class Pki:
    """A station's CA in a folder of its own."""

    def __init__(self, station="line-1"):
        self._folder = tempfile.TemporaryDirectory(prefix="pki.")
        self.folder = pathlib.Path(self._folder.name) / "pki"
        self.run("ca", station)

    def close(self):
        self._folder.cleanup()

    def run(self, *words, good=True):
        """What it said."""
        done = subprocess.run([TOP / "deploy/pki/pki", "--dir", self.folder, *words],
                              stdout=subprocess.PIPE, stderr=subprocess.STDOUT, text=True,
                              check=False)
        assert (done.returncode == 0) == good, done.stdout
        return done.stdout

    def path(self, name):
        return self.folder / name

    def pem(self, name):
        return (self.folder / f"{name}.pem").read_bytes()

    def key(self, name):
        return (self.folder / f"{name}.key").read_bytes()

    def odd(self, name, *, names="URI:gangd:role:operator", usage="clientAuth",
            begin="20200101000000Z", end="20490101000000Z"):
        """A certificate that the script does not make."""
        openssl("req", "-new", "-newkey", "ec", "-pkeyopt", "ec_paramgen_curve:P-256", "-nodes",
                "-subj", f"/CN={name}", "-keyout", self.path(f"{name}.key"),
                "-out", self.path(f"{name}.csr"))
        extensions = self.path("extensions")
        extensions.write_text(f"extendedKeyUsage = {usage}\n"
                              + (f"subjectAltName = {names}\n" if names else ""))
        openssl("ca", "-batch", "-notext", "-config", self.path("openssl.cnf"),
                "-in", self.path(f"{name}.csr"), "-out", self.path(f"{name}.pem"),
                "-extfile", extensions, "-startdate", begin, "-enddate", end,
                environment={"PKI_FOLDER": str(self.folder), "PATH": "/usr/bin:/bin"})
        return name


def openssl(*words, environment=None):
    done = subprocess.run(["openssl", *words], stdout=subprocess.PIPE, stderr=subprocess.STDOUT,
                          text=True, check=False, env=environment)
    assert done.returncode == 0, done.stdout
    return done.stdout
