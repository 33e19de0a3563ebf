"""Ports that nobody has."""
import random
import socket


def free_port():
    """Below the range from which the kernel takes ports for clients: nobody gets it meanwhile."""
    while True:
        port = random.randrange(10000, 32000)
        with socket.socket() as s:
            try:
                s.bind(("127.0.0.1", port))
                return port
            except OSError:
                continue
