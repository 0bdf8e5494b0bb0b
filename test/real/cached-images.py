"""Sends the requests of `openstack cached image` with the library of that client, and prints the answers.

cached-images.py REGION list | queue ID... | delete ID... | clear [cache|queue]

Who asks, and which Keystone, is in the environment.
"""
import json
import sys

import openstack

region, command, *operands = sys.argv[1:]
images = openstack.connect(region_name=region).image


def show(response):
    body = response.json() if response.status_code == 200 else None
    for image in (body or {}).get("cached_images", []):
        image["last_accessed"] = image["last_modified"] = "{time}"
        image.pop("id", None)
    print(response.status_code, *([json.dumps(body, sort_keys=True)] if body is not None else []))


match command:
    case "list":
        show(images.get("/cache"))
    case "queue":
        for image_id in operands:
            show(images.put("/cache/" + image_id))
    case "delete":
        for image_id in operands:
            show(images.delete("/cache/" + image_id))
    case "clear":
        target = "".join(operands)
        show(images.delete("/cache", headers={"x-image-cache-clear-target": target} if target else {}))
