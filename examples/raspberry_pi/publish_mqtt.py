"""Tell an MQTT broker what the camera sees, as JSON, whenever that changes.

python publish_mqtt.py flowers.edgetl broker.local garden/bed camera:auto    # or broker.local:1884
mosquitto_sub -v -h broker.local -t 'garden/bed/#'                           # shows what arrives
garden/bed/status is "online", or "offline", which the broker itself says when this Pi is gone.
"""

import contextlib
import json
import signal
import sys

import paho.mqtt.client as mqtt

import edgetl

if len(sys.argv) != 5:
    sys.exit(__doc__)
bundle, broker, topic, source = sys.argv[1:]
host, _, port = broker.partition(":")
signal.signal(signal.SIGTERM, lambda *_: sys.exit())  # what systemd sends: end as by Ctrl-C
client = mqtt.Client(mqtt.CallbackAPIVersion.VERSION2)
client.will_set(f"{topic}/status", "offline", qos=1, retain=True)
client.on_connect = lambda *_: client.publish(f"{topic}/status", "online", qos=1, retain=True)
client.max_queued_messages_set(1000)  # while the broker is away
client.connect(host, int(port or 1883))  # after client.username_pw_set("user", "password"), if it asks
client.loop_start()  # connects again, too
try:
    with edgetl.load(bundle) as model, contextlib.suppress(KeyboardInterrupt):
        for seen in model.stream(source, smooth=3):
            if seen.changed:
                told = {"label": seen.label, "score": seen.result.score, "time": seen.frame.time_s}
                client.publish(topic, json.dumps(told), qos=1, retain=True)
finally:
    with contextlib.suppress(RuntimeError):  # the broker is away, and will say so itself
        client.publish(f"{topic}/status", "offline", qos=1, retain=True).wait_for_publish(5)
    client.disconnect()
    client.loop_stop()
