#!/usr/bin/python3
"""Writes gangctl(1) from what gangctl says of itself, so that no verb is missing in it.

    gangctl_page.py GANGCTL > gangctl.1
"""
import re
import subprocess
import sys

HEAD = """.Dd November 21, 2026
.Dt GANGCTL 1
.Os
.Sh NAME
.Nm gangctl
.Nd gangd from a command line
.Sh SYNOPSIS
.Nm
.Op Fl Fl socket Ar FILE
.Op Fl Fl json
.Ar verb
.Op Ar ...
.Sh DESCRIPTION
Asks the gangd of this station, or reads a ledger's file without it.
.Nm
talks to gangd by a unix socket; whoever may write to that socket has its role.
.Pp
These options go with every verb:
"""
TAIL = """.Sh ENVIRONMENT
.Bl -tag -width GANGD_SOCKET
.It Ev GANGD_SOCKET
The socket, where
.Fl Fl socket
does not name one.
.El
.Sh FILES
.Bl -tag -width Ds
.It Pa /run/gangd/operator.sock
The socket, where nothing else is said.
.It Pa /var/lib/gangd/ledger.db
The ledger of a station that was installed from the package.
.El
.Sh EXIT STATUS
.Bl -tag -width Ds
.It 0
Good.
.It 1
What was asked about is not good.
.It 2
The command line is wrong.
.It 3
gangd cannot be reached, or refuses.
.El
.Sh SEE ALSO
.Xr station.toml 5 ,
.Xr gangd 8
"""


def escaped(text):
    text = text.replace("\\", "\\e").replace("-", "\\-")
    return "\\&" + text if text[:1] in ".'" else text


def sentence(text):
    """A line of help as sentences, each on its line; what is called gangd stays so."""
    if not text.startswith("gang"):
        text = text[0].upper() + text[1:]
    sentences = (text.rstrip(".") + ".").replace(". ", ".\n")
    return "\n".join(escaped(line) for line in sentences.split("\n"))


def help_of(gangctl, words):
    shown = subprocess.run([gangctl, *words, "--help"], stdout=subprocess.PIPE, text=True,
                           check=True).stdout
    sections, name = {"": []}, ""
    for line in shown.splitlines():
        if re.fullmatch(r"[A-Z][a-z]+:", line):
            name = line[:-1]
            sections[name] = []
        elif line and not line.startswith("Exit status"):
            sections[name].append(line)
    return sections


def items(lines):
    """(what, text) of each option or verb; a text may stand on the line after."""
    found = []
    for line in lines:
        named = re.match(r"  (\S.*?)(?:  +(.*))?$", line)
        if named and not line.startswith("   "):
            found.append([named[1].strip(), (named[2] or "").strip()])
        else:
            found[-1][1] = f"{found[-1][1]} {line.strip()}".strip()
    return [item for item in found if not item[0].startswith("-h,")]


def option(what):
    """`--slot TEXT ...` as mdoc."""
    what = re.sub(r" \(Env:\w+\)| REQUIRED", "", what)
    name, _, rest = what.partition(" ")
    text = f"Fl Fl {name[2:]}" if name.startswith("--") else f"Ar {name}"
    choices = re.fullmatch(r"TEXT:\{(.*)\}", rest)
    if choices:
        return f"{text} Ar {escaped(choices[1].replace(',', '|'))}"
    kind = re.sub(r"=\S+", "", rest)
    return f"{text} Ar {kind}" if kind and name.startswith("--") else text


def write_list(found):
    if not found:
        return
    print(".Bl -tag -width Ds")
    for what, text in found:
        print(f".It {option(what)}")
        if text:
            print(sentence(text))
    print(".El")


def write_verb(gangctl, words):
    sections = help_of(gangctl, words)
    verbs = items(sections.get("Subcommands", []))
    if verbs:
        for verb, _ in verbs:
            write_verb(gangctl, [*words, verb])
        return
    print(f".Ss {' '.join(words)}")
    about = " ".join(line for line in sections[""] if not line.startswith("Usage:"))
    print(sentence(about))
    found = items(sections.get("Positionals", [])) + items(sections.get("Options", []))
    write_list(found)


def main():
    gangctl = sys.argv[1]
    sections = help_of(gangctl, [])
    print(HEAD, end="")
    write_list(items(sections["Options"]))
    print(".Sh VERBS")
    for verb, _ in items(sections["Subcommands"]):
        write_verb(gangctl, [verb])
    print(TAIL, end="")


main()
