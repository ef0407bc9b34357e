#!/usr/bin/env python3
"""Writes the SFDP bytes of every part as a file to start from: make_corpus.py parts.toml folder"""
import pathlib
import sys
import tomllib

source, folder = sys.argv[1], pathlib.Path(sys.argv[2])
folder.mkdir(parents=True, exist_ok=True)
with open(source, "rb") as file:
    for part in tomllib.load(file)["part"]:
        (folder / part["name"]).write_bytes(bytes.fromhex("".join(part["sfdp"].split())))
