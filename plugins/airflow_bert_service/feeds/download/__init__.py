"""Downloads archives and JSON for the feeds.

archive.py     an archive by path or address, checked by its digest
transfer.py    one large file, resumed where it broke off
web_client.py  JSON from a web service, with retries
"""
