"""Reads every TAXII collection of a running server with the reference client and library.

    pip install taxii2-client stix2
    threatminer demo --listen 127.0.0.1:9001 &
    python tests/taxii/roundtrip.py http://127.0.0.1:9001/taxii2/

Each object must parse strictly, each reference must be found, pages must add up to the manifest, and what the library
writes must be what the server sent.
"""
import json
import sys

import stix2
from taxii2client.v21 import Server, as_pages


def pages(call, **options):
    found = []
    for page in as_pages(call, **options):
        found += page.get("objects", [])
    return found


def references(value):
    if isinstance(value, dict):
        for key, inner in value.items():
            if key.endswith("_ref") and isinstance(inner, str):
                yield inner
            elif key.endswith("_refs"):
                yield from inner
            else:
                yield from references(inner)
    elif isinstance(value, list):
        for inner in value:
            yield from references(inner)


def same_times(value):
    """The library writes whole seconds without a fraction where the standard leaves the precision open."""
    if isinstance(value, dict):
        return {key: same_times(inner) for key, inner in value.items()}
    if isinstance(value, list):
        return [same_times(inner) for inner in value]
    return value.replace(".000Z", "Z") if isinstance(value, str) else value


def main(url):
    for collection in Server(url).api_roots[0].collections:
        sent = pages(collection.get_objects, per_request=97)
        manifest = pages(collection.get_manifest, per_request=500)
        assert [o["id"] for o in sent] == [m["id"] for m in manifest], "objects and manifest differ"
        assert len({o["id"] for o in sent}) == len(sent), "an object comes twice"
        ids = {o["id"] for o in sent}
        for o in sent:
            read = stix2.parse(o, allow_custom=False, version="2.1")
            assert same_times(json.loads(read.serialize())) == same_times(o), f"{o['id']} changed on the way"
            missing = [r for r in references(o) if r not in ids]
            assert not missing, f"{o['id']} refers to {missing}"
        dates = [m["date_added"] for m in manifest]
        assert dates == sorted(dates)
        late = pages(collection.get_objects, per_request=97, added_after=dates[len(dates) // 2])
        assert len(late) == sum(d > dates[len(dates) // 2] for d in dates)
        one = manifest[-1]
        assert collection.get_object(one["id"])["objects"] == [sent[-1]]
        assert collection.object_versions(one["id"])["versions"] == [one["version"]]
        kinds = sorted({o["type"] for o in sent})
        some = pages(collection.get_objects, per_request=50, type=[kinds[0]])
        assert len(some) == sum(o["type"] == kinds[0] for o in sent)
        print(f"{collection.title}: {len(sent)} objects of {len(kinds)} types, all read back")


main(sys.argv[1])
