#!/usr/bin/env python3
"""Makes names.tsv from the MISP galaxies (pip install pymispgalaxies==1.1.1) and a list of English words (Debian's wamerican).

    python3 data/gazetteer/make.py /usr/share/dict/words > data/gazetteer/names.tsv

A line: type, identifiers (blank between), canonical name, other names (`|` between). A name that begins with `?` is an
ordinary word as well and needs context. Output is sorted, so that a new release of the galaxies shows as a small difference.
"""
import json
import os
import re
import sys

import pymispgalaxies

CLUSTERS = os.path.join(os.path.dirname(pymispgalaxies.__file__), "data", "misp-galaxy", "clusters")
# The first that knows a name gives it its canonical form and its type.
SOURCES = [
    ("mitre-intrusion-set", "threat_actor"), ("mitre-malware", "malware"), ("mitre-tool", "tool"),
    ("threat-actor", "threat_actor"), ("microsoft-activity-group", "threat_actor"), ("malpedia", "malware"),
    ("ransomware", "malware"), ("rat", "malware"), ("stealer", "malware"), ("banker", "malware"), ("botnet", "malware"),
    ("backdoor", "malware"), ("exploit-kit", "malware"), ("cryptominers", "malware"), ("android", "malware"),
    ("tool", "tool"), ("mitre-attack-pattern", "technique"),
]
# Names of products, places and things that galaxies list as somebody's alias.
WRONG = set("""windows linux android chrome firefox tor telegram facebook google microsoft apple java python powershell cmd
reg net at ping ftp tasklist netstat ipconfig route arp whoami sc schtasks certutil curl wget ssh vnc teamviewer anydesk
iran china russia israel hive crm bo gh0st rat trojan virus malware ransomware backdoor stealer loader botnet miner worm
comment crew lab labs team group apt the bot agent generic unknown admin test user root public private server client
security update helper service system manager control panel office word excel outlook adobe flash reader cloud mail
data dropper downloader keylogger rootkit spyware adware exploit shell webshell banker locker crypter ddos spam
nmap wireshark phonenumber whois cmdexe mega killswitch remotecontrol mcafee autorun autoit newwave cryptographic beijing
fakeapp systeminfo cylance forfiles targetcompany coinminer gc01 gc02 oldboot""".split())


def key(name):
    return re.sub(r"[^0-9a-z\u0400-\u04ff\u3400-\u9fff]", "", name.lower())


def clean(name):
    name = re.sub(r"\s*\((?:[A-Za-z, /-]*(?:malware|family|group|ransomware|rat|trojan|back ?door|windows|android|elf|osx|linux)[^)]*|[A-Z]{2,4}|ELF|Windows|Android)\)\s*$", "", name, flags=re.I)
    name = re.sub(r"\s+-\s+[GST]\d{4}(?:\.\d{3})?$", "", name).strip().strip("\"'“”").strip()
    name = re.sub(r"\s+(?:ransomware|malware)$", "", name, flags=re.I) if len(name) > 14 else name
    return re.sub(r"\s+", " ", name)


def usable(name):
    k = key(name)
    return (2 < len(k) < 40 and len(name) < 48 and not k.isdigit() and "|" not in name and "\t" not in name
            and len(name.split()) < 6 and not re.search(r"[\[\]{}<>=;:@]|https?", name) and k not in WRONG)


def main():
    words = {w.strip().lower() for w in open(sys.argv[1], encoding="utf-8")}
    # Derived forms are in the list as well; possessives are not wanted.
    words = {w for w in words if w.isalpha()}
    rows, known = [], {}
    for source, kind in SOURCES:
        with open(os.path.join(CLUSTERS, source + ".json"), encoding="utf-8") as file:
            values = json.load(file)["values"]
        for value in sorted(values, key=lambda v: v["value"]):
            meta = value.get("meta", {})
            if meta.get("deprecated") or meta.get("revoked") or "revoked" in str(value.get("description", ""))[:200]:
                continue
            external = meta.get("external_id")
            identifiers = ["attack:" + external] if external and re.fullmatch(r"[GST]\d{4}(?:\.\d{3})?", str(external)) else []
            for ref in meta.get("refs", []):
                found = re.search(r"malpedia\.caad\.fkie\.fraunhofer\.de/details/([a-z]+\.[a-z0-9_]+)", ref)
                if found and source == "malpedia":
                    identifiers.append("malpedia:" + found.group(1))
                    break
            name = clean(value["value"])
            if kind == "technique":
                if not identifiers:
                    continue
                # `Parent: Child` is named by its child, which stands alone in texts only when it has several words.
                name = name.split(": ")[-1]
            others = [clean(str(n)) for n in meta.get("synonyms", [])]
            if kind == "technique":
                others = []
            if not usable(name):
                name = next((n for n in others if usable(n)), None)
                if name is None:
                    continue
            row = known.get((kind == "technique", key(name)))
            if row is None:
                row = {"kind": kind, "ids": [], "name": name, "others": []}
                rows.append(row)
                known[(kind == "technique", key(name))] = row
            row["ids"] += [i for i in identifiers if i not in row["ids"]]
            if not identifiers and not row["ids"] and value.get("uuid"):
                row["ids"].append("misp:" + value["uuid"])
            for other in [name] + others:
                if usable(other) and other not in row["others"] and other != row["name"]:
                    owner = known.setdefault((kind == "technique", key(other)), row)
                    if owner is row:
                        row["others"].append(other)
    out = []
    for row in rows:
        # Own identifiers make those of MISP superfluous.
        ids = [i for i in row["ids"] if not i.startswith("misp:")] or row["ids"]

        def mark(name):
            lower = name.lower()
            parts = re.split(r"[^a-z]+", lower)
            plain = all(p in words or not p for p in parts) and row["kind"] != "technique" and len(parts) < 3
            return ("?" if plain or len(key(name)) < 4 else "") + name

        if row["kind"] == "technique" and " " not in row["name"] and "-" not in row["name"]:
            continue
        seen, names = {key(row["name"])}, []
        for other in row["others"]:
            # Spellings that differ in signs alone are found by the one that is kept.
            if key(other) not in seen:
                seen.add(key(other))
                names.append(mark(other))
        out.append("\t".join([row["kind"], " ".join(ids), mark(row["name"]), "|".join(names)]))
    print("# Names of malware, tools, actors and techniques. Made by make.py from the MISP galaxies; see NOTICE.")
    print("\n".join(sorted(out, key=lambda line: (line.split("\t")[0], line.split("\t")[2].lstrip("?").lower(), line))))


main()
