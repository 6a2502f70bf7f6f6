"""A client of the bus in another language, on pika: it applies the rules that fedora-messaging's client has.

    pika_client.py consume URL QUEUE PATTERN…   prints `ready`, then a JSON object for each message, until its input ends
    pika_client.py publish URL                  reads a JSON object a line (topic, id, headers, body), prints `stored`
                                                for each

It is not that client: PyPI was not at hand where this was written. The rules are written down in docs/wire-format.md.
"""

import datetime
import json
import sys
import threading

import pika

EXCHANGE = "amq.topic"
SEVERITIES = (10, 20, 30, 40)
FLAGS = ("fedora_messaging_container_", "fedora_messaging_user_")


def is_int(value):
    # True is an int to Python; a flag is no number here.
    return isinstance(value, int) and not isinstance(value, bool)


def problems(method, properties, content):
    """What a consumer of fedora-messaging would complain about, as sentences; none for a good message."""
    if properties.content_type != "application/json":
        yield "content_type is %r" % properties.content_type
    if properties.content_encoding != "utf-8":
        yield "content_encoding is %r" % properties.content_encoding
    if properties.delivery_mode != 2:
        yield "delivery_mode is %r" % properties.delivery_mode
    if not properties.message_id:
        yield "there is no message_id"
    if method.exchange != EXCHANGE:
        yield "the exchange is %r" % method.exchange
    headers = properties.headers
    if headers is None:
        yield "there are no headers"
        headers = {}
    if not isinstance(headers.get("fedora_messaging_schema"), str):
        yield "fedora_messaging_schema is %r" % headers.get("fedora_messaging_schema")
    severity = headers.get("fedora_messaging_severity")
    if not is_int(severity) or severity not in SEVERITIES:
        yield "fedora_messaging_severity is %r" % (severity,)
    sent_at = headers.get("sent-at")
    if not isinstance(sent_at, str) or not is_time(sent_at):
        yield "sent-at is %r" % (sent_at,)
    if not is_int(headers.get("priority")):
        yield "the header priority is %r" % (headers.get("priority"),)
    for name, value in headers.items():
        if name.startswith(FLAGS) and value is not True:
            yield "%s is %r" % (name, value)
    try:
        body = json.loads(content.decode("utf-8"))
    except ValueError as error:
        yield "the body can't be read: %s" % error
        return
    if not isinstance(body, dict):
        yield "the body is no object"


def is_time(text):
    """Whether a text is an ISO time with an offset and without a fraction."""
    try:
        return datetime.datetime.strptime(text, "%Y-%m-%dT%H:%M:%S%z") is not None and text[-3] == ":"
    except ValueError:
        return False


def consume(url, queue, patterns):
    connection = pika.BlockingConnection(pika.URLParameters(url))
    channel = connection.channel()
    channel.queue_declare(queue, durable=True)
    for pattern in patterns:
        channel.queue_bind(queue, EXCHANGE, pattern)
    channel.basic_qos(prefetch_count=10)

    def on_message(channel, method, properties, content):
        say(
            {
                "topic": method.routing_key,
                "id": properties.message_id,
                "priority": properties.priority,
                "headers": properties.headers,
                "types": {name: type(value).__name__ for name, value in (properties.headers or {}).items()},
                "text": content.decode("utf-8", "replace"),
                "problems": list(problems(method, properties, content)),
            }
        )
        channel.basic_ack(method.delivery_tag)

    channel.basic_consume(queue, on_message)
    print("ready", flush=True)

    def end():
        sys.stdin.read()
        connection.add_callback_threadsafe(channel.stop_consuming)

    threading.Thread(target=end, daemon=True).start()
    channel.start_consuming()
    channel.queue_delete(queue)
    connection.close()


def publish(url):
    connection = pika.BlockingConnection(pika.URLParameters(url))
    channel = connection.channel()
    channel.confirm_delivery()
    for line in sys.stdin:
        message = json.loads(line)
        channel.basic_publish(
            EXCHANGE,
            message["topic"],
            json.dumps(message["body"]).encode("utf-8"),
            pika.BasicProperties(
                content_type="application/json",
                content_encoding="utf-8",
                delivery_mode=2,
                headers=message["headers"],
                message_id=message["id"],
                priority=message["headers"].get("priority", 0),
            ),
        )
        print("stored", flush=True)
    connection.close()


def say(value):
    print(json.dumps(value, default=str), flush=True)


if __name__ == "__main__":
    command, url, *rest = sys.argv[1:]
    if command == "consume":
        consume(url, rest[0], rest[1:])
    else:
        publish(url)
