"""Kafka and PostgreSQL on this machine, out of wheels: no Docker, no Java of one's own, no right to install.

``together`` is the way in; ``topics.txt`` is the one table of topics, read by docker-compose.yml too.
"""
