"""A town of many machines on one: each machine a network namespace of its own, joined by a bridge that is listened to."""
